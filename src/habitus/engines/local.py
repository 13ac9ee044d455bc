"""`LocalEngine`: jobs in processes of this machine, watched for time and memory.

Memory is watched, not limited: what a process may *ask* for (``RLIMIT_AS``, ``RLIMIT_DATA``) says
little, as PyTorch, numba and Arrow ask for far more than they use. Twenty times a second it is read
what each process really holds for itself.
"""

from __future__ import annotations

import os
import socket
import time
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

from habitus.engines.base import Asked, Ended, EngineError, Event, Refusals
from habitus.engines.machine import free_memory_bytes, n_processors, thread_limits
from habitus.engines.worker_process import WorkerProcess

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.engines.base import Job

WATCH_SECONDS = 0.05
FREE_SHARE = 0.8
"""Of the memory that is free at the beginning, what all jobs may hold together."""


class LocalEngine:
    """A process for each of ``slots`` jobs at once; processes are used again while jobs end well.

    Args:
        slots: by default one a processor, or a group of ``threads``.
        threads: that libraries may start in each.
        tries_again: jobs that this machine cannot run; else they are told as refused.
    """

    def __init__(
        self, slots: int | None = None, *, threads: int = 1, tries_again: bool = True
    ) -> None:
        self.slots = slots or max(1, n_processors() // threads)
        self.memory_bytes = int(FREE_SHARE * free_memory_bytes() / self.slots)
        self._environment = {**os.environ, **thread_limits(threads)}
        self._files: dict[str, str] = {}
        self._waiting: deque[tuple[int, Job]] = deque()
        self._busy: dict[int, WorkerProcess] = {}
        self._idle: list[WorkerProcess] = []
        self._next = 0
        self._tries_again = tries_again
        self._refusals = Refusals()
        self._notes: defaultdict[int, list[str]] = defaultdict(list)

    def share(self, name: str, path: Path) -> None:
        """Processes map the file into their memory, so that it is there once."""
        self._files[name] = str(path.absolute())

    def submit(self, job: Job) -> int:
        """Run a job as soon as a slot is free."""
        self._next += 1
        self._waiting.append((self._next, job))
        self._start_waiting()
        return self._next

    def wait(self, seconds: float) -> list[Event]:
        """What happened, at the latest after so many seconds.

        Raises:
            EngineError: if job after job could not be run, and none is under way any more.
        """
        until = time.monotonic() + seconds
        while True:
            self._start_waiting()
            if self._refusals.are_too_many and not self._busy:
                raise EngineError(
                    f"this machine ({socket.gethostname()}) cannot run jobs: "
                    f"{self._refusals.reason}",
                    f"{self._refusals.n} one after the other failed before they could begin: mend "
                    "that and begin again; a search goes on with --resume",
                )
            events = self._heard(min(WATCH_SECONDS, max(0.0, until - time.monotonic())))
            if events or not self._busy or time.monotonic() >= until:
                return events

    def handles(self) -> list[int]:
        """Of the jobs that run."""
        return list(self._busy)

    def answer(self, handle: int, word: Any) -> None:
        """Answer a job."""
        if handle in self._busy:
            self._busy[handle].say({"answer": word})

    def cancel(self, handle: int) -> None:
        """Kill a job's process, or forget a job that waits."""
        self._waiting = deque(waiting for waiting in self._waiting if waiting[0] != handle)
        worker = self._busy.pop(handle, None)
        if worker is not None:
            worker.kill()

    def close(self) -> None:
        """Kill all processes."""
        self._waiting.clear()
        for worker in (*self._busy.values(), *self._idle):
            worker.kill()
        self._busy.clear()
        self._idle.clear()

    def _start_waiting(self) -> None:
        while self._waiting and len(self._busy) < self.slots and not self._refusals.are_too_many:
            handle, job = self._waiting.popleft()
            worker = self._idle.pop() if self._idle else WorkerProcess(self._environment)
            limit = self.memory_bytes if job.memory_bytes is None else job.memory_bytes
            self._busy[handle] = worker
            worker.begin(job, self._files, limit)

    def _heard(self, seconds: float) -> list[Event]:
        from multiprocessing.connection import wait

        ready = wait([worker.link for worker in self._busy.values()], timeout=seconds)
        events: list[Event] = []
        for handle, worker in list(self._busy.items()):
            words, is_over = worker.words() if worker.link in ready else ([], False)
            for word in words:
                events += self._event(handle, worker, word)
            if handle not in self._busy:
                continue
            failure = worker.death() if is_over else worker.excess()
            if failure:
                events += self._failed(handle, worker, failure)
            else:
                worker.shorten_log()
        return events

    def _event(self, handle: int, worker: WorkerProcess, word: Any) -> list[Event]:
        if not isinstance(word, dict):
            return self._failed(handle, worker, "its process said what nobody can read")
        if "asked" in word:
            return [Asked(handle, word["asked"])]
        if "begun" in word:
            worker.has_begun()
            return []
        if not worker.is_begun or word.get("is_refused"):
            return self._refused(handle, worker, word.get("failed", ""))
        worker.excess()  # a last look
        worker.shorten_log(0)
        del self._busy[handle]
        if not word.get("is_sound") or worker.has_grown():
            worker.kill()  # whoever comes next begins afresh
        else:
            self._idle.append(worker)
        self._refusals = Refusals()
        ended = Ended(
            handle,
            result=word.get("result"),
            failure=word.get("failed", ""),
            error_number=word.get("error_number"),
            seconds=worker.seconds,
            peak_bytes=worker.peak_bytes,
            notes=tuple(self._notes.pop(handle, ())),
        )
        return [ended]

    def _failed(self, handle: int, worker: WorkerProcess, failure: str) -> list[Event]:
        """A job was ended, or its process has."""
        if not worker.is_begun:
            return self._refused(handle, worker, failure)
        self._end(handle, worker)
        self._refusals = Refusals()
        ended = Ended(
            handle,
            failure=failure,
            seconds=worker.seconds,
            peak_bytes=worker.peak_bytes,
            notes=tuple(self._notes.pop(handle, ())),
        )
        return [ended]

    def _refused(self, handle: int, worker: WorkerProcess, failure: str) -> list[Event]:
        """A job could not be run; it waits behind the others for another turn."""
        self._end(handle, worker)
        if not self._tries_again:
            return [Ended(handle, failure=failure, is_refused=True)]
        self._refusals.add(failure)
        self._notes[handle].append(f"could not be run at first: {failure}")
        self._waiting.append((handle, worker.job))
        return []

    def _end(self, handle: int, worker: WorkerProcess) -> None:
        self._busy.pop(handle, None)
        worker.kill()
        worker.shorten_log(0)
