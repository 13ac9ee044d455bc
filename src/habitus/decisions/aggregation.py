"""From one surprise a call to one score a trace: mean, median, a quantile, or the worst stretch.

All of them skip undefined surprises (NaN). A trace with none defined has no score (NaN).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from habitus.decisions.aggregation_kernels import add_up, worst_windows
from habitus.decisions.rolling import RollingScore
from habitus.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

WHOLE = "whole"
"""The name of no aggregation: the score of a detector that knows only whole traces."""

_TEXT = re.compile(r"(mean|median|whole)|quantile:(0?\.\d+|0|1|1\.0+)|worst:(\d{1,6})")


@dataclass(frozen=True)
class Aggregation:
    """How a trace's surprises become its score.

    Attributes:
        kind: ``mean``, ``quantile`` (``median`` is the quantile .5), ``worst``, or ``whole`` where
            the detector gives the trace its score itself.
        parameter: the quantile in [0, 1] (interpolated linearly), or the length of the stretch
            whose mean is the largest; a shorter trace is one stretch.
    """

    kind: str
    parameter: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Aggregation:
        """Read ``mean``, ``median``, ``quantile:0.7`` or ``worst:20``.

        >>> Aggregation.parse("quantile:0.7")
        Aggregation(kind='quantile', parameter=0.7)

        Raises:
            UsageError: if it is none of these.
        """
        match = _TEXT.fullmatch(text.strip())
        if match is None or (match[3] and int(match[3]) == 0):
            raise UsageError(
                f"no aggregation is called {text!r}; there are mean, median, quantile:Q (Q from 0 "
                "to 1) and worst:W (W calls), and whole for detectors that know only whole traces"
            )
        if match[1] in {"mean", WHOLE}:
            return cls(match[1])
        if match[1] == "median":
            return cls("quantile", 0.5)
        return cls("worst", int(match[3])) if match[3] else cls("quantile", float(match[2]))

    def __str__(self) -> str:
        if self.kind in {"mean", WHOLE}:
            return self.kind
        if self.kind == "worst":
            return f"worst:{int(self.parameter)}"
        if self.parameter == 0.5:
            return "median"
        # All digits: a model is kept under this text, and must come back as the same quantile.
        return f"quantile:{np.format_float_positional(self.parameter, trim='-')}"

    def scores(
        self, surprise: NDArray[np.float32], offsets: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """(n_traces,) float64: the score of each whole trace; NaN where it has none.

        Raises:
            UsageError: if a surprise is infinite, which no detector may say.
        """
        if np.isinf(surprise).any():
            raise UsageError("a surprise is a finite number, or NaN where it is undefined; got inf")
        if self.kind == "worst":
            return np.array(
                [self._whole(surprise[begin:end]) for begin, end in pairwise(offsets)],
                dtype=np.float64,
            )
        if self.kind == "mean":
            totals, counts = np.zeros(len(offsets) - 1), np.zeros(len(offsets) - 1, np.int64)
            add_up(surprise, offsets, totals, counts)
            with np.errstate(invalid="ignore"):
                return totals / counts
        return np.array(
            [_quantile(surprise[begin:end], self.parameter) for begin, end in pairwise(offsets)],
            dtype=np.float64,
        )

    def _whole(self, surprise: NDArray[np.float32]) -> float:
        running = self.running()
        running.add(surprise)
        return running.score

    def running(self) -> RunningScore:
        """The score of one trace whose surprises arrive in segments."""
        if self.kind == "mean":
            return _RunningMean()
        if self.kind == "worst":
            return _RunningWorst(int(self.parameter))
        return _RunningQuantile(self.parameter)


class RunningScore:
    """Takes a trace's surprises segment by segment; `score` equals that of the whole trace."""

    def add(self, surprise: NDArray[np.float32]) -> None:
        """The next segment."""
        raise NotImplementedError

    @property
    def score(self) -> float:
        """The score so far; NaN while nothing was defined."""
        raise NotImplementedError


class _RunningMean(RunningScore):
    def __init__(self) -> None:
        self._total = np.zeros(1)
        self._count = np.zeros(1, dtype=np.int64)

    def add(self, surprise: NDArray[np.float32]) -> None:
        offsets = np.array([0, len(surprise)], dtype=np.int64)
        add_up(surprise, offsets, self._total, self._count)

    @property
    def score(self) -> float:
        return float(self._total[0] / self._count[0]) if self._count[0] else float("nan")


class _RunningQuantile(RunningScore):
    """Exact, hence 4 bytes a call: a quantile cannot be had from less."""

    def __init__(self, quantile: float) -> None:
        self._quantile = quantile
        self._parts: list[NDArray[np.float32]] = []

    def add(self, surprise: NDArray[np.float32]) -> None:
        self._parts.append(surprise.copy())

    @property
    def score(self) -> float:
        return _quantile(np.concatenate(self._parts), self._quantile) if self._parts else np.nan


class _RunningWorst(RunningScore):
    def __init__(self, window: int) -> None:
        self._rolling = RollingScore(window)
        self._best = float("nan")

    def add(self, surprise: NDArray[np.float32]) -> None:
        self._best = float(np.fmax.reduce(self._rolling.add(surprise), initial=self._best))

    @property
    def score(self) -> float:
        so_far = self._rolling.end()  # while it is shorter than the window
        return self._best if np.isnan(so_far) else so_far


def worst_stretch(surprise: NDArray[np.float32], window: int) -> tuple[int, float]:
    """(first call, mean) of the ``window`` consecutive calls with the largest mean surprise.

    Of equals, the first; undefined surprises are skipped. (0, NaN) where nothing is defined.
    """
    offsets = np.array([0, len(surprise)], dtype=np.int64)
    begins, means = worst_windows(surprise, offsets, np.array([window], dtype=np.int64))
    return int(begins[0]), float(means[0])


def _quantile(surprise: NDArray[np.float32], quantile: float) -> float:
    defined = surprise[np.isfinite(surprise)]
    return float(np.quantile(defined.astype(np.float64), quantile)) if len(defined) else np.nan
