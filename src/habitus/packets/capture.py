"""`read_records`: the records of a capture, pcap or pcapng, in batches of bounded size."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.compiled import rows
from habitus.errors import InputError
from habitus.packets import interface_kernels as described
from habitus.packets import record_kernels as walk
from habitus.packets.layout import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

CHUNK_BYTES = 1 << 20
"""Read at a time; a longer record lets the buffer grow, up to `MAX_RECORD_BYTES`."""
BATCH_RECORDS = 1 << 13

_TCPDUMP, _NANOSECONDS, _KUZNETZOV = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34
_MAGIC = {
    magic.to_bytes(4, order): (order == "big", magic)
    for magic in (_TCPDUMP, _NANOSECONDS, _KUZNETZOV)
    for order in ("little", "big")
}
PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"


@dataclass(frozen=True)
class RecordBatch:
    """Records and the bytes that they lie in, both valid until the next batch is asked for.

    Attributes:
        data: (n_bytes,) uint8.
        records: (n,) `RECORD`.
        first_frame: the first one's number in the capture, from 1.
    """

    data: Bytes
    records: NDArray[np.void]
    first_frame: int


def is_capture(head: bytes) -> bool:
    """Whether a file's first bytes are those of a capture that is read here."""
    return head[:4] in _MAGIC or head[:4] == PCAPNG_MAGIC


def read_records(stream: BufferedReader, source: str) -> Iterator[RecordBatch]:
    """The records of a capture.

    Args:
        stream: its content, decompressed; ``source`` is what to call it in errors.

    Raises:
        InputError: if it is no capture; or, after all records before, where it is damaged or cut
            off within a record.
    """
    head = stream.peek(24)[:24]
    if head[:4] in _MAGIC:
        yield from _Pcap(stream, source).batches()
    elif head[:4] == PCAPNG_MAGIC:
        yield from _Pcapng(stream, source).batches()
    else:
        raise InputError(
            f"{source}: no capture: it begins with {head[:4].hex(' ') or 'nothing'}, not as pcap "
            "or pcapng does; other kinds can be converted with editcap or tcpdump"
        )


class _Capture:
    """A buffer that slides over a stream, and the records found in it."""

    def __init__(self, stream: BufferedReader, source: str) -> None:
        self._stream, self._source = stream, source
        self._data: Bytes = np.zeros(CHUNK_BYTES, dtype=np.uint8)
        self._place = self._end = 0
        self._n_peeked = len(stream.peek())
        self._before = 0  # bytes of the file before the buffer
        self._records = rows(BATCH_RECORDS, RECORD)
        self._n_before = 0
        self._is_over = False

    def batches(self) -> Iterator[RecordBatch]:
        self._begin()
        while True:
            n, why = self._walk_on()
            if n:
                data = self._data[: self._end]
                yield RecordBatch(data, self._records[:n], self._n_before + 1)
                self._n_before += n
            if why:
                raise InputError(f"{self._source}: {why}")
            if self._is_over and not n:
                return

    def _begin(self) -> None:
        raise NotImplementedError

    def _walk(self, n: int) -> tuple[int, int]:
        """Walk on from where it is; why it stopped, and how many records there are now."""
        raise NotImplementedError

    def _walk_on(self) -> tuple[int, str]:
        """Fill a batch: how many records it has, and what is wrong after them."""
        n = 0
        while True:
            status, n = self._walk(n)
            if status == walk.FULL:
                return n, ""
            if status == walk.NEEDS_MORE:
                if n:
                    return n, ""
                left = self._end - self._place
                if self._is_over:
                    return 0, self._cut_off(left) if left else ""
                if left == len(self._data):
                    self._data = np.concatenate([self._data, np.zeros_like(self._data)])
                self._slide()
            else:
                return n, self._wrong(status)

    def _slide(self) -> None:
        """Move what is left to the front, and read on behind it, once: pipes give little."""
        left = self._end - self._place
        self._data[:left] = self._data[self._place : self._end].copy()
        self._before += self._place
        self._place, self._end = 0, left
        # Asked for more than it holds, a buffered reader would wait for the rest.
        most, self._n_peeked = self._n_peeked or len(self._data), 0
        n = self._stream.readinto1(self._data[self._end : self._end + most].data)
        self._is_over = not n
        self._end += n

    def _take(self, n_bytes: int) -> bytes:
        """The next bytes, which are there."""
        taken = self._data[self._place : self._place + n_bytes].tobytes()
        self._place += n_bytes
        return taken

    @property
    def _where(self) -> str:
        return f"at byte {self._before + self._place:,}, after {self._n_before:,} packets or more"

    def _cut_off(self, left: int) -> str:
        return f"cut off {self._where}: {left:,} bytes of a record are left"

    def _wrong(self, status: int) -> str:
        if status == walk.BROKEN_INTERFACE:
            return f"damaged {self._where}: a packet of an interface that was not described"
        if status == described.TOO_MANY_INTERFACES:
            return (
                f"damaged {self._where}: a section describes more than "
                f"{described.MAX_INTERFACES:,} interfaces; no recorder has as many"
            )
        return (
            f"damaged {self._where}: the length of a record is not one that a capture holds; what "
            "follows cannot be found"
        )


class _Pcap(_Capture):
    """The one global header says all."""

    def _begin(self) -> None:
        while self._end < 24 and not self._is_over:
            self._slide()
        if self._end < 24:
            raise InputError(f"{self._source}: cut off within the header of a pcap file")
        head = self._take(24)
        self._is_big, magic = _MAGIC[head[:4]]
        self._tick_ns = 1 if magic == _NANOSECONDS else 1000
        self._header = 24 if magic == _KUZNETZOV else 16
        # The upper bits tell of a frame check sequence.
        self._link = struct.unpack(">I" if self._is_big else "<I", head[20:])[0] & 0xFFFF

    def _walk(self, n: int) -> tuple[int, int]:
        status, self._place, n = walk.walk_pcap(
            self._data, self._place, self._end, self._is_big, self._tick_ns, self._header,
            self._link, self._records, n,
        )  # fmt: skip
        return status, n


class _Pcapng(_Capture):
    """Sections, each with its own byte order and interfaces."""

    def _begin(self) -> None:
        self._is_big = False
        shape = (described.MAX_INTERFACES, walk.N_INTERFACE_COLUMNS)
        self._interfaces = np.zeros(shape, dtype=np.int64)  # takes memory as it fills
        self._n_interfaces = 0
        self._last_ns = np.zeros(1, dtype=np.int64)

    def _walk(self, n: int) -> tuple[int, int]:
        while True:
            status, self._place, n = walk.walk_pcapng(
                self._data, self._place, self._end, self._is_big, self._interfaces,
                self._n_interfaces, self._last_ns, self._records, n,
            )  # fmt: skip
            if status not in {walk.SECTION, walk.INTERFACE}:
                return status, n
            status, self._place, self._is_big, self._n_interfaces = described.describe(
                self._data, self._place, self._end, self._is_big, self._interfaces,
                self._n_interfaces,
            )  # fmt: skip
            if status != described.OTHER_BLOCK:
                return status, n
