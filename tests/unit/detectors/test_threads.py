"""Following many threads at once: whose state is forgotten where there is no room for all."""

from __future__ import annotations

from functools import cache

import numpy as np

from habitus.detectors.neural.lstm import Lstm
from habitus.detectors.neural.threads import ThreadStream
from habitus.traces.traceset import TraceInfo, TraceSet

CELLS = 4
TRACE_BYTES = 4 * 2 * CELLS
"""What is remembered of one trace: float32, two a cell."""


@cache
def detector() -> Lstm:
    made = Lstm.with_settings({"cells": CELLS, "embedding": 3, "epochs": 2, "warm_up": 0})
    made.fit(TraceSet.from_names([list("abcabcab"), list("abdabc"), list("cabcab")]))
    return made


def stream(n_traces: int) -> ThreadStream:
    """With room for so many."""
    made = detector()
    return ThreadStream(made.reader, made.vocabulary, 0.0, max_bytes=n_traces * TRACE_BYTES)


def segments(*parts: tuple[str, int, str, bool]) -> TraceSet:
    """(name, first call, calls, ends) of each."""
    infos = [TraceInfo(name, "memory", first_call=at, ends=ends) for name, at, _, ends in parts]
    return TraceSet.from_names([list(calls) for _, _, calls, _ in parts], infos=infos)


def alone(calls: str) -> list[float]:
    costs: list[float] = detector().surprise(TraceSet.from_names([list(calls)])).tolist()
    return costs


def test_the_one_silent_longest_is_forgotten_and_read_as_if_it_began() -> None:
    open_ones = stream(2)
    open_ones.push(segments(("x", 0, "ab", False)))
    open_ones.push(segments(("y", 0, "abc", False)))
    open_ones.push(segments(("x", 2, "c", False)))
    open_ones.push(segments(("z", 0, "ca", False)))  # takes the place of y
    assert open_ones.n_forgotten == 1
    kept = open_ones.push(segments(("x", 3, "ab", True)))
    np.testing.assert_allclose(kept, alone("abcab")[3:], rtol=0, atol=1e-5)
    forgotten = open_ones.push(segments(("y", 3, "ab", True)))
    np.testing.assert_allclose(forgotten, alone("ab"), rtol=0, atol=1e-5)


def test_more_traces_in_one_batch_than_there_is_room_for() -> None:
    open_ones = stream(2)
    parts = [(f"t{i}", 0, "abcab"[: 1 + i % 5], i % 3 > 0) for i in range(9)]
    found = open_ones.push(segments(*parts))
    wanted = [cost for _, _, calls, _ in parts for cost in alone(calls)]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)
    # Of the three that go on, two made room: one that is read takes some until it ends.
    assert open_ones.n_forgotten == 2
