"""One trace out of many, read no further than is wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from habitus.traces.traceset import TraceSet, join

if TYPE_CHECKING:
    from collections.abc import Iterable


def one_trace(
    batches: Iterable[TraceSet], name: str | None = None, most_calls: int | None = None
) -> TraceSet | None:
    """A trace, put together from its segments; None if there is none.

    Args:
        batches: as a reader gives them.
        name: of the trace; by default the first that makes a call is taken.
        most_calls: reading ends when it has so many, and so does the trace.
    """
    segments: list[TraceSet] = []
    n_calls = 0
    for batch in batches:
        for row, (info, length) in enumerate(zip(batch.infos, batch.lengths, strict=True)):
            if name is None and length:
                name = info.name
            if info.name != name:
                continue
            if segments and info.first_call == 0:
                return join(segments)  # a namesake begins
            segments.append(batch.select([row]))
            n_calls += int(length)
            if most_calls is not None and n_calls >= most_calls:
                return _cut(join(segments), most_calls)
            if info.ends:
                return join(segments)
    return join(segments) if segments else None


def _cut(trace: TraceSet, n_calls: int) -> TraceSet:
    """The first calls of a set of one trace."""
    return replace(
        trace,
        calls=trace.calls[:n_calls],
        offsets=np.array([0, min(n_calls, trace.n_calls)]),
        positions=None if trace.positions is None else trace.positions[:n_calls],
        times_ns=None if trace.times_ns is None else trace.times_ns[:n_calls],
    )
