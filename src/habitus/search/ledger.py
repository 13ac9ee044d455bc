"""`Ledger`: what has become of each trial, in Optuna's storage, which the driver alone writes.

The journal is a file of JSON lines, each on the disk before the next is begun. A kill may leave its
last line cut off; that one is taken away when the search goes on.

Optuna reads all trials whenever it is asked for one by its number. So the storage is read once, and
from then on what is written is known here, too: a trial costs the same however many went before.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from habitus.errors import InputError, UsageError
from habitus.search.distributions import distributions_of, optuna_module
from habitus.search.halving import Halving

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.search.search_file import Pruning
    from habitus.search.space import Point, Space

State = Literal["running", "done", "pruned", "failed"]
JOURNAL = "journal.jsonl"
_TRIAL, _OUTCOME, _LOST = "habitus:trial", "habitus:outcome", "habitus:lost"
_ENDS = "habitus:ends"


@dataclass(frozen=True)
class Record:
    """What is known of a trial.

    Attributes:
        number: from 1, in the order of the search.
        point: its settings.
        value: of the objective; None where there is none.
        reported: values on rungs, by epoch.
        outcome: what came of it besides (JSON).
        lost: why runs of it were lost that were none of its fault, in their order.
        ends_at: the epoch at which it was decided that it ends early; None if it was not.
    """

    number: int
    point: Point
    state: State
    value: float | None = None
    reported: dict[int, float] = field(default_factory=dict)
    outcome: dict[str, Any] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    ends_at: int | None = None


class Ledger:
    """The trials of a search.

    Args:
        folder: of the run.
        study: the search's name, where a database holds several.
        url: of a database; None keeps a journal in the folder.
        may_begin: begin one where there is none.

    Raises:
        InputError: if what is kept there is damaged, or missing.
    """

    def __init__(
        self,
        folder: Path,
        space: Space,
        *,
        study: str,
        direction: str,
        url: str | None = None,
        pruning: Pruning | None = None,
        may_begin: bool = False,
    ) -> None:
        self._space = space
        self._halving = None if pruning is None else Halving(pruning, direction)
        self._records: dict[int, Record] = {}
        self._ids: dict[int, int] = {}  # of the storage, by the trial's number
        self._path = folder / JOURNAL
        try:
            self._storage = _journal(self._path, may_begin) if url is None else _database(url)
            self._study_id = self._study_of(study, direction, may_begin, url or str(self._path))
            for trial in self._storage.get_all_trials(self._study_id, deepcopy=False):
                self._remember(trial)
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            raise InputError(
                f"{url or self._path}: damaged ({type(error).__name__}: {error}); nothing can be "
                "believed of these trials: begin anew in another folder"
            ) from None

    def records(self) -> list[Record]:
        """All trials that were begun, by their number."""
        return [self._records[number] for number in sorted(self._records)]

    def begin(self, number: int, point: Point) -> None:
        """A trial begins; one that had begun before begins again."""
        if number in self._ids:
            return
        optuna = optuna_module()
        trial = optuna.trial.create_trial(
            state=optuna.trial.TrialState.RUNNING,
            params=point,
            distributions=distributions_of(self._space, point),
            user_attrs={_TRIAL: number},
        )
        self._ids[number] = self._storage.create_new_trial(self._study_id, template_trial=trial)
        self._records[number] = Record(number, dict(trial.params), "running")

    def report(self, number: int, epoch: int, value: float) -> bool:
        """A trial has come to a rung; whether it is to be ended there."""
        record, trial = self._records[number], self._ids[number]
        if record.ends_at is not None and epoch >= record.ends_at:
            return True  # as was decided before it was cut off
        if epoch not in record.reported:
            self._storage.set_trial_intermediate_value(trial, epoch, value)
            reported = {**record.reported, epoch: value}
            self._records[number] = replace(record, reported=reported)
        ends = False
        if self._halving is not None:
            for key, kept, ends in self._halving.passed(number, epoch, value):  # noqa: B007
                self._storage.set_trial_system_attr(trial, key, kept)
        if ends:
            self._storage.set_trial_system_attr(trial, _ENDS, epoch)
            self._records[number] = replace(self._records[number], ends_at=epoch)
        return ends

    def lose(self, number: int, reason: str) -> Record:
        """A run of a trial was lost, and the trial is still to be run; what is known of it."""
        record = self._records[number]
        lost = (*record.lost, reason)
        self._storage.set_trial_user_attr(self._ids[number], _LOST, list(lost))
        self._records[number] = record = replace(record, lost=lost)
        return record

    def finish(
        self, number: int, state: State, value: float | None, outcome: dict[str, Any]
    ) -> None:
        """A trial is over; from now on it is never run again."""
        states = optuna_module().trial.TrialState
        told = {"done": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}[state]
        record, trial = self._records[number], self._ids[number]
        if state == "pruned":  # it is worth what it was when it was ended
            value = record.reported[max(record.reported)] if record.reported else None
        elif state == "failed":
            value = None
        self._storage.set_trial_user_attr(trial, _OUTCOME, outcome)
        self._storage.set_trial_state_values(trial, told, None if value is None else [float(value)])
        self._records[number] = replace(record, state=state, value=value, outcome=outcome)

    def _study_of(self, name: str, direction: str, may_begin: bool, where: str) -> int:
        """The search's number in the storage, which it gets if it has none."""
        known = {found.study_name: found._study_id for found in self._storage.get_all_studies()}
        if name in known:
            return int(known[name])
        if not may_begin:
            raise InputError(f"{where}: holds no trials of this search")
        directions = optuna_module().study.StudyDirection
        return int(self._storage.create_new_study([directions[direction.upper()]], name))

    def _remember(self, trial: Any) -> None:
        record = _record(trial)
        self._records[record.number], self._ids[record.number] = record, trial._trial_id
        if self._halving is not None:
            self._halving.remember(record.number, trial.system_attrs)


