"""`neighbours`: how far a trace lies from the training trace that is most like it.

Source: Y. Liao and V. R. Vemuri, "Using text categorization techniques for intrusion detection",
USENIX Security 2002, who weigh single calls; here it is n-grams, and the nearest neighbour alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from habitus.detectors.base import DetectorSettings
from habitus.detectors.by_ngrams import NGramBagDetector

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from habitus.progress import Progress

BLOCK_CELLS = 1 << 21
"""Cosines are formed for so many pairs of a trace and a training trace at a time, at most."""


class NeighboursSettings(DetectorSettings):
    """Settings of `Neighbours`."""

    n: int = Field(3, ge=1, le=64, description="calls in an n-gram")


class Neighbours(NGramBagDetector):
    """Score is 1 - the largest cosine between a trace's TF-IDF row and a training trace's.

    0 is a trace whose n-grams are those of a training trace in the same proportions, 1 one that
    shares none with any. N-grams never seen are left out of the row, as TfidfVectorizer leaves
    them out: a trace is not the farther for them, unless it holds nothing else.

    Fails: on an attack within a long normal trace, which stays near its neighbour; on traces that
    hold what is known, in another order.
    """

    name: ClassVar[str] = "neighbours"
    summary: ClassVar[str] = "cosine distance of TF-IDF n-grams to the nearest training trace"
    score_unit: ClassVar[str] = "cosine distance"
    max_score: ClassVar[float | None] = 1.0
    Settings: ClassVar[type[DetectorSettings]] = NeighboursSettings

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        super().restore(state)
        self._index()

    def _learn(self, counts: csr_array, seed: int, progress: Progress) -> None:  # noqa: ARG002
        self.counts = counts
        self._index()

    def _index(self) -> None:
        """By n-gram, which training traces hold it: then a trace meets those alone that share."""
        self._holders = self.features.weighted(self.counts, unseen=False).T.tocsr()

    def _scores(self, counts: csr_array) -> NDArray[np.float64]:
        rows = self.features.weighted(counts, unseen=False)
        n_rows, n_learned = rows.shape[0], self.counts.shape[0]
        scores = np.ones(n_rows)
        if not n_learned:
            return scores
        step = max(1, BLOCK_CELLS // n_learned)
        for begin in range(0, n_rows, step):
            cosines = rows[begin : begin + step] @ self._holders
            nearest = cosines.max(axis=1).toarray().ravel()
            # Rounding may take a cosine a hair beyond 1.
            scores[begin : begin + step] = np.maximum(1 - nearest, 0)
        return scores
