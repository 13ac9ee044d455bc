"""Observing: what a detector makes of normal traces, by every rule a decision may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.decisions.aggregation import Aggregation
from habitus.decisions.alarms import AlarmRate
from habitus.decisions.rule import Rule, highest_of, rolling_scores
from habitus.decisions.scores import trace_scores
from habitus.detectors.trie import CallTrie
from habitus.traces.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from habitus.detectors.base import SequenceDetector
    from habitus.traces.traceset import TraceSet

    Floats = NDArray[np.float64]

UNSEEN_WINDOW = 6
"""Calls of the windows whose share that was never learned tells how new a trace is."""
_MEAN = Aggregation("mean")


@dataclass
class Observation:
    """What detectors made of traces, filled part by part.

    Attributes:
        traces: all of them.
        rules: how scores are made.
        scores: (n_rules, n_traces) float64; of a rolling rule the highest.
        rolling: for each rolling rule (n_calls,) float64, the score after each call; else None.
        novel, unseen: (n_traces,) float64, see `Population`.
    """

    traces: TraceSet
    rules: tuple[Rule, ...]
    scores: Floats
    rolling: list[Floats | None]
    novel: Floats
    unseen: Floats

    @classmethod
    def of(cls, traces: TraceSet, rules: Sequence[Rule]) -> Observation:
        """Nothing observed yet."""
        nothing = np.full(traces.n_traces, np.nan)
        timed = traces.times_ns is not None
        return cls(
            traces, tuple(rules), np.full((len(rules), traces.n_traces), np.nan),
            [np.full(traces.n_calls, np.nan) if timed and r.window else None for r in rules],
            nothing.copy(), nothing.copy(),
        )  # fmt: skip

    def observe(
        self, detector: SequenceDetector, learned: TraceSet, part: NDArray[np.bool_]
    ) -> None:
        """Fill in what a detector makes of some of the traces.

        Args:
            detector: fitted on ``learned``.
            part: (n_traces,) bool, which traces it judges.
        """
        some = self.traces.select(part)
        surprise = detector.surprise(some)
        places = np.repeat(part, self.traces.lengths)
        for row, rule in enumerate(self.rules):
            if rule.window is None:
                self.scores[row, part] = trace_scores(detector, some, rule.aggregation, surprise)
                continue
            rolling = rolling_scores(surprise, some.offsets, rule)
            self.scores[row, part] = highest_of(rolling, some.offsets)
            kept = self.rolling[row]
            if kept is not None:
                kept[places] = rolling
        self.novel[part] = share_novel(detector, some)
        self.unseen[part] = share_unseen(learned, some)

    def alarm_rates(self, merge_seconds: float) -> tuple[AlarmRate | None, ...]:
        """One a rule; None where traces carry no time, or no more than a moment of it."""
        times = self.traces.times_ns
        if times is None or not np.any(times >= 0):
            return (None,) * len(self.rules)
        names = [info.group or info.source for info in self.traces.infos]
        recordings = np.unique(names, return_inverse=True)[1].astype(np.int64)
        owner = np.repeat(recordings, self.traces.lengths)
        known = times >= 0
        first = np.full(int(recordings.max()) + 1, np.iinfo(np.int64).max)
        last = np.zeros_like(first)
        np.minimum.at(first, owner[known], times[known])
        np.maximum.at(last, owner[known], times[known])
        is_watched = first <= last  # of others no moment is known, nor counted
        seconds = (last - first)[is_watched] / 1e9
        if not seconds.sum():
            return (None,) * len(self.rules)
        number = np.maximum(np.cumsum(is_watched) - 1, 0)
        recordings, owner = number[recordings], number[owner]
        ends = self._last_times(times)
        return tuple(
            AlarmRate.of(self.scores[row], ends, recordings, seconds, merge_seconds)
            if rolling is None
            else AlarmRate.of(rolling, times, owner, seconds, merge_seconds)
            for row, rolling in enumerate(self.rolling)
        )

    def _last_times(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n_traces,) int64: when each trace made its last call; -1 where that is not known."""
        ends = np.full(self.traces.n_traces, -1, dtype=np.int64)
        filled = self.traces.lengths > 0
        ends[filled] = times[self.traces.offsets[1:][filled] - 1]
        return ends


def share_novel(detector: SequenceDetector, traces: TraceSet) -> Floats:
    """(n_traces,) float64: the share of each trace's calls that the detector does not know."""
    unknown = detector.vocabulary.novel(traces).astype(np.float32)
    return _MEAN.scores(unknown, traces.offsets)


def share_unseen(learned: TraceSet, traces: TraceSet) -> Floats:
    """(n_traces,) float64: the share of each trace's windows that are in no learned trace."""
    known = Vocabulary.of(learned)
    symbols = known.encode(learned)
    windows = CallTrie.grown(symbols, learned.offsets, UNSEEN_WINDOW, len(known))
    return _MEAN.scores(windows.mismatches(known.encode(traces), traces.offsets), traces.offsets)
