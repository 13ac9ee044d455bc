"""What comes into the data home: whether it can be data at all, and what of it is not copied."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from habitus.datasets.entry import LeftOut
from habitus.errors import DataHomeError, UsageError
from habitus.storage import files_below, readable

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_EXAMPLES = 10
_HEAD_BYTES = 512
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_CAPTURE = (
    b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1",
    b"\xa1\xb2\xcd\x34", b"\x34\xcd\xb2\xa1", b"\x0a\x0d\x0d\x0a",
)  # fmt: skip
_BEGINNINGS = {
    ".pcap": ("a capture of packets (pcap or pcapng)", _CAPTURE),
    ".pcapng": ("a capture of packets (pcap or pcapng)", _CAPTURE),
    ".zip": ("a zip archive", _ZIP),
    ".gz": ("a gzip file", (b"\x1f\x8b",)),
    ".tgz": ("a gzip file", (b"\x1f\x8b",)),
    ".Z": ("a file of compress", (b"\x1f\x9d",)),
}
_WEB_PAGES = (b"<!doctype html", b"<html", b"<head")


def files_to_add(path: Path) -> list[Path]:
    """The files of which a file or folder that a user names consists.

    Raises:
        UsageError: if it is not there, or is neither.
        DataHomeError: if it holds nothing, or is an archive that was cut off.
    """
    if not path.exists():
        raise UsageError(f"{path}: there is no such file or folder")
    if not (path.is_file() or path.is_dir()):
        raise UsageError(
            f"{path}: is not a regular file or folder; what comes through a pipe or from a device "
            "is to be written to a file first"
        )
    files = files_below(path) if path.is_dir() else [path]
    if not files:
        raise DataHomeError(f"{path}: there is no file in this folder; nothing was added")
    if not any(file.stat().st_size for file in files):
        what = "has 0 bytes" if path.is_file() else "all files in this folder have 0 bytes"
        raise DataHomeError(f"{path}: {what}: there is nothing to read; it was not added")
    if path.is_file() and _head(path).startswith(_ZIP) and not zipfile.is_zipfile(path):
        raise DataHomeError(
            f"{path}: begins as a zip archive and has no table of contents at its end: it is cut "
            "off or damaged, and was not added; copy or fetch it again"
        )
    return files


def left_out_of(folder: Path) -> LeftOut:
    """What lies below a folder and is not copied: `habitus.storage.files_below` passes it over."""
    count = 0
    examples: list[str] = []
    for path, why in _passed_over(folder):
        count += 1
        if len(examples) < MAX_EXAMPLES:
            name = path.relative_to(folder).as_posix()
            examples.append(f"{readable(name)}: {why}")
    return LeftOut(count=count, examples=tuple(examples))


def refuse_other_kind(path: Path, name: str) -> None:
    """Check that a file whose digest nobody has published is of the kind that its name says.

    Args:
        path: where what came lies.
        name: what was asked for.

    Raises:
        DataHomeError: if it is clearly not.
    """
    head = _head(path)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_WEB_PAGES):
        raise DataHomeError(
            f"what came is a web page, where {name} was asked for; it was not kept. Look at the "
            "address with a browser: it may ask for a login, or have moved"
        )
    wanted, beginnings = _BEGINNINGS.get(Path(name).suffix, ("", ()))
    if wanted and not head.startswith(beginnings):
        raise DataHomeError(
            f"what came is not {wanted}, which {name} must be: it begins with {_told(head)}; it "
            "was not kept"
        )


def _passed_over(folder: Path) -> Iterator[tuple[Path, str]]:
    """(path, why) of what is no file and holds none, in order."""
    unlisted: dict[str, str] = {}

    def note(error: OSError) -> None:
        unlisted[str(error.filename)] = str(error.strerror)

    for top, folders, files in os.walk(folder, onerror=note):
        folders.sort()
        here = Path(top)
        if not folders and not files and here != folder:
            yield here, "an empty folder"
        for name in folders:
            if (here / name).is_symlink():
                yield here / name, "a link to a folder"
        for name in sorted(files):
            if not (here / name).is_file():
                yield here / name, _why_no_file(here / name)
    for place, why in unlisted.items():
        yield Path(place), f"cannot be listed: {why}"


def _why_no_file(path: Path) -> str:
    """What something is that is neither a file nor a folder, nor leads to one."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return "a link that leads nowhere" if path.is_symlink() else "cannot be looked at"
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _told(head: bytes) -> str:
    if head.startswith(_ZIP):
        return "what a zip archive begins with"
    return f"the bytes {head[:8].hex(' ')}" if head else "nothing: it has 0 bytes"
