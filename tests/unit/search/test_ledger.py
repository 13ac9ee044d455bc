"""The ledger: what a trial costs it, and halving as Optuna decides it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import optuna
import pytest

from habitus.search.halving import Halving
from habitus.search.ledger import Ledger, Record
from habitus.search.search_file import Pruning
from habitus.search.space import Range, Space

if TYPE_CHECKING:
    from pathlib import Path

SPACE = Space({"n": Range(low=1, high=1000)})


def ledger(folder: Path, pruning: Pruning | None = None, direction: str = "minimize") -> Ledger:
    return Ledger(
        folder, SPACE, study="run", direction=direction, pruning=pruning, may_begin=True
    )  # fmt: skip


def test_a_trial_reads_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = ledger(tmp_path, Pruning(first_epoch=1, factor=2))

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("all trials are read for one")

    monkeypatch.setattr(optuna.storages.JournalStorage, "get_all_trials", refused)
    for number in range(1, 20):
        kept.begin(number, {"n": number})
        kept.report(number, 1, float(number))
        kept.finish(number, "done", float(number), {"seconds": 1.0})
    assert len(kept.records()) == 19


def test_what_is_known_is_what_is_read_again(tmp_path: Path) -> None:
    kept = ledger(tmp_path, Pruning(first_epoch=1, factor=2))
    for number, state in enumerate(("done", "pruned", "failed", "pruned"), start=1):
        kept.begin(number, {"n": number})
        if number < 4:
            kept.report(number, 1, 5.0 - number)
            kept.report(number, 2, 7.0 - number)
        kept.finish(number, state, 3.0 if state != "failed" else None, {"curve": [number]})  # type: ignore[arg-type]
    kept.begin(5, {"n": 77})
    kept.report(5, 1, 0.25)
    assert ledger(tmp_path).records() == kept.records()
    by_number = {record.number: record for record in kept.records()}
    assert by_number[2].value == 5.0, "what is pruned is worth what was reported last"
    assert by_number[4].value is None
    assert by_number[5] == Record(5, {"n": 77}, "running", reported={1: 0.25})


def test_a_trial_that_was_to_end_ends_there_when_it_runs_again(tmp_path: Path) -> None:
    kept = ledger(tmp_path, Pruning(first_epoch=1, factor=2))
    for number, value in ((1, 1.0), (2, 2.0)):
        kept.begin(number, {"n": number})
        ends = kept.report(number, 1, value)
    assert ends
    again = ledger(tmp_path, Pruning(first_epoch=1, factor=2))  # cut off before it was finished
    again.begin(2, {"n": 2})
    assert again.report(2, 1, 2.0)
    assert not again.report(1, 1, 1.0)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize(("first", "factor"), [(1, 2), (2, 3)])
def test_halving_decides_as_optuna_does(direction: str, first: int, factor: int) -> None:
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=first, reduction_factor=factor)
    study = optuna.create_study(direction=direction, pruner=pruner)
    halving = Halving(Pruning(first_epoch=first, factor=factor), direction)
    rng = np.random.default_rng(8)
    ours, theirs = [], []
    for number in range(60):
        trial = study.ask()
        for epoch in (1, 2, 3, 4, 8, 9, 20):
            value = float(rng.integers(0, 12))  # ties, too
            trial.report(value, epoch)
            theirs.append(trial.should_prune())
            passed = list(halving.passed(number, epoch, value))
            ours.append(bool(passed) and passed[-1][2])
            if theirs[-1]:
                break
    assert ours == theirs
    assert 20 < sum(ours) < 60


def test_halving_goes_on_with_what_is_kept(tmp_path: Path) -> None:
    pruning = Pruning(first_epoch=1, factor=2)
    whole, cut = ledger(tmp_path, pruning), None
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    whole, cut = ledger(tmp_path / "a", pruning), ledger(tmp_path / "b", pruning)
    told: list[list[bool]] = [[], []]
    for number in range(1, 30):
        if number % 5 == 0:
            cut = ledger(tmp_path / "b", pruning)  # as after a kill
        for kept, answers in zip((whole, cut), told, strict=True):
            kept.begin(number, {"n": number})
            answers.append(kept.report(number, 1, float(number * 37 % 11)))
    assert told[0] == told[1]
