"""What comes before a trial's clock: data, libraries and compiled loops; and it changes nothing."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from search_data import traces

from habitus.errors import MissingLibrary
from habitus.progress import SILENT
from habitus.search import flow_folds, preparing
from habitus.search.anomalies import synthetic_anomalies
from habitus.search.parts import ANOMALIES, JUDGED, LEARNED, write_parts
from habitus.search.trial import run_trial
from labelled_captures import write_captures

if TYPE_CHECKING:
    from pathlib import Path


class Shared:
    """A context of files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def shared(self, name: str) -> pa.Buffer:
        return pa.memory_map(str(self._folder / f"{name}.arrow")).read_buffer()

    def ask(self, word: Any) -> Any:
        raise AssertionError(word)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parts of a small search."""
    path = tmp_path_factory.mktemp("parts")
    learned, judged = traces(), traces(16, 2)
    made = synthetic_anomalies(judged, learned, traces(8, 3), n_each=3, seed=1)
    write_parts({LEARNED: learned, JUDGED: judged, ANOMALIES: made}, path)
    return path


def arguments(detector: str, objective: str, **settings: object) -> dict[str, Any]:
    return {
        "detector": detector, "objective": objective, "settings": settings, "aggregation": None,
        "seed": 5, "device": "cpu", "rungs": [], "folds": 2, "beside_attacks": False,
    }  # fmt: skip


ALL_WARM = """
import sys
sys.path[:0] = {path!r}
from test_preparing import Shared, arguments
from pathlib import Path
from numba.core.event import install_recorder
from habitus.search.preparing import read_data, warm_up
from habitus.search.trial import run_trial

context, asked = Shared(Path({folder!r})), arguments({detector!r}, {objective!r}, **{settings!r})
read_data(asked, context)
warm_up(asked, context)
before = set(sys.modules)
with install_recorder("numba:compile") as compiled:
    run_trial(asked, context)
print(sorted(set(sys.modules) - before), len(compiled.buffer))
"""


@pytest.mark.parametrize(
    ("detector", "objective", "settings"),
    [
        ("ngram", "nll", {"order": 3, "smoothing": "kneser-ney"}),
        ("stide", "synthetic-auc", {"n": 3}),
        ("hmm", "nll", {"states": 3}),
        ("outlier", "synthetic-auc", {"estimator": "one-class-svm"}),
        ("lstm", "nll", {"epochs": 1, "cells": "8"}),
    ],
)
def test_a_trial_loads_and_compiles_nothing_any_more(
    detector: str, objective: str, settings: dict[str, object], folder: Path
) -> None:
    script = ALL_WARM.format(
        path=sys.path, folder=str(folder), detector=detector, objective=objective, settings=settings
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.stdout == "[] 0\n", done.stdout + done.stderr


def test_warming_changes_no_result(folder: Path) -> None:
    asked = arguments("lstm", "nll", epochs=1, cells="8")
    cold = run_trial(asked, Shared(folder))
    context = Shared(folder)
    preparing.read_data(asked, context)
    preparing.warm_up(asked, context)
    assert run_trial(asked, context) == cold


def test_what_fails_in_warming_is_left_to_the_trial(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preparing.warm_up(arguments("ngram", "nll", smoothing="no such"), Shared(folder))

    def lacks(_: object) -> None:
        raise MissingLibrary("nosuch is not installed")

    monkeypatch.setattr(preparing, "_use", lacks)
    with pytest.raises(MissingLibrary):
        preparing.warm_up(arguments("ngram", "nll"), Shared(folder))


def test_a_process_is_warmed_once_for_each_choice_of_code(folder: Path) -> None:
    context = Shared(folder)
    several = [{"order": 2}, {"order": 3}, {"smoothing": "kneser-ney"}, {"order": 2}]
    told = [preparing.is_first(context, arguments("ngram", "nll", **one)) for one in several]
    assert told == [True, False, True, False]
    assert preparing.is_first(Shared(folder), arguments("ngram", "nll", order=2))


def test_data_that_are_not_there_are_told_before_the_clock(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        preparing.read_data(arguments("ngram", "nll"), Shared(tmp_path))


@pytest.mark.parametrize("detector", ["logistic", "flow-outlier"])
def test_flows_are_read_divided_and_learned_from_before_the_clock(
    detector: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_captures(tmp_path / "flows", ["benign", "malicious"] * 3, n_flows=30)
    flow_folds.write_flows(str(tmp_path / "flows"), tmp_path, SILENT)
    context = Shared(tmp_path)
    asked = arguments(detector, "fold-auc")
    cold = flow_folds.run_flow_trial(asked, Shared(tmp_path))
    flow_folds.read_flows(asked, context)
    fitted: list[int] = []
    use = flow_folds._use
    monkeypatch.setattr(flow_folds, "_use", lambda *told: (use(*told), fitted.append(1)))
    flow_folds.warm_up(asked, context)
    assert fitted == [1]
    monkeypatch.setattr(pl, "read_ipc", None)  # nothing is read any more
    assert flow_folds.run_flow_trial(asked, context) == cold
    assert np.isfinite(cold["value"])


def test_the_driver_s_work_is_named_where_it_stands() -> None:
    from habitus.engines.worker import task_of

    for name in (preparing.PREPARE, preparing.WARM, flow_folds.PREPARE, flow_folds.WARM):
        assert callable(task_of(name))
