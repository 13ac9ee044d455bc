"""Long training from the command line: killed, interrupted, resumed, and told of."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from command_line import environment

import habitus
from habitus.errors import UsageError
from habitus.models.files import load_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from command_line import Invoke

SMALL = [
    f"--set={setting}"
    for setting in ("cells=8", "embedding=4", "epochs=20", "patience=0", "batch=2", "stretch=16")
]
IMPATIENT = """
import functools, sys
import habitus.learning.session as session
session.Session = functools.partial(session.Session, every_seconds=-1)
sys.argv[0] = "habitus"
from habitus.cli.app import run
run()
"""
"""The command line, with a checkpoint after every update."""


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Here and in other processes: training on another number of threads is another training."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield
    torch.set_num_threads(n_threads)


def training(data: Path, output: Path) -> list[str]:
    return ["train", "lstm", "--data", str(data), "-o", str(output), *SMALL]


def begun(home: Path, data: Path, output: Path) -> subprocess.Popen[str]:
    """A training in a process of its own that has learned something, and not yet all."""
    process = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, *training(data, output)], env=environment(home),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    state = output.with_name(f"{output.name}.unfinished") / "checkpoint.json"
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            position = json.loads(state.read_text())["position"]
        except FileNotFoundError:
            position = {"updates": 0}
        assert process.poll() is None, process.stderr and process.stderr.read()
        if position["updates"] >= 12:
            return process
        time.sleep(0.01)
    raise AssertionError("nothing was learned in two minutes")


@pytest.fixture(scope="module")
def whole(one_thread: None, recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of a training that nothing happened to."""
    from typer.testing import CliRunner

    from habitus.cli.app import app

    output = tmp_path_factory.mktemp("whole") / "lstm"
    result = CliRunner().invoke(app, training(recordings, output))
    assert result.exit_code == 0, result.output
    return output


def assert_same(one: Path, other: Path) -> None:
    """Every array of the detector, bit by bit, and all thresholds."""
    first, second = load_model(one), load_model(other)
    states = first.detector.state(), second.detector.state()
    assert states[0].keys() == states[1].keys()
    for name, array in states[0].items():
        assert array.tobytes() == states[1][name].tobytes(), name
    assert first.decisions == second.decisions
    assert np.array_equal(first.population.scores, second.population.scores, equal_nan=True)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_killed_training_goes_on_to_the_same_model(
    home: Path, invoke: Invoke, recordings: Path, whole: Path, tmp_path: Path
) -> None:
    output = tmp_path / "models" / "lstm"
    process = begun(home, recordings, output)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert not output.exists()
    refused = invoke(*training(recordings, output), status=2)
    assert "lstm.unfinished: an unfinished training stands here: add --resume" in refused.stderr
    invoke(*training(recordings, output), "--resume")
    assert_same(output, whole)
    assert not output.with_name("lstm.unfinished").exists()


def test_ctrl_c_makes_a_model_and_resuming_makes_the_whole_one(
    home: Path, invoke: Invoke, recordings: Path, whole: Path, tmp_path: Path
) -> None:
    output = tmp_path / "models" / "lstm"
    process = begun(home, recordings, output)
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "until it was interrupted" in printed
    assert "training ended early: it was interrupted; the weights after epoch" in said
    *_, last, way_on = said.splitlines()
    assert last == f"interrupted: {output} is what was learned until then"
    assert way_on == (
        f"{output}.unfinished: the training as it stood; the same command with --resume goes on "
        "from it"
    )
    shown = json.loads(invoke("model", "show", output, "--json").stdout)
    assert shown["training"]["ended"] == "interrupted"
    assert len(shown["training"]["epochs"]) < 20
    assert names_in(output.parent) == ["lstm", "lstm.unfinished"]
    invoke(*training(recordings, output), "--resume")
    assert_same(output, whole)
    assert names_in(output.parent) == ["lstm"]


