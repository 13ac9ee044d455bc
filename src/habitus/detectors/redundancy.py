"""`redundancy`: how much of what a trace's calls could cost at most they do cost.

Source: C. Shannon, "A mathematical theory of communication", Bell System Technical Journal 27,
1948, section 7: the ratio of a source's entropy to the most it could have with the same symbols is
its relative entropy, and what is missing to 1 its redundancy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from habitus.detectors.adaptive import Adaptive, AdaptiveSettings
from habitus.detectors.disorder_reading import WINDOWS, LongestWindow, MostWindows
from habitus.detectors.ngram import NGramSettings
from habitus.detectors.whole import NamedRunningTrace, TraceDetector
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from numpy.typing import NDArray

    from habitus.detectors.base import (
        DetectorSettings,
        SequenceDetector,
        State,
        SurpriseStream,
    )
    from habitus.detectors.disorder_reading import OrderReader
    from habitus.detectors.whole import RunningTrace
    from habitus.traces.traceset import TraceSet


class RedundancySettings(NGramSettings):
    """Settings of `Redundancy`."""

    own: LongestWindow = 12
    windows: MostWindows = WINDOWS


class Redundancy(TraceDetector):
    """Score is ln(nats a call spent on a trace) - ln(the most that so varied a trace could cost).

    What a call costs is as `Adaptive` has it, with histories of no call, too: the trace's own model
    takes each call into account however it was reached, and what it has not met is left to a model
    of normal traces. The most is ln(k + 1) a call: each next call is one of the k different ones of
    the trace, or another.

    Fails: on attacks that are as redundant as normal work; where normal traces make few different
    calls, each of which is hard to foretell.

    Attributes:
        read_by: what says what calls cost.
    """

    name: ClassVar[str] = "redundancy"
    summary: ClassVar[str] = "how little of a trace could be told from normal ones and from itself"
    score_unit: ClassVar[str] = "log ratio"
    Settings: ClassVar[type[DetectorSettings]] = RedundancySettings

    read_by: Adaptive
    _base: SequenceDetector | None = None

    def start_from(self, base: SequenceDetector) -> None:
        self._unfitted().start_from(base)  # refused now if ever
        self._base = base

    @property
    def lends(self) -> SequenceDetector:
        return self.read_by.lends

    @property
    def base_share(self) -> float | None:
        return self.read_by.base_share

    def unfitted(self) -> Self:
        other = super().unfitted()
        other._base = self._base
        return other

    @property
    def memory_calls(self) -> int:
        """Its memory is the whole trace; an explanation shows so many calls of history."""
        return int(self.settings.order) - 1

    def fit(
        self,
        normal: TraceSet,
        held_out: TraceSet | None = None,
        progress: Progress = SILENT,
        *,
        seed: int = 1,
    ) -> None:
        self.read_by = self._unfitted()
        if self._base is not None:
            self.read_by.start_from(self._base)
        self.read_by.fit(normal, held_out, progress, seed=seed)
        self.vocabulary = self.read_by.vocabulary

    def surprise(self, traces: TraceSet) -> NDArray[np.float32]:
        """(n_calls,) float32 nats: what each call costs."""
        return self.read_by.surprise(traces)

    def trace_scores(self, traces: TraceSet) -> NDArray[np.float64]:
        symbols = self.vocabulary.encode(traces)
        first = self.read_by.learned.surprise(traces)
        scores = np.empty(traces.n_traces)
        for row in range(traces.n_traces):
            calls = slice(int(traces.offsets[row]), int(traces.offsets[row + 1]))
            reader = self.read_by.reader()
            reader.read(symbols[calls], first[calls])
            scores[row] = score_of(reader)
        return scores

    def running(self) -> RunningTrace:
        return _RunningRedundancy(self)

    def stream(self) -> SurpriseStream:
        return self.read_by.stream()

    def state(self) -> State:
        return self.read_by.state()

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        self.read_by = self._unfitted()
        self.read_by.vocabulary = self.vocabulary
        self.read_by.restore(state)

    def _unfitted(self) -> Adaptive:
        return Adaptive(AdaptiveSettings(**self.settings.model_dump(), least=0))


def score_of(reader: OrderReader) -> float:
    """The score of what was read of a trace; NaN if that is nothing."""
    if not reader.n_calls:
        return float("nan")
    most = np.log(reader.n_distinct + 1)
    return float(np.log(reader.nats / reader.n_calls) - np.log(most))


class _RunningRedundancy(NamedRunningTrace):
    """Keeps what was learned of the trace, and what the model of normal ones needs of it."""

    def __init__(self, detector: Redundancy) -> None:
        super().__init__(detector)
        self._reader = detector.read_by.reader()
        self._first = detector.read_by.learned.stream()

    def take(self, segment: TraceSet) -> None:
        self._reader.read(self.detector.vocabulary.encode(segment), self._first.push(segment))

    @property
    def score(self) -> float:
        return score_of(self._reader)
