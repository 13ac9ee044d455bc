"""Ways to cut traces into the batches that a reader or a live source might deliver."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import strategies as st

from habitus.traces.traceset import TraceInfo, TraceSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    Segment = tuple[TraceInfo, Sequence[str], int]


def infos_of(traces: Sequence[Sequence[str]]) -> list[TraceInfo]:
    """An info for each trace; names are what tells the segments of two traces apart."""
    return [TraceInfo(f"t{i}", "memory") for i in range(len(traces))]


def whole(traces: Sequence[Sequence[str]]) -> TraceSet:
    """The traces in one batch, uncut, with the positions and times that `segmented` gives them."""
    segments = [(info, trace, 0) for info, trace in zip(infos_of(traces), traces, strict=True)]
    return _batch(segments)


@st.composite
def segmented(draw: st.DrawFn, traces: Sequence[Sequence[str]]) -> list[TraceSet]:
    """Batches that hold ``traces`` cut anywhere, interleaved anyhow, empty segments among them."""
    queues: list[list[Segment]] = []
    for info, trace in zip(infos_of(traces), traces, strict=True):
        # A segment whose first call is call 0 begins a trace, so that no cut lies there.
        cuts = draw(st.lists(st.integers(1, len(trace)), max_size=5)) if trace else []
        bounds = list(pairwise([0, *sorted(cuts), len(trace)]))
        queues.append(
            [
                (replace(info, first_call=b, ends=i == len(bounds) - 1), trace[b:e], b)
                for i, (b, e) in enumerate(bounds)
            ]
        )
    turns = draw(st.permutations([i for i, queue in enumerate(queues) for _ in queue]))
    segments = [queues[turn].pop(0) for turn in turns]
    batches, pending = [], []
    for segment in segments:
        pending.append(segment)
        if draw(st.booleans()):
            batches.append(_batch(pending))
            pending = []
    return [*batches, _batch(pending)] if pending else batches


def _batch(segments: Sequence[Segment]) -> TraceSet:
    """A batch with an alphabet of its own; calls stand on every third line, a second apart."""
    made = TraceSet.from_names([calls for _, calls, _ in segments], infos=[s[0] for s in segments])
    places = [begin + i for _, calls, begin in segments for i in range(len(calls))]
    return replace(
        made,
        positions=3 * np.array(places, dtype=np.int64) + 1,
        position_unit="line",
        times_ns=1_700_000_000_000_000_000 + 1_000_000_000 * np.array(places, dtype=np.int64),
    )
