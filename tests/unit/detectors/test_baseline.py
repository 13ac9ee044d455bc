"""What a first-order chain is surprised by, by hand, and how it is taken off a network's costs."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from habitus.detectors.neural.baseline import MOST_NATS, checked, discount, first_order_nats
from habitus.detectors.neural.lstm import Lstm
from habitus.detectors.neural.reader import Reader
from habitus.errors import ModelError
from habitus.networks.recurrent import RecurrentNetwork
from habitus.traces.traceset import TraceSet, offsets_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

A, B = 0, 1


def columns(traces: Sequence[Sequence[int]]) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    calls = np.array([call for trace in traces for call in trace], dtype=np.uint16)
    return calls, offsets_of([len(trace) for trace in traces])


def test_the_chain_by_hand() -> None:
    """`aab`, an empty trace, `ba`. Five calls of two kinds: P(a) = (3 + 2/3) / (5 + 2) = 11/21.

    After a: a and b once each. After b: a once, as the b that a trace ends with and the one that
    another begins with are no pair. At the beginning: a and b once each. After *unknown* nothing.
    """
    alone = [11 / 21, 8 / 21]
    chances = [
        [(1 + 2 * 11 / 21) / (2 + 2), (1 + 2 * 8 / 21) / (2 + 2)],
        [(1 + 11 / 21) / (1 + 1), (0 + 8 / 21) / (1 + 1)],  # b after b was never seen
        alone,
        [(1 + 2 * 11 / 21) / (2 + 2), (1 + 2 * 8 / 21) / (2 + 2)],
    ]
    found = first_order_nats(*columns([[A, A, B], [], [B, A]]), 2)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, -np.log(chances), rtol=1e-6)


def test_a_call_that_is_in_no_learned_trace_is_dearest_everywhere() -> None:
    """Of the third call of a vocabulary nothing was seen: P = (0 + 2 / 4) / (4 + 2)."""
    found = first_order_nats(*columns([[A, B, A, B]]), 3)
    assert found[3, 2] == pytest.approx(math.log(12))
    assert (found[:, 2:] > found[:, :2]).all()
    assert np.exp(-found).sum(axis=1).max() < 1


def test_without_a_call_all_are_as_likely_as_the_unknown_one() -> None:
    found = first_order_nats(*columns([[], []]), 3)
    np.testing.assert_allclose(found, np.full((5, 3), math.log(4)), rtol=1e-6)


def test_no_more_is_taken_off_than_of_a_pair_of_five_nats() -> None:
    nats = np.array([[0, 1, MOST_NATS], [5.5, 20, 4.5]], dtype=np.float32)
    taken = discount(nats, 0.5)
    assert taken.dtype == np.float32
    assert taken.tolist() == [[0, 0.5, 2.5], [2.5, 2.5, 2.25]]
    assert MOST_NATS == 5


SOUND = np.ones((4, 2), dtype=np.float32)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (None, r"'baseline' is missing, or not \(4, 2\) float32"),
        (SOUND[:3], r"not \(4, 2\)"),
        (SOUND.T, r"not \(4, 2\)"),
        (SOUND.ravel(), r"not \(4, 2\)"),
        (SOUND.astype(np.float64), "float32"),
        (SOUND.astype(np.int32), "float32"),
        (SOUND * np.float32("nan"), "no surprise"),
        (SOUND * np.float32("inf"), "no surprise"),
        (SOUND * np.float32(-1e-3), "no surprise"),
    ],
)
def test_a_table_that_is_none_is_refused(table: Floats | None, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        checked(table, 2)


def test_a_sound_table_is_taken_and_a_certain_pair_is_no_fault() -> None:
    sound = SOUND.copy()
    sound[0] = 0
    assert np.array_equal(checked(sound, 2), sound)


N_SYMBOLS, FLOOR, SHARE = 3, 1e-3, 0.5
TRACES = [[0, 1, 2, 0, 3, 2, 2], [3, 1, 3, 3, 0, 2], [2], [1, 1, 1, 0, 1]] * 2


@cache
def network() -> RecurrentNetwork:
    """Sure of some calls and not of others: its costs lie on both sides of the least one."""
    torch.manual_seed(3)
    made = RecurrentNetwork(
        N_SYMBOLS, kind="lstm", cells=[6], embedding=4, tied=False, dropout=0, dropout_input=0
    )
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(12)
    return made.eval().requires_grad_(False)


@cache
def nats() -> Floats:
    """Up to nine: some more than the most that counts."""
    drawn = np.random.default_rng(1).uniform(0, 9, size=(N_SYMBOLS + 2, N_SYMBOLS))
    return drawn.astype(np.float32)


def reader(*, is_discounted: bool) -> Reader:
    return Reader(network(), FLOOR, 1, discount(nats(), SHARE) if is_discounted else None)


def after_discount(traces: Sequence[Sequence[int]], plain: Floats) -> list[float]:
    """The formula, call by call."""
    pairs = [
        pair for t in traces for pair in zip([N_SYMBOLS + 1, *t], t, strict=False)
    ]  # the call before, the call
    wanted = []
    for (before, call), cost in zip(pairs, plain.tolist(), strict=True):
        known = call < N_SYMBOLS
        most = min(float(nats()[before, call]), 5) if known else 0
        wanted.append(cost - SHARE * most * cost / (cost + 0.05))
    return wanted


def test_what_is_taken_off_is_the_formula_and_nothing_of_unknown_calls() -> None:
    calls, offsets = columns(TRACES)
    symbols = calls.astype(np.int64)
    plain = reader(is_discounted=False).surprise(symbols, offsets)
    found = reader(is_discounted=True).surprise(symbols, offsets)
    np.testing.assert_allclose(found, after_discount(TRACES, plain), rtol=0, atol=1e-5)
    unknown = symbols == N_SYMBOLS
    np.testing.assert_array_equal(found[unknown], plain[unknown])
    assert (found[~unknown] < plain[~unknown]).all()
    assert plain.min() < 0.05, "one is all but certain"
    assert found.min() < 0 < found.max()


@pytest.mark.parametrize("is_discounted", [True, False])
def test_a_single_step_costs_what_it_costs_among_many(is_discounted: bool) -> None:
    """All pairs of a call, *unknown* or the beginning, and a call or *unknown*."""
    follows = reader(is_discounted=is_discounted)
    pairs = [(b, c) for b in range(N_SYMBOLS + 2) for c in range(N_SYMBOLS + 1)]
    before, calls = np.array(pairs).T
    standing = follows.fresh(len(pairs))
    standing.last = before
    standing.states = np.random.default_rng(2).normal(size=standing.states.shape).astype(np.float32)
    many, states = follows.step(standing, calls)
    for row in range(len(pairs)):
        rows = np.array([row])
        one, after = follows.step(standing.of(rows), calls[rows])
        assert one.dtype == np.float32
        assert one.shape == (1,)
        np.testing.assert_allclose(one, many[rows], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(after, states[rows], rtol=0, atol=1e-6)


def fitted(baseline: float) -> Lstm:
    made = Lstm.with_settings(
        {"cells": 4, "embedding": 3, "epochs": 1, "stop_share": 0, "baseline": baseline}
    )
    made.fit(TraceSet.from_names([list("abcabd"), list("abdab")]))
    return made


def test_a_detector_takes_off_its_share_of_what_it_learned() -> None:
    plain, half = fitted(0), fitted(0.5)
    assert "baseline" not in plain.state()
    learned = half.vocabulary.encode(TraceSet.from_names([list("abcabd"), list("abdab")]))
    table = first_order_nats(learned, np.array([0, 6, 11]), 4)
    np.testing.assert_array_equal(half.state()["baseline"], table)
    judged = TraceSet.from_names([list("abcXdd")])
    costs = plain.surprise(judged)
    symbols = half.vocabulary.encode(judged)
    for place, before in enumerate([5, *symbols[:-1]]):
        if place == 3:  # the unknown call
            taken = 0.0
        else:
            row = 4 if place == 4 else before
            taken = 0.5 * min(float(table[row, symbols[place]]), 5)
        cost = float(costs[place])
        wanted = cost - taken * cost / (cost + 0.05)
        assert half.surprise(judged)[place] == pytest.approx(wanted, abs=1e-5)
