"""Zip files: known by their content, opened without trust in their list of members."""

from __future__ import annotations

import io
import os
import zipfile
from typing import IO, TYPE_CHECKING, cast

from habitus.errors import InputError
from habitus.files.inputfile import MAX_BESIDE_BYTES

if TYPE_CHECKING:
    from habitus.files.inputfile import Beside

ZIP_STARTS = {b"PK\x03\x04", b"PK\x05\x06"}
MAX_DIRECTORY_BYTES = 32 << 20
"""Size of a zip's list of members, which is held in memory at about eight times its size."""


def is_zip(stream: IO[bytes]) -> bool:
    """`is_zipfile` finds a zip's end in the middle of anything: its beginning must fit, too."""
    if not stream.seekable():
        return False
    start = stream.read(4)
    found = start in ZIP_STARTS and zipfile.is_zipfile(stream)
    stream.seek(0)
    return found


def open_zip(stream: IO[bytes], source: str) -> zipfile.ZipFile:
    """A zip, its list of members read.

    Raises:
        InputError: if it is damaged, or the list longer than `MAX_DIRECTORY_BYTES`.
    """
    try:
        return zipfile.ZipFile(cast("IO[bytes]", _InShortReads(stream, source)))
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise InputError(
            f"{source}: a zip file that is cut off or damaged ({error}); fetch it again"
        ) from error


def beside_in(archive: zipfile.ZipFile, name: str) -> Beside:
    """A look at the other members in the folder of one of this name."""
    folder = name[: name.rfind("/") + 1]

    def look(other: str) -> bytes | None:
        member = archive.NameToInfo.get(folder + other)
        if member is None or member.file_size > MAX_BESIDE_BYTES:
            return None
        try:
            with archive.open(member) as file:
                return file.read(MAX_BESIDE_BYTES)
        except Exception:  # noqa: BLE001 - whatever is wrong with it is told where it is read itself
            return None

    return look


class _InShortReads(io.RawIOBase):
    """A zip's bytes. `zipfile` reads its list of members at once, and all else in short pieces."""

    def __init__(self, stream: IO[bytes], source: str) -> None:
        self._stream = stream
        self._source = source

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def read(self, size: int = -1) -> bytes:
        if size > MAX_DIRECTORY_BYTES:
            raise InputError(
                f"{self._source}: a zip whose list of members takes {size:,} bytes, more than "
                f"{MAX_DIRECTORY_BYTES >> 20} MiB; unpack it, or make a tar of it, which needs none"
            )
        return self._stream.read(size)
