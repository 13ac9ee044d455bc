"""Transparent gzip, xz, bzip2 and zstd, with limits that a decompression bomb runs into."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Any, cast

from habitus.errors import HabitusError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _typeshed import WriteableBuffer

MAX_RATIO = 1_000
"""Refused beyond this many bytes out for each byte in; strace text reaches about 40."""
FREE_BYTES = 256 << 20
"""The ratio counts only beyond this much output: short runs of one line compress absurdly well."""
HEAD_OUT = 1 << 16
"""Unpacked of a file's first bytes, at most."""
PIECE_BYTES = 1 << 14
MAX_BYTES = 1 << 40
"""Refused beyond this much output, whatever the ratio."""

_MAGIC = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\x00": "xz", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstd"}

_MAGIC_BYTES = 8


def compression_of(head: bytes) -> str | None:
    """The compression that a file's first bytes announce, or None."""
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


def decompressed(
    stream: IO[bytes], name: str, on_bytes: Callable[[int], None] | None = None
) -> io.BufferedReader:
    """A buffered reader of ``stream``'s content, decompressed if it is compressed.

    Args:
        name: what to call it in errors.
        on_bytes: hears how many bytes of ``stream`` have been read, as they are.

    Raises:
        InputError: while reading, if the stream is damaged or inflates beyond the limits.
    """
    counted = _Counted(stream, name, on_bytes)
    plain: io.BufferedReader = io.BufferedReader(counted, 1 << 16)
    kind = compression_of(plain.peek(_MAGIC_BYTES)[:_MAGIC_BYTES])
    if kind is None:
        return plain
    return io.BufferedReader(_Limited(_opener(kind, plain), counted, kind, name), 1 << 18)


def beginning_of(head: bytes) -> bytes:
    """What the first bytes of a file, compressed or not, tell of its content.

    Returns:
        Empty where nothing can be told yet: bzip2 unpacks whole blocks alone.
    """
    kind = compression_of(head)
    if kind is None:
        return head
    try:
        if kind == "gzip":
            import zlib

            return zlib.decompressobj(31).decompress(head, HEAD_OUT)
        if kind == "xz":
            import lzma

            return lzma.LZMADecompressor().decompress(head, HEAD_OUT)
        if kind == "zstd":
            import zstandard

            return zstandard.ZstdDecompressor().decompressobj().decompress(head)[:HEAD_OUT]
    except Exception:  # noqa: BLE001 - each library has errors of its own; reading tells them
        return b""
    return b""


def refuse_bomb(name: str, n_out: int, n_in: int) -> None:
    """Refuse data that inflates as no honest data does.

    Raises:
        InputError: if ``n_out`` bytes are too many for the ``n_in`` bytes they come from.
    """
    if n_out > FREE_BYTES and n_out > MAX_RATIO * n_in:
        raise InputError(
            f"{name}: inflates more than {MAX_RATIO}-fold, as a decompression bomb does; "
            "decompress it yourself if you trust it"
        )
    if n_out > MAX_BYTES:
        raise InputError(f"{name}: more than {MAX_BYTES >> 40} TiB once decompressed")


def _opener(kind: str, stream: io.BufferedReader) -> IO[bytes]:
    if kind == "gzip":
        import gzip

        return cast("IO[bytes]", gzip.GzipFile(fileobj=stream))
    if kind == "xz":
        return cast("IO[bytes]", _Xz(stream))
    if kind == "bzip2":
        import bz2

        return bz2.BZ2File(stream)
    return cast("IO[bytes]", _Zstd(stream))


