"""The seam of detectors that know only whole traces: one score a trace, none a call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from habitus.detectors.base import SequenceDetector
from habitus.traces.traceset import TraceInfo, TraceSet

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNNAMED = "(a call of no known name)"


class TraceDetector(SequenceDetector):
    """A detector whose score of a trace is no aggregation of what its calls cost.

    Its `surprise` only tells a reader where to look: in `unit`, never compared with a threshold,
    unless the detector `rolls`.
    """

    @property
    @abstractmethod
    def score_unit(self) -> str:
        """Of a trace's score."""

    @property
    def max_score(self) -> float | None:
        """The highest score there can be, or None."""
        return None

    @property
    def rolls(self) -> bool:
        """Whether its surprise may be held against a threshold as that of the last calls."""
        return False

    @abstractmethod
    def trace_scores(self, traces: TraceSet) -> NDArray[np.float64]:
        """(n_traces,) float64: each whole trace's score; NaN where it cannot be scored."""

    @abstractmethod
    def running(self) -> RunningTrace:
        """The score of one trace whose calls arrive in segments, in memory that has a bound."""


class RunningTrace(ABC):
    """Takes a trace's calls segment by segment; `score` equals that of the whole trace."""

    @abstractmethod
    def add(self, symbols: NDArray[np.uint16]) -> None:
        """The next calls, in the detector's vocabulary."""

    def add_named(self, names: NDArray[np.object_], symbols: NDArray[np.uint16]) -> None:
        """The next calls, by their names too: for what has more than one vocabulary."""
        del names
        self.add(symbols)

    @property
    @abstractmethod
    def score(self) -> float:
        """The score so far; NaN while there is none."""


class NamedRunningTrace(RunningTrace):
    """One that needs its calls' names: they come to it as segments of one trace.

    Attributes:
        detector: whose vocabulary calls without names are told by.
    """

    def __init__(self, detector: SequenceDetector) -> None:
        self.detector = detector
        self._n_calls = 0

    def add(self, symbols: NDArray[np.uint16]) -> None:
        names = np.array([*self.detector.vocabulary.names, UNNAMED], dtype=object)
        self.add_named(names[np.minimum(symbols, len(names) - 1)], symbols)

    def add_named(self, names: NDArray[np.object_], symbols: NDArray[np.uint16]) -> None:
        del symbols  # of calls outside the vocabulary they say nothing
        alphabet, calls = np.unique(names.astype(str), return_inverse=True)
        segment = TraceSet(
            calls.astype(np.uint16),
            np.array([0, len(calls)], dtype=np.int64),
            tuple(alphabet.tolist()),
            (TraceInfo("running", "memory", first_call=self._n_calls, ends=False),),
        )
        self.take(segment)
        self._n_calls += len(calls)

    @abstractmethod
    def take(self, segment: TraceSet) -> None:
        """The next calls of the trace."""
