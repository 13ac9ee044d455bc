"""`NameTable`: the tokens met so far in files, each with the call it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.compiled import hash_multiplier
from habitus.errors import InputError
from habitus.traces.token_kernels import MAX_TOKEN_BYTES, name_hash
from habitus.traces.traceset import MAX_ALPHABET

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    KernelArguments = tuple[np.uint64, NDArray[np.int32], NDArray[np.uint8], NDArray[np.int64]]


class NameTable:
    """Numbers for byte strings, looked up by compiled loops and extended by Python.

    Args:
        resolve: gives the canonical call name of a token, or None if it names no call.

    Attributes:
        alphabet: the canonical names so far; two tokens may stand for one (``6`` and ``06``).
    """

    def __init__(self, resolve: Callable[[bytes], str | None]) -> None:
        self._resolve = resolve
        self._index: dict[str, int] = {}
        self._numbers: dict[bytes, int] = {}
        self._n = 0
        self._slots = np.full(1024, -1, dtype=np.int32)
        self._arena = np.zeros(1 << 13, dtype=np.uint8)
        self._starts = np.zeros(513, dtype=np.int64)
        self._symbols = np.zeros(512, dtype=np.uint16)

    @property
    def alphabet(self) -> tuple[str, ...]:
        return tuple(self._index)

    @property
    def arguments(self) -> KernelArguments:
        """What `find_name` needs: multiplier, slots, arena, starts."""
        return np.uint64(hash_multiplier()), self._slots, self._arena, self._starts

    def symbols_of(self, numbers: NDArray[np.int32]) -> NDArray[np.uint16]:
        """Indices into ``alphabet`` for the token numbers that a loop wrote."""
        return self._symbols[numbers]

    def number(self, token: bytes) -> int:
        """A token's number, for parsers in Python; -1 if it names no call.

        Raises:
            InputError: as `add` does.
        """
        number = self._numbers.get(token, -1)
        if number < 0 and len(token) <= MAX_TOKEN_BYTES and self.add(token):
            number = self._numbers[token] = self._n - 1
        return number

    def add(self, token: bytes) -> bool:
        """Take a new token in; False if it names no call.

        Raises:
            InputError: if there are more different names than any system has calls.
        """
        name = self._resolve(token)
        if name is None:
            return False
        symbol = self._index.setdefault(name, len(self._index))
        if symbol >= MAX_ALPHABET or self._n >= 2 * MAX_ALPHABET:
            raise InputError(
                f"more than {MAX_ALPHABET:,} different call names, the last of them {name!r}: "
                "this is not a recording of system calls; is the format right (--format)?"
            )
        self._reserve(len(token))
        start = self._starts[self._n]
        self._arena[start : start + len(token)] = np.frombuffer(token, dtype=np.uint8)
        self._starts[self._n + 1] = start + len(token)
        self._symbols[self._n] = symbol
        self._place(self._n)
        self._n += 1
        return True

    def _reserve(self, n_bytes: int) -> None:
        if self._starts[self._n] + n_bytes > len(self._arena):
            self._arena = np.concatenate([self._arena, np.zeros_like(self._arena)])
        if self._n + 1 < len(self._symbols):
            return
        self._starts = np.concatenate([self._starts, np.zeros_like(self._starts)])
        self._symbols = np.concatenate([self._symbols, np.zeros_like(self._symbols)])
        self._slots = np.full(2 * len(self._slots), -1, dtype=np.int32)
        for number in range(self._n):
            self._place(number)

    def _place(self, number: int) -> None:
        begin, end = self._starts[number], self._starts[number + 1]
        mask = len(self._slots) - 1
        i = int(name_hash(self._arena, begin, end, np.uint64(hash_multiplier()))) & mask
        while self._slots[i] >= 0:
            i = (i + 1) & mask
        self._slots[i] = number
