"""From one surprise a call to one score a trace: mean, median, a quantile, or the worst stretch.

All of them skip undefined surprises (NaN). A trace with none defined has no score (NaN).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from habitus.decisions.aggregation_kernels import worst_windows
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
            window = np.full(len(offsets) - 1, int(self.parameter), dtype=np.int64)
            return worst_windows(surprise, offsets, window)[1]
        defined = np.isfinite(surprise)
        counts = _sums(defined, offsets)
        if self.kind == "mean":
            with np.errstate(invalid="ignore"):
                return _sums(np.where(defined, surprise, 0), offsets) / counts
        return np.array(
            [_quantile(surprise[begin:end], self.parameter) for begin, end in pairwise(offsets)],
            dtype=np.float64,
        )

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
        self._sum = 0.0
        self._count = 0

    def add(self, surprise: NDArray[np.float32]) -> None:
        defined = surprise[np.isfinite(surprise)]
        self._sum += float(defined.sum(dtype=np.float64))
        self._count += len(defined)

    @property
    def score(self) -> float:
        return self._sum / self._count if self._count else float("nan")


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
        self._window = window
        self._tail = np.zeros(0, dtype=np.float32)
        self._n = 0
        self._best = float("nan")

    def add(self, surprise: NDArray[np.float32]) -> None:
        if not len(surprise):
            return
        if self._n < self._window:
            self._best = float("nan")  # it was the mean of a trace shorter than the window
        stretch = np.concatenate([self._tail, surprise])
        offsets = np.array([0, len(stretch)], dtype=np.int64)
        window = np.array([self._window], dtype=np.int64)
        self._best = float(np.fmax(self._best, worst_windows(stretch, offsets, window)[1][0]))
        self._n += len(surprise)
        self._tail = stretch[max(0, len(stretch) - self._window + 1) :]

    @property
    def score(self) -> float:
        return self._best


def worst_stretch(surprise: NDArray[np.float32], window: int) -> tuple[int, float]:
    """(first call, mean) of the ``window`` consecutive calls with the largest mean surprise.

    Of equals, the first; undefined surprises are skipped. (0, NaN) where nothing is defined.
    """
    offsets = np.array([0, len(surprise)], dtype=np.int64)
    begins, means = worst_windows(surprise, offsets, np.array([window], dtype=np.int64))
    return int(begins[0]), float(means[0])


def _sums(values: NDArray[np.generic], offsets: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n_traces,) float64: the sum of each trace's values; 0 for an empty one."""
    # A zero at the end lets the last, possibly empty, trace begin there.
    padded = np.append(values.astype(np.float64), 0.0)
    sums: NDArray[np.float64] = (
        np.add.reduceat(padded, offsets[:-1]) if len(offsets) > 1 else padded[:0]
    )
    sums[np.diff(offsets) == 0] = 0.0  # reduceat gives an empty stretch the value it begins at
    return sums


def _quantile(surprise: NDArray[np.float32], quantile: float) -> float:
    defined = surprise[np.isfinite(surprise)]
    return float(np.quantile(defined.astype(np.float64), quantile)) if len(defined) else np.nan
