"""`RayEngine`: jobs on the nodes of a Ray cluster, each watched there as on this machine.

An actor a slot (`habitus.engines.ray_slot`) keeps a worker process of ours on its node: so a limit,
a crash and its reason are the same everywhere. Files go through Ray's object store, once to each
node. A node must have the same version of Habitus installed.

Whatever a job does to itself, its actor outlives it and tells. So where the actor is gone, the node
was lost, or what Ray runs on it, and the job may be run again elsewhere.

A node that refuses job after job is given no more. Its actors stay there, idle: as long as they
hold its processors, Ray puts no other actor on it.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from habitus.engines.base import (
    MOST_REFUSALS,
    Asked,
    Ended,
    EngineError,
    Event,
    Job,
    Refusals,
)
from habitus.engines.ray_cluster import Node, connect, nodes_of, ray_module
from habitus.engines.ray_slot import Slot
from habitus.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

MOST_UNSEATED = 10
"""Actors one after the other that were gone before they were ready: then it is no node's death."""
BARE_SECONDS = 120.0
"""A cluster without any node that has processors enough is waited for so long."""


@dataclass
class _Seat:
    """An actor as the driver sees it.

    Attributes:
        pending: the call that it has not answered yet.
        handle: of its job; None while it has none.
        node, host: where it is, once it is ready.
    """

    actor: Any
    pending: Any
    handle: int | None = None
    is_ready: bool = False
    node: str = ""
    host: str = ""


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
        self._n_unseated = 0
        self._refusals: defaultdict[str, Refusals] = defaultdict(Refusals)  # by node
        self._notes: defaultdict[int, list[str]] = defaultdict(list)
        self._bare_since: float | None = None

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
        """What happened, at the latest after so many seconds.

        Raises:
            EngineError: if jobs cannot begin anywhere.
        """
        self._seat_waiting()
        pending = {seat.pending: seat for seat in self._seats if seat.pending is not None}
        if not pending:
            return []
        done, _ = self._ray.wait(list(pending), timeout=seconds, num_returns=1)
        events: list[Event] = []
        if not done:
            self._refuse_an_unfit_cluster()
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
        for seat in self._fit_seats():
            if self._waiting and seat.is_ready and seat.handle is None:
                seat.handle, job = self._waiting.popleft()
                seat.actor.submit.remote(asdict(replace(job, log=None)))
                seat.pending = seat.actor.wait.remote()
        n_coming = sum(not seat.is_ready for seat in self._seats)
        while len(self._fit_seats()) < self.slots and n_coming < len(self._waiting):
            made = self._ray.remote(Slot).options(num_cpus=self._threads, max_restarts=0)
            actor = made.remote(self._threads, self.slots, __version__, **self._files)
            self._seats.append(_Seat(actor, actor.ready.remote()))
            n_coming += 1

    def _fit_seats(self) -> list[_Seat]:
        """Those on nodes that run jobs, as far as is known."""
        return [seat for seat in self._seats if not self._refusals[seat.node].are_too_many]

    def _heard(self, seat: _Seat) -> list[Event]:
        try:
            told = self._ray.get(seat.pending)
        except self._ray.exceptions.RayError as error:
            return self._lost(seat, error)
        seat.pending = None
        if not seat.is_ready:
            seat.is_ready = True
            self._n_unseated = 0
            seat.node, seat.host, unfit = told
            if unfit:
                self._refusals[seat.node] = Refusals(MOST_REFUSALS, f"{seat.host}: {unfit}")
            return []
        assert seat.handle is not None  # noqa: S101 - only then it was asked to wait
        kinds, log = told
        events = [_event(kind, seat.handle) for kind in kinds]
        ended = next((event for event in events if isinstance(event, Ended)), None)
        if ended is not None and ended.is_refused:
            self._refuse(seat, ended.failure)
            return [event for event in events if event is not ended]
        if ended is not None:
            handle, seat.handle = seat.handle, None
            self._refusals[seat.node] = Refusals()
            self._keep_log(self._jobs.pop(handle), log)
            notes = tuple(self._notes.pop(handle, ()))
            return [replace(one, notes=notes) if one is ended else one for one in events]
        if not events:  # an answer makes it go on otherwise
            seat.pending = seat.actor.wait.remote()
        return events

    def _refuse(self, seat: _Seat, reason: str) -> None:
        """A node could not run a job, which waits behind the others for another turn."""
        assert seat.handle is not None  # noqa: S101 - it was its job
        handle, seat.handle = seat.handle, None
        self._refusals[seat.node].add(f"{seat.host}: {reason}")
        self._notes[handle].append(f"could not be run on {seat.host} at first: {reason}")
        self._waiting.append((handle, self._jobs[handle]))

    def _lost(self, seat: _Seat, error: Exception) -> list[Event]:
        """An actor is gone, with its job if it had one."""
        handle = seat.handle
        told = next((line for line in reversed(str(error).splitlines()) if line.strip()), "")
        is_lost = self._is_gone(error)
        self._give_up(seat)
        if handle is None:
            self._n_unseated += 1
            if not is_lost or self._n_unseated >= MOST_UNSEATED:  # it would go on like that
                raise EngineError(f"Ray: no node could begin to work: {told.strip()}")
            return []  # another takes its place, as jobs still wait
        if isinstance(error, self._ray.exceptions.RayTaskError):  # the actor's own work failed
            self._refuse(seat, told.strip())
            return []
        if is_lost:
            # Whoever had nothing to do may be gone with it, and is found out only by a job's loss.
            for idle in [one for one in self._seats if one.is_ready and one.handle is None]:
                self._give_up(idle)
        self._jobs.pop(handle, None)
        notes = tuple(self._notes.pop(handle, ()))
        what = "its node or actor died" if is_lost else "its node failed"
        return [Ended(handle, failure=f"{what}: {told.strip()}", is_lost=is_lost, notes=notes)]

    def _is_gone(self, error: Exception) -> bool:
        """Whether an actor was lost, and not told of an error or ended for its node's memory."""
        kinds = self._ray.exceptions
        if isinstance(error, kinds.RayActorError):
            return not error.actor_init_failed
        return isinstance(
            error,
            (
                kinds.NodeDiedError,
                kinds.LocalRayletDiedError,
                kinds.WorkerCrashedError,
                kinds.ObjectLostError,
                kinds.RpcError,
            ),
        )

    def _refuse_an_unfit_cluster(self) -> None:
        """Wait for nodes to come back, but not for ever; and not for those that refuse jobs."""
        large = [node for node in nodes_of(self._ray) if node.processors >= self._threads]
        if any(not self._refusals[node.name].are_too_many for node in large):
            self._bare_since = None
            return
        if any(seat.handle is not None for seat in self._seats):
            return  # what is under way is heard of first
        if large:
            raise self._unfit(large)
        now = time.monotonic()
        if self._bare_since is None:
            self._bare_since = now
        elif now - self._bare_since > BARE_SECONDS:
            raise EngineError(
                f"Ray: for {BARE_SECONDS:g} s the cluster has had no node with "
                f"{self._threads} processors: add nodes, and begin again",
                "a search goes on with --resume",
            )

    def _unfit(self, nodes: list[Node]) -> EngineError:
        reasons = dict.fromkeys(self._refusals[node.name].reason for node in nodes)
        return EngineError(
            "Ray: no node of the cluster can run jobs",
            *reasons,
            "mend that and begin again; a search goes on with --resume",
        )

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
