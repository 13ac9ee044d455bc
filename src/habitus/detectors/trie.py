"""`CallTrie`: every window of up to n calls seen in training, counted exactly.

A node is a window; its parent is the window without its last call, its *suffix link* the window
without its first. Reading a trace follows children while they exist and suffix links where they do
not, so that each call costs a few table look-ups whatever n is (Aho and Corasick 1975). Both
classical detectors are this walk: STIDE asks how long the matched window is, the n-gram model what
its last call costs.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from habitus.compiled import hash_multiplier
from habitus.detectors import trie_kernels as k
from habitus.errors import ModelError
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    State = tuple[int, int]

_Scalar = TypeVar("_Scalar", bound=np.generic)

CHUNK_CALLS = 1 << 16
"""Loops stop this often for progress and Ctrl-C."""
MAX_NODES = 1 << 30
MAX_CALLS = 1 << 53
"""Counts below this are exact as float64, too."""

_COMPLAINTS = {
    k.BAD_PARENT: "its parent does not stand before it",
    k.BAD_SYMBOL: "its call is not in the vocabulary",
    k.BAD_COUNT: "its count is not between 1 and the number of calls",
    k.TOO_DEEP: "its window is longer than the order",
    k.TWICE: "the same window stands twice",
    k.NO_SUFFIX: "its suffix is missing",
    k.TOO_OFTEN: "it and the windows beside it stand more often than the window they go on from",
}


class CallTrie:
    """Windows of 1 to ``order`` calls and their counts.

    Attributes:
        parent: (n_nodes,) int32; the root, the empty window, is node 0 and its own parent.
        symbol: (n_nodes,) uint16, the window's last call.
        count: (n_nodes,) int64; the root's is the number of calls.
        depth: (n_nodes,) int32, the window's length.
        link: (n_nodes,) int32, the window without its first call.
        total, types: (n_nodes,) int64; how often, and by how many different calls, it was followed.
        follow: (n_nodes,) int32, the longest suffix that can be a history.
    """

    def __init__(
        self,
        order: int,
        parent: NDArray[np.int32],
        symbol: NDArray[np.uint16],
        count: NDArray[np.int64],
        n_symbols: int,
    ) -> None:
        """Build from columns, each checked; `grown` counts them from traces.

        Raises:
            ModelError: if the columns are not those of a trie.
        """
        n_nodes = len(parent)
        if n_nodes < 1 or n_nodes > MAX_NODES or not n_nodes == len(symbol) == len(count):
            raise ModelError("the windows' columns are empty, too long or of different lengths")
        if not 0 <= count[k.ROOT] < MAX_CALLS:
            raise ModelError(f"the number of calls, {count[k.ROOT]}, is not between 0 and 2**53")
        self.order = order
        self.n_symbols = n_symbols
        self.parent, self.symbol, self.count = parent, symbol, count
        self.depth = np.zeros(n_nodes, dtype=np.int32)
        self.link = np.zeros(n_nodes, dtype=np.int32)
        self.total = np.zeros(n_nodes, dtype=np.int64)
        self.keys = _empty_table(n_nodes)
        self._multiplier = np.uint64(hash_multiplier())
        status, node = k.relink(
            parent, symbol, count, order, n_symbols,
            self._multiplier, self.keys, self.depth, self.link, self.total,
        )  # fmt: skip
        if status != k.GOOD:
            raise ModelError(f"window {node} of the model is damaged: {_COMPLAINTS[status]}")
        self.types = np.zeros(n_nodes, dtype=np.int64)
        self.follow = np.zeros(n_nodes, dtype=np.int32)
        k.summarise(
            parent, symbol, self.depth, self.link, order,
            self._multiplier, self.keys, self.total, self.types, self.follow,
        )  # fmt: skip

    @classmethod
    def grown(
        cls,
        symbols: NDArray[np.uint16],
        offsets: NDArray[np.int64],
        order: int,
        n_symbols: int,
        progress: Progress = SILENT,
    ) -> CallTrie:
        """Count the windows of traces whose every symbol is below ``n_symbols``."""
        room = 1 + CHUNK_CALLS * order
        parent = np.zeros(room, dtype=np.int32)
        symbol = np.zeros(room, dtype=np.uint16)
        link = np.zeros(room, dtype=np.int32)
        count = np.zeros(room, dtype=np.int64)
        keys = _empty_table(room)
        multiplier = np.uint64(hash_multiplier())
        active = np.zeros(order + 1, dtype=np.int64)
        trace, depth, n_nodes = 0, 0, 1
        progress.stage("counting windows", len(symbols))
        for begin in range(0, len(symbols), CHUNK_CALLS):
            end = min(begin + CHUNK_CALLS, len(symbols))
            wanted = n_nodes + CHUNK_CALLS * order
            if wanted > len(parent):
                parent, symbol, link, count = (
                    np.concatenate([c, np.zeros(max(wanted, 2 * len(c)) - len(c), dtype=c.dtype)])
                    for c in (parent, symbol, link, count)
                )
                keys = _empty_table(len(parent))
                k.refill(parent[:n_nodes], symbol[:n_nodes], multiplier, keys)
            trace, depth, n_nodes = k.grow(
                symbols, begin, end, offsets, trace, depth, active, order, multiplier,
                keys, parent, symbol, link, count, n_nodes,
            )  # fmt: skip
            progress.advance(end - begin)
        nodes = slice(n_nodes)
        return cls(
            order, parent[nodes].copy(), symbol[nodes].copy(), count[nodes].copy(), n_symbols
        )

    @classmethod
    def from_state(cls, order: int, state: Mapping[str, NDArray[np.generic]], n: int) -> CallTrie:
        """The trie that `state` gave, over ``n`` symbols.

        Raises:
            ModelError: if the arrays are missing, of other types, or no trie.
        """

        def column(name: str, dtype: type[_Scalar]) -> NDArray[_Scalar]:
            found = state.get(name)
            if found is None or found.dtype != dtype or found.ndim != 1:
                raise ModelError(f"the model's array {name!r} is missing or of another type")
            return np.ascontiguousarray(found, dtype=dtype)

        parent, symbol = column("parent", np.int32), column("symbol", np.uint16)
        return cls(order, parent, symbol, column("count", np.int64), n)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """The columns that `from_state` needs; the rest follows from them."""
        return {"parent": self.parent, "symbol": self.symbol, "count": self.count}

    def pruned(self, least: int) -> CallTrie:
        """Without the windows of two calls or more that were seen less often than ``least``."""
        if least < 2:
            return self
        # What a window ends in, and what it goes on from, was seen as often: both stay where it
        # does.
        stays = (self.depth < 2) | (self.count >= least)
        place = np.cumsum(stays, dtype=np.int32) - 1
        return CallTrie(
            self.order, place[self.parent[stays]].astype(np.int32), self.symbol[stays],
            self.count[stays], self.n_symbols,
        )  # fmt: skip

    def mismatches(
        self, symbols: NDArray[np.uint16], offsets: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """(n_calls,) float32: 1 where the window of ``order`` calls ending here was never seen."""
        out = np.empty(len(symbols), dtype=np.float32)
        state: State = (0, k.ROOT)
        for begin in range(0, len(symbols), CHUNK_CALLS):
            state = k.window_mismatch(
                symbols, begin, min(begin + CHUNK_CALLS, len(symbols)), offsets, *state,
                self.order, self._multiplier, self.keys, self.link, out,
            )  # fmt: skip
        return out

    def window_values(
        self,
        symbols: NDArray[np.uint16],
        offsets: NDArray[np.int64],
        value: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """(n_calls,) float32: of the window of ``order`` calls ending here, 1 where never seen.

        Args:
            value: (n_nodes,) float32; only those of windows of ``order`` calls are read.
        """
        out = np.empty(len(symbols), dtype=np.float32)
        state: State = (0, k.ROOT)
        for begin in range(0, len(symbols), CHUNK_CALLS):
            state = k.window_value(
                symbols, begin, min(begin + CHUNK_CALLS, len(symbols)), offsets, *state,
                self.order, self._multiplier, self.keys, self.link, value, out,
            )  # fmt: skip
        return out

    def surprise(
        self,
        symbols: NDArray[np.uint16],
        offsets: NDArray[np.int64],
        cost: NDArray[np.float64],
        backoff: NDArray[np.float64],
    ) -> NDArray[np.float32]:
        """(n_calls,) float32 nats, with the nodes' costs of `trie_kernels.interpolate`."""
        out = np.empty(len(symbols), dtype=np.float32)
        state: State = (0, k.ROOT)
        for begin in range(0, len(symbols), CHUNK_CALLS):
            state = k.backoff_surprise(
                symbols, begin, min(begin + CHUNK_CALLS, len(symbols)), offsets, *state,
                self._multiplier, self.keys, self.link, cost, backoff, out,
            )  # fmt: skip
        return out

    def history_depths(
        self, symbols: NDArray[np.uint16], offsets: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """(n_calls,) int64: of how many calls the longest known history before each is."""
        out = np.empty(len(symbols), dtype=np.int64)
        state: State = (0, k.ROOT)
        for begin in range(0, len(symbols), CHUNK_CALLS):
            state = k.history_depths(
                symbols, begin, min(begin + CHUNK_CALLS, len(symbols)), offsets, *state,
                self._multiplier, self.keys, self.link, self.depth, out,
            )  # fmt: skip
        return out

    def history(self, symbols: NDArray[np.uint16]) -> int:
        """The node of the longest known history that ``symbols`` ends in."""
        return int(k.walk(symbols, self._multiplier, self.keys, self.link, self.follow))

    def children(self, node: int) -> NDArray[np.int64]:
        """The nodes one call longer than ``node``."""
        # Of the column's own type: another would have numpy copy the whole column first.
        bounds = np.array([node, node + 1], dtype=np.int32)
        begin, end = np.searchsorted(self._sorted_parents, bounds)
        # The root, its own parent, is the first of its children and none of them.
        return self._by_parent[begin + (node == k.ROOT) : end]

    @cached_property
    def _by_parent(self) -> NDArray[np.int64]:
        return np.argsort(self.parent, kind="stable")

    @cached_property
    def _sorted_parents(self) -> NDArray[np.int32]:
        return np.sort(self.parent)


def _empty_table(n_nodes: int) -> NDArray[np.uint64]:
    """An edge table at most two thirds full with ``n_nodes``; a value of 0 marks a free slot."""
    return np.zeros((1 << (3 * n_nodes // 2).bit_length(), 2), dtype=np.uint64)
