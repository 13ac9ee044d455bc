"""What one trace's own order costs, call by call: the reader that learns a trace as it reads it.

Source: I. Witten, T. Bell, "The zero-frequency problem", IEEE Trans. Information Theory 37, 1991,
for the smoothing; A. P. Dawid, "Statistical theory: the prequential approach", JRSS A 147, 1984,
for the sum of what each next observation costs after those before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from habitus.compiled import hash_multiplier
from habitus.detectors import disorder_kernels as k
from habitus.detectors.base import SurpriseStream
from habitus.detectors.trie_kernels import ROOT
from habitus.traces.vocabulary import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from habitus.traces.traceset import TraceSet
    from habitus.traces.vocabulary import Vocabulary

LongestWindow = Annotated[
    int, Field(ge=1, le=64, description="calls in the longest window that is learned from a trace")
]
MostWindows = Annotated[
    int,
    Field(
        ge=1 << 10, le=1 << 26,
        description="different windows remembered of a trace, at most; about 100 bytes each",
    ),
]  # fmt: skip
WINDOWS = 1 << 20
"""Remembered of a trace where nothing else is asked for."""
_FIRST_NODES = 256


class OrderReader:
    """Reads one trace, knowing nothing of it at its start.

    An n-gram model with Witten-Bell smoothing, as `habitus.detectors.ngram`, but it begins empty
    and counts each call once it has told what the call costs. A trace's start counts as a call.
    Calls outside the vocabulary are each taken for one never met, and no window reaches across one.

    Its memory grows with the windows met, up to ``windows`` of them; from there on those that are
    kept are counted further, and no new one is.

    Args:
        order: calls in the longest window.
        floor: how many calls there may be: 1 / floor is the chance of each where nothing tells.
        windows: kept at most.
        least: calls of history that tell anything; shorter ones do not.
    """

    def __init__(self, order: int, floor: float, windows: int, *, least: int = 0) -> None:
        self._order, self._least = order, least
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

    def read(
        self, symbols: NDArray[np.uint16], first: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """(n_calls,) float32 nats: what each of the next calls of the trace costs.

        Args:
            first: (n_calls,) nats, what each would cost where the trace so far tells nothing; by
                default ln(floor).
        """
        out = np.empty(len(symbols), dtype=np.float32)
        chances = np.full(len(symbols), self._first_chance)
        if first is not None:
            chances = np.exp(-first.astype(np.float64))
        at = 0
        while at < len(symbols):
            may_grow = len(self._count) < self._limit
            at = k.read_on(
                symbols, at, self._order, self._least, chances, UNKNOWN, may_grow,
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


class ReaderStream(SurpriseStream):
    """Keeps what was learned of each open trace.

    Args:
        fresh: makes a reader of another trace.
        first: the stream that says what calls would cost where their trace so far tells nothing.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        fresh: Callable[[], OrderReader],
        first: SurpriseStream | None = None,
    ) -> None:
        self._vocabulary, self._fresh, self._first = vocabulary, fresh, first
        self._readers: dict[str, OrderReader] = {}

    def push(self, batch: TraceSet) -> NDArray[np.float32]:
        symbols = self._vocabulary.encode(batch)
        first = None if self._first is None else self._first.push(batch)
        out = np.empty(len(symbols), dtype=np.float32)
        for row, info in enumerate(batch.infos):
            reader = self._readers.pop(info.name, None) if info.first_call else None
            if reader is None:
                reader = self._fresh()
            calls = slice(int(batch.offsets[row]), int(batch.offsets[row + 1]))
            out[calls] = reader.read(symbols[calls], None if first is None else first[calls])
            if not info.ends:
                self._readers[info.name] = reader
        return out
