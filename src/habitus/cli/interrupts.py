"""What Ctrl-C does to a command that reads from a pipe."""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType


@contextmanager
def pipe_outlives_interrupt(
    doing: str = "judging", named: Iterable[str] = ("-",)
) -> Iterator[None]:
    """Let the first Ctrl-C end the pipe's writer alone; the second one interrupts.

    A terminal sends Ctrl-C to all of ``strace ... | habitus detect MODEL -``. The recorder ends,
    the pipe with it, and what was recorded until then is judged instead of thrown away.

    Args:
        doing: what is done with that, to tell the user.
        named: what is read; nothing changes if there is no pipe among it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Once polars is imported, the system takes up again a read that Ctrl-C woke, and nobody hears
    # of it.
    signal.siginterrupt(signal.SIGINT, True)
    if not any(map(_is_pipe, named)):
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def once(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler
        signal.signal(signal.SIGINT, before)
        said = f"{doing} what was read until now; Ctrl-C again stops at once"
        print(f"habitus: {said}", file=sys.stderr)  # noqa: T201

    signal.signal(signal.SIGINT, once)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _is_pipe(path: str) -> bool:
    """Whether it is one that somebody writes into; such as ``<(tcpdump -w -)`` is, too."""
    try:
        about = os.fstat(sys.stdin.fileno()) if path == "-" else Path(path).stat()
    except (OSError, ValueError):  # there is none
        return False
    return stat.S_ISFIFO(about.st_mode)
