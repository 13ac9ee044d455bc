"""`WorkerProcess`: a worker as its engine sees it: what it says, holds, and dies of."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from habitus.engines.job_log import SLACK_BYTES, is_long, shorten
from habitus.engines.machine import own_memory_bytes, told_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from habitus.engines.base import Job

GROWN_SHARE = 0.25
"""Of a job's memory limit: a process that a job leaves so much larger is replaced."""
START_SECONDS = 600.0
"""A job with a limit of time may take so long, or its limit if that is longer, until it begins."""
MAX_WORD_BYTES = 64 << 20
KILL_SECONDS = 10.0
STOP_SECONDS = 1.0
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from habitus.engines.worker import main; main(int(sys.argv[1]), int(sys.argv[3]))"
)


def _places() -> str:
    """Where modules are found: as here, but not in whatever folder we happen to stand in."""
    return json.dumps([place for place in sys.path if place])


class WorkerProcess:
    """A process that runs jobs, one after the other.

    Attributes:
        link: becomes readable when it has said something, or is dead.
        job: the latest that it was given.
        peak_bytes: the most memory it was seen to hold in its present job.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.link, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [
                    sys.executable,
                    "-P",
                    "-c",
                    _START,
                    str(theirs.fileno()),
                    _places(),
                    str(os.getpid()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=dict(environment),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # a terminal's Ctrl-C is for us, who then kill it
            )
        self.link.setblocking(False)
        self._unread = bytearray()
        self._held_before = 0
        self._n_jobs = 0
        self.peak_bytes = 0

    def begin(self, job: Job, files: Mapping[str, str], memory_bytes: int) -> None:
        """Give it a job."""
        self.job, self._limit = job, memory_bytes
        self._n_jobs += 1
        self._began: float | None = None
        self._given = time.monotonic()
        self._ended: float | None = None
        self.peak_bytes = 0
        self.say(
            {
                "task": job.task,
                "prepare": job.prepare,
                "warm": job.warm,
                "arguments": dict(job.arguments),
                "shared": dict(files),
                "log": None if job.log is None else str(job.log.absolute()),
            }
        )

    def say(self, word: Any) -> None:
        """Say a word to it; if it is dead, that will be noticed when it is listened to."""
        self.link.setblocking(True)
        with suppress(OSError):
            self.link.sendall(json.dumps(word).encode() + b"\n")
        self.link.setblocking(False)

    def has_begun(self) -> None:
        """Its time runs from now on; told again where only then it is warm."""
        self._began = time.monotonic()
        if self._n_jobs == 1:
            self._held_before = own_memory_bytes(self._process.pid)

    def words(self) -> tuple[list[Any], bool]:
        """What it has said, and whether it will say no more."""
        is_over = False
        with suppress(BlockingIOError):
            while True:
                try:
                    piece = self.link.recv(1 << 16)
                except ConnectionError:
                    piece = b""
                if not piece or len(self._unread) > MAX_WORD_BYTES:
                    is_over = True
                    break
                self._unread += piece
        *lines, rest = bytes(self._unread).split(b"\n")
        self._unread = bytearray(rest)
        return [_word(line) for line in lines], is_over

    @property
    def is_begun(self) -> bool:
        """Whether the present job has begun."""
        return self._began is not None

    @property
    def seconds(self) -> float:
        """That the present job has taken."""
        return time.monotonic() - (self._given if self._began is None else self._began)

    def excess(self) -> str:
        """What it takes too much of; empty if nothing."""
        held = own_memory_bytes(self._process.pid)
        self.peak_bytes = max(self.peak_bytes, held)
        if held > self._limit:
            return f"took more memory than {told_size(self._limit)}"
        limit = self.job.seconds
        if limit is not None and not self.is_begun:
            limit = max(limit, START_SECONDS)
        if limit is not None and self.seconds > limit:
            return f"took longer than {limit:g} s"
        return ""

    def shorten_log(self, slack_bytes: int = SLACK_BYTES) -> None:
        """Keep the log of the present job within bounds."""
        if self.job.log is not None and is_long(self.job.log, slack_bytes=slack_bytes):
            with self._stopped():
                shorten(self.job.log)

    @contextmanager
    def _stopped(self) -> Iterator[None]:
        """It does nothing meanwhile, if it is still there."""
        pid = self._process.pid
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGSTOP)
        until = time.monotonic() + STOP_SECONDS
        awaited = os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG
        with suppress(ChildProcessError):  # it was waited for before
            while os.waitid(os.P_PID, pid, awaited) is None and time.monotonic() < until:
                time.sleep(0.001)
        try:
            yield
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGCONT)

    def has_grown(self) -> bool:
        """Whether it still holds what a job has left."""
        held = own_memory_bytes(self._process.pid)
        return held - self._held_before > GROWN_SHARE * self._limit

    def death(self) -> str:
        """What it died of."""
        if len(self._unread) > MAX_WORD_BYTES:
            return f"said more at once than {told_size(MAX_WORD_BYTES)}"
        with suppress(subprocess.TimeoutExpired):
            status = self._process.wait(timeout=5)
            if status >= 0:
                return f"its process ended with status {status}"
            try:
                name = signal.Signals(-status).name
            except ValueError:
                name = f"signal {-status}"
            why = " (by hand, or by the system where memory ran out)" if -status == 9 else ""
            return f"its process was killed by {name}{why}"
        return "its process fell silent"

    def kill(self) -> None:
        """End it, and whatever it has started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):  # one that hangs in the kernel is left to it
            self._process.wait(timeout=KILL_SECONDS)
        self.link.close()


def _word(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
