"""`TraceSet`: many traces as a few flat columns, never a Python object per call."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from habitus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

MAX_ALPHABET = 65_535
"""Most distinct call names a set can hold; the index 65,535 is kept for *unknown*."""

DIGEST_BYTES = 16


class Label(IntEnum):
    """What is known about a trace."""

    UNKNOWN = -1
    NORMAL = 0
    ATTACK = 1


@dataclass(frozen=True, slots=True)
class TraceInfo:
    """What is known of one trace (or of one segment of a long one) besides its calls.

    ``group`` names what must not be torn apart by a split: the recording a thread belongs to, the
    folder of an attack. ``first_call`` and ``ends`` place a segment: a whole trace starts at call 0
    and ends in its own segment. ``attack_ns`` is when the attack on the recording began, by the
    clock of `TraceSet.times_ns`, where ground truth tells it; else -1.
    """

    name: str
    source: str
    label: Label = Label.UNKNOWN
    attack: str = ""
    group: str = ""
    split: str = ""
    thread: int = -1
    first_call: int = 0
    ends: bool = True
    attack_ns: int = -1

    @property
    def whole(self) -> bool:
        """True if this is a whole trace, not a segment of one."""
        return self.first_call == 0 and self.ends


@dataclass(frozen=True, eq=False)
class TraceSet:
    """Traces, or segments of traces, in columns.

    Attributes:
        calls: (n_calls,) uint16, indices into ``alphabet``.
        offsets: (n_traces + 1,) int64; trace ``i`` is ``calls[offsets[i]:offsets[i + 1]]``.
        alphabet: canonical call names, such as ``openat``.
        infos: one `TraceInfo` a trace.
        positions: (n_calls,) int64 or None; where each call stands in its source, from 1.
        position_unit: what ``positions`` counts: ``line`` or ``call``.
        times_ns: (n_calls,) int64 or None; when each call was made, nanoseconds since 1970, or
            since midnight, boot or the recording's start where the source tells no date (less than
            1e17, a date of 1973); -1 where the source tells no time.

    Raises:
        UsageError: if the columns do not fit together.
    """

    calls: NDArray[np.uint16]
    offsets: NDArray[np.int64]
    alphabet: tuple[str, ...]
    infos: tuple[TraceInfo, ...]
    positions: NDArray[np.int64] | None = None
    position_unit: str = "call"
    times_ns: NDArray[np.int64] | None = None
    _unchecked: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        if self._unchecked:
            return
        if len(self.offsets) != len(self.infos) + 1:
            raise UsageError(f"{len(self.infos)} traces need {len(self.infos) + 1} offsets")
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.calls):
            raise UsageError("offsets must run from 0 to the number of calls")
        if np.any(np.diff(self.offsets) < 0):
            raise UsageError("offsets must not decrease")
        if len(self.alphabet) > MAX_ALPHABET:
            raise UsageError(f"an alphabet holds at most {MAX_ALPHABET} names")
        if len(self.calls) and int(self.calls.max()) >= len(self.alphabet):
            raise UsageError("a call lies outside the alphabet")
        for name in ("positions", "times_ns"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.calls):
                raise UsageError(f"{name} must hold one entry a call")

    @classmethod
    def from_names(
        cls, traces: Iterable[Sequence[str]], *, infos: Sequence[TraceInfo] | None = None
    ) -> TraceSet:
        """Build a set from lists of call names.

        >>> TraceSet.from_names([["open", "read"], ["open", "close"]]).n_calls
        4
        """
        index: dict[str, int] = {}
        traces = list(traces)
        if any(isinstance(trace, str) for trace in traces):
            raise UsageError("a trace is a list of call names, not one text: split it")
        rows = [[index.setdefault(call, len(index)) for call in trace] for trace in traces]
        if len(index) > MAX_ALPHABET:
            raise UsageError(f"an alphabet holds at most {MAX_ALPHABET} names")
        if infos is None:
            infos = [TraceInfo(f"trace-{i}", "memory") for i in range(len(rows))]
        calls = np.array([call for row in rows for call in row], dtype=np.uint16)
        return cls(calls, offsets_of([len(row) for row in rows]), tuple(index), tuple(infos))

    @property
    def n_traces(self) -> int:
        """Number of traces."""
        return len(self.infos)

    @property
    def n_calls(self) -> int:
        """Number of calls in all traces."""
        return len(self.calls)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(n_traces,) int64: calls in each trace."""
        return np.diff(self.offsets)

    @property
    def names(self) -> tuple[str, ...]:
        """The traces' names."""
        return tuple(info.name for info in self.infos)

    @cached_property
    def labels(self) -> NDArray[np.int8]:
        """(n_traces,) int8: each trace's `Label`."""
        return np.array([info.label for info in self.infos], dtype=np.int8)

    def trace(self, index: int) -> list[str]:
        """The call names of one trace."""
        row = self.calls[self.offsets[index] : self.offsets[index + 1]]
        return [self.alphabet[call] for call in row]

    def select(self, indices: ArrayLike) -> TraceSet:
        """A set of the traces named by ``indices`` (integers, or a Boolean mask), in that order.

        Raises:
            IndexError: if there is no such trace, or the mask is not one entry a trace.
        """
        wanted = np.asarray(indices)
        # numpy's own rules: negative numbers count from the end, and an empty list has no type.
        chosen = np.arange(self.n_traces)[wanted if wanted.size else wanted.astype(np.int64)]
        chosen = chosen.reshape(-1)
        lengths = self.lengths[chosen]
        offsets = offsets_of(lengths)
        # Every chosen call's place: its place in the new column, moved to where its trace lay.
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[chosen] - offsets[:-1], lengths)
        return replace(
            self,
            calls=self.calls[places],
            offsets=offsets,
            infos=tuple(self.infos[i] for i in chosen),
            positions=None if self.positions is None else self.positions[places],
            times_ns=None if self.times_ns is None else self.times_ns[places],
        )

    def sequence_digests(self) -> NDArray[np.void]:
        """(n_traces,) 16-byte digests: equal if and only if two traces make the same calls.

        They depend on the calls' names alone, so digests of different sets can be compared.
        """
        codes = np.array(
            [
                int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
                for name in self.alphabet
            ],
            dtype="<u8",
        )
        digests = bytearray()
        for begin, end in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            coded = codes[self.calls[begin:end]].tobytes()
            digests += hashlib.blake2b(coded, digest_size=DIGEST_BYTES).digest()
        return np.frombuffer(bytes(digests), dtype=f"V{DIGEST_BYTES}")

    def sequence_ids(self) -> NDArray[np.int64]:
        """(n_traces,) int64: a number for each distinct sequence, from 0 in order of appearance."""
        numbers: dict[bytes, int] = {}
        return np.array(
            [numbers.setdefault(bytes(d), len(numbers)) for d in self.sequence_digests()],
            dtype=np.int64,
        )


