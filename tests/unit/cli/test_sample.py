"""`habitus sample` prints what a model expects, and says why it does not."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from habitus.cli import commands  # noqa: F401 - registers the commands
from habitus.cli.app import app
from habitus.detectors.neural.network_detector import NetworkDetector
from habitus.models.files import load_model, save_model
from habitus.models.training import fit_model
from habitus.traces.traceset import TraceSet

TRACES = [["openat", "read", "close"], ["openat", "read", "read", "close"], ["openat", "brk"]]


@pytest.fixture
def markov(tmp_path: Path) -> str:
    normal = TraceSet.from_names(TRACES)
    save_model(fit_model("markov", normal, false_alarms=0.4), tmp_path / "markov")
    return str(tmp_path / "markov")


def sample(*arguments: str, status: int = 0) -> tuple[str, str]:
    """What ``habitus sample`` prints to standard output and to standard error."""
    result = CliRunner().invoke(app, ["sample", *arguments])
    assert result.exit_code == status, result.output
    return result.stdout, result.stderr


def test_the_likeliest_calls_are_printed_alone(markov: str) -> None:
    printed, said = sample(markov, "-n", "2", "--temperature", "0", "--after-calls", "brk openat")
    assert printed.split()[0] == "read"
    assert len(printed.split()) == 2
    assert "after 2 calls, the last: brk openat" in said
    assert "nats a call" in said


def test_what_is_printed_can_be_read_as_a_trace(markov: str, tmp_path: Path) -> None:
    printed, _ = sample(markov, "-n", "300")
    drawn = tmp_path / "drawn.txt"
    drawn.write_text(printed)
    result = CliRunner().invoke(app, ["detect", markov, str(drawn), "--all", "--json"])
    assert result.exit_code in {0, 1}, result.output
    assert json.loads(result.stdout)["habitus"]["trace"]["n_calls"] == 300


def test_a_seed_draws_the_same_again(markov: str) -> None:
    assert sample(markov, "--seed", "3") == sample(markov, "--seed", "3") != sample(markov)


def test_json_tells_chances(markov: str) -> None:
    printed, said = sample(markov, "-n", "4", "--after-calls", "openat nosuch read", "--json")
    record = json.loads(printed)
    assert said == ""
    assert record["after"] == {
        "trace": None, "n_calls": 3, "n_novel_calls": 1,
        "last_calls": ["openat", "nosuch", "read"],
    }  # fmt: skip
    assert len(record["calls"]) == 4
    detector = load_model(Path(markov)).detector
    history = ["openat", "nosuch", "read"]
    for call in record["calls"]:
        expected = detector.expected(detector.vocabulary.symbols_of(tuple(history)), top=9)
        assert expected is not None
        assert call["chance"] == pytest.approx(dict(expected.calls)[call["name"]])
        assert call["nats"] == pytest.approx(-math.log(call["chance"]))
        history.append(call["name"])


def test_calls_the_model_never_saw_are_named_once(markov: str) -> None:
    _, said = sample(markov, "-n", "1", "--after-calls", "reed openat reed \x1b[2J")
    assert "3 of them the model has never seen: reed, \\x1b[2J" in said


def test_a_trace_of_a_file_is_gone_on_with(markov: str, tmp_path: Path) -> None:
    file = tmp_path / "traces.txt"
    file.write_text("read close\nopenat brk openat\n")
    record = json.loads(sample(markov, "-n", "1", "--after", str(file), "--json")[0])
    assert record["after"]["last_calls"] == ["read", "close"]
    name = record["after"]["trace"].replace("1", "2")
    arguments = ("-n", "1", "--after", str(file), "--trace", name, "--temperature", "0")
    assert sample(markov, *arguments)[0] == "read\n"
    _, said = sample(markov, "--after", str(file), "--trace", "no\x1b[2J", status=2)
    assert "holds no trace called 'no\\x1b[2J'" in said


def test_hostile_names_are_printed_harmlessly(tmp_path: Path) -> None:
    normal = TraceSet.from_names([["\x1b[2J", "a\nb"]] * 3)
    save_model(fit_model("markov", normal, false_alarms=0.4), tmp_path / "m")
    printed, _ = sample(str(tmp_path / "m"), "-n", "20")
    assert "\x1b" not in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--after", "x", "--after-calls", "read"), "give one of them"),
        (("--trace", "x"), "--trace names a trace of the data in --after"),
        (("--after", "nowhere"), "nowhere"),
        (("-n", "0"), "-n"),
        (("--temperature", "-1"), "--temperature"),
    ],
)
def test_what_makes_no_sense_is_refused(markov: str, arguments: tuple[str, ...], said: str) -> None:
    assert said in sample(markov, *arguments, status=2)[1]


def test_a_model_without_chances_names_those_that_have_them(tmp_path: Path) -> None:
    normal = TraceSet.from_names(TRACES)
    save_model(fit_model("stide", normal, settings={"n": 2}, false_alarms=0.4), tmp_path / "stide")
    _, said = sample(str(tmp_path / "stide"), status=2)
    assert "hmm" in said
    assert "ngram" in said


def test_a_network_beyond_all_measure_is_told_as_damaged(tmp_path: Path) -> None:
    """Its weights are numbers, as is checked when they are read; what they make is none."""
    tiny = {"cells": 4, "embedding": 3, "epochs": 1}
    model = fit_model("lstm", TraceSet.from_names(TRACES * 3), settings=tiny, false_alarms=0.4)
    assert isinstance(model.detector, NetworkDetector)
    # One of the first two calls is likely without end, whatever was read.
    most, output = float(np.finfo(np.float32).max), model.detector.network.output
    output.bias.fill_(most)
    output.weight[0], output.weight[1] = most, -most
    save_model(model, tmp_path / "lstm")
    printed, said = sample(str(tmp_path / "lstm"), status=2)
    assert printed == ""
    assert "gives calls chances that are no numbers: it is damaged" in " ".join(said.split())