class _Xz(io.RawIOBase):
    """Streams of xz one after the other; unlike `lzma.LZMAFile`, with a limit on memory."""

    CHUNK_BYTES = 1 << 16
    MAX_MEMORY = 1 << 28  # `xz -9` needs 65 MiB; the format lets a file ask for 4 GiB

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._part: Any = None
        self._left = b""

    def read(self, size: int = -1) -> bytes:
        import lzma

        while True:
            if self._part is not None and self._part.eof:
                self._left, self._part = self._part.unused_data, None
            chunk = b""
            if self._part is None or self._part.needs_input:
                chunk = self._left or self._stream.read(self.CHUNK_BYTES)
                self._left = b""
                if not chunk:
                    if self._part is not None:
                        raise EOFError("it ends within a stream")
                    return b""
            if self._part is None:
                chunk = chunk.lstrip(b"\0")  # streams may be padded
                if not chunk:
                    continue
                self._part = lzma.LZMADecompressor(lzma.FORMAT_XZ, self.MAX_MEMORY)
            if data := self._part.decompress(chunk, size):
                return bytes(data)


class _Zstd(io.RawIOBase):
    """Frames of zstd; unlike the library's own reader, an end within a frame is an error."""

    CHUNK_BYTES = 4 << 10  # at most 1,000 blocks of 128 KiB come out at once

    def __init__(self, stream: io.BufferedReader) -> None:
        import zstandard

        # A window is memory that the file asks for: 128 MiB is what `zstd --ultra -22` needs.
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        self._stream = stream
        self._frame: Any = None
        self._output = io.BytesIO()

    def read(self, size: int = -1) -> bytes:
        while not (data := self._output.read(size)):
            chunk = self._stream.read(self.CHUNK_BYTES)
            if not chunk:
                if self._frame is not None:
                    raise EOFError("it ends within a frame")
                return b""
            self._output = io.BytesIO(b"".join(self._decompressed(chunk)))
        return data

    def _decompressed(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            if self._frame is None:
                self._frame = self._decompressor.decompressobj()
            yield self._frame.decompress(chunk)
            chunk = b""
            if self._frame.eof:
                chunk, self._frame = self._frame.unused_data, None


class _Counted(io.RawIOBase):
    """Counts the bytes that pass. The stream is left open: it is whose who opened it."""

    def __init__(
        self, stream: IO[bytes], name: str, on_bytes: Callable[[int], None] | None
    ) -> None:
        self.stream = stream
        self.name = name
        self.on_bytes = on_bytes
        self.n_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        try:
            data = self._read(len(view))
        except OSError as error:
            reason = error.strerror or error
            raise InputError(
                f"{self.name}: cannot be read beyond {self.n_bytes:,} bytes: {reason}"
            ) from error
        view[: len(data)] = data
        self.n_bytes += len(data)
        if self.on_bytes is not None:
            self.on_bytes(len(data))
        return len(data)

    def _read(self, size: int) -> bytes:
        """What there is: a pipe is not waited for until it has given so much."""
        read = getattr(self.stream, "read1", self.stream.read)
        data: bytes = read(size)
        while data and self.n_bytes + len(data) < _MAGIC_BYTES and (more := read(_MAGIC_BYTES)):
            data += more
        return data


class _Limited(io.RawIOBase):
    """Decompressed bytes, until they are too many for what went in."""

    def __init__(self, stream: IO[bytes], source: _Counted, kind: str, name: str) -> None:
        self.stream = stream
        self.source = source
        self.kind = kind
        self.name = name
        self.n_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        try:
            # Piece by piece: an error takes with it whatever was asked for along with it.
            data = self.stream.read(min(len(view), PIECE_BYTES))
        except Exception as error:
            # Each library has its own errors for one and the same thing: a damaged file.
            if isinstance(error, (HabitusError, MemoryError)):
                raise
            raise InputError(
                f"{self.name}: damaged or truncated {self.kind} data after "
                f"{self.n_bytes:,} bytes ({error}); fetch or record the file again"
            ) from error
        self.n_bytes += len(data)
        refuse_bomb(self.name, self.n_bytes, self.source.n_bytes)
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self.stream.close()
            cast("Any", self.source).close()
        super().close()
