"""`Transitions`: which call followed which state, and how often; what can be drawn of a chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.detectors.trie import CallTrie
    from habitus.traces.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class Transitions:
    """A sparse matrix of counts: a row a state, a column a call, only what was seen.

    Attributes:
        calls: (n_calls,) names; ``call_counts`` int64, how often each occurred anywhere.
        states: (n_states, order) uint16, the calls that make up each state; sorted.
        occurred: (n_states,) int64, how often a state occurred; ``followed``, how often any call
            came after it: less, where it ended traces.
        rows, columns, counts: (n_transitions,) int64; by row, then by column.
    """

    calls: tuple[str, ...]
    call_counts: NDArray[np.int64]
    states: NDArray[np.uint16]
    occurred: NDArray[np.int64]
    followed: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, trie: CallTrie, vocabulary: Vocabulary) -> Transitions:
        """The matrix from windows of ``trie.order - 1`` calls to the call after them."""
        single, last = np.flatnonzero(trie.depth == 1), np.flatnonzero(trie.depth == trie.order)
        call_counts = np.zeros(len(vocabulary), dtype=np.int64)
        call_counts[trie.symbol[single]] = trie.count[single]
        nodes = np.unique(trie.parent[last])
        states = np.zeros((len(nodes), trie.order - 1), dtype=np.uint16)
        above = nodes
        for place in reversed(range(trie.order - 1)):
            states[:, place] = trie.symbol[above]
            above = trie.parent[above]
        # Nodes are numbered as they were read; the matrix depends on no order of reading.
        in_order = np.lexsort(states.T[::-1])
        nodes, states = nodes[in_order], states[in_order]
        row_of = np.zeros(len(trie.parent), dtype=np.int64)
        row_of[nodes] = np.arange(len(nodes))
        rows, columns = row_of[trie.parent[last]], trie.symbol[last].astype(np.int64)
        cells = np.lexsort((columns, rows))
        return cls(
            vocabulary.names, call_counts, states, trie.count[nodes], trie.total[nodes],
            rows[cells], columns[cells], trie.count[last][cells],
        )  # fmt: skip

    def state(self, row: int) -> tuple[str, ...]:
        """The names of the calls that a state is made of."""
        return tuple(self.calls[symbol] for symbol in self.states[row])


@runtime_checkable
class HasTransitions(Protocol):
    """A detector that is a chain of states, so that its matrix can be drawn."""

    def transitions(self) -> Transitions:
        """What was seen to follow what."""
        ...
