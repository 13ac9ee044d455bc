"""`InputFile`: one file to read, wherever it lies."""

from __future__ import annotations

import io
import os
import re
import select
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING

from habitus.errors import InputError
from habitus.files.decompress import decompressed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

OnSkip = Callable[[str, str], None]
"""Hears of a file that is left out: which, and why."""
OnBytes = Callable[[int], None]
"""Hears how many more bytes have been read."""
Beside = Callable[[str], bytes | None]
"""The content of a file of this name in the same folder or archive; None if there is none."""
Pauses = Callable[[float], bool]
"""Waits for more, for so many seconds at most; whether nothing has come."""

HEAD_BYTES = 1 << 16
"""How much of a file a format may look at to recognise it."""
MAX_BESIDE_BYTES = 1 << 20
"""A file beside another (ground truth, a list of runs) is left alone if it is larger."""
CAPTURE_START_BYTES = 4
CAPTURE_STARTS = {
    bytes.fromhex(start)
    for start in (
        "d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d", "34cdb2a1", "a1b2cd34", "0a0d0d0a",
    )
}  # fmt: skip
"""What pcap and pcapng begin with; they may come from a recorder that goes on for days."""
LITTER = re.compile(r"(^|/)(\.[^/]|__MACOSX/|Thumbs\.db$|desktop\.ini$)")
LITTER_REASON = "a hidden file, or one that desktop systems leave behind"


class ArchiveDamage(InputError):
    """Damage of the archive that a member lies in, met while the member was read."""


def nothing_beside(name: str) -> bytes | None:  # noqa: ARG001 - a `Beside`
    """For files that have no neighbours, or whose neighbours cannot be looked at."""
    return None


def never_pauses(seconds: float) -> bool:  # noqa: ARG001 - a `Pauses`
    """For files, whose content is all there."""
    return False


@dataclass
class InputFile:
    """One file to read.

    Attributes:
        name: its path below what the user named, with forward slashes; labels are read from it.
        source: how to tell the user which file it is.
        stream: its content, decompressed; consumed by reading.
        beside: looks for a file in the same folder or zip, up to `MAX_BESIDE_BYTES`. A tar, which
            is read once from front to end, and standard input show none.
        pauses: of a pipe, whether nothing comes for a while.
    """

    name: str
    source: str
    stream: io.BufferedReader
    beside: Beside = nothing_beside
    pauses: Pauses = never_pauses

    def head(self) -> bytes:
        """The first bytes, up to `HEAD_BYTES`, without consuming them."""
        return self.stream.peek(HEAD_BYTES)[:HEAD_BYTES]


def buffered(stream: IO[bytes], source: str, on_bytes: OnBytes | None = None) -> io.BufferedReader:
    """A stream's content, decompressed, in a reader that can look `HEAD_BYTES` ahead.

    Of a pipe that gives a capture it gives what is there: more may be minutes away.
    """
    content = decompressed(stream, source, on_bytes)
    return io.BufferedReader(_SoundFirst(content, _pipe_of(stream)), HEAD_BYTES)


def pauses_of(stream: IO[bytes]) -> Pauses:
    """How to wait for more of a stream."""
    pipe = _pipe_of(stream)
    return never_pauses if pipe is None else partial(_nothing_comes, pipe)


def _nothing_comes(pipe: int, seconds: float) -> bool:
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    return not waiting.poll(max(0, seconds) * 1000)  # its end comes, too


def _pipe_of(stream: IO[bytes]) -> int | None:
    """The descriptor of a stream that may have to be waited for; None if it is a file."""
    try:
        number = stream.fileno()
    except (OSError, AttributeError):  # it lies in memory, or in an archive
        return None
    return None if stat.S_ISREG(os.fstat(number).st_mode) else number


class _SoundFirst(io.RawIOBase):
    """What was read before damage comes first, and the error when more is asked for.

    A buffered reader that reads several times for one answer throws away what it has if the last
    time fails: a whole file perhaps, that stands before the damage in an archive.
    """

    def __init__(self, stream: io.BufferedReader, pipe: int | None) -> None:
        self._stream = stream
        self._pipe = pipe
        self._is_live: bool | None = None
        self._damage: InputError | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        n_bytes = 0
        while n_bytes < len(view) and self._damage is None:
            if self._must_wait(view[:n_bytes]):
                return n_bytes
            try:
                n_read = self._stream.readinto1(view[n_bytes:])
            except InputError as error:
                self._damage = error
                break
            if not n_read:
                return n_bytes
            n_bytes += n_read
        if self._damage is not None and not n_bytes:
            raise self._damage
        return n_bytes

    def _must_wait(self, read: memoryview) -> bool:
        """Whether nothing more is there as yet, and what has been read can be used without it."""
        if self._pipe is None or not read:
            return False
        if self._is_live is None and len(read) >= CAPTURE_START_BYTES:
            # Of all else a format wants to see more before it knows a file.
            self._is_live = bytes(read[:CAPTURE_START_BYTES]) in CAPTURE_STARTS
        return self._is_live is True and _nothing_comes(self._pipe, 0)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def without_compression(name: str) -> str:
    """A file's name without the mark of its compression, and without leading ``./``."""
    return re.sub(r"^(\./+)+|\.(gz|xz|bz2|zst)$", "", name)
