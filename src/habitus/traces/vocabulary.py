"""`Vocabulary`: the calls a detector has learned, and how it meets the ones it has not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import UsageError
from habitus.syscalls import stand_ins
from habitus.traces.traceset import MAX_ALPHABET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.traces.traceset import TraceSet

UNKNOWN = np.uint16(MAX_ALPHABET)
"""The symbol of every call that is not in a vocabulary."""


@dataclass(frozen=True)
class Vocabulary:
    """The call names known to a detector; its *symbol* for a call is the name's index here.

    A call outside the vocabulary is *novel*, which is no error and not by itself an attack. It is
    read as its kin, the known call that stands for it, if it has any, else as the symbol `UNKNOWN`;
    each detector's page says what that does to surprise.

    Attributes:
        names: of the known calls.
        kin: (novel call, known call that it is read as), by name; empty in a closed vocabulary.

    >>> vocabulary = Vocabulary(("close", "openat"), (("open", "openat"),))
    >>> vocabulary.symbols_of(("openat", "open", "bpf")).tolist()
    [1, 1, 65535]
    """

    names: tuple[str, ...]
    kin: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if len(self.names) > MAX_ALPHABET or len(set(self.names)) != len(self.names):
            raise UsageError(f"a vocabulary is at most {MAX_ALPHABET} different names")
        if len(self.kin) > MAX_ALPHABET or len(self._read_as) != len(self.kin):
            raise UsageError(f"kin are of at most {MAX_ALPHABET} different names")
        for novel, known in self.kin:
            if novel in self or known not in self:
                raise UsageError(f"{known!r} cannot stand for {novel!r}: one is known, one is not")

    @classmethod
    def of(cls, traces: TraceSet, *, is_open: bool = False) -> Vocabulary:
        """The names that occur in ``traces``, sorted, so that it depends on no reading order.

        Args:
            is_open: whether calls that do not occur are read as those of their kin that do.
        """
        counts = np.bincount(traces.calls, minlength=len(traces.alphabet)).tolist()
        known = {name: n for name, n in zip(traces.alphabet, counts, strict=True) if n}
        return cls.of_counts(known, is_open=is_open)

    @classmethod
    def of_counts(cls, known: Mapping[str, int], *, is_open: bool = False) -> Vocabulary:
        """The names of calls that were seen so often; ``is_open`` as of `of`."""
        kin = stand_ins(known) if is_open else {}
        return cls(tuple(sorted(known)), tuple(sorted(kin.items())))

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._index

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: symbol for symbol, name in enumerate(self.names)}

    @cached_property
    def _read_as(self) -> dict[str, str]:
        return dict(self.kin)

    def read_as(self, name: str) -> str | None:
        """The known call that a novel one is read as; None if it is known, or has no kin."""
        return self._read_as.get(name)

    @cached_property
    def n_kin(self) -> NDArray[np.int64]:
        """(n_known,) int64: for how many novel calls each known one stands."""
        known = [self._index[known] for _, known in self.kin]
        return np.bincount(np.array(known, dtype=np.int64), minlength=len(self))

    def symbols_of(self, names: tuple[str, ...]) -> NDArray[np.uint16]:
        """(len(names),) uint16: the symbol that each name is read as."""
        symbols = [self._index.get(self._read_as.get(name, name), UNKNOWN) for name in names]
        return np.array(symbols, dtype=np.uint16)

    def encode(self, traces: TraceSet) -> NDArray[np.uint16]:
        """(n_calls,) uint16: the symbol of every call, by one lookup table an alphabet."""
        if not traces.alphabet:
            return np.zeros(0, dtype=np.uint16)
        return self.symbols_of(traces.alphabet)[traces.calls]

    def novel(self, traces: TraceSet) -> NDArray[np.bool_]:
        """(n_calls,) bool: which calls it does not know, whatever they are read as."""
        if not traces.alphabet:
            return np.zeros(0, dtype=bool)
        return np.array([name not in self for name in traces.alphabet])[traces.calls]
