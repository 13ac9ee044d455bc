"""What detectors share that look at a whole trace as a bag of its n-grams."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from habitus.detectors.ngram_features import NGramFeatures, counts_from, counts_state
from habitus.detectors.trie_kernels import ROOT
from habitus.detectors.whole import RunningTrace, TraceDetector
from habitus.errors import ModelError
from habitus.progress import SILENT, Progress
from habitus.traces.traceset import offsets_of
from habitus.traces.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from habitus.detectors.base import State
    from habitus.traces.traceset import TraceSet

BLOCK_CALLS = 1 << 20
"""Traces are scored in blocks of about so many calls."""


class NGramBagDetector(TraceDetector):
    """A detector that compares a trace's n-grams, whatever their order, with the training traces'.

    A subclass has a setting ``n`` and says what a row of counts scores. A trace of fewer than n
    calls has no n-gram and no score (NaN).

    Attributes:
        features: the n-grams of the training traces.
        counts: (n_rows, features.size + 1) float64, a row for each distinct training trace that has
            an n-gram, or for those that the subclass keeps.
    """

    unit: ClassVar[str] = "rarity"

    features: NGramFeatures
    counts: csr_array

    @property
    def memory_calls(self) -> int:
        return int(self.settings.n) - 1

    def fit(
        self,
        normal: TraceSet,
        held_out: TraceSet | None = None,  # noqa: ARG002 - nothing here must know when to stop
        progress: Progress = SILENT,
        *,
        seed: int = 1,
    ) -> None:
        self.vocabulary = Vocabulary.of(normal)
        _, first, multiplicity = np.unique(
            normal.sequence_ids(), return_index=True, return_counts=True
        )
        distinct = normal.select(first)
        self.features, counts = NGramFeatures.of(
            self.vocabulary.encode(distinct), distinct.offsets, multiplicity,
            self.settings.n, len(self.vocabulary), progress,
        )  # fmt: skip
        self._learn(counts[np.flatnonzero(np.diff(counts.indptr))], seed, progress)

    def surprise(self, traces: TraceSet) -> NDArray[np.float32]:
        """(n_calls,) float32: how rare the n-gram is that ends at a call: where to look first."""
        return self.features.rarity(self.vocabulary.encode(traces), traces.offsets)

    def trace_scores(self, traces: TraceSet) -> NDArray[np.float64]:
        symbols = self.vocabulary.encode(traces)
        scores = np.full(traces.n_traces, np.nan)
        # A block ends where a trace does, and holds one at least.
        begin = 0
        while begin < traces.n_traces:
            wanted = int(traces.offsets[begin]) + BLOCK_CALLS
            end = max(begin + 1, int(np.searchsorted(traces.offsets, wanted, side="right")) - 1)
            offsets = traces.offsets[begin : end + 1]
            counts = self.features.counts(symbols[offsets[0] : offsets[-1]], offsets - offsets[0])
            scored = np.flatnonzero(np.diff(offsets) >= self.features.n)
            scores[begin + scored] = self._scores(counts[scored])
            begin = end
        return scores

    def running(self) -> RunningTrace:
        return _RunningBag(self)

    def row_score(self, counts: Mapping[int, int]) -> float:
        """The score of a trace that holds so many of the n-grams of these columns."""
        return float(self._scores(self.features.row(counts))[0])

    def state(self) -> State:
        return self.features.state() | counts_state(self.counts)

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        features = NGramFeatures.from_state(self.settings.n, state, len(self.vocabulary))
        counts = counts_from(state, features)
        if counts.shape[0] > features.n_documents:
            raise ModelError("it keeps more training traces than it was trained on")
        self.features, self.counts = features, counts

    @abstractmethod
    def _learn(self, counts: csr_array, seed: int, progress: Progress) -> None:
        """Take the counts of the distinct training traces, and keep what is needed of them."""

    @abstractmethod
    def _scores(self, rows: csr_array) -> NDArray[np.float64]:
        """(n_rows,) float64: the scores of rows of counts; each depends on its own row alone."""


class _RunningBag(RunningTrace):
    """Counts a trace's n-grams as they come: no more different ones than training held."""

    def __init__(self, detector: NGramBagDetector) -> None:
        self._detector = detector
        self._counts: Counter[int] = Counter()
        self._n_calls = 0
        self._history = ROOT

    def add(self, symbols: NDArray[np.uint16]) -> None:
        features = self._detector.features
        columns, self._history = features.columns(
            symbols, offsets_of([len(symbols)]), self._history, self._n_calls
        )
        found, often = np.unique(columns[columns >= 0], return_counts=True)
        self._counts.update(dict(zip(found.tolist(), often.tolist(), strict=True)))
        self._n_calls += len(symbols)

    @property
    def score(self) -> float:
        if self._n_calls < self._detector.features.n:
            return float("nan")
        return self._detector.row_score(self._counts)
