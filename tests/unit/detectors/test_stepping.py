"""Single steps are the same numbers however many traces take them, and on however many threads."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from habitus.detectors.neural import stepping
from habitus.detectors.neural.stepping import FEW_ROWS, Stepper
from habitus.networks.attention import AttentionNetwork
from habitus.networks.recurrent import RecurrentNetwork

if TYPE_CHECKING:
    from habitus.networks.language import LanguageNetwork

N_SYMBOLS = 7
ROWS = 3 * FEW_ROWS + 1


@cache
def network_of(kind: str) -> LanguageNetwork:
    torch.manual_seed(4)
    made: LanguageNetwork
    if kind == "transformer":
        made = AttentionNetwork(N_SYMBOLS, width=16, heads=2, layers=2, window=5, dropout=0)
    else:
        made = RecurrentNetwork(
            N_SYMBOLS, kind=kind, cells=[24, 16], embedding=8, tied=False, dropout=0,
            dropout_input=0,
        )  # fmt: skip
    return made.eval().requires_grad_(False)


@cache
def some_states(kind: str) -> np.ndarray:
    """What traces are remembered by, three steps from their beginning."""
    stepper = Stepper(network_of(kind), 1)
    states = np.zeros((ROWS, network_of(kind).n_state), dtype=np.float32)
    for seed in range(3):
        states = stepper.step(symbols(seed), states)[1]
    return states


def symbols(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, N_SYMBOLS + 2, ROWS)


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("kind", ["lstm", "gru", "transformer"])
def test_few_traces_step_as_many_do_and_as_the_network_says(kind: str, n_threads: int) -> None:
    stepper, states, read = Stepper(network_of(kind), n_threads), some_states(kind), symbols(9)
    chances, after = stepper.step(read, states)
    assert chances.dtype == np.float32
    assert chances.shape == (ROWS, N_SYMBOLS)
    for n_rows in (1, 2, FEW_ROWS, FEW_ROWS + 1):
        for begin in range(0, ROWS, n_rows):
            part = slice(begin, begin + n_rows)
            few, few_after = stepper.step(read[part], states[part])
            np.testing.assert_allclose(few, chances[part], rtol=0, atol=1e-6)
            np.testing.assert_allclose(few_after, after[part], rtol=0, atol=1e-6)
    with torch.inference_mode():
        features, wanted = network_of(kind)(
            torch.from_numpy(read[:, np.newaxis]), torch.from_numpy(states)
        )
        logits = network_of(kind).logits(features[:, 0])
    np.testing.assert_allclose(chances, logits.softmax(dim=-1), rtol=0, atol=1e-5)
    np.testing.assert_allclose(after, wanted, rtol=0, atol=1e-5)


def test_more_traces_than_a_step_takes_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    stepper, states, read = Stepper(network_of("lstm"), 1), some_states("lstm"), symbols(9)
    chances, after = stepper.step(read, states)
    monkeypatch.setattr(stepping, "MAX_ROWS", FEW_ROWS + 4)
    in_parts = stepper.step(read, states)
    np.testing.assert_allclose(in_parts[0], chances, rtol=0, atol=1e-6)
    np.testing.assert_allclose(in_parts[1], after, rtol=0, atol=1e-6)
