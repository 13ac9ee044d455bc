"""`NGramFeatures`: traces as sparse rows of n-gram counts, weighted by TF-IDF.

An n-gram is a node of a `CallTrie` at depth n, so that no two are ever confused, as they are where
n-grams are hashed. The weights are those of K. Sparck Jones (1972) in the form that scikit-learn's
TfidfVectorizer gives them: raw counts, idf(g) = ln((1 + N) / (1 + df(g))) + 1, rows of length 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from habitus.compiled import hash_multiplier
from habitus.detectors import trie
from habitus.detectors.ngram_features_kernels import window_nodes
from habitus.detectors.trie import CallTrie
from habitus.detectors.trie_kernels import ROOT
from habitus.errors import ModelError
from habitus.progress import SILENT, Progress
from habitus.traces.traceset import offsets_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from habitus.detectors.base import State

    Arrays = Mapping[str, NDArray[np.generic]]

_Scalar = TypeVar("_Scalar", bound=np.generic)


class NGramFeatures:
    """The n-grams of training traces, and how many of those traces hold each.

    Attributes:
        n: calls in an n-gram.
        size: how many different ones there are. A trace's row has a column for each, and a last one
            for all n-grams that were never seen.
        documents: (size,) int64, how many training traces hold each.
        n_documents: how many training traces there were, those without an n-gram among them.
    """

    def __init__(self, windows: CallTrie, documents: NDArray[np.int64], n_documents: int) -> None:
        """The n-grams are the windows of full length.

        Raises:
            ModelError: if ``documents`` does not fit them.
        """
        is_full = windows.depth == windows.order
        self.n = windows.order
        self.size = int(np.count_nonzero(is_full))
        self.documents, self.n_documents = documents, n_documents
        fits = len(documents) == self.size and 0 <= n_documents < trie.MAX_CALLS
        if not fits or (self.size and not 1 <= documents.min() <= documents.max() <= n_documents):
            raise ModelError("the numbers of traces that hold each n-gram do not fit the n-grams")
        self._windows = windows
        # A column a node. Only the root, where nothing is known, and full windows are asked for;
        # the last entry answers for -1, where no n-gram ends.
        columns = np.where(is_full, np.cumsum(is_full) - 1, self.size)
        self._column = np.append(columns, -1).astype(np.int32)
        self._rarity = np.log((1 + n_documents) / (1 + np.append(documents, 0)))

    @classmethod
    def of(
        cls,
        symbols: NDArray[np.uint16],
        offsets: NDArray[np.int64],
        multiplicity: NDArray[np.int64],
        n: int,
        n_symbols: int,
        progress: Progress = SILENT,
    ) -> tuple[NGramFeatures, csr_array]:
        """The n-grams of distinct traces, each of which stood ``multiplicity`` times in training.

        Returns:
            The n-grams, and `counts` of these traces.
        """
        windows = CallTrie.grown(symbols, offsets, n, n_symbols, progress)
        size = int(np.count_nonzero(windows.depth == n))
        features = cls(windows, np.ones(size, dtype=np.int64), int(multiplicity.sum()))
        counts = features.counts(symbols, offsets, progress)
        held_by = np.repeat(multiplicity, np.diff(counts.indptr))
        documents = np.bincount(counts.indices, weights=held_by, minlength=size)
        return cls(windows, documents.astype(np.int64), features.n_documents), counts

    def columns(
        self,
        symbols: NDArray[np.uint16],
        offsets: NDArray[np.int64],
        history: int = ROOT,
        before: int = 0,
    ) -> tuple[NDArray[np.int32], int]:
        """The n-gram that ends at each call, and the history to go on from.

        Args:
            history, before: where the first trace goes on: what `columns` gave for its calls
                before, and how many they are.

        Returns:
            (n_calls,) int32: the n-gram's column; ``size`` if it was never seen, -1 where none
            ends. And that history.
        """
        windows, multiplier = self._windows, np.uint64(hash_multiplier())
        out = np.empty(len(symbols), dtype=np.int32)
        trace = 0
        for begin in range(0, len(symbols), trie.CHUNK_CALLS):
            chunk = out[begin : begin + trie.CHUNK_CALLS]
            trace, history = window_nodes(
                symbols, begin, begin + len(chunk), offsets, trace, history, before, self.n,
                multiplier, windows.keys, windows.link, chunk,
            )  # fmt: skip
            chunk[:] = self._column[chunk]
        return out, int(history)

    def counts(
        self,
        symbols: NDArray[np.uint16],
        offsets: NDArray[np.int64],
        progress: Progress = SILENT,
    ) -> csr_array:
        """(n_traces, size + 1) float64: how often each trace holds each n-gram."""
        from scipy.sparse import csr_array

        shape = (len(offsets) - 1, self.size + 1)
        columns, _ = self.columns(symbols, offsets)
        cells, times = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
        progress.stage("counting n-grams", len(symbols))
        # A chunk at a time: the memory is that of the different n-grams, however long a trace is.
        for begin in range(0, len(symbols), trie.CHUNK_CALLS):
            chunk = columns[begin : begin + trie.CHUNK_CALLS]
            ends = np.flatnonzero(chunk >= 0)
            rows = np.searchsorted(offsets, begin + ends, side="right") - 1
            found, often = np.unique(rows * shape[1] + chunk[ends], return_counts=True)
            cells.append(found)
            times.append(often)
            progress.advance(len(chunk))
        places = np.divmod(np.concatenate(cells), shape[1])
        counts = csr_array((np.concatenate(times).astype(np.float64), places), shape=shape)
        # scipy promises neither one cell a place nor an order, on which a row's sum depends.
        counts.sum_duplicates()
        return counts

    def row(self, counts: Mapping[int, int]) -> csr_array:
        """(1, size + 1) float64: `counts` of one trace, given as how often by column."""
        from scipy.sparse import csr_array

        columns = np.array(sorted(counts), dtype=np.int64)
        values = np.array([counts[column] for column in columns.tolist()], dtype=np.float64)
        shape = (1, self.size + 1)
        return csr_array((values, columns, offsets_of([len(columns)])), shape=shape)

    def weighted(self, counts: csr_array, *, unseen: bool) -> csr_array:
        """Rows of `counts` by TF-IDF, each of length 1; a row without weight stays so.

        Args:
            unseen: whether n-grams never seen weigh like others that no training trace holds, or
                nothing, as with TfidfVectorizer.
        """
        from scipy.sparse import csr_array

        weight = self._rarity + 1
        weight[self.size] *= unseen
        weights = counts.data * weight[counts.indices]
        row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
        # Added up in the order of the columns, whatever rows stand beside: a trace's score may not
        # depend on others judged with it.
        squared = np.bincount(row, weights=weights * weights, minlength=counts.shape[0])
        weights /= np.sqrt(np.where(squared > 0, squared, 1))[row]
        return csr_array((weights, counts.indices, counts.indptr), shape=counts.shape)

    def rarity(
        self, symbols: NDArray[np.uint16], offsets: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """(n_calls,) float32: ln((1 + N) / (1 + df)) of the n-gram that ends at each call.

        It is 0 where every training trace holds it, ln(1 + N) where none does, and NaN at the
        first n - 1 calls of a trace.
        """
        columns, _ = self.columns(symbols, offsets)
        # The last entry answers for -1.
        return np.append(self._rarity, np.nan).astype(np.float32)[columns]

    def state(self) -> State:
        """What `from_state` needs."""
        n_documents = np.array([self.n_documents], dtype=np.int64)
        own: State = {"documents": self.documents, "n_documents": n_documents}
        return own | self._windows.state()

    @classmethod
    def from_state(cls, n: int, state: Arrays, n_symbols: int) -> NGramFeatures:
        """The n-grams that `state` gave.

        Raises:
            ModelError: if the arrays are missing, of other types, or do not fit together.
        """
        windows = CallTrie.from_state(n, state, n_symbols)
        n_documents = column_of(state, "n_documents", np.int64)
        if len(n_documents) != 1:
            raise ModelError("the model's array 'n_documents' holds more or less than one number")
        return cls(windows, column_of(state, "documents", np.int64), int(n_documents[0]))


def column_of(state: Arrays, name: str, dtype: type[_Scalar]) -> NDArray[_Scalar]:
    """A one-dimensional array of a state.

    Raises:
        ModelError: if it is missing, of another type or of another shape.
    """
    found = state.get(name)
    if found is None or found.dtype != dtype or found.ndim != 1:
        raise ModelError(f"the model's array {name!r} is missing or of another type")
    return np.ascontiguousarray(found, dtype=dtype)


def counts_state(counts: csr_array) -> State:
    """What `counts_from` needs: the rows' cells, and where each row begins."""
    return {
        "cells": counts.indices.astype(np.int32),
        "times": counts.data.astype(np.int64),
        "rows": counts.indptr.astype(np.int64),
    }