def _record(trial: Any) -> Record:
    states = optuna_module().trial.TrialState
    told: dict[Any, State] = {
        states.COMPLETE: "done", states.PRUNED: "pruned", states.FAIL: "failed",
    }  # fmt: skip
    state = told.get(trial.state, "running")
    return Record(
        number=trial.user_attrs[_TRIAL],
        point=dict(trial.params),
        state=state,
        value=trial.value if state in {"done", "pruned"} else None,
        reported=dict(trial.intermediate_values),
        outcome=dict(trial.user_attrs.get(_OUTCOME, {})),
        lost=_lost(trial.user_attrs.get(_LOST, [])),
        ends_at=None if _ENDS not in trial.system_attrs else int(trial.system_attrs[_ENDS]),
    )


def _lost(told: Any) -> tuple[str, ...]:
    if not isinstance(told, list) or not all(isinstance(reason, str) for reason in told):
        raise TypeError(f"{_LOST} is no list of reasons")
    return tuple(told)


def _journal(path: Path, may_begin: bool) -> Any:
    """The journal in a file that the run's lock keeps for us alone."""
    if not may_begin and not path.is_file():
        raise InputError(f"{path}: is missing, so that nothing is known of the trials")
    journal = optuna_module().storages.journal
    return optuna_module().storages.JournalStorage(
        journal.JournalFileBackend(str(path), lock_obj=_Unlocked())
    )


class _Unlocked:
    """Optuna's own lock outlives a kill, and then nobody gets past it for half a minute."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


def check_storage(url: str) -> None:
    """See whether trials can be kept there.

    Raises:
        UsageError: if not.
    """
    _database(url)


def _database(url: str) -> Any:
    optuna = optuna_module()
    import sqlalchemy.exc

    try:
        return optuna.storages.RDBStorage(url)
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        told = str(error).splitlines()[0]
        raise UsageError(f"--storage {url}: no database there can be used ({told})") from None


def cut_torn_line(folder: Path) -> None:
    """Take away the end of a journal's line that a kill or a full disk has left.

    Every line before it was on the disk before it was begun.
    """
    path = folder / JOURNAL
    if not path.is_file():
        return
    with path.open("r+b") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            file.truncate(whole)
            file.flush()
            os.fsync(file.fileno())
