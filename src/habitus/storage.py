"""Files that appear whole or not at all, and what they are known by."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shutil
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from habitus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # from Linux's headers
_STDOUT = {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}
_CANNOT_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM}


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Write a file under a temporary name; on success sync it and give it its name.

    A file that is replaced hands on who may read it.

    On any error, and on Ctrl-C, the old file stands as it was and nothing new is left. A device or
    a pipe, which cannot be replaced, is written as it is, and so is standard output.
    """
    path = Path(path)
    if str(path) in _STDOUT:  # a shell has opened it, perhaps to append to what stands there
        with _naming(path), os.fdopen(os.dup(1), "wb") as file:
            yield file
        return
    # Asked before links are followed: what /dev/stdout leads to may have no path of its own.
    if path.exists() and not path.is_file():
        if path.is_dir():
            raise UsageError(f"{path}: is a folder; name a file")
        with _naming(path), path.open("wb") as file:
            yield file
        return
    path = path.resolve()  # a link's file is replaced, not the link
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    temporary = Path(name)
    try:
        with _naming(path), os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(_mode_of(path, otherwise=0o666))
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


@contextmanager
def atomic_folder(
    path: str | os.PathLike[str], *, may_replace: Callable[[Path], bool]
) -> Iterator[Path]:
    """Fill a folder under a temporary name; on success sync it and give it its name.

    Where the system can exchange two names in one step, whoever opens the folder meanwhile finds
    the old one or the new one, and a kill leaves one of them.

    Args:
        may_replace: told of a folder that already stands there, decides whether it may go.

    Raises:
        UsageError: if something stands there that may not be replaced.
    """
    path = Path(path)
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise UsageError(f"{path}: is not a folder; name another place")
    if path.is_dir() and any(path.iterdir()) and not may_replace(path):
        raise UsageError(
            f"{path}: holds other files, which would be lost; name another folder or empty it"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))
    try:
        with _naming(path):
            yield temporary
        temporary.chmod(_mode_of(path, otherwise=0o777))
        _sync_tree(temporary)
        if not path.exists():
            temporary.rename(path)
        elif _exchange(temporary, path):
            shutil.rmtree(temporary, ignore_errors=True)  # the old folder has this name now
        else:
            _replace_in_two_steps(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync_folder(path.parent)


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_path(path: Path) -> str:
    """The SHA-256 of a file, or of a folder's sorted list of ``sha256  relative/path`` lines."""
    if not path.is_dir():
        return sha256_of_file(path)
    listing = hashlib.sha256()
    for file in files_below(path):
        name = file.relative_to(path).as_posix()
        listing.update(f"{sha256_of_file(file)}  {name}\n".encode("utf-8", "surrogateescape"))
    return listing.hexdigest()


def files_below(folder: Path) -> list[Path]:
    """All files below a folder, sorted; links to folders are not followed, links to files are."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def readable(name: str) -> str:
    """A file name that can be shown and stored: bytes that are no UTF-8 are written ``\\xff``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let an error of the system (a full disk, say) name the file that was asked for."""
    try:
        yield
    except OSError as error:
        ours = error.filename is None or ".partial" in str(error.filename)
        if error.errno in {errno.ENOSPC, errno.EDQUOT} or (error.errno and ours):
            raise type(error)(error.errno, error.strerror, str(path)) from error
        raise


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False where the system or the file system cannot."""
    # Not everywhere in libc, and nowhere in Python.
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    names = os.fsencode(one), os.fsencode(other)
    if renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], ctypes.c_uint(_RENAME_EXCHANGE)) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(other))


def _replace_in_two_steps(temporary: Path, path: Path) -> None:
    """The old folder steps aside, and comes back if the new one cannot take its place."""
    aside = temporary.with_suffix(".old")
    path.rename(aside)
    try:
        temporary.rename(path)
    except BaseException:
        aside.rename(path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _mode_of(path: Path, *, otherwise: int) -> int:
    """Who may do what with what stands there; if nothing does, what the umask leaves."""
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    return otherwise & ~_umask()


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync_tree(folder: Path) -> None:
    """Put a folder, its files and the folders in it onto the disk."""
    for path in folder.rglob("*"):
        if path.is_dir():
            _sync_folder(path)
        elif path.is_file():
            with path.open("rb") as opened:
                os.fsync(opened.fileno())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where the file system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