def counts_from(state: Arrays, features: NGramFeatures) -> csr_array:
    """The rows that `counts_state` gave.

    Raises:
        ModelError: if the arrays are missing, of other types, or make no rows of these n-grams.
    """
    from scipy.sparse import csr_array

    cells, times = column_of(state, "cells", np.int32), column_of(state, "times", np.int64)
    rows = column_of(state, "rows", np.int64)
    if not len(rows) or rows[0] != 0 or rows[-1] != len(cells) or len(cells) != len(times):
        raise ModelError("the n-gram counts' arrays are of lengths that do not fit together")
    if np.any(rows[1:] <= rows[:-1]):
        raise ModelError("a row of n-gram counts holds none, or ends before it begins")
    if len(cells) and not (cells.min() >= 0 and cells.max() < features.size):
        raise ModelError(f"an n-gram count is of none of the {features.size} n-grams")
    if len(times) and not (times.min() >= 1 and times.max() < trie.MAX_CALLS):
        raise ModelError("an n-gram count is not between 1 and 2**53")
    begins_row = np.zeros(len(cells) + 1, dtype=bool)
    begins_row[rows] = True
    if np.any((cells[1:] <= cells[:-1]) & ~begins_row[1:-1]):
        raise ModelError("a row of n-gram counts is not in order, or holds an n-gram twice")
    shape = (len(rows) - 1, features.size + 1)
    return csr_array((times.astype(np.float64), cells, rows), shape=shape)
