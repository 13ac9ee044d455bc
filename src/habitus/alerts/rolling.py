"""Judging the last calls after every call: alarms inside a trace, as soon as they begin.

What is kept of an open trace is one window of its calls, and what its detector looks back on.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from habitus.alerts.judgement import Calls, Strip, TraceScore
from habitus.alerts.scoring import DEFAULT_STRETCH, broken_off, worst_of
from habitus.decisions.rolling import RollingScore
from habitus.decisions.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from habitus.models.model import Model
    from habitus.traces.traceset import TraceInfo, TraceSet


@dataclass
class _OpenTrace:
    """What is kept of a trace whose end has not been read."""

    info: TraceInfo
    position_unit: str
    rolling: RollingScore
    n_calls: int = 0
    n_novel: int = 0
    n_alarms: int = 0
    highest: float = float("nan")
    last_over: int | None = None  # the last call after which it lay above the threshold
    last_time_ns: int | None = None
    tail: Calls | None = None
    strip: Strip = field(default_factory=Strip)


@dataclass(frozen=True)
class _Segment:
    """The next calls of a trace, behind those kept of it.

    Attributes:
        calls: with what was kept of the trace before them.
        n_before: calls of the trace before the first of ``calls``.
        scores: one a call of ``calls``; NaN for those kept.
        over: (n,) int64, those of ``calls`` after which the score lies above the threshold.
        n_novel: (len(calls) + 1,) int64, calls never seen in training, up to each.
    """

    trace: _OpenTrace
    calls: Calls
    n_before: int
    scores: NDArray[np.float64]
    over: NDArray[np.int64]
    n_novel: NDArray[np.int64]


@dataclass
class RollingScorer:
    """Raises the alarms of a rolling decision; traces that raise none are judged when they end.

    An alarm begins with the first score above the threshold. What follows it within the merging
    time of its model (of all traces of one recording; or, without times, within a window of calls
    of its trace) belongs to it and is not told again.

    Args:
        row: which decision of the model.
        stretch_calls: length of the strangest stretch, within the window that raised an alarm.
    """

    model: Model
    row: int
    stretch_calls: int = DEFAULT_STRETCH
    _open: dict[str, _OpenTrace] = field(default_factory=dict)
    _last_ns: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._decision = self.model.decisions[self.row]
        self._rule = Rule.parse(self._decision.rule)
        self._window = self._rule.window or 1
        self._memory = self.model.detector.memory_calls
        self._merge_ns = int(self._decision.calibration.budget.merge_seconds * 1e9)
        self._stream = self.model.detector.stream()

    def run(self, batches: Iterable[TraceSet]) -> Iterator[TraceScore]:
        """Judge all of ``batches``."""
        for batch in batches:
            yield from self.push(batch)
        yield from self.finish()

    def finish(self) -> Iterator[TraceScore]:
        """Judge the traces whose end never came, by what was read of them."""
        for name in list(self._open):
            yield from self._end(self._open.pop(name))

    def push(self, batch: TraceSet) -> Iterator[TraceScore]:
        """The alarms that begin in ``batch``, in the order of time, then the traces that end."""
        surprise = self._stream.push(batch)
        symbols = self.model.detector.vocabulary.encode(batch)
        is_novel = self.model.detector.vocabulary.novel(batch)
        segments, ended = [], []
        for row, info in enumerate(batch.infos):
            if info.first_call == 0 and info.name in self._open:  # its namesake broke off
                ended.append(self._open.pop(info.name))
            trace = self._trace(info, batch.position_unit)
            calls = Calls.of(batch, row, symbols, surprise)
            novel = is_novel[batch.offsets[row] : batch.offsets[row + 1]]
            segments.append(self._heard(trace, calls, novel, ends=info.ends))
            if info.ends:
                ended.append(self._open.pop(info.name))
        for segment, place in self._beginnings(segments):
            yield self._alarm(segment, place)
        for trace in ended:
            yield from self._end(trace)

    def _heard(
        self, trace: _OpenTrace, calls: Calls, is_novel: NDArray[np.bool_], *, ends: bool
    ) -> _Segment:
        """Take the next calls of a trace."""
        new = trace.rolling.add(calls.surprise)
        kept = calls.cut(0, 0) if trace.tail is None else trace.tail
        joined = kept.followed_by(calls)
        scores = np.concatenate([np.full(len(kept), np.nan), new])
        if ends and len(joined) and not np.isnan(at_end := trace.rolling.end()):
            scores[-1] = at_end  # of its last call, even where the end comes by itself
        novel = np.concatenate([np.zeros(len(kept) + 1, bool), is_novel])
        segment = _Segment(
            trace, joined, trace.n_calls - len(kept), scores,
            np.flatnonzero(scores > self._decision.threshold), trace.n_novel + np.cumsum(novel),
        )  # fmt: skip
        trace.strip.add(calls.surprise)
        trace.n_calls += len(calls)
        trace.n_novel = int(segment.n_novel[-1])
        trace.highest = float(np.fmax.reduce(scores, initial=trace.highest))
        trace.tail = joined.cut(max(0, len(joined) - self._kept), len(joined))
        if len(calls):
            trace.last_time_ns = calls.last_time_ns
        return segment

    def _beginnings(self, segments: list[_Segment]) -> list[tuple[_Segment, int]]:
        """(segment, place in its calls) of each score with which an alarm begins, in order."""
        found: list[tuple[int, int, int]] = []
        timed: dict[str, list[int]] = {}
        for i, segment in enumerate(segments):
            if not len(segment.over):
                continue
            info = segment.trace.info
            if np.all(segment.calls.times_ns[segment.over] >= 0):
                timed.setdefault(info.group or info.source, []).append(i)
                continue
            places = segment.n_before + segment.over
            begins = _apart(places, segment.trace.last_over, self._window)
            segment.trace.last_over = int(places[-1])
            found += [(-1, i, int(place)) for place in segment.over[begins]]
        for recording, members in timed.items():
            times = np.concatenate([segments[i].calls.times_ns[segments[i].over] for i in members])
            rows = np.repeat(members, [len(segments[i].over) for i in members])
            places = np.concatenate([segments[i].over for i in members])
            order = np.argsort(times, kind="stable")
            begins = order[_apart(times[order], self._last_ns.get(recording), self._merge_ns)]
            self._last_ns[recording] = int(times[order[-1]])
            found += [(int(times[b]), int(rows[b]), int(places[b])) for b in begins]
        return [(segments[i], place) for _, i, place in sorted(found)]

    def _alarm(self, segment: _Segment, place: int) -> TraceScore:
        """An alarm that begins after a call, with the strangest stretch of the window before."""
        trace = segment.trace
        trace.n_alarms += 1
        window = segment.calls.cut(max(0, place + 1 - self._window - self._memory), place + 1)
        skip = max(0, len(window) - self._window)
        first = segment.n_before + place + 1 - len(window)
        time_ns = int(segment.calls.times_ns[place])
        return TraceScore(
            replace(trace.info, ends=True), segment.n_before + place + 1,
            int(segment.n_novel[place + 1]), float(segment.scores[place]), True,
            trace.position_unit, worst_of(window, self.stretch_calls, self._memory, skip, first),
            deepcopy(trace.strip), time_ns if time_ns >= 0 else None, self.row, trace.n_alarms,
        )  # fmt: skip

    def _end(self, trace: _OpenTrace) -> Iterator[TraceScore]:
        """The judgement of a trace that raised no alarm of its own."""
        if not trace.n_alarms:
            yield TraceScore(
                replace(trace.info, ends=True), trace.n_calls, trace.n_novel, trace.highest, False,
                trace.position_unit, None, None, trace.last_time_ns, self.row,
                is_merged=self._decision.is_alert(trace.highest),
            )  # fmt: skip

    @property
    def _kept(self) -> int:
        return self._window - 1 + self._memory

    def _trace(self, info: TraceInfo, position_unit: str) -> _OpenTrace:
        if info.first_call == 0:
            rolling = RollingScore(self._window, self._rule.quantile)
            self._open[info.name] = _OpenTrace(info, position_unit, rolling)
        trace = self._open.get(info.name)
        if trace is None or trace.n_calls != info.first_call:
            raise broken_off(info)
        return trace


def _apart(moments: NDArray[np.int64], last: int | None, most: int) -> NDArray[np.int64]:
    """Indices of ascending moments that lie more than ``most`` behind the one before.

    Args:
        last: the one before the first of them; None if there is none.
    """
    begins = np.flatnonzero(np.diff(moments) > most) + 1
    if last is None or abs(int(moments[0]) - last) > most:
        begins = np.concatenate([[0], begins])
    return begins
