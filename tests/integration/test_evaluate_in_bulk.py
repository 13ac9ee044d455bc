"""`habitus evaluate --engine`: the same results, and no result without all of its scores."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import habitus
from habitus.bulk import scores as module
from habitus.bulk.scores import ScoringInBulk, parts_of
from habitus.cli import commands  # noqa: F401 - registers the commands
from habitus.cli.app import app
from habitus.decisions.rule import Rule
from habitus.decisions.scores import rule_scores
from habitus.engines.base import Ended, EngineError, Event, Job
from habitus.engines.local import LocalEngine

if TYPE_CHECKING:
    from pathlib import Path

TIMES = {"created", "command", "peak_rss_bytes", "score_seconds", "calls_per_second"}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some normals equal one that is learned, and some traces are too short to be scored."""
    folder = tmp_path_factory.mktemp("recordings")
    for part, text in (("train", "openat read close "), ("normal", "openat read close ")):
        (folder / part).mkdir()
        for i in range(9):
            tail = "exit_group" if i % 2 else "mmap exit_group"
            seen = text if part == "train" or i < 3 else "openat read read close "
            (folder / part / f"run-{i}.txt").write_text(seen * (i + 1) + tail)
    (folder / "normal" / "short.txt").write_text("openat")
    (folder / "attack" / "shell").mkdir(parents=True)
    for i in range(5):
        path = folder / "attack" / "shell" / f"run-{i}.txt"
        path.write_text("socket connect dup2 execve " * (i + 2))
    return folder


@pytest.fixture(scope="module")
def models(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("models")
    made = []
    for name, rolling in (("ngram", ("4",)), ("stide", ("4",))):
        model = habitus.train(name, str(recordings / "train"), rolling=rolling, false_alarms=0.2)
        habitus.save_model(model, folder / name)
        made.append(str(folder / name))
    return made


def without_times(told: Any) -> Any:
    if isinstance(told, dict):
        return {key: without_times(value) for key, value in told.items() if key not in TIMES}
    return [without_times(value) for value in told] if isinstance(told, list) else told


def run(*arguments: str, status: int = 0) -> Any:
    result = CliRunner().invoke(app, ["evaluate", *arguments])
    assert result.exit_code == status, result.output
    return result


@pytest.mark.parametrize("more", [[], ["--decision", "rolling:4"], ["--aggregation", "median"]])
def test_results_are_those_of_one_process(
    recordings: Path, models: list[str], more: list[str]
) -> None:
    asked = [*models, "--data", str(recordings), *more, "--json"]
    plain, bulk = (
        json.loads(run(*asked, *engine).stdout)
        for engine in ([], ["--engine", "local", "--jobs", "2"])
    )
    assert without_times(bulk) == without_times(plain)
    assert bulk["scores_sha256"] == plain["scores_sha256"]
    assert any(result["n_left_out"] for result in bulk["results"])


def test_what_does_not_fit_is_refused(recordings: Path, models: list[str]) -> None:
    data = ["--data", str(recordings)]
    assert "say which, as local" in run(*models, *data, "--jobs", "2", status=2).stderr
    assert "there are: local, ray" in run(*models, *data, "--engine", "grid", status=2).stderr


class DyingEngine:
    """Every job of it dies."""

    slots = 2

    def __init__(self) -> None:
        self._handles: list[int] = []

    def share(self, name: str, path: Path) -> None:
        assert path.is_file(), name

    def submit(self, job: Job) -> int:
        self._handles.append(len(self._handles))
        assert job.task == module.TASK
        return self._handles[-1]

    def wait(self, seconds: float) -> list[Ended]:
        del seconds
        return [Ended(handle, failure="killed by signal 9") for handle in self._handles]


def test_a_job_that_dies_ends_the_evaluation(recordings: Path, models: list[str]) -> None:
    model = habitus.load_model(models[0])
    traces = habitus.read_traces(recordings)
    engine: Any = DyingEngine()
    with ScoringInBulk(engine, {"mine": model}) as scoring:
        scoring.begin(traces)
        with pytest.raises(EngineError, match=r"^mine: scoring \d+ of the traces .* signal 9"):
            scoring.scores("mine", model, np.arange(traces.n_traces), Rule.parse("trace:mean"))


class LosingEngine(LocalEngine):
    """Loses each job as often as it is told before it takes it."""

    def __init__(self, times: int) -> None:
        super().__init__(1)
        self._times, self._lost = times, [0]
        self._seen: Counter[str] = Counter()

    def submit(self, job: Job) -> int:
        self._seen[str(job.arguments)] += 1
        if self._seen[str(job.arguments)] > self._times:
            return super().submit(job)
        self._lost.append(self._lost[-1] - 1)
        return self._lost[-1]

    def wait(self, seconds: float) -> list[Event]:
        if len(self._lost) > 1:
            return [Ended(self._lost.pop(), failure="its node died", is_lost=True)]
        return super().wait(seconds)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_scores_that_a_node_took_along_are_made_anew(
    times: int, recordings: Path, models: list[str]
) -> None:
    model = habitus.load_model(models[0])
    traces = habitus.read_traces(recordings)
    rule, every = Rule.parse("trace:mean"), np.arange(traces.n_traces)
    with (
        closing(LosingEngine(times)) as engine,
        ScoringInBulk(engine, {"mine": model}) as scoring,
    ):
        scoring.begin(traces)
        if times > 2:
            with pytest.raises(EngineError, match="its node died"):
                scoring.scores("mine", model, every, rule)
            return
        scores, _ = scoring.scores("mine", model, every, rule)
    assert scores.tobytes() == rule_scores(model.detector, traces, rule).tobytes()


@given(
    lengths=st.lists(st.integers(0, 50), max_size=40),
    slots=st.integers(1, 5),
)
def test_parts_hold_every_trace_once(lengths: list[int], slots: int) -> None:
    columns = np.array(lengths, dtype=np.int64)
    parts = list(parts_of(columns, slots))
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(len(lengths)))
    most = sum(lengths) // (module.PARTS_A_SLOT * slots)
    for part in parts:
        assert part.stop - part.start == 1 or columns[part].sum() <= most
