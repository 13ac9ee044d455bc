"""`Ledger`: what has become of each trial, in Optuna's storage, which the driver alone writes.

The journal is a file of JSON lines, each on the disk before the next is begun. A kill may leave its
last line cut off; that one is taken away when the search goes on.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from habitus.errors import InputError, UsageError
from habitus.search.distributions import distributions_of, optuna_module

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.search.search_file import Pruning
    from habitus.search.space import Point, Space

State = Literal["running", "done", "pruned", "failed"]
JOURNAL = "journal.jsonl"
_TRIAL, _OUTCOME = "habitus:trial", "habitus:outcome"


@dataclass(frozen=True)
class Record:
    """What is known of a trial.

    Attributes:
        number: from 1, in the order of the search.
        point: its settings.
        value: of the objective; None where there is none.
        reported: values on rungs, by epoch.
        outcome: what came of it besides (JSON).
    """

    number: int
    point: Point
    state: State
    value: float | None = None
    reported: dict[int, float] = field(default_factory=dict)
    outcome: dict[str, Any] = field(default_factory=dict)


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
        optuna = optuna_module()
        pruner = optuna.pruners.NopPruner()
        if pruning is not None:
            pruner = optuna.pruners.SuccessiveHalvingPruner(
                min_resource=pruning.first_epoch, reduction_factor=pruning.factor
            )
        self._path = folder / JOURNAL
        more = {"sampler": optuna.samplers.RandomSampler(), "pruner": pruner}
        try:
            storage = _journal(self._path, may_begin) if url is None else _database(url)
            known = [found.study_name for found in storage.get_all_studies()]
            if study not in known and may_begin:
                self._study = optuna.create_study(
                    storage=storage, study_name=study, direction=direction, **more
                )
            elif study not in known:
                raise InputError(f"{url or self._path}: holds no trials of this search")
            else:
                self._study = optuna.load_study(storage=storage, study_name=study, **more)
            self._numbers = {
                trial.user_attrs[_TRIAL]: trial.number for trial in self._study.get_trials(False)
            }
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            raise InputError(
                f"{url or self._path}: damaged ({type(error).__name__}: {error}); nothing can be "
                "believed of these trials: begin anew in another folder"
            ) from None

    def records(self) -> list[Record]:
        """All trials that were begun, by their number."""
        found = [_record(trial) for trial in self._study.get_trials(deepcopy=False)]
        return sorted(found, key=lambda record: record.number)

    def begin(self, number: int, point: Point) -> None:
        """A trial begins; one that had begun before begins again."""
        if number in self._numbers:
            return
        optuna = optuna_module()
        self._study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING,
                params=point,
                distributions=distributions_of(self._space, point),
                user_attrs={_TRIAL: number},
            )
        )
        self._numbers[number] = self._study.get_trials(deepcopy=False)[-1].number

    def report(self, number: int, epoch: int, value: float) -> bool:
        """A trial has come to a rung; whether it is to be ended there."""
        trial = self._trial(number)
        if epoch not in trial.storage.get_trial(trial._trial_id).intermediate_values:
            trial.report(value, epoch)
        return bool(trial.should_prune())

    def finish(
        self, number: int, state: State, value: float | None, outcome: dict[str, Any]
    ) -> None:
        """A trial is over; from now on it is never run again."""
        states = optuna_module().trial.TrialState
        told = {"done": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}[state]
        self._trial(number).set_user_attr(_OUTCOME, outcome)
        values = value if state == "done" else None
        self._study.tell(self._numbers[number], values, state=told)

    def _trial(self, number: int) -> Any:
        optuna = optuna_module()
        found = self._study.get_trials(deepcopy=False)[self._numbers[number]]
        return optuna.trial.Trial(self._study, found._trial_id)


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
    )


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
