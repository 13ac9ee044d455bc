"""The recurrent network: cut anywhere it reads on as before, and its graph takes the same steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from habitus.detectors.neural.stepping import MAX_ROWS, Stepper
from habitus.networks.recurrent import RecurrentNetwork

N_SYMBOLS = 6
SHAPES: dict[str, dict[str, Any]] = {
    "one layer": {"cells": [5]},
    "layers of different widths": {"cells": [5, 7, 4]},
    "one-hot": {"cells": [5, 3], "embedding": 0},
    "shared weights": {"cells": [6, 4], "tied": True},
}
every_network = pytest.mark.parametrize("kind", ["lstm", "gru"])
every_shape = pytest.mark.parametrize("shape", SHAPES)


def network(kind: str, shape: str) -> RecurrentNetwork:
    torch.manual_seed(3)
    options = {"embedding": 4, "tied": False} | SHAPES[shape]
    made = RecurrentNetwork(N_SYMBOLS, kind=kind, dropout=0.5, dropout_input=0.5, **options)
    with torch.no_grad():
        for weight in made.parameters():
            if weight.requires_grad:
                weight.add_(0.5 * torch.randn_like(weight))
    return made.eval().requires_grad_(False)


@every_network
@every_shape
def test_steps_of_its_graph_are_those_of_the_network(kind: str, shape: str) -> None:
    made, random = network(kind, shape), np.random.default_rng(4)
    n_rows = MAX_ROWS + 3  # more than one step takes
    symbols = random.integers(0, N_SYMBOLS + 2, n_rows)
    states = random.normal(size=(n_rows, made.n_state)).astype(np.float32)
    chances, after = Stepper(made, 1).step(symbols, states)
    features, wanted = made(torch.from_numpy(symbols)[:, None], torch.from_numpy(states))
    np.testing.assert_allclose(after, wanted, rtol=0, atol=1e-5)
    likely = made.logits(features)[:, 0].softmax(dim=-1)
    np.testing.assert_allclose(chances, likely, rtol=0, atol=1e-5)


@every_network
@every_shape
def test_a_trace_cut_anywhere_is_read_as_whole(kind: str, shape: str) -> None:
    made = network(kind, shape)
    symbols = torch.tensor([[made.start, 0, 5, made.unknown, 2, 2, 1, 4]] * 2)
    whole, end = made(symbols, made.fresh(2))
    for cut in range(1, 8):
        begun, state = made(symbols[:, :cut], made.fresh(2))
        rest, last = made(symbols[:, cut:], state)
        torch.testing.assert_close(torch.cat([begun, rest], dim=1), whole)
        torch.testing.assert_close(last, end)
