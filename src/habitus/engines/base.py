"""The seam of engines: submit a job, hear of it, answer it, cancel it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from habitus.errors import HabitusError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pyarrow as pa

    Task = Callable[[Mapping[str, Any], "Context"], Any]


MOST_REFUSALS = 5
"""Jobs one after the other that a place could not run: then it is given no more."""
MOST_LOSSES = 2
"""A job that is lost is run again so often: then it may be what nodes are lost by."""


class EngineError(HabitusError):
    """An engine that cannot be had, or that ended before its jobs did."""


@dataclass(frozen=True)
class Job:
    """A piece of work that stands for itself.

    Attributes:
        name: for its log and for messages.
        task: ``module:function``, which takes the arguments and a `Context` and returns JSON.
        arguments: JSON.
        prepare: ``module:function``, called first with the same: where it fails, the place cannot
            run such jobs.
        warm: ``module:function``, called then. What these take is no time of the job's.
        seconds: it may take; None sets no limit.
        memory_bytes: it may hold; None sets no limit.
        log: the file that what it prints is added to; of very much its beginning and end.
    """

    name: str
    task: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    prepare: str | None = None
    warm: str | None = None
    seconds: float | None = None
    memory_bytes: int | None = None
    log: Path | None = None


class Context(Protocol):
    """What a task has of the world around it."""

    def shared(self, name: str) -> pa.Buffer:
        """A file that the engine was given, as bytes that all jobs of a machine share."""
        ...

    def ask(self, word: Any) -> Any:
        """Say something (JSON), and wait for the answer."""
        ...


@dataclass(frozen=True)
class Asked:
    """A job says something, and waits for an answer."""

    handle: int
    word: Any


@dataclass(frozen=True)
class Ended:
    """A job is over, one way or the other.

    Attributes:
        result: what its task returned; None if it failed.
        failure: why it failed, in a line; empty if it did not.
        error_number: of the system's error that it failed by, if it was one (a full disk, say).
        seconds: it took, from when it was prepared.
        peak_bytes: the most memory that it was seen to hold; 0 where nobody looked.
        is_lost: whether what it ran on was lost, which says nothing of the job: it may be run again
            elsewhere.
        is_refused: whether the place could not run it, for want of a library, say: engines tell
            that to each other alone, and try again.
        notes: why places refused it before.
    """

    handle: int
    result: Any = None
    failure: str = ""
    error_number: int | None = None
    seconds: float = 0.0
    peak_bytes: int = 0
    is_lost: bool = False
    is_refused: bool = False
    notes: tuple[str, ...] = ()


Event = Asked | Ended


@dataclass
class Refusals:
    """Of one place, the jobs one after the other that it could not run."""

    n: int = 0
    reason: str = ""

    def add(self, reason: str) -> None:
        """One more."""
        self.n, self.reason = self.n + 1, reason

    @property
    def are_too_many(self) -> bool:
        """Whether it is no use to send it any more."""
        return self.n >= MOST_REFUSALS


class Engine(Protocol):
    """Runs jobs side by side.

    A job that a place cannot run, for want of a library or of its data, say, has not failed: it
    waits for another turn. A place that refuses job after job is given no more.

    Attributes:
        slots: so many at once; what is submitted beyond that waits.
    """

    slots: int

    def share(self, name: str, path: Path) -> None:
        """Make a file known to all jobs under a name; before the first job."""
        ...

    def submit(self, job: Job) -> int:
        """Take a job; returns its handle."""
        ...

    def wait(self, seconds: float) -> list[Event]:
        """What jobs have to say; empty if nothing happens within so many seconds.

        Raises:
            EngineError: if no place runs jobs any more; those under way have been heard of before.
        """
        ...

    def answer(self, handle: int, word: Any) -> None:
        """Answer a job that has asked."""
        ...

    def cancel(self, handle: int) -> None:
        """End a job; it is heard of no more."""
        ...

    def close(self) -> None:
        """End all jobs, and what was started for them."""
        ...
