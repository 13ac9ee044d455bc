"""The driver: proposes trials, hands them to an engine, and alone writes down what became of them.

Nothing else decides what is tried: a grid's and chance's points go by a trial's number, a batch of
the Parzen estimator by the trials of the batches before. So a search that was cut off and goes on
tries what it would have tried.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from habitus.engines.base import MOST_LOSSES, Asked, Ended, Engine, Job
from habitus.learning.interrupts import StopRequest, stop_request
from habitus.search.distributions import proposed
from habitus.search.space import trial_seed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.progress import Progress
    from habitus.search.ledger import Ledger, State
    from habitus.search.plan import SearchPlan
    from habitus.search.run_folder import Run, RunFolder
    from habitus.search.space import Point

WAIT_SECONDS = 1.0
MAX_EPOCHS = 100_000
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class TrialWork:
    """What a trial is, as of `Job`."""

    task: str
    prepare: str | None = None
    warm: str | None = None


class Driver:
    """Runs the trials of a search that are left.

    Args:
        engine: runs them; the parts of the data are shared with it.
        work: what a trial is.
    """

    def __init__(
        self,
        run: Run,
        plan: SearchPlan,
        folder: RunFolder,
        ledger: Ledger,
        engine: Engine,
        progress: Progress,
        *,
        work: TrialWork,
        device: str = "cpu",
    ) -> None:
        self._run, self._plan, self._folder = run, plan, folder
        self._ledger, self._engine, self._progress = ledger, engine, progress
        self._work, self._device = work, device
        self._waiting: deque[tuple[int, Point]] = deque()
        self._running: dict[int, int] = {}  # the trial's number by the job's handle
        self._logless: dict[int, str] = {}  # why a trial's log cannot be written
        self._counts = {"done": 0, "pruned": 0, "failed": 0}
        self._best: tuple[float, int, float] | None = None

    def go(self) -> None:
        """Run whatever has not ended.

        Raises:
            KeyboardInterrupt: on Ctrl-C, between two lines of the journal.
            OSError: if the disk is full; what is written stays, and the search can go on.
        """
        with stop_request() as request:
            self._go(request)

    def _go(self, request: StopRequest) -> None:
        self._progress.stage("searching", self._run.n_trials)
        for record in self._ledger.records():
            if record.state != "running":
                self._count(record.number, record.state, record.value)
        for batch in self._batches():
            self._waiting.extend(batch)
            while self._waiting or self._running:
                if request.asked:
                    raise KeyboardInterrupt
                while self._waiting and len(self._running) < self._engine.slots:
                    self._submit(*self._waiting.popleft())
                for event in self._engine.wait(WAIT_SECONDS):
                    if isinstance(event, Asked):
                        self._answer(event)
                    else:
                        self._finish(event)
                self._tell()

    def _batches(self) -> Iterator[list[tuple[int, Point]]]:
        """The trials that are left; each batch is proposed when those before it have ended."""
        plan, n_trials = self._plan, self._run.n_trials
        known = {record.number: record for record in self._ledger.records()}
        every = range(1, n_trials + 1)

        def left(numbers: range, points: list[Point]) -> list[tuple[int, Point]]:
            """Those that have not ended; what had begun keeps the point that it had."""
            begun = {n: record.point for n, record in known.items() if record.state == "running"}
            return [
                (n, begun.get(n, point))
                for n, point in zip(numbers, points, strict=True)
                if n not in known or n in begun
            ]

        if plan.file.method == "grid":
            yield left(every, list(plan.space.grid()))
        elif plan.file.method == "random":
            yield left(every, [plan.space.drawn(plan.file.seed, number) for number in every])
        else:
            for begin in every[:: plan.file.batch]:
                numbers = every[begin - 1 : begin - 1 + plan.file.batch]
                history = [r for r in self._ledger.records() if r.number < begin]
                points = proposed(
                    plan.space, history, len(numbers),
                    seed=plan.file.seed, direction=self._run.direction,
                )  # fmt: skip
                yield left(numbers, points)

    def _submit(self, number: int, point: Point) -> None:
        plan, file = self._plan, self._plan.file
        seed = trial_seed(file.seed, number)
        settings = {**file.settings, **point}
        self._ledger.begin(number, point)
        self._write_log(number, f"trial {number}: {json.dumps(settings)}, seed {seed}")
        job = Job(
            name=f"trial {number}",
            task=self._work.task,
            prepare=self._work.prepare,
            warm=self._work.warm,
            arguments={
                "detector": file.detector,
                "settings": settings,
                "objective": self._run.objective,
                "aggregation": file.aggregation,
                "seed": seed,
                "device": self._device,
                "rungs": self._rungs(),
                "folds": file.judging.folds,
                "beside_attacks": self._run.beside_attacks,
            },
            seconds=file.limits.seconds,
            memory_bytes=plan.file.limits.memory_bytes,
            log=None if number in self._logless else self._folder.log(number),
        )
        self._running[self._engine.submit(job)] = number
        self._tell()

    def _rungs(self) -> list[int]:
        pruning = self._plan.file.pruning
        if pruning is None:
            return []
        rungs = [pruning.first_epoch]
        while rungs[-1] * pruning.factor <= MAX_EPOCHS:
            rungs.append(rungs[-1] * pruning.factor)
        return rungs

    def _answer(self, asked: Asked) -> None:
        number = self._running[asked.handle]
        epoch, value = int(asked.word["epoch"]), float(asked.word["value"])
        self._engine.answer(asked.handle, self._ledger.report(number, epoch, value))

    def _finish(self, ended: Ended) -> None:
        number = self._running.pop(ended.handle)
        if ended.error_number in _DISK_FULL:
            # No fault of the configuration's: it is tried again when the search goes on.
            raise OSError(ended.error_number, os.strerror(ended.error_number), ended.failure)
        if ended.is_lost and self._runs_again(number, ended.failure):
            return
        result: dict[str, Any] = dict(ended.result or {})
        value = result.pop("value", None)
        state: State = "done"
        if ended.failure:
            state, result["reason"] = "failed", _reason(ended)
        elif "pruned_after" in result:
            state = "pruned"
        result |= {
            "seed": trial_seed(self._plan.file.seed, number),
            "seconds": round(ended.seconds, 3),
            "peak_bytes": ended.peak_bytes,
            "ended": round(time.time(), 3),
        }
        told = f"failed: {result['reason']}" if ended.failure else f"{state}: {value}"
        self._write_log(number, *ended.notes, f"{told} ({ended.seconds:.1f} s)")
        logless = [self._logless.pop(number)] if number in self._logless else []
        if notes := [*result.get("notes", []), *ended.notes, *logless]:
            result["notes"] = notes
        self._ledger.finish(number, state, value, result)
        self._count(number, state, value)

    def _runs_again(self, number: int, reason: str) -> bool:
        """Put a trial whose node was lost behind those that wait; False if it was lost too often.

        To the ledger it runs all the while, so that a search that ends here goes on with it.
        """
        record = self._ledger.lose(number, reason)
        n_lost = len(record.lost)
        again = n_lost <= MOST_LOSSES
        if again:
            self._waiting.append((number, record.point))
        told = f"runs again, {n_lost} of {MOST_LOSSES}" if again else "not run again"
        self._write_log(number, f"lost: {reason} ({told})")
        return again

    def _write_log(self, number: int, *lines: str) -> None:
        """Add to a trial's log; where that cannot be done, the trial goes on and says so."""
        log = self._folder.log(number)
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a", encoding="utf-8") as text:
                text.writelines(f"{line}\n" for line in lines)
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise
            told = f"it has no whole log: {log.name} cannot be written ({error.strerror})"
            self._logless[number] = told

    def _count(self, number: int, state: State, value: float | None) -> None:
        self._counts[state] += 1
        self._progress.advance(1)
        if state == "done" and value is not None:
            sign = 1 if self._run.direction == "minimize" else -1
            found = (sign * value, number, value)
            self._best = found if self._best is None else min(self._best, found)

    def _tell(self) -> None:
        """How it stands, in as few letters as a terminal's line has room for beside a bar."""
        counts = self._counts
        told = [f"{counts['done']}/{self._run.n_trials} done", f"{len(self._running)} running"]
        told += [f"{counts[state]} {state}" for state in ("pruned", "failed") if counts[state]]
        if self._best is not None:
            told.append(f"best {self._best[2]:.4g} (trial {self._best[1]})")
        self._progress.label(", ".join(told))


def _reason(ended: Ended) -> str:
    """Why a trial failed."""
    if ended.is_lost:
        return f"{ended.failure} (lost {MOST_LOSSES + 1} times)"
    return ended.failure
