"""What the user points at, as a run of files: a file, a folder, an archive, or standard input.

Archives are read in place (`habitus.files.archives`), those inside a folder, too. Files come one
after the other, and each must be read before the next is asked for: that is what lets a compressed
tar be read once, from front to end.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from habitus.errors import InputError
from habitus.files.archives import Unpacking, contents, told, zip_members
from habitus.files.inputfile import (
    LITTER,
    LITTER_REASON,
    MAX_BESIDE_BYTES,
    Beside,
    InputFile,
    OnBytes,
    OnSkip,
)
from habitus.files.zips import is_zip, open_zip
from habitus.storage import readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STDIN_BYTES = 16 << 20
"""What standard input counts as where archives inside it are limited by its size."""


def open_inputs(
    path: str | os.PathLike[str],
    *,
    on_skip: OnSkip,
    on_bytes: OnBytes | None = None,
    among: Iterable[Path] | None = None,
) -> Iterator[InputFile]:
    """Yield the files of ``path``: a file, a folder (in sorted order), an archive, ``-`` for stdin.

    Hidden files and the litter of desktop systems are passed over; ``on_skip(source, reason)``
    hears of files that cannot be opened, ``on_bytes(n)`` of progress (`input_bytes` is the whole).

    Args:
        among: of a folder, the files to read (`habitus.files.listing`); by default all.

    Raises:
        InputError: if the path does not exist or cannot be read, or an archive is damaged or holds
            a member whose path climbs out of it; of an archive that is one of many, ``on_skip``
            hears instead.
    """
    if str(path) == "-":
        stream = cast("IO[bytes]", sys.stdin.buffer)
        unpacking = Unpacking(STDIN_BYTES, on_skip)
        yield from contents(stream, "stdin", "standard input", unpacking, on_bytes=on_bytes)
        return
    path = Path(path)
    if path.is_dir():
        for file in files_in(path, on_skip) if among is None else among:
            yield from _file_in_folder(file, path, on_skip, on_bytes)
        return
    source = readable(str(path))
    try:
        stream = path.open("rb")
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}") from error
    with stream:
        unpacking = Unpacking(_size_of(path), on_skip)
        if is_zip(stream):
            yield from zip_members(stream, source, unpacking, on_bytes=on_bytes)
        else:
            yield from contents(
                stream, readable(path.name), source, unpacking,
                beside=_beside(path), on_bytes=on_bytes,
            )  # fmt: skip


def files_in(folder: Path, on_skip: OnSkip) -> Iterator[Path]:
    """The files of a folder and of all below it, in sorted order; none of them is opened.

    ``on_skip(source, reason)`` hears of what is passed over: hidden files and litter, what is no
    regular file, links to folders, and folders that cannot be read.

    Raises:
        InputError: if the folder itself cannot be read.
    """

    def refuse(error: OSError) -> None:
        source = readable(str(error.filename))
        if error.filename == str(folder):
            raise InputError(f"{source}: cannot be read: {error.strerror}") from error
        on_skip(source, f"cannot be read: {error.strerror}")

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        for link in (Path(parent, name) for name in folders):
            if link.is_symlink():  # it may lead anywhere, even back up
                on_skip(readable(str(link)), "a link to a folder, which is not followed")
        for path in (Path(parent, name) for name in sorted(names)):
            reason = _why_not(path, folder)
            if reason is None:
                yield path
            else:
                on_skip(readable(str(path)), reason)


def _why_not(path: Path, folder: Path) -> str | None:
    """Why a file of a folder is passed over; None if it is not."""
    if LITTER.search(path.relative_to(folder).as_posix()):
        return LITTER_REASON
    try:
        # A socket or a pipe would block; a dangling link is no file.
        return None if path.is_file() else "not a regular file"
    except OSError as error:  # in a folder that may be listed, and no more
        return f"cannot be read: {error.strerror}"


def _file_in_folder(
    path: Path, folder: Path, on_skip: OnSkip, on_bytes: OnBytes | None
) -> Iterator[InputFile]:
    """A file of a folder, or the members of the archive that it is."""
    source, name = readable(str(path)), readable(path.relative_to(folder).as_posix())
    try:
        stream = path.open("rb")
    except OSError as error:
        on_skip(source, f"cannot be read: {error.strerror}")
        return
    with stream:
        unpacking = Unpacking(_size_of(path), on_skip)
        if is_zip(stream):
            files = zip_members(stream, source, unpacking, prefix=f"{name}/")
        else:
            files = contents(
                stream, name, source, unpacking,
                beside=_beside(path), on_bytes=on_bytes, prefix=f"{name}/",
            )  # fmt: skip
        yield from told(files, source, unpacking)
        if on_bytes is not None and unpacking.n_out:  # a zip: its members' bytes are not its own
            on_bytes(unpacking.n_in)


def _beside(path: Path) -> Beside:
    """A look at regular files in the folder of ``path``."""

    def look(name: str) -> bytes | None:
        other = path.parent / name
        if Path(name).name != name or not other.is_file():
            return None
        try:
            if other.stat().st_size > MAX_BESIDE_BYTES:
                return None
            with other.open("rb") as file:
                return file.read(MAX_BESIDE_BYTES)
        except OSError:
            return None  # whatever is wrong with it is told where it is read itself

    return look


def input_bytes(path: str | os.PathLike[str]) -> int | None:
    """How many bytes `open_inputs` will tell of; None for standard input, or if nobody knows."""
    if str(path) == "-":
        return None
    path = Path(path)
    try:
        if path.is_dir():
            return sum(file.stat().st_size for file in files_in(path, lambda *_: None))
        if not path.is_file():  # a pipe: whatever is read here would be missing later
            return None
        with path.open("rb") as stream:
            if is_zip(stream):
                with open_zip(stream, path.name) as archive:
                    return sum(member.file_size for member in archive.infolist())
        return path.stat().st_size
    except (OSError, InputError):
        return None  # reading it will tell what is wrong


def _size_of(path: Path) -> int:
    """A file's size; of a pipe, what standard input counts as."""
    try:
        return path.stat().st_size if path.is_file() else STDIN_BYTES
    except OSError:
        return STDIN_BYTES
