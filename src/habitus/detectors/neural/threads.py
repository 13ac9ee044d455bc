"""Following many threads at once: what a network remembers of each, in one array with a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.detectors.base import SurpriseStream
from habitus.detectors.borrowing import borrowing_prices
from habitus.detectors.neural.reader import Reader, Standing
from habitus.traces.traceset import offsets_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from habitus.traces.traceset import TraceInfo, TraceSet
    from habitus.traces.vocabulary import Vocabulary

    Floats = NDArray[np.float32]
    Places = NDArray[np.int64]

MAX_STATE_BYTES = 256 << 20
"""For the states of open traces; beyond it the one that has been silent longest is forgotten."""
FIRST_SLOTS = 64


class ThreadStream(SurpriseStream):
    """Surprise of traces whose calls arrive bit by bit, one batched step for all that have one.

    Of each open trace a row of numbers and its last call are kept. Where there are more open traces
    than `MAX_STATE_BYTES` has room for, the one whose last call came first is forgotten: if it goes
    on, it is read as if it began there. `n_forgotten` counts them.

    Attributes:
        n_forgotten: traces forgotten so far.
    """

    def __init__(
        self,
        reader: Reader,
        vocabulary: Vocabulary,
        kin_share: float,
        *,
        max_bytes: int = MAX_STATE_BYTES,
    ) -> None:
        self._reader = reader
        self._vocabulary, self._kin_share = vocabulary, kin_share
        self._max_slots = max(1, max_bytes // (4 * reader.n_state))
        self._slots: dict[str, int] = {}  # the trace silent longest first
        self._free: list[int] = []
        self._standing = reader.fresh(min(FIRST_SLOTS, self._max_slots))
        self._free = list(range(len(self._standing.last)))[::-1]
        self._alphabet: tuple[str, ...] = ()
        self._lookup = np.zeros(0, dtype=np.int64)
        self._prices: Floats | None = None  # by call, on top; None if nothing is borrowed
        self.n_forgotten = 0

    def push(self, batch: TraceSet) -> Floats:
        calls = self._read(batch)
        costs = self._costs(batch, calls)
        return costs if self._prices is None else costs + self._prices[batch.calls]

    def _costs(self, batch: TraceSet, calls: Places) -> Floats:
        """(n_calls,) float32 nats of what the network reads."""
        if not batch.infos:
            return np.zeros(0, dtype=np.float32)
        if all(info.whole for info in batch.infos):
            return self._reader.surprise(calls, batch.offsets)
        # Half of what a single call takes is not the network's, and so kept little.
        offsets = batch.offsets
        one_each = len(calls) == len(batch.infos) and bool((offsets[1:] > offsets[:-1]).all())
        out = np.empty(len(calls), dtype=np.float32)
        for wave in _waves(batch.infos, self._max_slots):
            infos = [batch.infos[row] for row in wave]
            slots = self._slots_of(infos)
            standing = self._standing.of(slots)
            if one_each:
                places = np.asarray(wave)
                out[places], states = self._reader.step(standing, calls[places])
                self._standing.put(slots, Standing(states, calls[places]))
            else:
                places = np.concatenate([np.arange(offsets[r], offsets[r + 1]) for r in wave])
                cut = offsets_of(batch.lengths[wave])
                out[places], after = self._reader.score(calls[places], cut, standing)
                self._standing.put(slots, after)
            for info in infos:
                if info.ends:
                    self._free.append(self._slots.pop(info.name))
        return out

    def _read(self, batch: TraceSet) -> Places:
        """(n_calls,) int64: what the network reads; an alphabet is looked up once."""
        if batch.alphabet is not self._alphabet:
            self._alphabet = batch.alphabet
            self._lookup = self._reader.symbols(self._vocabulary.symbols_of(batch.alphabet))
            if self._vocabulary.kin:
                self._prices = borrowing_prices(batch.alphabet, self._vocabulary, self._kin_share)
        return self._lookup[batch.calls]

    def _slots_of(self, infos: Sequence[TraceInfo]) -> Places:
        """(n,) int64: where the state of each trace is kept; of one that begins, a fresh one."""
        slots = []
        for info in infos:
            slot = self._slots.pop(info.name, None)
            if slot is None:
                slot = self._new_slot()
                self._forget(slot)
            elif info.first_call == 0:
                self._forget(slot)
            self._slots[info.name] = slot  # at the end: heard of last
            slots.append(slot)
        return np.array(slots, dtype=np.int64)

    def _new_slot(self) -> int:
        if not self._free:
            n_slots = len(self._standing.last)
            if n_slots < self._max_slots:
                more = self._reader.fresh(min(n_slots, self._max_slots - n_slots))
                self._standing = Standing(
                    np.concatenate([self._standing.states, more.states]),
                    np.concatenate([self._standing.last, more.last]),
                )
                self._free = list(range(n_slots, len(self._standing.last)))[::-1]
            else:
                self._free.append(self._slots.pop(next(iter(self._slots))))
                self.n_forgotten += 1
        return self._free.pop()

    def _forget(self, slot: int) -> None:
        self._standing.put(np.array([slot]), self._reader.fresh(1))


def _waves(infos: Sequence[TraceInfo], most: int) -> list[list[int]]:
    """Rows that can be read side by side: of a trace with several segments, one after another.

    Args:
        most: traces that there is room for; of more, one would take another's while it is read.
    """
    names = {info.name for info in infos}
    if len(names) == len(infos) <= most:
        return [list(range(len(infos)))]
    waves: list[list[int]] = []
    met: dict[str, int] = {}
    for row, info in enumerate(infos):
        number = met.get(info.name, 0)
        met[info.name] = number + 1
        if number == len(waves):
            waves.append([])
        waves[number].append(row)
    return [wave[i : i + most] for wave in waves for i in range(0, len(wave), most)]
