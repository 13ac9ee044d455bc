"""`SearchResult`: what a search has found so far, for people and for programs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from habitus.errors import InputError, UsageError
from habitus.search.beside import Beside
from habitus.search.curve import Curve
from habitus.search.distributions import importance
from habitus.search.run_folder import REPORT, Run, RunFolder
from habitus.storage import atomic_write

if TYPE_CHECKING:
    import os

    from habitus.search.ledger import Record
    from habitus.search.plan import SearchPlan

_PLACE = re.compile(r"(?P<run>.+)#(?P<kind>trial-)?0*(?P<number>\d{1,9})")


@dataclass(frozen=True)
class TrialResult:
    """A trial that was begun.

    Attributes:
        trial: its number.
        rank: from 1, the best; None where it has no value to be ranked by.
        settings: those that the search tries; the others are the search file's.
        measures: what was measured besides, by name.
        reason: why it failed; empty if it did not.
        lost: why it was run again, for each time that the engine lost it.
        pruned_after: the epoch after which it was ended; None if it was not.
        supervised: whether labelled attacks had a part in it.
        curve: how its network learned; None of what is no network.
        beside: how it scores attacks, which ranked nothing; None where they were not looked at.
    """

    trial: int
    rank: int | None
    state: str
    value: float | None
    settings: dict[str, Any]
    seed: int | None
    seconds: float | None
    peak_bytes: int | None
    measures: dict[str, float] = field(default_factory=dict)
    reason: str = ""
    lost: tuple[str, ...] = ()
    pruned_after: int | None = None
    epochs: int | None = None
    kept_epoch: int | None = None
    notes: tuple[str, ...] = ()
    supervised: bool = False
    curve: Curve | None = None
    beside: Beside | None = None


@dataclass(frozen=True)
class SearchResult:
    """A search and its trials, the best first, then those pruned, failed and running.

    Attributes:
        plan: its file.
    """

    path: Path
    run: Run
    plan: SearchPlan
    trials: tuple[TrialResult, ...]
    _records: tuple[Record, ...] = ()

    @cached_property
    def importance(self) -> dict[str, float]:
        """By how much each setting that all trials have moves the objective, as shares of 1.

        Empty where there are too few trials to tell.
        """
        return importance(self.plan.space, self._records, direction=self.run.direction)

    @property
    def best(self) -> TrialResult | None:
        """The trial of rank 1, if one has come to its end."""
        return next((trial for trial in self.trials if trial.rank == 1), None)

    @property
    def n_ended(self) -> int:
        """Trials that will not be run again."""
        return sum(trial.state != "running" for trial in self.trials)

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.n_ended >= self.run.n_trials

    def counts(self) -> dict[str, int]:
        """How many trials are in each state."""
        states = ("done", "pruned", "failed", "running")
        return {state: sum(trial.state == state for trial in self.trials) for state in states}

    def find(self, which: str) -> TrialResult:
        """The trial of a rank, as ``1``, or of a number, as ``trial-7``.

        Raises:
            UsageError: if there is none, or it has failed.
        """
        for trial in self.trials:
            if which in {str(trial.rank), f"trial-{trial.trial}"}:
                if trial.rank is None:
                    raise UsageError(
                        f"{self.path}: {which} is {trial.state}: take one that has ended well"
                    )
                return trial
        n_ranked = sum(trial.rank is not None for trial in self.trials)
        raise UsageError(
            f"{self.path}: there is no {which}; its ranks are 1 to {n_ranked}, and trials are "
            "named trial-N"
            if n_ranked
            else f"{self.path}: no trial of this search has ended well yet"
        )

    def write_report(self) -> Path:
        """Write ``report.html`` into the search's folder, anew where it stands; its path.

        It holds pictures and tables of what has been found so far, and needs no network.
        """
        from habitus.search.report.page import report_page

        content = report_page(self).encode()  # before the file is begun
        path = self.path / REPORT
        with atomic_write(path) as file:
            file.write(content)
        return path

    def settings_of(self, trial: TrialResult) -> dict[str, Any]:
        """All settings of a trial, the search file's own among them."""
        return {**self.plan.file.settings, **trial.settings}


def result_of(folder: RunFolder, run: Run, plan: SearchPlan, records: list[Record]) -> SearchResult:
    """What the records of a search come to."""
    sign = 1 if run.direction == "minimize" else -1
    done = [record for record in records if record.state == "done" and record.value is not None]
    done.sort(key=lambda record: (sign * (record.value or 0.0), record.number))
    rank = {record.number: place for place, record in enumerate(done, 1)}
    order = ("done", "pruned", "failed", "running")
    others = [record for record in records if record.number not in rank]
    others.sort(key=lambda record: (order.index(record.state), record.number))
    return SearchResult(
        path=folder.path,
        run=run,
        plan=plan,
        trials=tuple(_trial(r, rank.get(r.number), run, folder) for r in (*done, *others)),
        _records=tuple(records),
    )


def read_result(path: str | os.PathLike[str]) -> SearchResult:
    """What a search has found, while it runs or afterwards.

    Raises:
        InputError: if no search stands there, or it is damaged.
    """
    folder = RunFolder(path)
    run, plan = folder.read()
    return result_of(folder, run, plan, folder.ledger(run, plan).records())


def is_place(text: str) -> bool:
    """Whether a text names a trial by its form: ``RUN#1`` or ``RUN#trial-7``."""
    return _PLACE.fullmatch(text) is not None


def place_of(text: str) -> tuple[str, str]:
    """``RUN#1`` or ``RUN#trial-7`` in its parts; ``RUN`` alone means its best.

    Raises:
        InputError: if it is neither.
    """
    if Path(text).is_dir():
        return text, "1"
    match = _PLACE.fullmatch(text)
    if match is None:
        raise InputError(
            f"{text}: no trial; say RUN#1 for the best of a search, RUN#2 for the second, or "
            "RUN#trial-7"
        )
    return match["run"], f"{match['kind'] or ''}{match['number']}"


def _trial(record: Record, rank: int | None, run: Run, folder: RunFolder) -> TrialResult:
    told = record.outcome
    try:
        curve, beside = Curve.of(told.get("curve")), Beside.of(told.get("beside"))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{folder.path}: what is kept of trial {record.number} is damaged "
            f"({type(error).__name__}: {error}); begin anew in another folder"
        ) from None
    return TrialResult(
        trial=record.number,
        rank=rank,
        state=record.state,
        value=record.value,
        settings=record.point,
        seed=told.get("seed"),
        seconds=told.get("seconds"),
        peak_bytes=told.get("peak_bytes"),
        measures=told.get("measures", {}),
        reason=told.get("reason", ""),
        lost=record.lost,
        pruned_after=told.get("pruned_after"),
        epochs=told.get("epochs"),
        kept_epoch=told.get("kept_epoch"),
        notes=tuple(told.get("notes", ())),
        supervised=run.supervised,
        curve=curve,
        beside=beside,
    )
