"""Rolling scores: after every call, the last ones as strange as they are together.

A trace shorter than the window is one stretch: it has one score, at its last call. What a recording
gives as it comes, segment by segment, is exactly what it gives when it is scored as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.decisions import rolling_kernels as k
from habitus.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK_CALLS = 1 << 18
"""Loops stop this often for Ctrl-C."""


class RollingScore:
    """The rolling score of one trace whose surprises arrive in segments.

    Keeps the surprises of one window, 4 bytes each, and for quantiles their order, 13 more.
    """

    def __init__(self, window: int, quantile: float | None = None) -> None:
        """Begin a trace.

        Args:
            window: calls that a score is made of.
            quantile: which quantile of their surprises it is; None for their mean.
        """
        self._quantile = quantile
        self._ring = np.empty(window, dtype=np.float32)
        self._counts = np.zeros(4, dtype=np.int64)
        self._total = np.zeros(1)
        ordered = 0 if self._quantile is None else window
        self._heaps = np.zeros((2, ordered), dtype=np.int32)
        self._where = np.zeros(ordered, dtype=np.int32)
        self._side = np.zeros(ordered, dtype=np.int8)

    def add(self, surprise: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n,) float64: the score after each of the next calls; NaN while the window is not full.

        Raises:
            UsageError: if a surprise is infinite, which no detector may say.
        """
        if np.isinf(surprise).any():
            raise UsageError("a surprise is a finite number, or NaN where it is undefined; got inf")
        scores = np.empty(len(surprise))
        for begin in range(0, len(surprise), CHUNK_CALLS):
            chunk = slice(begin, begin + CHUNK_CALLS)
            if self._quantile is None:
                k.rolling_mean(
                    surprise[chunk], self._ring, self._counts, self._total, scores[chunk]
                )
            else:
                k.rolling_quantile(
                    surprise[chunk], self._ring, self._counts, self._heaps, self._where,
                    self._side, self._quantile, scores[chunk],
                )  # fmt: skip
        return scores

    def end(self) -> float:
        """The score of a trace that ends before it has filled the window; else NaN."""
        counts = self._counts
        if counts[k.N_SEEN] == len(self._ring):
            return float("nan")
        if self._quantile is None:
            defined = int(counts[k.N_DEFINED])
            return float(self._total[0] / defined) if defined else float("nan")
        if not counts[k.N_LOW]:
            return float("nan")
        return float(k.middle_of(self._heaps, counts, self._ring, self._quantile))
