"""Archives, read in place: zip, and tar under any compression, one of them inside another.

A zip inside another stream is unpacked to an unnamed temporary file, because its directory stands
at its end; nothing else touches the disk.
"""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
import zipfile
from contextlib import closing
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from habitus.errors import HabitusError, InputError
from habitus.files.decompress import PIECE_BYTES, refuse_bomb
from habitus.files.forward import MAX_HEADER_BYTES, ForwardOnly
from habitus.files.inputfile import (
    LITTER,
    LITTER_REASON,
    ArchiveDamage,
    Beside,
    InputFile,
    OnBytes,
    OnSkip,
    buffered,
    nothing_beside,
    pauses_of,
    without_compression,
)
from habitus.files.zips import ZIP_STARTS, beside_in, open_zip
from habitus.storage import readable

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_NESTED_BYTES = 2 << 30
"""Size of a zip inside another stream, which is unpacked for a while."""
MAX_DEPTH = 2
"""An archive inside an archive is read, one inside that is not."""
_ENCRYPTED = 1
"""Bit of a zip member's flags."""
_TOO_DEEP = "an archive inside an archive inside an archive; unpack the outer one"


@dataclass
class Unpacking:
    """What all that is read of one file on disk shares.

    Attributes:
        n_in: bytes of that file; what comes out of archives inside it counts against them.
        on_skip: hears of members that are left out.
    """

    n_in: int
    on_skip: OnSkip
    n_out: int = 0

    def promise(self, source: str, n_bytes: int) -> None:
        """Count bytes that an archive says it holds.

        Raises:
            InputError: if no honest file of this size holds so many.
        """
        self.n_out += n_bytes
        refuse_bomb(source, self.n_out, self.n_in)


def contents(
    stream: IO[bytes],
    name: str,
    source: str,
    unpacking: Unpacking,
    *,
    beside: Beside = nothing_beside,
    on_bytes: OnBytes | None = None,
    prefix: str = "",
    depth: int = 0,
) -> Iterator[InputFile]:
    """A single file, or the members of the archive that it is.

    Args:
        name, source, beside: the file's own.
        prefix: stands before the names of its members.
        depth: how many archives it lies in.

    Raises:
        InputError: if an archive is damaged or holds a member whose path climbs out of it.
    """
    content = buffered(stream, source, on_bytes)
    try:
        zipped = content.peek(4)[:4] in ZIP_STARTS
        is_file = not zipped and not is_tar(content)
    except InputError:  # is raised again where it is read: of an archive the other members count
        is_file = True
    if is_file:
        yield InputFile(without_compression(name), source, content, beside, pauses_of(stream))
        return
    if depth >= MAX_DEPTH:
        unpacking.on_skip(source, _TOO_DEEP)
        return
    read = _zip_in_stream if zipped else _tar
    files = read(content, source, unpacking, prefix, depth)
    yield from told(files, source, unpacking) if depth else files


def told(files: Iterator[InputFile], source: str, unpacking: Unpacking) -> Iterator[InputFile]:
    """The files of an archive that is one of many: if it is damaged, the others are read."""
    try:
        yield from files
    except InputError as error:
        why = str(error).removeprefix(f"{source}: ")
        unpacking.on_skip(source, f"read only as far as it is sound: {why}")


def is_tar(content: io.BufferedReader) -> bool:
    """Whether a stream begins as a tar does."""
    return content.peek(512)[257:262] == b"ustar"


def zip_members(
    stream: IO[bytes],
    source: str,
    unpacking: Unpacking,
    *,
    on_bytes: OnBytes | None = None,
    prefix: str = "",
    depth: int = 0,
) -> Iterator[InputFile]:
    """The files in a zip, in the order of their names."""
    with open_zip(stream, source) as archive:
        members = archive.infolist()
        # Members may overlap: what they all say they hold counts against the whole file.
        n_bytes = sum(member.file_size for member in members)
        refuse_bomb(source, n_bytes, _size(stream))
        unpacking.promise(source, n_bytes)
        for member in sorted(members, key=lambda member: member.filename):
            if member.filename.endswith("/"):  # a folder
                continue
            refuse_climbing(member.filename, source)
            where = f"{source}:{member.filename}"
            if LITTER.search(member.filename):
                unpacking.on_skip(where, LITTER_REASON)
                continue
            try:
                file = archive.open(member)
            except (zipfile.BadZipFile, RuntimeError, OSError, ValueError) as error:
                # The list of members tells where the others are.
                why = "it is encrypted" if member.flag_bits & _ENCRYPTED else str(error)
                unpacking.on_skip(where, f"cannot be read from the archive: {why}")
                continue
            beside = beside_in(archive, member.filename)
            yield from _member(
                file, member.filename, where, unpacking, prefix, depth, beside, on_bytes
            )


