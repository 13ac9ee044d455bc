"""A folder of a fixed few files, sealed by a manifest: written whole or not at all, read if sound.

``MANIFEST.sha256`` holds the SHA-256 of every other file. It detects corruption and partial edits;
whoever can rewrite the folder can rewrite it too.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from habitus.errors import ModelError
from habitus.storage import atomic_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

What = Literal["model", "checkpoint"]

MANIFEST_FILE = "MANIFEST.sha256"
_MAX_LINE_BYTES = 512  # a digest and the longest name that Linux allows, with room to spare
_MAX_TRIES = 10
_OTHERWISE: Mapping[What, str] = {"model": "train it again", "checkpoint": "train from the start"}


def write_sealed(
    path: str | os.PathLike[str],
    contents: Mapping[str, bytes],
    *,
    may_replace: Callable[[Path], bool],
) -> bytes:
    """Write files and their manifest as a folder, which appears whole or not at all.

    Args:
        contents: each file's bytes, by its name.
        may_replace: told of a folder that already stands there, decides whether it may go.

    Returns:
        The manifest, whose SHA-256 is the folder's digest.

    Raises:
        UsageError: if something stands there that may not be replaced.
    """
    manifest = _manifest_of(contents)
    with atomic_folder(path, may_replace=may_replace) as folder:
        for name, content in {**contents, MANIFEST_FILE: manifest}.items():
            (folder / name).write_bytes(content)
    return manifest


def read_sealed(
    path: str | os.PathLike[str], max_bytes: Mapping[str, int], *, what: What = "model"
) -> dict[str, bytes]:
    """The bytes of a folder's files and manifest, read once: what is checked is what is used.

    The folder is opened once: its files belong together even if another takes its place. What is
    replaced is taken away, perhaps while it is being read: then the new folder is read.

    Args:
        max_bytes: the names of all files but the manifest, and how large each may be.
        what: what the folder holds, for the errors' text.

    Raises:
        ModelError: if a file is missing, added, altered, too large or no regular file, or if the
            folder cannot be read.
    """
    folder = Path(path)
    for _ in range(_MAX_TRIES):
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise ModelError(f"{folder}: there is no {what} here (a {what} is a folder)") from None
        except OSError as error:
            raise ModelError(f"{folder}: cannot be read: {error.strerror}") from error
        try:
            return _contents_of(folder, handle, max_bytes, what)
        except ModelError:
            if not _was_replaced(folder, handle):
                raise
        finally:
            os.close(handle)
    raise ModelError(f"{folder}: is replaced again and again; try again when it has come to rest")


def is_sealed_folder(folder: Path, names: Iterable[str], *, known_by: str) -> bool:
    """Whether a folder holds nothing but such files, among them the one it is known by.

    It may have lost others, and its manifest; no file is read.

    Raises:
        OSError: if it is no folder, or one that cannot be listed.
    """
    found = {entry.name for entry in folder.iterdir()}
    return known_by in found and found <= {*names, MANIFEST_FILE}


def arrays_of(content: bytes, name: str) -> dict[str, NDArray[np.generic]]:
    """The arrays that the bytes of a safetensors file hold.

    Args:
        name: the file's name, for the error's text.

    Raises:
        ModelError: if it is no such file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays: dict[str, NDArray[np.generic]] = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ModelError(f"{name}: not a file of arrays ({error})") from error
    return arrays


def _was_replaced(folder: Path, handle: int) -> bool:
    """Whether another folder stands where the opened one did."""
    try:
        return not os.path.samestat(os.fstat(handle), folder.stat())
    except OSError:
        return False


def _contents_of(
    folder: Path, handle: int, max_bytes: Mapping[str, int], what: What
) -> dict[str, bytes]:
    names = set(os.listdir(handle))
    limits = {**max_bytes, MANIFEST_FILE: _MAX_LINE_BYTES * len(max_bytes)}
    wanted = set(limits)
    if wanted - names:
        missing = ", ".join(sorted(wanted - names))
        raise ModelError(f"{folder}: not a whole {what}: {missing} is missing")
    if names - wanted:
        extra = ", ".join(sorted(names - wanted))
        raise ModelError(f"{folder}: holds what no {what} does: {extra}; take it away to use it")
    contents = {name: _read(folder / name, handle, limits[name], what) for name in sorted(wanted)}
    expected = _manifest_of({name: contents[name] for name in max_bytes})
    if contents[MANIFEST_FILE] != expected:
        claimed = contents[MANIFEST_FILE].split(b"\n")
        altered = [
            line.split(b"  ")[1].decode() for line in expected.splitlines() if line not in claimed
        ]
        problem = (
            f"{' and '.join(altered)} and the manifest differ" if altered else "not as written"
        )
        raise ModelError(
            f"{folder / MANIFEST_FILE}: {problem}: the {what} is damaged or was altered; copy it "
            f"again from where it was made, or {_OTHERWISE[what]}"
        )
    return contents


def _read(path: Path, folder: int, max_bytes: int, what: What) -> bytes:
    """A file of the opened folder."""
    try:
        info = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(info.st_mode):
            raise ModelError(f"{path}: not a regular file; a {what} holds its files itself")
        if info.st_size > max_bytes:
            raise ModelError(
                f"{path}: larger than any {path.name} of ours ({info.st_size:,} bytes)"
            )
        # Whatever has taken its place since: no link is followed, no pipe waited for.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(path.name, flags, dir_fd=folder), "rb") as file:
            return file.read(info.st_size)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error


def _manifest_of(contents: Mapping[str, bytes]) -> bytes:
    lines = (f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in contents.items())
    return "".join(sorted(lines, key=lambda line: line[66:])).encode()
