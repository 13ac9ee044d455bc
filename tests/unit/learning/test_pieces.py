"""Every call is learned once an epoch, after the right call, with hardly any room wasted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from habitus.learning import pieces as module
from habitus.learning.pieces import Pieces, chunks_of
from habitus.traces.traceset import offsets_of

if TYPE_CHECKING:
    import pytest

N_SYMBOLS = 5
UNKNOWN, START = N_SYMBOLS, N_SYMBOLS + 1
LENGTHS = st.lists(st.integers(0, 40), max_size=20)


def pieces_of(traces: list[list[int]], longest: int = 100) -> Pieces:
    symbols = np.array([symbol for trace in traces for symbol in trace], dtype=np.uint16)
    return Pieces.of(symbols, offsets_of(list(map(len, traces))), N_SYMBOLS, longest=longest)


def test_by_hand() -> None:
    """Two traces, one of them empty, cut after two calls; 7 is a call that is not known."""
    made = pieces_of([[1, 2, 7], [], [3, 3]], longest=2)
    assert made.offsets.tolist() == [0, 2, 3, 5]
    assert made.calls.tolist() == [1, 2, -1, 3, 3]
    assert made.before.tolist() == [START, 1, 2, START, 3]
    read, calls, is_there = made.chunk(module.Chunk(np.array([0, 1]), 0, 2))
    assert read.tolist() == [[START, 1], [2, 2]]
    assert calls.tolist() == [[1, 2], [-1, -1]]
    assert is_there.tolist() == [[True, True], [True, False]]


@given(
    traces=st.lists(st.lists(st.integers(0, 9), max_size=30), min_size=1, max_size=12),
    longest=st.integers(1, 12), batch=st.integers(1, 5), calls=st.integers(1, 9),
    seed=st.none() | st.integers(0, 9),
)  # fmt: skip
def test_every_call_is_read_once_after_the_call_before_it(
    traces: list[list[int]], longest: int, batch: int, calls: int, seed: int | None
) -> None:
    made = pieces_of(traces, longest)
    random = None if seed is None else np.random.default_rng(seed)
    found = []
    for chunk in chunks_of(made.lengths, batch, calls, random):
        read, wanted, is_there = made.chunk(chunk)
        assert read.shape == wanted.shape == is_there.shape == (len(chunk.pieces), chunk.width)
        for row, piece in enumerate(chunk.pieces):
            for column in np.flatnonzero(is_there[row]):
                place = made.offsets[piece] + chunk.first + column
                found.append((int(place), int(read[row, column]), int(wanted[row, column])))
        assert (wanted[~is_there] == -1).all()
    expected, place = [], 0
    for trace in traces:
        before = START
        for symbol in trace:
            known = symbol < N_SYMBOLS
            expected.append((place, before, symbol if known else -1))
            before, place = (symbol if known else UNKNOWN), place + 1
    assert sorted(found) == expected


@given(lengths=LENGTHS, batch=st.integers(1, 6), calls=st.integers(1, 9), seed=st.integers(0, 9))
def test_what_is_carried_on_is_of_the_same_pieces(
    lengths: list[int], batch: int, calls: int, seed: int
) -> None:
    """The rows of a step are the first rows of the step before, unless it begins a batch."""
    chunks = chunks_of(np.array(lengths, np.int64), batch, calls, np.random.default_rng(seed))
    before = None
    for chunk in chunks:
        assert 0 < len(chunk.pieces) <= batch
        assert 0 < chunk.width <= calls
        if chunk.first:
            assert before is not None
            assert chunk.first == before.first + before.width
            assert chunk.pieces.tolist() == before.pieces[: len(chunk.pieces)].tolist()
        assert all(lengths[piece] > chunk.first for piece in chunk.pieces)
        before = chunk


@given(lengths=LENGTHS, seed=st.integers(0, 9))
def test_the_same_chance_plans_the_same_and_other_chance_another(
    lengths: list[int], seed: int
) -> None:
    def plan(seed: int) -> list[tuple[list[int], int, int]]:
        made = chunks_of(np.array(lengths, np.int64), 3, 7, np.random.default_rng(seed))
        return [(chunk.pieces.tolist(), chunk.first, chunk.width) for chunk in made]

    assert plan(seed) == plan(seed)
    if sum(map(bool, lengths)) >= 9 and len(set(lengths)) > 4:
        assert any(plan(seed) != plan(other) for other in range(seed + 1, seed + 5))


def test_hardly_any_room_is_wasted_on_traces_of_many_lengths() -> None:
    """A batch of traces in the order of the disk would waste half of it."""
    lengths = np.random.default_rng(1).integers(1, 3000, 800)
    room = sum(
        len(c.pieces) * c.width for c in chunks_of(lengths, 32, 100, np.random.default_rng(1))
    )
    assert room < 1.06 * lengths.sum()


def test_an_epoch_of_too_many_calls_learns_some_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole batches, until there are enough; other ones in the next epoch."""
    monkeypatch.setattr(module, "EPOCH_CALLS", 100)
    lengths = np.full(40, 10, np.int64)
    drawn = []
    for epoch in range(9):
        chunks = chunks_of(lengths, 4, 10, np.random.default_rng(epoch))
        assert sum(len(chunk.pieces) for chunk in chunks) == 12
        drawn += [int(piece) for chunk in chunks for piece in chunk.pieces]
    assert len(set(drawn)) > 30
    assert sum(len(chunk.pieces) for chunk in chunks_of(lengths, 4, 10)) == 40
