"""Reading traces with a network: side by side, in stretches, in segments, and call by call."""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from habitus.detectors.neural import reader as reader_module
from habitus.detectors.neural.reader import STRETCH_CALLS, Reader
from habitus.detectors.neural.standing import Standing
from habitus.detectors.neural.stretches import WIDTH
from habitus.networks.attention import AttentionNetwork
from habitus.networks.recurrent import RecurrentNetwork
from habitus.traces.traceset import offsets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from habitus.networks.language import LanguageNetwork

    Floats = NDArray[np.float32]
    Read = Callable[[NDArray[np.int64], Floats], tuple[Floats, Floats]]

N_SYMBOLS, FLOOR = 3, 1e-3
KINDS = (
    "lstm by steps", "lstm by stretches", "gru by steps", "attention by steps",
    "attention by stretches",
)  # fmt: skip
every_kind = pytest.mark.parametrize("kind", KINDS)


@cache
def network_of(kind: str) -> LanguageNetwork:
    torch.manual_seed(7)
    made: LanguageNetwork
    name = kind.split(maxsplit=1)[0]
    if name in {"lstm", "gru"}:
        made = RecurrentNetwork(
            N_SYMBOLS, kind=name, cells=[5], embedding=4, tied=False, dropout=0, dropout_input=0
        )
    else:
        made = AttentionNetwork(N_SYMBOLS, width=8, heads=2, layers=2, window=6, dropout=0)
    made.steps_are_quick = kind.endswith("steps")
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(0.5 * torch.randn_like(weight))
    return made.eval().requires_grad_(False)


@cache
def reader_of(kind: str) -> Reader:
    return Reader(network_of(kind), FLOOR, 1)


def flat(traces: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    calls = np.array([call for trace in traces for call in trace], dtype=np.int64)
    return calls, offsets_of([len(trace) for trace in traces])


@lru_cache(1000)
def slowly(kind: str, trace: tuple[int, ...]) -> list[float]:
    """One call after another, straight from the network."""
    network = network_of(kind)
    costs, state, last = [], network.fresh(1), network.start
    for call in trace:
        features, state = network(torch.tensor([[last]]), state)
        chances = network.logits(features)[0, 0].softmax(dim=0).tolist()
        known = (1 - FLOOR) * chances[call] if call < N_SYMBOLS else 0
        costs.append(-math.log(known + FLOOR / (N_SYMBOLS + 1)))
        last = call
    return costs


def near(found: object, wanted: object) -> bool:
    return np.allclose(np.asarray(found), np.asarray(wanted), rtol=0, atol=1e-4)


# Traces that begin alike, end anywhere beside the ends of stretches, and are many and few.
BEGIN = st.sampled_from([[0, 1, 2] * 22, [0, 1, 2, 3] * 16, [1] * WIDTH, [2, 0], []])
REST = st.lists(st.integers(0, N_SYMBOLS), max_size=WIDTH // 2)
TRACES = st.lists(st.builds(lambda begin, rest: begin + rest, BEGIN, REST), max_size=9)


@every_kind
@settings(max_examples=20)
@given(traces=TRACES)
def test_costs_are_those_of_a_slow_loop(kind: str, traces: list[list[int]]) -> None:
    found, ended = reader_of(kind).score(*flat(traces))
    assert found.dtype == np.float32
    assert near(found, [cost for trace in traces for cost in slowly(kind, tuple(trace))])
    assert ended.last.tolist() == [trace[-1] if trace else N_SYMBOLS + 1 for trace in traces]


@every_kind
@settings(max_examples=20)
@given(traces=TRACES)
def test_what_is_alike_may_be_read_once(kind: str, traces: list[list[int]]) -> None:
    shared, apart = (reader_of(kind).score(*flat(traces), share=share) for share in (True, False))
    assert near(shared[0], apart[0])
    assert near(shared[1].states, apart[1].states)
    assert np.array_equal(shared[1].last, apart[1].last)


@every_kind
@settings(max_examples=20)
@given(traces=TRACES, data=st.data())
def test_segments_are_read_as_the_whole(
    kind: str, traces: list[list[int]], data: st.DataObject
) -> None:
    reader = reader_of(kind)
    at = [data.draw(st.integers(0, len(trace))) for trace in traces]
    firsts = [trace[:cut] for trace, cut in zip(traces, at, strict=True)]
    rests = [trace[cut:] for trace, cut in zip(traces, at, strict=True)]
    before, standing = reader.score(*flat(firsts))
    kept = Standing(standing.states.copy(), standing.last.copy())
    after, ended = reader.score(*flat(rests), standing)
    assert np.array_equal(standing.states, kept.states), "where they stood is not written over"
    assert np.array_equal(standing.last, kept.last)
    whole, at_end = reader.score(*flat(traces))
    first_of, rest_of = flat(firsts)[1], flat(rests)[1]
    joined = [
        cost
        for row in range(len(traces))
        for part, offsets in ((before, first_of), (after, rest_of))
        for cost in part[offsets[row] : offsets[row + 1]].tolist()
    ]
    assert near(joined, whole)
    assert near(ended.states, at_end.states)
    assert np.array_equal(ended.last, at_end.last)


@every_kind
def test_more_traces_than_fit_a_block(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    traces = [random.integers(0, N_SYMBOLS + 1, size=n).tolist() for n in range(60, 100)]
    wanted = reader_of(kind).score(*flat(traces))[0]
    monkeypatch.setattr(reader_module, "MAX_BLOCK", 7)
    monkeypatch.setattr(reader_module, "STRETCHES_CALLS", 100)
    assert near(reader_of(kind).score(*flat(traces))[0], wanted)


def counted(read: Read, rows: list[int]) -> Read:
    """The same, with the number of calls that it reads."""

    def reading(symbols: NDArray[np.int64], states: Floats) -> tuple[Floats, Floats]:
        rows.append(symbols.size)
        return read(symbols, states)

    return reading


@every_kind
def test_equal_traces_are_computed_once(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(network_of(kind), FLOOR, 1)
    rows: list[int] = []
    for name in ("step", "stretch"):
        monkeypatch.setattr(reader._stepper, name, counted(getattr(reader._stepper, name), rows))
    trace = [0, 1, 2, 2] * 16  # one whole stretch
    reader.score(*flat([trace] * 50))
    assert sum(rows) == len(trace)
    rows.clear()
    reader.score(*flat([trace] * 50), share=False)
    assert sum(rows) == 50 * len(trace)


@every_kind
def test_unknown_calls_cost_the_floor_wherever_they_stand(kind: str) -> None:
    found = reader_of(kind).score(*flat([[N_SYMBOLS] * 70, [0, N_SYMBOLS]] * 5))[0]
    dearest = -math.log(FLOOR / (N_SYMBOLS + 1))
    unknown = np.tile([True] * 70 + [False, True], 5)
    assert near(found[unknown], dearest)
    assert (found[~unknown] < dearest).all()


@every_kind
def test_one_odd_call_in_a_monotonous_trace_is_odd_alone(kind: str) -> None:
    at = 40 * STRETCH_CALLS - 1  # the last of a stretch, read where nothing moves any more
    found = reader_of(kind).score(*flat([[1] * at + [2] + [1] * STRETCH_CALLS]))[0]
    wanted = slowly(kind, (1,) * 400 + (2,) + (1,) * STRETCH_CALLS)[100:]
    assert near(found[at - 300 :], wanted)
