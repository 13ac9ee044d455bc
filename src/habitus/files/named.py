"""What a user names to be read and written, looked at before any work is done."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from habitus.errors import InputError, UsageError
from habitus.files.inputs import input_bytes
from habitus.storage import readable

Named = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
"""Paths, or a single one."""


def all_named(paths: Named) -> list[str | os.PathLike[str]]:
    """Each path; a single one is not taken for its letters."""
    return [paths] if isinstance(paths, str | os.PathLike) else list(paths)


def total_bytes(paths: Iterable[str | os.PathLike[str]]) -> int | None:
    """How many bytes there are in all of them; None if it is not known of one."""
    sizes = [input_bytes(path) for path in paths]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def refuse_missing(paths: Iterable[str | os.PathLike[str]]) -> None:
    """Refuse what is not there or cannot be opened, before any work is done on the rest.

    Raises:
        UsageError: if standard input stands there more than once.
        InputError: of the first path that cannot be read.
    """
    named = [Path(path) for path in paths]
    if named.count(Path("-")) > 1:
        raise UsageError("standard input (-) can be read once, and stands there more than once")
    for path in named:
        try:
            if path.is_dir():
                os.scandir(path).close()
            elif path.is_file():
                path.open("rb").close()
            elif str(path) != "-":
                path.stat()  # to open a pipe would be to wait for its writer, or to turn him away
        except OSError as error:
            reason = f"cannot be read: {error.strerror}"
            raise InputError(f"{readable(str(path))}: {reason}") from error


def refuse_output_in_input(
    path: str | os.PathLike[str], output: str | os.PathLike[str], *, folders: bool = True
) -> None:
    """Refuse to write over what is read, or into the folder that is read.

    Args:
        folders: whether what is written could be read along with a folder the next time.

    Raises:
        UsageError: if the output would replace the input, or lie in it.
    """
    read, written = Path(path), Path(output)
    if str(path) == "-" or not read.exists() or (written.exists() and not written.is_file()):
        return
    if written.exists() and written.samefile(read):
        raise UsageError(f"{output}: is what is to be read; name another file")
    if folders and read.is_dir() and read.resolve() in written.resolve().parents:
        raise UsageError(
            f"{output}: lies in the folder that is read, which would then hold everything twice; "
            "name a file elsewhere"
        )
