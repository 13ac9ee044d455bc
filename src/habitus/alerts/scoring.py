"""Scoring traces as they are read, in memory that does not grow with their length.

A long trace arrives in segments. What is kept of an open trace is its running score, its strangest
stretch so far and the few calls before the next segment that a stretch may begin in.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from habitus.alerts.judgement import Calls, Stretch, Strip, TraceScore
from habitus.decisions.aggregation import Aggregation, RunningScore, worst_stretch
from habitus.decisions.scores import running_score, trace_scores
from habitus.detectors.whole import RunningTrace
from habitus.ensembles.ensemble import Ensemble
from habitus.ensembles.parts import MemberPart, parts_of
from habitus.ensembles.streaming import RunningEnsemble
from habitus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from habitus.models.model import Model
    from habitus.traces.traceset import TraceInfo, TraceSet

DEFAULT_STRETCH = 20


@dataclass
class _OpenTrace:
    """What is kept of a trace whose end has not been read."""

    info: TraceInfo
    position_unit: str
    running: RunningScore | RunningTrace
    n_calls: int = 0
    n_novel: int = 0
    best: Stretch | None = None
    tail: Calls | None = None
    strip: Strip = field(default_factory=Strip)


@dataclass
class Scorer:
    """Scores batches against a model.

    Args:
        stretch_calls: length of the strangest stretch.
        stretch_of_all: find it for every trace, not only for alerts.
    """

    model: Model
    stretch_calls: int = DEFAULT_STRETCH
    stretch_of_all: bool = False
    _open: dict[str, _OpenTrace] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stream = self.model.detector.stream()
        self._aggregation: Aggregation = self.model.aggregation
        self._memory = self.model.detector.memory_calls

    def run(self, batches: Iterable[TraceSet]) -> Iterator[TraceScore]:
        """Judge every trace of ``batches``, each when its end is read."""
        for batch in batches:
            yield from self.push(batch)
        yield from self.finish()

    def finish(self) -> Iterator[TraceScore]:
        """Judge the traces whose end never came, by what was read of them."""
        for name in list(self._open):
            yield self._judge(self._open.pop(name))

    def push(self, batch: TraceSet) -> Iterator[TraceScore]:
        """Judge the traces that end in ``batch``."""
        surprise = self._stream.push(batch)
        symbols = self.model.detector.vocabulary.encode(batch)
        scores = trace_scores(self.model.detector, batch, self._aggregation, surprise)
        novel = np.concatenate([[0], np.cumsum(self.model.detector.vocabulary.novel(batch))])
        for row, info in enumerate(batch.infos):
            begin, end = int(batch.offsets[row]), int(batch.offsets[row + 1])
            n_novel = int(novel[end] - novel[begin])
            if not info.whole:
                calls = Calls.of(batch, row, symbols, surprise)
                yield from self._segment(info, batch.position_unit, calls, n_novel)
                continue
            score = float(scores[row])
            is_alert = self.model.decision.is_alert(score)
            stretch, strip = None, None
            parts: tuple[MemberPart, ...] = ()
            if (is_alert or self.stretch_of_all) and end > begin:
                stretch, strip = self._worst(Calls.of(batch, row, symbols, surprise)), Strip()
                strip.add(surprise[begin:end])
                parts = self._parts(batch.select([row]))
            yield TraceScore(
                info, end - begin, n_novel, score, is_alert, batch.position_unit, stretch, strip,
                _last_time(batch, end) if end > begin else None, members=parts,
            )  # fmt: skip

    def _parts(self, trace: TraceSet) -> tuple[MemberPart, ...]:
        """What the members of an ensemble make of a trace; nothing of other detectors."""
        detector = self.model.detector
        if not isinstance(detector, Ensemble):
            return ()
        return parts_of(detector, detector.member_scores(trace)[0], trace, self.stretch_calls)

    def _segment(
        self, info: TraceInfo, position_unit: str, calls: Calls, n_novel: int
    ) -> Iterator[TraceScore]:
        if info.first_call == 0:
            if info.name in self._open:  # the recording of its namesake broke off
                yield self._judge(self._open.pop(info.name))
            running = running_score(self.model.detector, self._aggregation)
            self._open[info.name] = _OpenTrace(info, position_unit, running)
        trace = self._open.get(info.name)
        if trace is None or trace.n_calls != info.first_call:
            raise broken_off(info)
        if isinstance(trace.running, RunningTrace):
            trace.running.add_named(calls.names, calls.symbols)
        else:
            trace.running.add(calls.surprise)
        trace.strip.add(calls.surprise)
        trace.n_novel += n_novel
        if len(calls):
            self._extend(trace, calls)
        if info.ends:
            yield self._judge(self._open.pop(info.name))

    def _judge(self, trace: _OpenTrace) -> TraceScore:
        score = trace.running.score
        is_alert = self.model.decision.is_alert(score)
        kept = (is_alert or self.stretch_of_all) and trace.n_calls > 0
        parts: tuple[MemberPart, ...] = ()
        if kept and isinstance(trace.running, RunningEnsemble):
            parts = parts_of(trace.running.ensemble, trace.running.member_scores)
        return TraceScore(
            replace(trace.info, ends=True), trace.n_calls, trace.n_novel, score, is_alert,
            trace.position_unit, trace.best if kept else None, trace.strip if kept else None,
            None if trace.tail is None else trace.tail.last_time_ns, members=parts,
        )  # fmt: skip

    def _extend(self, trace: _OpenTrace, calls: Calls) -> None:
        """Look for the strangest stretch in the new calls, and in those that begin before them."""
        joined = calls if trace.tail is None else trace.tail.followed_by(calls)
        first = trace.n_calls - (len(joined) - len(calls))
        # Of the calls kept from before, only the last few can begin a stretch with new ones in it.
        skip = max(0, len(joined) - len(calls) - self.stretch_calls + 1)
        found = self._worst(joined, skip, first)
        grew_up = trace.n_calls < self.stretch_calls  # until now it was shorter than a stretch
        if (
            trace.best is None
            or grew_up
            or (np.isnan(trace.best.mean_surprise) and not np.isnan(found.mean_surprise))
            or found.mean_surprise > trace.best.mean_surprise + 1e-9
        ):
            trace.best = found
        trace.n_calls += len(calls)
        trace.tail = joined.cut(max(0, len(joined) - self._kept), len(joined))

    @property
    def _kept(self) -> int:
        return self.stretch_calls - 1 + self._memory

    def _worst(self, calls: Calls, skip: int = 0, first: int = 0) -> Stretch:
        return worst_of(calls, self.stretch_calls, self._memory, skip, first)


def broken_off(info: TraceInfo) -> InputError:
    """The error of a segment whose trace lacks the calls before it."""
    return InputError(
        f"{info.source}: calls before number {info.first_call + 1} of the trace {info.name!r} are "
        "missing"
    )


def worst_of(
    calls: Calls, stretch_calls: int, memory_calls: int, skip: int = 0, first: int = 0
) -> Stretch:
    """The strangest stretch of consecutive calls.

    Args:
        memory_calls: how far the detector looks back.
        skip: calls at the beginning that no stretch begins in.
        first: which call of its trace the first of them is.
    """
    begin, mean = worst_stretch(calls.surprise[skip:], stretch_calls)
    begin += skip
    return Stretch(
        first_call=first + begin,
        mean_surprise=mean,
        calls=calls.cut(begin, begin + stretch_calls),
        history=calls.symbols[max(0, begin - memory_calls) : begin],
    )


def _last_time(batch: TraceSet, end: int) -> int | None:
    """When the call before ``end`` was made; None if that is not known."""
    if batch.times_ns is None or batch.times_ns[end - 1] < 0:
        return None
    return int(batch.times_ns[end - 1])
