"""Explanation: where a trace is strange, what was expected there, and what normal looks like."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from habitus.alerts.alignment_kernels import nearest_stretch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.alerts.judgement import Stretch, TraceScore
    from habitus.ensembles.parts import MemberPart
    from habitus.models.memory import Memory
    from habitus.models.model import Model

    Found = tuple[int, int, int, int]

TOP = 5
MAX_STRETCH = 200
"""The nearest normal stretch costs this many steps for every call remembered, at most."""
_CHUNK_STEPS = 1 << 24
_MAX_FOUND = 1024

_FOUND: WeakKeyDictionary[Memory, dict[bytes, Found]] = WeakKeyDictionary()
"""Alerts repeat themselves, and so do their stretches."""


@dataclass(frozen=True)
class ExplainedCall:
    """One call of a stretch.

    Attributes:
        position: its line or its place among the calls of its source, from 1.
        time_ns: nanoseconds since 1970, or None where the source tells no time.
        surprise: None where it is undefined.
        novel: whether the model has never seen a call of this name.
        read_as: the known call that a novel one was read as; None if it has no kin, or is known.
        expected: (name, probability), likeliest first; empty if the detector expects nothing.
        context_calls: how many calls before it the expectation goes by.
    """

    name: str
    position: int
    time_ns: int | None
    surprise: float | None
    novel: bool
    read_as: str | None
    expected: tuple[tuple[str, float], ...]
    context_calls: int


@dataclass(frozen=True)
class NearestNormal:
    """The stretch of a normal training trace with the fewest edits from the strange one.

    Attributes:
        trace: the training trace's name.
        first_call: the stretch's first call in it, from 0.
        edits: calls to insert, leave out or change.
        calls: its call names.
    """

    trace: str
    first_call: int
    edits: int
    calls: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """Why a trace is strange: its strangest stretch, call by call.

    Attributes:
        first_call: index of the stretch's first call in the trace, from 0.
        mean_surprise: over the stretch, in ``unit``; None if undefined.
        position_unit: what positions count: ``line`` or ``call``.
        strip: mean surprise of every ``calls_per_cell`` calls of the whole trace; None where it is
            undefined.
        members: of an ensemble, what each member makes of the trace, the largest part first.
    """

    first_call: int
    mean_surprise: float | None
    unit: str
    position_unit: str
    calls: tuple[ExplainedCall, ...]
    nearest_normal: NearestNormal | None
    strip: tuple[float | None, ...]
    calls_per_cell: int
    members: tuple[MemberPart, ...] = ()


def explain_score(model: Model, judged: TraceScore) -> Explanation | None:
    """The explanation of a judged trace; None if its stretch was not kept, or it is empty."""
    stretch, strip = judged.stretch, judged.strip
    if stretch is None or strip is None:
        return None
    return Explanation(
        first_call=stretch.first_call,
        mean_surprise=_finite(stretch.mean_surprise),
        unit=model.detector.unit,
        position_unit=judged.position_unit,
        calls=tuple(_explained_calls(model, stretch)),
        nearest_normal=nearest_normal(model, stretch.calls.symbols),
        strip=strip.means,
        calls_per_cell=strip.calls_per_cell,
        members=tuple(sorted(judged.members, key=lambda part: -(part.share or 0.0))),
    )


def nearest_normal(model: Model, symbols: NDArray[np.uint16]) -> NearestNormal | None:
    """Where the model's training traces come nearest to ``symbols``; None if it remembers none."""
    memory = model.memory
    edits, trace, begin, end = _found(memory, symbols)
    if trace < 0:
        return None
    names = model.detector.vocabulary.names
    return NearestNormal(
        trace=memory.names[trace],
        first_call=int(begin - memory.offsets[trace]),
        edits=edits,
        calls=tuple(names[symbol] for symbol in memory.symbols[begin:end]),
    )


def _found(memory: Memory, symbols: NDArray[np.uint16]) -> Found:
    """What `_search` finds, or found before."""
    found = _FOUND.setdefault(memory, {})
    key = symbols.tobytes()
    if key not in found:
        if len(found) >= _MAX_FOUND:
            found.clear()
        found[key] = _search(memory, symbols)
    return found[key]


def _search(memory: Memory, symbols: NDArray[np.uint16]) -> Found:
    """(edits, trace, begin, end) of the nearest stretch; stops often enough for Ctrl-C."""
    text = memory.symbols
    cells = np.zeros(len(symbols) + 1, dtype=np.int64)
    trace, best, best_trace, best_end = -1, (len(symbols) + 1) << 32, -1, 0
    step = max(1, _CHUNK_STEPS // len(cells))
    for begin in range(0, len(text), step):
        trace, best, best_trace, best_end = nearest_stretch(
            symbols, text, begin, min(begin + step, len(text)), memory.offsets,
            trace, best, best_trace, best_end, cells,
        )  # fmt: skip
        if best >> 32 == 0:
            break  # none that comes later is nearer
    return int(best >> 32), int(best_trace), int(best & 0xFFFFFFFF), int(best_end)


def _explained_calls(model: Model, stretch: Stretch) -> list[ExplainedCall]:
    calls = stretch.calls
    vocabulary = model.detector.vocabulary
    symbols = np.concatenate([stretch.history, calls.symbols])
    explained = []
    for i in range(len(calls)):
        before = len(stretch.history) + i
        history = symbols[max(0, before - model.detector.memory_calls) : before]
        expected = model.detector.expected(history, TOP)
        explained.append(
            ExplainedCall(
                name=calls.names[i],
                position=int(calls.positions[i]),
                time_ns=int(calls.times_ns[i]) if calls.times_ns[i] >= 0 else None,
                surprise=_finite(float(calls.surprise[i])),
                novel=calls.names[i] not in vocabulary,
                read_as=vocabulary.read_as(calls.names[i]),
                expected=() if expected is None else expected.calls,
                context_calls=0 if expected is None else expected.context_calls,
            )
        )
    return explained


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
