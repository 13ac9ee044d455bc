"""`outlier`: estimators of scikit-learn and PyOD over a trace's n-grams.

What each estimator is, and its source: docs/detectors/outlier.md.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from habitus.detectors.base import DetectorSettings
from habitus.detectors.by_ngrams import NGramBagDetector
from habitus.detectors.estimators import (
    BLOCK_ROWS,
    Estimator,
    EstimatorName,
    library_versions,
    one_thread,
)
from habitus.detectors.ngram_features import column_of
from habitus.errors import ModelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from habitus.detectors.base import State
    from habitus.progress import Progress

MAX_COUNTS = 5_000_000
"""Counts of the traces it is fitted on, so that loading a model is no long work."""
MAX_CELLS = 1 << 24
"""N-grams times dimensions: 128 MiB as float64."""
CHECKED_ROWS = 16
"""So many of the rows it was fitted on are scored again when a model is loaded."""
TOLERANCE = 1e-3
_MAX_VERSIONS = 4096


class OutlierSettings(DetectorSettings):
    """Settings of `Outlier`."""

    estimator: EstimatorName = Field("one-class-svm", description="the estimator")
    n: int = Field(3, ge=1, le=64, description="calls in an n-gram")
    dimensions: int = Field(
        200, ge=1, le=200, description="columns that n-grams are reduced to, by truncated SVD"
    )
    traces: int = Field(
        2000, ge=2, le=5000,
        description="distinct training traces that it is fitted on, at most; the seed draws them",
    )  # fmt: skip


class Outlier(NGramBagDetector):
    """Score is that of an outlier estimator fitted on the training traces' n-grams.

    A trace's row of TF-IDF n-grams, those never seen counted as one more, is projected to
    ``dimensions`` columns. What the estimator sees is the projection's direction, and beside it the
    length of what the projection leaves out: without that, a trace of new n-grams lies in the
    middle of all, and nothing is more ordinary.

    Fails: where strange traces hold nothing new; like every estimator of its kind, it knows no
    order beyond the n-gram.
    """

    name: ClassVar[str] = "outlier"
    summary: ClassVar[str] = "outlier estimators of scikit-learn and PyOD over TF-IDF n-grams"
    score_unit: ClassVar[str] = "outlier score"
    Settings: ClassVar[type[DetectorSettings]] = OutlierSettings

    def _learn(self, counts: csr_array, seed: int, progress: Progress) -> None:
        chosen = np.random.default_rng(seed).permutation(counts.shape[0])[: self.settings.traces]
        sizes = np.cumsum(np.diff(counts.indptr)[chosen])
        self.counts = counts[np.sort(chosen[sizes <= MAX_COUNTS])]
        self._seed = seed
        progress.stage("fitting")
        with one_thread():
            self._fit_rows()
        self._versions = library_versions(self.settings.estimator)
        self._checked = self._scores(self._rows_to_check()) if self._estimator else np.zeros(0)

    def _fit_rows(self) -> None:
        """Fit projection and estimator on ``counts``: the same arrays and seed give the same again.

        Raises:
            UsageError: if there is too much of it, or the estimator cannot be had.
        """
        self._estimator: Estimator | None = None
        n_rows = self.counts.shape[0]
        if n_rows < 2:
            return
        from sklearn.decomposition import TruncatedSVD

        dimensions = min(self.settings.dimensions, n_rows, self.features.size)
        if dimensions * self.features.size > MAX_CELLS:
            raise UsageError(
                f"outlier: {self.features.size:,} n-grams in {dimensions} dimensions are more than "
                f"it can hold; set a smaller n (now {self.features.n}) or fewer dimensions"
            )
        projection = TruncatedSVD(dimensions, random_state=self._seed % (1 << 32))
        with np.errstate(divide="ignore", invalid="ignore"):
            # It divides by the variance of all rows, for a share that nobody asks for here.
            projection.fit(self.features.weighted(self.counts, unseen=True))
        self._components = projection.components_.T.copy()
        self._estimator = Estimator(
            self.settings.estimator, self._projected(self.counts), self._seed
        )

    def _projected(self, counts: csr_array) -> NDArray[np.float64]:
        """(n_rows, dimensions + 1): the direction of each row, and the length of what is left."""
        inside = self.features.weighted(counts, unseen=True) @ self._components
        squared = np.sum(inside * inside, axis=1, keepdims=True)
        direction = inside / np.sqrt(np.where(squared > 0, squared, 1))
        return np.hstack([direction, np.sqrt(np.maximum(0, 1 - squared))])

    def _scores(self, counts: csr_array) -> NDArray[np.float64]:
        scores = np.full(counts.shape[0], np.nan)
        if self._estimator is None:
            return scores
        for begin in range(0, len(scores), BLOCK_ROWS):
            block = slice(begin, begin + BLOCK_ROWS)
            with one_thread():
                scores[block] = self._estimator.scores(self._projected(counts[block]))
        return scores

    def _rows_to_check(self) -> csr_array:
        n_rows = self.counts.shape[0]
        return self.counts[np.unique(np.linspace(0, n_rows - 1, CHECKED_ROWS).astype(np.int64))]

    def state(self) -> State:
        return super().state() | {
            "seed": np.array([self._seed], dtype=np.int64),
            "checked": self._checked,
            "versions": np.frombuffer(json.dumps(self._versions).encode(), dtype=np.uint8),
        }

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Fit the estimator again on the rows kept, and see that it scores some of them as it did.

        Raises:
            ModelError: if the arrays do not fit together or are too many, or if it does not.
        """
        seed, checked = column_of(state, "seed", np.int64), column_of(state, "checked", np.float64)
        self._versions = _versions_of(column_of(state, "versions", np.uint8))
        super().restore(state)
        n_rows = self.counts.shape[0]
        if len(seed) != 1:
            raise ModelError("the model's array 'seed' holds more or less than one seed")
        if n_rows > self.settings.traces or self.counts.nnz > MAX_COUNTS:
            raise ModelError("it holds more traces or n-gram counts than it may be fitted on")
        self._seed, self._checked = int(seed[0]), checked
        try:
            with one_thread():
                self._fit_rows()
        except UsageError as error:
            raise ModelError(str(error)) from None
        again = self._scores(self._rows_to_check()) if self._estimator else np.zeros(0)
        spread = float(np.ptp(again)) if len(again) else 0.0
        if len(again) != len(checked) or not np.allclose(
            checked, again, rtol=TOLERANCE, atol=TOLERANCE * spread
        ):
            here = _told(library_versions(self.settings.estimator))
            raise ModelError(
                f"{self.settings.estimator}, fitted again, does not score as it did: it was fitted "
                f"with {_told(self._versions)}, and here is {here}; train it again"
            )


def _versions_of(text: NDArray[np.uint8]) -> dict[str, str]:
    try:
        versions = json.loads(text[:_MAX_VERSIONS].tobytes())
    except (ValueError, RecursionError):
        versions = None
    words = [*versions, *versions.values()] if isinstance(versions, dict) else [None]
    if not all(isinstance(word, str) and re.fullmatch(r"[\w.+!-]{1,40}", word) for word in words):
        raise ModelError("the versions of the libraries that it was fitted with are damaged")
    return dict(versions)


def _told(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {found}" for name, found in versions.items())