def offsets_of(lengths: ArrayLike) -> NDArray[np.int64]:
    """(n + 1,) int64: where each of ``n`` stretches begins, and the end of the last."""
    lengths = np.asarray(lengths, dtype=np.int64)
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def join(batches: Iterable[TraceSet]) -> TraceSet:
    """One set of whole traces from batches, putting the segments of a long trace together.

    Traces keep the order in which they began. Positions are kept if every batch that holds calls
    has them, in one unit; times if any has, and -1 stands where a batch has none.

    Raises:
        UsageError: if a segment of a trace is missing.
    """
    parts: list[list[tuple[int, int]]] = []  # for each trace: its (batch, row) segments
    infos: list[TraceInfo] = []
    lengths: list[int] = []
    open_rows: dict[str, int] = {}
    kept: list[TraceSet] = []
    index: dict[str, int] = {}
    for number, batch in enumerate(batches):
        lookup = np.array([index.setdefault(n, len(index)) for n in batch.alphabet], dtype=np.int64)
        if len(index) > MAX_ALPHABET:
            raise UsageError(f"together the batches have more than {MAX_ALPHABET} call names")
        kept.append(replace(batch, calls=lookup.astype(np.uint16)[batch.calls], _unchecked=True))
        for row, (info, length) in enumerate(zip(batch.infos, batch.lengths, strict=True)):
            if info.first_call == 0:
                open_rows[info.name] = len(infos)
                infos.append(replace(info, ends=True))
                parts.append([])
                lengths.append(0)
            elif info.name not in open_rows:
                raise UsageError(f"{info.name}: the beginning of this trace is missing")
            trace = open_rows[info.name]
            if info.first_call != lengths[trace]:
                raise UsageError(
                    f"{info.name}: after {lengths[trace]:,} calls a segment begins at call "
                    f"{info.first_call:,}; a part of this trace is missing"
                )
            parts[trace].append((number, row))
            lengths[trace] += int(length)
            if info.ends:
                del open_rows[info.name]

    bounds = [(b, *kept[b].offsets[row : row + 2]) for part in parts for b, row in part]

    def joined(columns: list[NDArray[Any]], dtype: type) -> NDArray[Any]:
        rows = [columns[b][lo:hi] for b, lo, hi in bounds]
        return np.concatenate([np.zeros(0, dtype), *rows])

    filled = [batch for batch in kept if batch.n_calls]  # ends of traces alone tell no places
    units = {batch.position_unit for batch in filled}
    placed = len(units) == 1 and all(batch.positions is not None for batch in filled)
    timed = any(batch.times_ns is not None for batch in filled)
    positions = [_or_unknown(batch.positions, batch) for batch in kept]
    times = [_or_unknown(batch.times_ns, batch) for batch in kept]
    return TraceSet(
        calls=joined([batch.calls for batch in kept], np.uint16),
        offsets=offsets_of(lengths),
        alphabet=tuple(index),
        infos=tuple(infos),
        positions=joined(positions, np.int64) if placed else None,
        position_unit=units.pop() if len(units) == 1 else "call",
        times_ns=joined(times, np.int64) if timed else None,
    )


def _or_unknown(column: NDArray[np.int64] | None, batch: TraceSet) -> NDArray[np.int64]:
    """A batch's column, or -1 for each of its calls."""
    return np.full(batch.n_calls, -1, dtype=np.int64) if column is None else column