def test_ctrl_c_while_thresholds_are_set_loses_no_training(
    invoke: Invoke, recordings: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    output = tmp_path / "lstm"
    with monkeypatch.context() as patch:
        patch.setattr("habitus.models.training.held_out_population", interrupt)
        result = invoke(*training(recordings, output), status=130)
    assert f"{output}.unfinished: the training as it stood" in result.stderr
    assert result.stderr.endswith("habitus: interrupted; nothing was half-written\n")
    assert not output.exists()
    invoke(*training(recordings, output), "--resume")
    assert_same(output, whole)


def test_a_full_disk_for_the_model_loses_no_training(
    invoke: Invoke, recordings: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "lstm")

    output = tmp_path / "lstm"
    with monkeypatch.context() as patch:
        patch.setattr("habitus.models.files.write_sealed", full)
        result = invoke(*training(recordings, output), status=2)
    assert "No space left on device" in result.stderr
    assert "the same command with --resume goes on from it" in result.stderr
    invoke(*training(recordings, output), "--resume")
    assert_same(output, whole)


def test_a_full_disk_for_checkpoints_is_told_once_and_training_goes_on(
    home: Path, recordings: Path, whole: Path, tmp_path: Path
) -> None:
    full = (
        "import habitus.learning.checkpoint as c\n"
        "def full(*_, **__): raise OSError(28, 'No space left on device')\n"
        "c.write_sealed = full\n"
    )
    output = tmp_path / "lstm"
    settings = {n: v for n, v in environment(home).items() if n != "PYTHONWARNINGS"}
    done = subprocess.run(
        [sys.executable, "-c", full + IMPATIENT, *training(recordings, output)], env=settings,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if "checkpoint" in line]
    assert len(told) == 1
    assert told[0].startswith("habitus: no checkpoint can be kept (")
    assert_same(output, whole)
    assert names_in(tmp_path) == ["home", "lstm"] or names_in(tmp_path) == ["lstm"]


def test_a_loss_that_is_no_number_at_once_leaves_nothing(
    invoke: Invoke, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("habitus.learning.trainer.gradient_is_usable", lambda *_: False)
    result = invoke(*training(recordings, tmp_path / "lstm"), status=2)
    assert "the loss was no number before the first epoch ended" in result.stderr
    assert "lstm" not in " ".join(names_in(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["ngram", "--resume"], "ngram trains no network"),
        (["ngram", "--device", "cuda"], "ngram trains no network"),
        (["lstm", "--resume"], "there is no unfinished training here to resume"),
        (["lstm", "--device", "gpu"], "no device is called 'gpu'"),
        (["lstm", "--preset", "nobody"], "there is no preset 'nobody'; there are: kim2016-200"),
        (["ngram", "--preset", "nobody"], "there is no preset 'nobody'; there are: none"),
        (["lstm", "--preset", "kim2016-200", "--set", "preset=x"], "each setting once"),
        (["lstm", "--set", "cells=0"], "lstm: cells=0: this form is not read (of every layer, or"),
        (["lstm", "--set", "cells=8,9", "--set", "layers=3"], "habitus: lstm: cells names 2"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_read(
    invoke: Invoke, recordings: Path, tmp_path: Path, arguments: list[str], told: str
) -> None:
    output = tmp_path / "out"
    result = invoke("train", *arguments, "--data", recordings, "-o", output, status=2)
    assert told in result.stderr
    assert not output.exists()


def test_a_preset_sets_what_is_not_set(invoke: Invoke, recordings: Path, tmp_path: Path) -> None:
    arguments = ["--preset", "kim2016-200", "--set", "epochs=1", "--set", "cells=8"]
    made = json.loads(
        invoke(
            "train", "lstm", "--data", recordings, "-o", tmp_path / "m", *arguments, "--json"
        ).stdout
    )
    settings = made["settings"]
    assert (settings["uniform"], settings["epochs"], settings["cells"]) == (0.1, 1, "8")


def test_presets_are_listed(invoke: Invoke) -> None:
    (described,) = json.loads(invoke("detectors", "lstm", "--json").stdout)
    assert described["presets"]["kim2016-2x400"]["layers"] == 2
    text = " ".join(invoke("detectors", "lstm").stdout.split())
    assert "--preset kim2016-200: uniform=0.1 optimiser=adam rate=0.0001" in text
    assert "patience=8 epochs without a better held-out loss" in text
    listed = invoke("detectors").stdout
    assert "kim2016-2x400" in listed
    assert "patience=8" not in listed
    (described,) = json.loads(invoke("detectors", "stide", "--json").stdout)
    assert described["presets"] == {}
    assert "no detector is named 'nobody'" in invoke("detectors", "nobody", status=2).stderr


def test_a_model_tells_how_it_was_trained(invoke: Invoke, whole: Path, model: Path) -> None:
    text = " ".join(invoke("model", "show", whole).stdout.split())
    assert "learned in 20 epochs, until all epochs were done" in text
    assert "nats a call, perplexity" in text
    told = json.loads(invoke("model", "show", whole, "--json").stdout)["training"]
    assert told["n_parameters"] == sum(
        weights.size for name, weights in load_model(whole).detector.state().items()
        if name.startswith("network.")
    )  # fmt: skip
    assert [epoch["epoch"] for epoch in told["epochs"]] == list(range(1, 21))
    kept = told["epochs"][told["kept_epoch"] - 1]
    assert kept["held_out_loss"] == min(epoch["held_out_loss"] for epoch in told["epochs"])
    assert kept["perplexity"] == pytest.approx(np.exp(kept["held_out_loss"]))
    assert json.loads(invoke("model", "show", model, "--json").stdout)["training"] is None


def test_cross_fitting_keeps_its_folds_out_of_the_checkpoint(
    invoke: Invoke, recordings: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is interrupted in the folds can be gone on with: the folder is of the model alone."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    output, folds = tmp_path / "lstm", ["--calibrate", "cross-fitting:2", "--set", "epochs=2"]
    arguments = [a for a in training(recordings, output) if a != "--set=epochs=20"] + folds
    with monkeypatch.context() as patch:
        patch.setattr("habitus.models.calibrating.population_of", interrupt)
        invoke(*arguments, status=130)
    invoke(*arguments, "--resume")
    assert load_model(output).population.folds == 2
    assert names_in(output.parent) == [n for n in names_in(output.parent) if "unfinished" not in n]


def test_programs_clear_away_checkpoints_themselves(recordings: Path, tmp_path: Path) -> None:
    session = habitus.Session(tmp_path / "kept")
    settings = {"cells": 8, "embedding": 4, "epochs": 1}
    made = habitus.train("lstm", str(recordings), settings=settings, session=session)
    assert made.provenance.n_traces
    assert session.checkpoints is not None
    assert session.checkpoints.is_dir()
    with pytest.raises(UsageError, match="add --resume"):
        habitus.train("lstm", str(recordings), settings=settings, session=session)
    session.clear()
    assert not session.checkpoints.exists()
    with pytest.raises(UsageError, match="ngram trains no network"):
        habitus.train("ngram", str(recordings), session=session)


def test_someone_elses_folder_is_not_taken_for_a_training(
    invoke: Invoke, recordings: Path, whole: Path, tmp_path: Path
) -> None:
    output = tmp_path / "lstm"
    shutil.copytree(whole, output.with_name("lstm.unfinished"))
    result = invoke(*training(recordings, output), status=2)
    assert "lstm.unfinished: checkpoints would be kept here, and this is none" in result.stderr
    result = invoke(*training(recordings, output), "--resume", status=2)
    assert "lstm.unfinished: not a whole checkpoint" in result.stderr
    assert names_in(output.with_name("lstm.unfinished")) == names_in(whole)
