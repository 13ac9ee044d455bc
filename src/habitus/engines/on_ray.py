"""`RayEngine`: jobs on the nodes of a Ray cluster, each watched there as on this machine.

An actor a slot (`habitus.engines.ray_slot`) keeps a worker process of ours on its node: so a limit,
a crash and its reason are the same everywhere. Files go through Ray's object store, once to each
node. A node must have the same version of Habitus installed.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from habitus.engines.base import Asked, Ended, EngineError, Event, Job
from habitus.engines.ray_cluster import connect, ray_module
from habitus.engines.ray_slot import Slot
from habitus.version import __version__

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class _Seat:
    """An actor as the driver sees it.

    Attributes:
        pending: the call that it has not answered yet.
        handle: of its job; None while it has none.
    """

    actor: Any
    pending: Any
    handle: int | None = None
    is_ready: bool = False


class RayEngine:
    """Jobs on a Ray cluster: the one that ``RAY_ADDRESS`` names, else one of this machine alone.

    Raises:
        EngineError: if Ray is not installed, or the cluster cannot be reached.
    """

    def __init__(self, slots: int | None = None, *, threads: int = 1) -> None:
        self._ray = ray = ray_module()
        self._threads = threads
        self._is_ours = not ray.is_initialized()
        if self._is_ours:
            connect(ray)
        found = int(ray.cluster_resources().get("CPU", 1)) // threads
        self.slots = slots or max(1, found)
        self._files: dict[str, Any] = {}
        self._waiting: deque[tuple[int, Job]] = deque()
        self._jobs: dict[int, Job] = {}
        self._seats: list[_Seat] = []
        self._next = 0

    def share(self, name: str, path: Path) -> None:
        """Put a file into the object store, from which every node takes it once."""
        import numpy as np

        self._files[name] = self._ray.put(np.fromfile(path, dtype=np.uint8))

    def submit(self, job: Job) -> int:
        """Run a job as soon as a node has room."""
        self._next += 1
        self._waiting.append((self._next, job))
        self._jobs[self._next] = job
        return self._next

    def wait(self, seconds: float) -> list[Event]:
        """What happened, at the latest after so many seconds."""
        self._seat_waiting()
        pending = {seat.pending: seat for seat in self._seats if seat.pending is not None}
        if not pending:
            return []
        done, _ = self._ray.wait(list(pending), timeout=seconds, num_returns=1)
        events: list[Event] = []
        for reference in done:
            events += self._heard(pending[reference])
        self._seat_waiting()
        return events

    def answer(self, handle: int, word: Any) -> None:
        """Answer a job that has asked."""
        for seat in self._seats:
            if seat.handle == handle:
                seat.actor.answer.remote(word)
                seat.pending = seat.actor.wait.remote()

    def cancel(self, handle: int) -> None:
        """Kill a job's actor, or forget a job that waits."""
        self._waiting = deque(waiting for waiting in self._waiting if waiting[0] != handle)
        for seat in [seat for seat in self._seats if seat.handle == handle]:
            self._give_up(seat)

    def close(self) -> None:
        """End all actors, and the cluster if it is of this machine alone."""
        self._waiting.clear()
        for seat in list(self._seats):
            self._give_up(seat)
        self._files.clear()
        if self._is_ours and self._ray.is_initialized():
            self._ray.shutdown()

    def _seat_waiting(self) -> None:
        """Give jobs to actors that are free, and ask for more actors while jobs wait."""
        for seat in self._seats:
            if self._waiting and seat.is_ready and seat.handle is None:
                seat.handle, job = self._waiting.popleft()
                seat.actor.submit.remote(asdict(replace(job, log=None)))
                seat.pending = seat.actor.wait.remote()
        n_coming = sum(not seat.is_ready for seat in self._seats)
        while len(self._seats) < self.slots and n_coming < len(self._waiting):
            made = self._ray.remote(Slot).options(num_cpus=self._threads, max_restarts=0)
            actor = made.remote(self._threads, __version__, **self._files)
            self._seats.append(_Seat(actor, actor.ready.remote()))
            n_coming += 1

    def _heard(self, seat: _Seat) -> list[Event]:
        try:
            told = self._ray.get(seat.pending)
        except self._ray.exceptions.RayError as error:
            return self._lost(seat, error)
        seat.pending = None
        if not seat.is_ready:
            seat.is_ready = True
            return []
        assert seat.handle is not None  # noqa: S101 - only then it was asked to wait
        kinds, log = told
        events = [_event(kind, seat.handle) for kind in kinds]
        if any(isinstance(event, Ended) for event in events):
            self._keep_log(self._jobs.pop(seat.handle), log)
            seat.handle = None
        elif not events:  # an answer makes it go on otherwise
            seat.pending = seat.actor.wait.remote()
        return events

    def _lost(self, seat: _Seat, error: Exception) -> list[Event]:
        """An actor is gone, with its job if it had one."""
        handle = seat.handle
        told = next((line for line in reversed(str(error).splitlines()) if line.strip()), "")
        self._give_up(seat)
        if handle is None:  # it would go on like that for ever
            raise EngineError(f"Ray: no node could begin to work: {told.strip()}")
        self._jobs.pop(handle, None)
        return [Ended(handle, failure=f"its node or actor died: {told.strip()}")]

    def _give_up(self, seat: _Seat) -> None:
        self._seats.remove(seat)
        with suppress(Exception):  # whatever Ray says of an actor that is gone already
            self._ray.kill(seat.actor)

    @staticmethod
    def _keep_log(job: Job, content: bytes) -> None:
        if job.log is not None and content:
            with job.log.open("ab") as file:
                file.write(content)


def _event(told: dict[str, Any], handle: int) -> Event:
    kinds: dict[str, type[Asked | Ended]] = {"Asked": Asked, "Ended": Ended}
    kind = kinds[told.pop("kind")]
    return kind(**{**told, "handle": handle})
