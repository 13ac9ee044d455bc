"""The seam of detectors that know only whole traces: one score a trace, none a call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from habitus.detectors.base import SequenceDetector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from habitus.traces.traceset import TraceSet


class TraceDetector(SequenceDetector):
    """A detector whose score of a trace is no aggregation of what its calls cost.

    Its `surprise` only tells a reader where to look: in `unit`, never compared with a threshold.

    Attributes:
        score_unit: of a trace's score; ``max_score`` is the highest there can be, or None.
    """

    score_unit: ClassVar[str]
    max_score: ClassVar[float | None] = None

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

    @property
    @abstractmethod
    def score(self) -> float:
        """The score so far; NaN while there is none."""
