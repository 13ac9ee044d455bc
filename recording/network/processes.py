"""Processes that are forked, told to go on, and die with the one that forked them."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
import traceback
from typing import TYPE_CHECKING

from tracing import RecordingError

from network.namespaces import die_with

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

TIMEOUT_S = 120.0


class Line:
    """One end of a line between two processes, over which one tells the other to go on."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def fileno(self) -> int:
        """For `select`."""
        return self._end.fileno()

    def tell(self) -> None:
        """Let the other go on.

        Raises:
            RecordingError: if it has ended.
        """
        try:
            self._end.sendall(b"!")
        except OSError:
            raise RecordingError("a process of the run has ended early") from None

    def is_told(self) -> bool:
        """Whether the other has told something that was not yet listened to."""
        return bool(select.select([self._end], [], [], 0)[0])

    def wait(self, timeout_s: float = TIMEOUT_S) -> None:
        """Wait for the other.

        Raises:
            RecordingError: if it has ended, or says nothing in time.
        """
        self._end.settimeout(timeout_s)
        try:
            if self._end.recv(1):
                return
        except TimeoutError:
            raise RecordingError("a process of the run says nothing") from None
        except OSError:
            pass
        raise RecordingError("a process of the run has ended early")

    def close(self) -> None:
        """Hang up."""
        self._end.close()


class Process:
    """A forked process and the line to it."""

    def __init__(self, work: Callable[[Line], None]) -> None:
        own, other = socket.socketpair()
        parent = os.getpid()
        sys.stdout.flush()
        self.pid = os.fork()
        if not self.pid:
            own.close()
            _live(work, Line(other), parent)
        other.close()
        self.line = Line(own)

    def join(self) -> None:
        """Wait for its end.

        Raises:
            RecordingError: if it did not end well.
        """
        _, status = os.waitpid(self.pid, 0)
        self.line.close()
        if status:
            raise RecordingError("a process of the run has failed")


def _live(work: Callable[[Line], None], line: Line, parent: int) -> None:
    """The whole life of a forked process; nothing of its parent's goes on in it."""
    status = 1
    try:
        die_with(parent)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends all others
        threading.excepthook = _fail
        work(line)
        status = 0
    except RecordingError as error:
        print(f"record: {error}", file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _fail(what: threading.ExceptHookArgs) -> None:
    """A thread that fails takes its process with it: nothing of such a run may be shipped."""
    error: BaseException | None = what.exc_value
    back: TracebackType | None = what.exc_traceback
    traceback.print_exception(what.exc_type, error, back)
    sys.stderr.flush()
    os._exit(1)
