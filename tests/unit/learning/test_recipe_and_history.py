"""Learning rates, what optimisers are given, and what is remembered of a training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from habitus.errors import ModelError
from habitus.learning.history import Epoch, History, Stopped
from habitus.learning.recipe import (
    Recipe,
    gradient_is_usable,
    optimiser_of,
    rate_at,
)


def recipe(**changed: Any) -> Recipe:
    plain: dict[str, Any] = {
        "epochs": 1, "calls": 0, "patience": 0, "optimiser": "adamw", "rate": 0.5, "warm_up": 4,
        "decay": "cosine", "clip": 1.0, "weight_decay": 0.1, "average": 0.0,
    }  # fmt: skip
    return Recipe(**(plain | changed))


@pytest.mark.parametrize(
    ("update", "done", "rate"),
    [(0, 0.0, 0.125), (1, 0.0, 0.25), (3, 0.0, 0.5), (9, 0.0, 0.5), (9, 0.5, 0.255), (9, 1.0, 0.01),
     (9, 1.7, 0.01), (0, 1.0, 0.0025)],
)  # fmt: skip
def test_the_rate_rises_and_falls(update: int, done: float, rate: float) -> None:
    """Half way down it is between the highest and a fiftieth of it."""
    assert rate_at(recipe(), update, done) == pytest.approx(rate)


def test_without_decay_or_warm_up_it_stands() -> None:
    still = recipe(decay="none", warm_up=0)
    assert {rate_at(still, update, update / 9) for update in range(10)} == {0.5}


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "rmsprop", "sgd"])
def test_matrices_alone_decay(optimiser: str) -> None:
    network = nn.Linear(3, 2)
    made = optimiser_of(recipe(optimiser=optimiser), network)
    assert type(made).__name__.lower() == optimiser
    decay = {id(p): group["weight_decay"] for group in made.param_groups for p in group["params"]}
    assert decay == {id(network.weight): 0.1, id(network.bias): 0.0}


def test_what_is_not_trained_is_not_given_to_it() -> None:
    network = nn.Embedding(4, 4)
    network.weight.requires_grad_(False)
    made = optimiser_of(recipe(), nn.Sequential(network, nn.Linear(4, 2)))
    assert sum(len(group["params"]) for group in made.param_groups) == 2


def test_a_gradient_is_clipped_to_its_norm_and_keeps_its_direction() -> None:
    weight = nn.Parameter(torch.zeros(2))
    for clip, wanted in ((1.0, [0.6, 0.8]), (0.0, [3.0, 4.0]), (9.0, [3.0, 4.0])):
        weight.grad = torch.tensor([3.0, 4.0])
        assert gradient_is_usable([weight], clip)
        assert weight.grad.tolist() == pytest.approx(wanted, rel=1e-5)
    weight.grad = torch.tensor([math.inf, 1.0])
    assert not gradient_is_usable([weight], 1.0)


NUMBERS = st.floats(allow_nan=False)
EPOCHS = st.builds(
    Epoch, st.integers(1, 1000), st.integers(0, 2**50), *[NUMBERS] * 5
)  # fmt: skip


@given(
    epochs=st.lists(EPOCHS, max_size=5), stopped=st.sampled_from(Stopped), counts=st.integers(0, 99)
)
def test_a_history_survives_being_kept(epochs: list[Epoch], stopped: Stopped, counts: int) -> None:
    history = History(epochs, len(epochs) - 1, stopped, counts, counts)
    kept = history.arrays()
    assert History.from_arrays(kept["history"], kept["history_facts"]) == history
    assert stopped.told


def test_perplexity_has_no_overflow() -> None:
    epoch = Epoch(1, 1, 0.1, 1.0, 0.5, math.log(8), 0.5)
    assert epoch.perplexity == pytest.approx(8)
    assert math.isfinite(Epoch(1, 1, 0.1, 1.0, 0.5, 1e30, 0.5).perplexity)


FACTS = np.array([0, 0, 5, 5])


@pytest.mark.parametrize(
    ("rows", "facts"),
    [
        (None, FACTS),
        (np.zeros((1, 7)), None),
        (np.zeros((1, 6)), FACTS),
        (np.zeros(7), FACTS),
        (np.zeros((1, 7), np.float32), FACTS),
        (np.zeros((1, 7)), FACTS.astype(np.int32)),
        (np.zeros((1, 7)), FACTS[:3]),
        (np.zeros((1, 7)), np.array([1, 0, 5, 5])),
        (np.zeros((1, 7)), np.array([-2, 0, 5, 5])),
        (np.zeros((1, 7)), np.array([0, 99, 5, 5])),
        (np.zeros((1, 7)), np.array([0, 0, -1, 5])),
        (np.full((1, 7), np.nan), FACTS),
        (np.full((1, 7), -1.0), FACTS),
        (np.full((1, 7), 1e300), FACTS),
        (np.zeros((100_001, 7)), FACTS),
    ],
)  # fmt: skip
def test_arrays_that_are_no_history_are_refused(rows: Any, facts: Any) -> None:
    with pytest.raises(ModelError, match="history of its training"):
        History.from_arrays(rows, facts)
