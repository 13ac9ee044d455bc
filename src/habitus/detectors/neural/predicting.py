"""Predictors of language networks: what is remembered of a trace, and what it makes likely."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.detectors.neural.standing import Standing
from habitus.detectors.neural.window_scoring import standing_after
from habitus.detectors.prediction import Predictor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.detectors.neural.reader import Reader


class ReaderPredictor(Predictor):
    """Reads a trace on from where it stands.

    Args:
        kept: (n_known,) of each call's probability, what calls never seen do not borrow.
    """

    def __init__(self, reader: Reader, kept: NDArray[np.float64]) -> None:
        self._reader, self._kept = reader, kept
        self._standing = reader.fresh(1)

    def observe(self, symbols: NDArray[np.uint16]) -> None:
        calls = self._reader.symbols(symbols)
        if len(calls) == 1:
            after = self._reader.step(self._standing, calls)[1]
            self._standing = Standing(after, calls)
        elif len(calls):
            offsets = np.array([0, len(calls)])
            self._standing = self._reader.score(calls, offsets, self._standing)[1]

    def chances(self) -> NDArray[np.float64]:
        return _doubled(self._reader.chances(self._standing)) * self._kept


class WindowPredictor(Predictor):
    """Reads the last calls anew for each that comes next, as a model of windows learned to.

    Args:
        window: calls that it goes by; before there are so many it says nothing.
        kept: as of `ReaderPredictor`.
    """

    def __init__(self, reader: Reader, window: int, kept: NDArray[np.float64]) -> None:
        self._reader, self._kept = reader, kept
        self.needs_calls = window
        self._last = np.zeros(0, dtype=np.uint16)

    def observe(self, symbols: NDArray[np.uint16]) -> None:
        self._last = np.concatenate([self._last, symbols])[-self.needs_calls :]

    def chances(self) -> NDArray[np.float64]:
        standing = standing_after(self._reader, self._last)
        return _doubled(self._reader.chances(standing)) * self._kept


def _doubled(chances: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n_known,) float64: the one row of chances."""
    doubled: NDArray[np.float64] = chances[0].astype(np.float64)
    return doubled
