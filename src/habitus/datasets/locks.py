"""One at a time, across processes."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def exclusive(path: Path, *, on_wait: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold a lock file; it ends with its holder, however that one ends.

    The file stays: whoever removed it would take it from under another who waits for it.

    Args:
        on_wait: called once if another holds it, before waiting.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
