"""What the user points at, as a run of files: a file, a folder, an archive, or standard input.

Archives (zip and tar, the latter under any compression) are read in place and never unpacked to
disk. Files come one after the other, and each must be read before the next is asked for: that is
what lets a compressed tar be read once, from front to end.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tarfile
import zipfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from habitus.errors import HabitusError, InputError
from habitus.storage import readable
from habitus.traces.decompress import decompressed, refuse_bomb
from habitus.traces.forward import MAX_HEADER_BYTES, ForwardOnly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    OnSkip = Callable[[str, str], None]
    """Hears of a file that is left out: which, and why."""
    OnBytes = Callable[[int], None]
    """Hears how many more bytes have been read."""

HEAD_BYTES = 1 << 16
"""How much of a file a format may look at to recognise it."""
MAX_ARCHIVE_MEMBERS = 10_000_000
_ZIP_STARTS = {b"PK\x03\x04", b"PK\x05\x06"}
_NESTED = "an archive inside an archive; unpack the outer one and name it itself"
_LITTER = re.compile(r"(^|/)(\.[^/]|__MACOSX/|Thumbs\.db$|desktop\.ini$)")
_LITTER_REASON = "a hidden file, or one that desktop systems leave behind"


@dataclass
class InputFile:
    """One file to read.

    Attributes:
        name: its path below what the user named, with forward slashes; labels are read from it.
        source: how to tell the user which file it is.
        stream: its content, decompressed; consumed by reading.
    """

    name: str
    source: str
    stream: io.BufferedReader

    def head(self) -> bytes:
        """The first bytes, up to `HEAD_BYTES`, without consuming them."""
        return self.stream.peek(HEAD_BYTES)[:HEAD_BYTES]


def open_inputs(
    path: str | os.PathLike[str], *, on_skip: OnSkip, on_bytes: OnBytes | None = None
) -> Iterator[InputFile]:
    """Yield the files of ``path``: a file, a folder (in sorted order), an archive, ``-`` for stdin.

    Hidden files and the litter of desktop systems are passed over; ``on_skip(source, reason)``
    hears of files that cannot be opened, ``on_bytes(n)`` of progress (`input_bytes` is the whole).

    Raises:
        InputError: if the path does not exist or cannot be read, or an archive is damaged or holds
            a member whose path climbs out of it.
    """
    if str(path) == "-":
        yield from _content(
            cast("IO[bytes]", sys.stdin.buffer), "stdin", "standard input", on_skip, on_bytes
        )
        return
    path = Path(path)
    if path.is_dir():
        yield from _folder(path, on_skip, on_bytes)
        return
    source = readable(str(path))
    try:
        stream = path.open("rb")
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}") from error
    with stream:
        if _is_zip(stream):
            yield from _zip(stream, source, on_skip, on_bytes)
        else:
            yield from _content(stream, readable(path.name), source, on_skip, on_bytes)


def _folder(folder: Path, on_skip: OnSkip, on_bytes: OnBytes | None = None) -> Iterator[InputFile]:
    def refuse(error: OSError) -> None:
        source = readable(str(error.filename))
        if error.filename == str(folder):
            raise InputError(f"{source}: cannot be read: {error.strerror}") from error
        on_skip(source, f"cannot be read: {error.strerror}")

    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders.sort()
        for link in (Path(parent, name) for name in folders):
            if link.is_symlink():  # it may lead anywhere, even back up
                on_skip(readable(str(link)), "a link to a folder, which is not followed")
        for file in sorted(files):
            path = Path(parent, file)
            source, name = readable(str(path)), readable(path.relative_to(folder).as_posix())
            if _LITTER.search(name):
                on_skip(source, _LITTER_REASON)
                continue
            if not path.is_file():  # a socket or a pipe would block; a dangling link is no file
                on_skip(source, "not a regular file")
                continue
            try:
                stream = path.open("rb")
            except OSError as error:
                on_skip(source, f"cannot be read: {error.strerror}")
                continue
            with stream, closing(_buffered(stream, source, on_bytes)) as content:
                try:
                    is_archive = _is_archive(content)
                except InputError as error:
                    on_skip(source, str(error).removeprefix(f"{source}: "))
                    continue
                if is_archive:
                    on_skip(source, "an archive inside a folder; name it itself")
                    continue
                yield InputFile(_without_compression(name), source, content)


def _content(
    stream: IO[bytes], name: str, source: str, on_skip: OnSkip, on_bytes: OnBytes | None = None
) -> Iterator[InputFile]:
    """A single file, or the members of the tar or zip that it is."""
    content = _buffered(stream, source, on_bytes)
    if _is_tar(content):
        yield from _tar(content, source, on_skip)
        return
    if _is_archive(content):
        raise InputError(
            f"{source}: a zip file that is cut off or damaged (its directory, at the end, is "
            "missing), or a zip inside another stream; fetch it again or unpack it first"
        )
    yield InputFile(_without_compression(name), source, content)


def _buffered(stream: IO[bytes], source: str, on_bytes: OnBytes | None = None) -> io.BufferedReader:
    content = decompressed(stream, source, on_bytes)
    return io.BufferedReader(cast("io.RawIOBase", content), HEAD_BYTES)


def _is_tar(content: io.BufferedReader) -> bool:
    return content.peek(512)[257:262] == b"ustar"


def _is_archive(content: io.BufferedReader) -> bool:
    return _is_tar(content) or content.peek(4)[:4] in _ZIP_STARTS


def input_bytes(path: str | os.PathLike[str]) -> int | None:
    """How many bytes `open_inputs` will tell of; None for standard input, or if nobody knows."""
    if str(path) == "-":
        return None
    path = Path(path)
    try:
        if path.is_dir():
            return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        if not path.is_file():  # a pipe: whatever is read here would be missing later
            return None
        with path.open("rb") as stream:
            if _is_zip(stream):
                with zipfile.ZipFile(stream) as archive:
                    return sum(member.file_size for member in archive.infolist())
        return path.stat().st_size
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):
        return None  # reading it will tell what is wrong


def _zip(
    stream: IO[bytes], source: str, on_skip: OnSkip, on_bytes: OnBytes | None = None
) -> Iterator[InputFile]:
    try:
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise InputError(f"{source}: a damaged zip file ({error}); fetch it again") from error
    with archive:
        members = archive.infolist()
        if len(members) > MAX_ARCHIVE_MEMBERS:
            raise InputError(f"{source}: more than {MAX_ARCHIVE_MEMBERS:,} members")
        # Members may overlap: what they all say they hold counts against the whole file.
        refuse_bomb(source, sum(member.file_size for member in members), _size(stream))
        for member in sorted(members, key=lambda member: member.filename):
            if member.filename.endswith("/"):  # a folder
                continue
            _refuse_climbing(member.filename, source)
            where = f"{source}:{member.filename}"
            if _LITTER.search(member.filename):
                on_skip(where, _LITTER_REASON)
                continue
            try:
                file = archive.open(member)
            except (zipfile.BadZipFile, RuntimeError, OSError, ValueError) as error:
                raise InputError(f"{where}: cannot be read from the archive: {error}") from error
            with closing(
                _buffered(cast("IO[bytes]", _Guarded(file, where)), where, on_bytes)
            ) as content:
                if _is_archive(content):
                    on_skip(where, _NESTED)
                    continue
                yield InputFile(_without_compression(member.filename), where, content)


def _tar(stream: io.BufferedReader, source: str, on_skip: OnSkip) -> Iterator[InputFile]:
    forward = ForwardOnly(stream, source)
    forward.expect_header()
    try:
        with tarfile.TarFile(fileobj=cast("IO[bytes]", forward)) as archive:
            while (member := _next(archive, forward, source)) is not None:
                if member.isdir():
                    continue
                name = readable(member.name)
                _refuse_climbing(name, source)
                where = f"{source}:{name}"
                if not member.isfile() or member.issparse():  # holes inflate without a limit
                    on_skip(where, "not a regular file")
                    continue
                if _LITTER.search(name):
                    on_skip(where, _LITTER_REASON)
                    continue
                file = archive.extractfile(member)
                if file is not None:
                    with closing(
                        _buffered(cast("IO[bytes]", _Guarded(file, where)), where)
                    ) as content:
                        if _is_archive(content):
                            on_skip(where, _NESTED)
                            continue
                        yield InputFile(_without_compression(name), where, content)
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise InputError(f"{source}: a damaged tar archive ({error}); fetch it again") from error


def _next(archive: tarfile.TarFile, forward: ForwardOnly, source: str) -> tarfile.TarInfo | None:
    """The next member, held by nothing but the caller."""
    forward.expect_header()
    member = archive.next()
    forward.expect_data()
    # tarfile keeps every header it has seen; reading a stream needs none of them.
    vars(archive)["members"] = []
    shared = archive.pax_headers  # of all members to come
    if sum(len(name) + len(value) for name, value in shared.items()) > MAX_HEADER_BYTES:
        raise InputError(f"{source}: more than {MAX_HEADER_BYTES >> 10} KiB of global pax headers")
    return member


class _Guarded(io.RawIOBase):
    """A member of an archive whose damage is told as such; it is read in pieces."""

    PIECE_BYTES = 1 << 18

    def __init__(self, stream: IO[bytes], where: str) -> None:
        self.stream = stream
        self.where = where

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            return self.stream.read(min(size, self.PIECE_BYTES) if size >= 0 else self.PIECE_BYTES)
        except (HabitusError, MemoryError):
            raise
        except Exception as error:
            # zipfile and tarfile, and each compression below them, have errors of their own.
            raise InputError(f"{self.where}: damaged in the archive: {error}") from error

    def close(self) -> None:
        if not self.closed:
            self.stream.close()
        super().close()


def _is_zip(stream: IO[bytes]) -> bool:
    """`is_zipfile` finds a zip's end in the middle of anything: its beginning must fit, too."""
    if not stream.seekable():
        return False
    start = stream.read(4)
    found = start in _ZIP_STARTS and zipfile.is_zipfile(stream)
    stream.seek(0)
    return found


def _size(stream: IO[bytes]) -> int:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    return size


def _refuse_climbing(name: str, source: str) -> None:
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or "\0" in name or ":" in parts[0]:
        raise InputError(
            f"{source}: the member {name!r} points outside the archive; no honest archive does so, "
            "and nothing of it was read"
        )


def _without_compression(name: str) -> str:
    return re.sub(r"^(\./+)+|\.(gz|xz|bz2|zst)$", "", name)
