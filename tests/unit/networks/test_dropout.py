"""Dropout with few draws: its share, its mean, its gradient, and that chance is independent."""

from __future__ import annotations

import pytest
import torch

from habitus.networks.dropout import Dropout


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 0.95])
def test_it_sets_its_share_to_zero_and_keeps_the_mean(share: float) -> None:
    torch.manual_seed(1)
    dropped = Dropout(share)(torch.ones(1000, 1001))
    # The share of a million: five standard deviations are five times (p (1 - p))**.5 / 1000.
    far = 5 * (share * (1 - share)) ** 0.5 / 1000
    assert abs(float((dropped == 0).float().mean()) - share) < far
    assert abs(float(dropped.mean()) - 1) < far / (1 - share) + 1e-4
    assert dropped[dropped != 0].unique().tolist() == pytest.approx([1 / (1 - share)], rel=1e-3)


def test_a_half_is_dropped_exactly_as_it_says() -> None:
    kept = Dropout(0.5)(torch.full((4096,), 3.0)).unique()
    assert kept.tolist() == [0, 6]


def test_numbers_drawn_together_are_dropped_independently() -> None:
    torch.manual_seed(1)
    kept = (Dropout(0.5)(torch.ones(400_000)) != 0).float()
    for apart in range(1, 9):
        both = float((kept[apart:] * kept[:-apart]).mean())
        assert abs(both - 0.25) < 0.005, f"those {apart} apart are not"


def test_the_gradient_flows_through_what_was_kept_alone() -> None:
    x = torch.rand(3, 5, 7, requires_grad=True)
    dropped = Dropout(0.4)(x)
    dropped.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad * x.detach(), dropped.detach())


def test_the_seed_repeats_it_and_nothing_else_does() -> None:
    drop, x = Dropout(0.5), torch.ones(1000)
    torch.manual_seed(1)
    first, second = drop(x), drop(x)
    torch.manual_seed(1)
    assert torch.equal(drop(x), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("shape", [(0,), (1,), (3, 0), (5,), (2, 3, 7)])
def test_any_number_of_numbers_may_be_dropped(shape: tuple[int, ...]) -> None:
    x = torch.ones(shape)
    assert Dropout(0.3)(x).shape == x.shape


def test_nothing_changes_in_evaluation_or_without_a_share() -> None:
    x = torch.rand(100)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0)(x) is x
