"""One training a checkpoint folder, across processes."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from habitus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def sole_user(folder: Path, *, doing: str = "training") -> Iterator[None]:
    """Be the only one that trains into a folder, by a locked file beside it.

    The lock ends with its holder, however that one ends; the file is taken away again.

    Args:
        doing: what else is done into it.

    Raises:
        UsageError: if another process is at it.
        OSError: if nothing can be written beside the folder.
    """
    path = folder.with_name(f".{folder.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    f"{folder}: another process is {doing} into it: wait for its end, or name "
                    "another output"
                ) from None
            if not _is_still(path, file):  # its last holder took it away while we opened it
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _is_still(path: Path, file: IO[bytes]) -> bool:
    """Whether an open file is the one that has this name now."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
