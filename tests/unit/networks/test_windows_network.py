"""The autoencoder's network: its shapes, and what it makes of a window, by hand."""

from __future__ import annotations

import torch

from habitus.detectors.neural.autoencoder import Autoencoder
from habitus.networks.windows import Target, WindowAutoencoder


def network(target: Target, **changes: int) -> WindowAutoencoder:
    torch.manual_seed(3)
    sizes = {"length": 4, "embedding": 3, "hidden": 6, "layers": 2, "code": 2} | changes
    return WindowAutoencoder(5, target=target, **sizes)


def test_the_published_configuration_has_the_published_sizes() -> None:
    """Embedding 174 x 10; 200 -> 8 -> 8 -> 4 -> 3, and back; a bias at every layer."""
    detector = Autoencoder.with_settings({"preset": "daisi"})
    made = detector._new_network(173)  # and one for what is unknown
    there = 200 * 8 + 8 + 8 * 8 + 8 + 8 * 4 + 4 + 4 * 3 + 3
    back = 3 * 4 + 4 + 4 * 8 + 8 + 8 * 8 + 8 + 8 * 200 + 200
    assert sum(p.numel() for p in made.parameters()) == 174 * 10 + there + back == 5399
    assert made.output is None
    recipe = detector.settings.recipe
    assert (recipe.optimiser, recipe.rate, recipe.epochs, recipe.patience) == ("sgd", 0.01, 60, 3)
    assert (recipe.warm_up, recipe.decay, recipe.clip, recipe.average) == (0, "none", 0, 0)


def test_a_window_goes_through_the_code_layer_by_layer() -> None:
    """The same by plain products of matrices: ReLU after every layer but code and output."""
    made = network("calls")
    windows = torch.tensor([[0, 1, 5, 4], [3, 3, 3, 3]])
    weights = {name: value.detach() for name, value in made.named_parameters()}
    x = weights["embedding.weight"][windows].reshape(2, 12)
    for part in ("encoder", "decoder"):
        for layer in (0, 2, 4, 6):
            x = x @ weights[f"{part}.{layer}.weight"].T + weights[f"{part}.{layer}.bias"]
            x = x if layer == 6 else x.clamp(min=0)
        assert x.shape == (2, 2 if part == "encoder" else 12)
    rebuilt = x.reshape(2, 4, 3)
    torch.testing.assert_close(made(windows), rebuilt)
    logits = rebuilt @ weights["output.weight"].T + weights["output.bias"]
    torch.testing.assert_close(made.logits(made(windows)), logits)
    assert logits.shape == (2, 4, 5)


def test_the_nearest_embedding_is_the_likeliest_call() -> None:
    made = network("embedding")
    rebuilt = torch.randn(7, 4, 3)
    distances = torch.cdist(rebuilt, made.embedding.weight[:5].expand(7, 5, 3))
    assert torch.equal(made.logits(rebuilt).argmax(-1), distances.argmin(-1))


def test_squared_error_is_the_mean_over_an_embedding() -> None:
    made = network("embedding", embedding=2)
    with torch.no_grad():
        made.embedding.weight.copy_(torch.tensor([[1.0, 2.0]] * 6))
    rebuilt = torch.tensor([[[1.0, 2.0], [3.0, 2.0], [0.0, 0.0], [1.0, 5.0]]])
    error = made.squared_error(rebuilt, torch.zeros(1, 4, dtype=torch.int64))
    assert error.tolist() == [[0.0, 2.0, 2.5, 4.5]]


def test_the_embedding_is_pulled_from_both_sides() -> None:
    """With the target `embedding` a call that is only asked for, and never read, moves, too."""
    made = network("embedding")
    read, asked = torch.zeros(1, 4, dtype=torch.int64), torch.ones(1, 4, dtype=torch.int64)
    made.squared_error(made(read), asked).sum().backward()
    gradient = made.embedding.weight.grad
    assert gradient is not None
    assert gradient.abs().sum(dim=1).gt(0).tolist() == [True, True, False, False, False, False]


def test_the_norm_before_training_is_kept() -> None:
    made = network("embedding")
    before = made.embedding.weight.detach().pow(2).sum(dim=1).sqrt().mean()
    with torch.no_grad():
        made.embedding.weight.mul_(0.5)
    torch.testing.assert_close(made.begun_norm, before[None])
    torch.testing.assert_close(made.norm.detach(), before / 2)
    assert "begun_norm" in made.state_dict()


def test_the_smallest_network_is_one() -> None:
    made = network("calls", length=1, embedding=1, hidden=1, layers=0, code=1)
    assert made(torch.tensor([[2]])).shape == (1, 1, 1)
