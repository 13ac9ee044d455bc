"""What one trace's own order costs, call by call: the reader of the disorder detector.

Source: I. Witten, T. Bell, "The zero-frequency problem", IEEE Trans. Information Theory 37, 1991,
for the smoothing; A. P. Dawid, "Statistical theory: the prequential approach", JRSS A 147, 1984,
for the sum of what each next observation costs after those before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.compiled import hash_multiplier
from habitus.detectors import disorder_kernels as k
from habitus.detectors.trie_kernels import ROOT
from habitus.traces.vocabulary import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIRST_NODES = 256


class OrderReader:
    """Reads one trace, knowing at its start nothing but how many calls there may be.

    An n-gram model with Witten-Bell smoothing, as `habitus.detectors.ngram`, but it begins empty
    and counts each call once it has told what the call costs. A trace's start counts as a call.
    Calls outside the vocabulary are each taken for one never met, and no window reaches across one.

    Its memory grows with the windows met, up to ``windows`` of them; from there on those that are
    kept are counted further, and no new one is.

    Args:
        order: calls in the longest window.
        floor: how many calls there may be: the first chance of each is 1 / floor.
        windows: kept at most.
    """

    def __init__(self, order: int, floor: float, windows: int) -> None:
        self._order = order
        self._first_chance = 1 / floor
        self._limit = max(windows, order) + 1
        secret, bits = hash_multiplier(), k.HASH_BITS
        odd = (secret % (1 << bits) | 1, secret >> (64 - bits) | 1)
        self._multipliers = np.array(odd, dtype=np.uint64)
        self._place = np.zeros(k.PLACES, dtype=np.int64)
        self._place[k.N_NODES] = ROOT + 1
        self._spent = np.zeros(1)
        self._active = np.zeros(order + 1, dtype=np.int64)
        self._size(min(_FIRST_NODES, self._limit))
        # The start of a trace is the first thing met, and new.
        self._total[ROOT] = self._kinds[ROOT] = 1

    def read(self, symbols: NDArray[np.uint16]) -> NDArray[np.float32]:
        """(n_calls,) float32 nats: what each of the next calls of the trace costs."""
        out = np.empty(len(symbols), dtype=np.float32)
        at = 0
        while at < len(symbols):
            may_grow = len(self._count) < self._limit
            at = k.read_on(
                symbols, at, self._order, self._first_chance, UNKNOWN, may_grow,
                self._multipliers, self._shift, self._keys, self._count, self._total, self._kinds,
                self._active, self._place, self._spent, out,
            )  # fmt: skip
            if at < len(symbols):
                self._grow()
        return out

    @property
    def n_calls(self) -> int:
        """Calls read."""
        return int(self._place[k.N_CALLS])

    @property
    def n_distinct(self) -> int:
        """Different calls read; all outside the vocabulary are one."""
        n_unknown = int(self._place[k.N_UNKNOWN])
        return int(self._kinds[ROOT]) - 1 - n_unknown + min(n_unknown, 1)

    @property
    def nats(self) -> float:
        """What all calls read cost together."""
        return float(self._spent[0])

    def _size(self, n_nodes: int) -> None:
        self._count = np.zeros(n_nodes, dtype=np.int64)
        self._total = np.zeros(n_nodes, dtype=np.int64)
        self._kinds = np.zeros(n_nodes, dtype=np.int64)
        # At most half of the table is ever filled.
        bits = (2 * n_nodes - 1).bit_length()
        self._keys = np.zeros((1 << bits, 2), dtype=np.uint64)
        self._shift = np.uint64(k.HASH_BITS - bits)

    def _grow(self) -> None:
        count, total, kinds, keys = self._count, self._total, self._kinds, self._keys
        self._size(min(2 * len(count), self._limit))
        for new, old in ((self._count, count), (self._total, total), (self._kinds, kinds)):
            new[: len(old)] = old
        k.rehash(keys, self._multipliers, self._shift, self._keys)