def _member(
    file: IO[bytes],
    name: str,
    where: str,
    unpacking: Unpacking,
    prefix: str,
    depth: int,
    beside: Beside = nothing_beside,
    on_bytes: OnBytes | None = None,
    is_in_stream: bool = False,
) -> Iterator[InputFile]:
    name = prefix + without_compression(name)
    with closing(_Guarded(file, where, is_in_stream=is_in_stream)) as guarded:
        yield from contents(
            cast("IO[bytes]", guarded), name, where, unpacking,
            beside=beside, on_bytes=on_bytes, prefix=f"{name}/", depth=depth + 1,
        )  # fmt: skip


def _zip_in_stream(
    content: io.BufferedReader, source: str, unpacking: Unpacking, prefix: str, depth: int
) -> Iterator[InputFile]:
    """The files in a zip that cannot be read from its end: from a temporary copy of it."""
    with tempfile.TemporaryFile() as copy:
        size = 0
        while block := content.read(1 << 20):
            size += len(block)
            if size > MAX_NESTED_BYTES:
                raise InputError(
                    f"{source}: a zip of more than {MAX_NESTED_BYTES >> 30} GiB inside another "
                    "stream; write it to a file and name that"
                )
            copy.write(block)
        copy.seek(0)
        yield from zip_members(copy, source, unpacking, prefix=prefix, depth=depth)


def _tar(
    stream: io.BufferedReader, source: str, unpacking: Unpacking, prefix: str, depth: int
) -> Iterator[InputFile]:
    forward = ForwardOnly(stream, source)
    forward.expect_header()
    try:
        with tarfile.TarFile(fileobj=cast("IO[bytes]", forward)) as archive:
            while (member := _next(archive, forward, source)) is not None:
                if member.isdir():
                    continue
                name = readable(member.name)
                refuse_climbing(name, source)
                where = f"{source}:{name}"
                if not member.isfile() or member.issparse():  # holes inflate without a limit
                    unpacking.on_skip(where, "not a regular file")
                    continue
                if LITTER.search(name):
                    unpacking.on_skip(where, LITTER_REASON)
                    continue
                file = archive.extractfile(member)
                if file is not None:
                    yield from _member(
                        file, name, where, unpacking, prefix, depth, is_in_stream=True
                    )
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise InputError(f"{source}: a damaged tar archive ({error}); fetch it again") from error


def _next(archive: tarfile.TarFile, forward: ForwardOnly, source: str) -> tarfile.TarInfo | None:
    """The next member, held by nothing but the caller."""
    forward.expect_header()
    member = archive.next()
    forward.expect_data()
    if member is None and any(forward.last):  # which tarfile takes for the archive's end
        raise InputError(f"{source}: a damaged tar archive (a header that is none); fetch it again")
    # tarfile keeps every header it has seen; reading a stream needs none of them.
    vars(archive)["members"] = []
    shared = archive.pax_headers  # of all members to come
    if sum(len(name) + len(value) for name, value in shared.items()) > MAX_HEADER_BYTES:
        raise InputError(f"{source}: more than {MAX_HEADER_BYTES >> 10} KiB of global pax headers")
    return member


class _Guarded(io.RawIOBase):
    """A member of an archive whose damage is told as such.

    It is read in pieces: an error takes with it whatever was asked for along with it.

    Args:
        is_in_stream: whether the archive is read from front to end, as a tar is: where that cannot
            be read on, the archive ends as well.
    """

    def __init__(self, stream: IO[bytes], where: str, *, is_in_stream: bool) -> None:
        self.stream = stream
        self.where = where
        self.is_in_stream = is_in_stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            return self.stream.read(min(size, PIECE_BYTES) if size >= 0 else PIECE_BYTES)
        except MemoryError:
            raise
        except HabitusError as error:
            if self.is_in_stream:
                raise ArchiveDamage(*error.args) from error
            raise
        except Exception as error:
            # zipfile and tarfile, and each compression below them, have errors of their own.
            kind = ArchiveDamage if self.is_in_stream else InputError
            raise kind(f"{self.where}: damaged in the archive: {error}") from error

    def close(self) -> None:
        if not self.closed:
            self.stream.close()
        super().close()


def _size(stream: IO[bytes]) -> int:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    return size


def refuse_climbing(name: str, source: str) -> None:
    """Refuse an archive with a member that an unpacking program could write anywhere.

    Raises:
        InputError: if the name is absolute, climbs, or is no name at all.
    """
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or "\0" in name or ":" in parts[0]:
        raise InputError(
            f"{source}: the member {name!r} points outside the archive; no honest archive does so, "
            "and nothing of it was read"
        )
