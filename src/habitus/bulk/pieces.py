"""`Piece`: what one job reads: a file, an archive, or some files of a folder."""

from __future__ import annotations

from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from habitus.errors import InputError, UsageError
from habitus.files.inputs import input_bytes
from habitus.files.listing import Entry, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MANY_BYTES = 4 << 20
"""Of several files that one job reads: what comes of them is kept until it has read them all."""
PIECES_A_SLOT = 8
"""At least so many, where there are files enough: so that all slots end at about the same time."""
MAX_FILES = 4096
"""Of one piece, whose names go to its job."""


@dataclass(frozen=True)
class Piece:
    """What a job reads.

    Attributes:
        path: what the user named, or the folder that it is in.
        number: of what the user named, from 0.
        entries: of a folder, what is read of it; None where the whole path is.
        n_bytes: that there are to read.
    """

    path: str
    number: int
    entries: tuple[Entry, ...] | None = None
    n_bytes: int = 0

    @property
    def files(self) -> list[str]:
        """The files that it names one by one; the path itself where it does not."""
        if self.entries is None:
            return [self.path]
        return [entry for entry in self.entries if isinstance(entry, str)]

    def one_by_one(self) -> list[Piece]:
        """The same in pieces of one file each, if it has several."""
        if self.entries is None or len(self.files) < 2:
            return [self]
        parts: list[list[Entry]] = [[]]
        for entry in self.entries:
            if isinstance(entry, str) and any(isinstance(other, str) for other in parts[-1]):
                parts.append([])
            parts[-1].append(entry)
        return [Piece(self.path, self.number, tuple(part)) for part in parts]


def refuse_streams(paths: Sequence[str]) -> None:
    """Refuse what can be read only once, and only here.

    Raises:
        UsageError: if there is such a thing among it.
    """
    for path in paths:
        is_stream = path == "-" or (Path(path).exists() and not _is_at_rest(Path(path)))
        if is_stream:
            what = "standard input" if path == "-" else "a pipe or a device"
            raise UsageError(
                f"{path}: is {what}, one stream that only this process can read: leave --engine "
                "out, or write it to a file first"
            )


def pieces_of(path: str, number: int, n_slots: int, *, divides: bool) -> list[Piece]:
    """The pieces of one thing that the user named, in the order in which it is read.

    Args:
        number: which of all that was named it is.
        divides: whether a folder may be read in parts, its files staying whole; archives, which
            are read from front to end, stay whole too.

    Raises:
        InputError: if a folder cannot be read.
    """
    if divides and Path(path).is_dir():
        return _of_folder(path, number, n_slots)
    return [Piece(path, number, None, input_bytes(path) or 0)]


def _of_folder(path: str, number: int, n_slots: int) -> list[Piece]:
    entries = listed(Path(path))
    sizes = [_size_of(entry) for entry in entries]
    most = min(MANY_BYTES, sum(sizes) // (PIECES_A_SLOT * n_slots))
    pieces: list[Piece] = []
    part: list[Entry] = []
    held = 0
    for entry, size in zip(entries, sizes, strict=True):
        if part and (held + size > most or len(part) >= MAX_FILES):
            pieces.append(Piece(path, number, tuple(part), held))
            part, held = [], 0
        part.append(entry)
        held += size
    # A folder of nothing is a piece, too, of which is told that there is nothing.
    return [*pieces, Piece(path, number, tuple(part), held)]


def _size_of(entry: Entry) -> int:
    try:
        return Path(entry).stat().st_size if isinstance(entry, str) else 0
    except OSError:  # whoever reads it tells why
        return 0


def _is_at_rest(path: Path) -> bool:
    return path.is_file() or path.is_dir()


def entries_of(told: Sequence[str | Sequence[str]] | None) -> list[Entry] | None:
    """A piece's entries, as they were told in JSON."""
    if told is None:
        return None
    return [entry if isinstance(entry, str) else (entry[0], entry[1]) for entry in told]


@contextmanager
def standing_in(folder: str, path: str) -> Iterator[None]:
    """Let paths mean what they mean to the user; for a process that does nothing else meanwhile.

    Raises:
        InputError: if the path is not there, as on a node that does not share the files.
    """
    remedy = "what is read must lie under the same path on every node: on a shared file system, say"
    try:
        stand = chdir(folder)
        stand.__enter__()
    except OSError as error:
        raise InputError(f"{folder}: is not there for the job: {error.strerror}", remedy) from error
    try:
        if not Path(path).exists():
            raise InputError(f"{path}: is not there for the job", remedy)
        yield
    finally:
        stand.__exit__(None, None, None)
