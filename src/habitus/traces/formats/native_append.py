"""Appending to a native file: all or nothing, whatever a crash has left behind."""

from __future__ import annotations

import fcntl
import io
import os
import struct
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from habitus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGE_START = b"\xff\xff\xff\xff"
END_MARK = MESSAGE_START + bytes(4)
"""What an Arrow stream ends with that was written to its end."""
_BODY_LENGTH = 3  # the field's place in the flatbuffer table `Message` of the Arrow format


@contextmanager
def appending(path: str | os.PathLike[str], mark: bytes) -> Iterator[IO[bytes]]:
    """A file open for one more Arrow stream behind its last whole one; made if it is not there.

    The file is locked meanwhile and synced at the end. On any error, Ctrl-C too, it is as it was.

    Args:
        mark: bytes that the beginning of such a file holds.

    Raises:
        InputError: if the file is something else, or damaged before its end.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    with os.fdopen(handle, "r+b", buffering=0) as raw:
        fcntl.flock(raw, fcntl.LOCK_EX)
        end = _end_of_whole_streams(raw, os.fspath(path), mark)
        raw.truncate(end)  # a torn stream: readers stop at it, and would not see what follows
        raw.seek(end)
        try:
            file = io.BufferedWriter(raw)
            yield file
            file.flush()
            os.fsync(raw.fileno())
            file.detach()
        except BaseException:
            raw.truncate(end)
            raise


def _end_of_whole_streams(file: IO[bytes], path: str, mark: bytes) -> int:
    """Where the last stream ends that was written to its end mark.

    A stream is messages: a start, the length of the metadata, the metadata, and a body whose length
    the metadata tell. A length of 0 ends the stream. Bodies are not read.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(1 << 16)
    if size > len(MESSAGE_START) and not (head.startswith(MESSAGE_START) and mark in head):
        raise InputError(f"{path}: is no native file, and nothing is appended to it")
    end = place = 0
    while place + 8 <= size:
        file.seek(place)
        start, length = struct.unpack("<4si", file.read(8))
        if start != MESSAGE_START or length < 0:
            raise _damaged(path, place)
        place += 8
        if length == 0:
            end = place
            continue
        metadata = file.read(min(length, size - place))
        if len(metadata) < length:
            break
        place += length + _body_length(metadata, path, place)
    file.seek(max(size - len(END_MARK), 0))
    if end < size and file.read() == END_MARK:  # not torn: a wrong length leads past the end
        raise _damaged(path, end)
    return end


def _damaged(path: str, place: int) -> InputError:
    return InputError(
        f"{path}: damaged behind byte {place:,}, and nothing is appended to it: it would not be "
        "read. What stands before the damage can be read and written to another file"
    )


def _body_length(metadata: bytes, path: str, place: int) -> int:
    try:
        (root,) = struct.unpack_from("<I", metadata, 0)
        (back,) = struct.unpack_from("<i", metadata, root)
        fields = root - back
        (n_bytes,) = struct.unpack_from("<H", metadata, fields)
        entry = 4 + 2 * _BODY_LENGTH  # behind two lengths; fields that are 0 may be left out
        (offset,) = struct.unpack_from("<H", metadata, fields + entry) if entry < n_bytes else (0,)
        (length,) = struct.unpack_from("<q", metadata, root + offset) if offset else (0,)
    except struct.error as error:
        raise _damaged(path, place) from error
    if length < 0:
        raise _damaged(path, place)
    return int(length)
