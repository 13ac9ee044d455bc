"""`Vocabulary`: the calls a detector has learned, and how it meets the ones it has not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import UsageError
from habitus.traces.traceset import MAX_ALPHABET

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.traces.traceset import TraceSet

UNKNOWN = np.uint16(MAX_ALPHABET)
"""The symbol of every call that is not in a vocabulary."""


@dataclass(frozen=True)
class Vocabulary:
    """The call names known to a detector; its *symbol* for a call is the name's index here.

    A call outside the vocabulary is no error and not by itself an attack: it is the symbol
    `UNKNOWN`, and each detector's page says what that does to surprise.

    >>> vocabulary = Vocabulary(("close", "openat"))
    >>> vocabulary.symbols_of(("openat", "bpf")).tolist()
    [1, 65535]
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.names) > MAX_ALPHABET or len(set(self.names)) != len(self.names):
            raise UsageError(f"a vocabulary is at most {MAX_ALPHABET} different names")

    @classmethod
    def of(cls, traces: TraceSet) -> Vocabulary:
        """The names that occur in ``traces``, sorted, so that it depends on no reading order."""
        used = np.bincount(traces.calls, minlength=len(traces.alphabet)) > 0
        return cls(tuple(sorted(n for n, u in zip(traces.alphabet, used, strict=True) if u)))

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._index

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: symbol for symbol, name in enumerate(self.names)}

    def symbols_of(self, names: tuple[str, ...]) -> NDArray[np.uint16]:
        """(len(names),) uint16: the symbol of each name."""
        return np.array([self._index.get(name, UNKNOWN) for name in names], dtype=np.uint16)

    def encode(self, traces: TraceSet) -> NDArray[np.uint16]:
        """(n_calls,) uint16: the symbol of every call, by one lookup table an alphabet."""
        if not traces.alphabet:
            return np.zeros(0, dtype=np.uint16)
        return self.symbols_of(traces.alphabet)[traces.calls]
