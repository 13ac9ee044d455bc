"""`habitus model draw` writes a page or prints the matrix, and says why it does neither."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from habitus.cli import commands  # noqa: F401 - registers the commands
from habitus.cli.app import app
from habitus.models.files import save_model, verify_model
from habitus.models.training import fit_model
from habitus.traces.traceset import TraceSet

if TYPE_CHECKING:
    from pathlib import Path

TRACES = [["openat", "read", "close"], ["openat", "read", "read", "close"], ["openat", "brk"]]
SETTINGS = {"stide": {"n": 2}, "tstide": {"n": 2}}


def model_of(detector: str, folder: Path, traces: list[list[str]] = TRACES) -> str:
    settings = SETTINGS.get(detector, {})
    normal = TraceSet.from_names(traces)
    save_model(fit_model(detector, normal, settings=settings, false_alarms=0.4), folder)
    return str(folder)


@pytest.fixture
def markov(tmp_path: Path) -> str:
    return model_of("markov", tmp_path / "markov")


def draw(*arguments: str, status: int = 0) -> tuple[str, str]:
    """What ``habitus model draw`` prints to standard output and to standard error."""
    result = CliRunner().invoke(app, ["model", "draw", *arguments])
    assert result.exit_code == status, result.output
    return result.stdout, result.stderr


def test_a_page_is_written(markov: str, tmp_path: Path) -> None:
    page = tmp_path / "pages" / "transitions.html"
    printed, _ = draw(markov, "-o", str(page))
    assert printed == f"wrote {page}: 2 states, 4 transitions seen\n"
    assert "after openat: read 67 % (2 of 3)" in page.read_text("utf-8")
    verify_model(markov)


def test_json_alone_goes_to_standard_output(markov: str, tmp_path: Path) -> None:
    page = tmp_path / "transitions.html"
    printed, said = draw(markov, "-o", str(page), "--json")
    assert page.is_file()
    assert said.startswith("wrote ")
    record = json.loads(printed)
    assert record["detector"] == "markov"
    assert record["settings"]["order"] == 1
    calls = [call["name"] for call in record["calls"]]
    after_openat = {
        calls[call]: count / record["states"][state]["followed"]
        for state, call, count in record["transitions"]
        if record["states"][state]["calls"] == ["openat"]
    }
    assert after_openat == {"read": pytest.approx(2 / 3), "brk": pytest.approx(1 / 3)}
    assert json.loads(draw(markov, "--json")[0]) == record


@pytest.mark.parametrize("detector", ["stide", "tstide", "ngram"])
def test_a_detector_without_a_matrix_is_refused(detector: str, tmp_path: Path) -> None:
    model, page = model_of(detector, tmp_path / "model"), tmp_path / "t.html"
    _, said = draw(model, "-o", str(page), status=2)
    assert f"a model of {detector} has no transition matrix" in said
    assert "habitus train markov" in said
    assert not page.exists()


def test_a_matrix_of_nothing_is_refused(tmp_path: Path) -> None:
    model = model_of("markov", tmp_path / "model", [["a"], ["b"], ["c"]])
    _, said = draw(model, "--json", status=2)
    assert "no training trace was longer than the 1 call of a state" in said


def test_neither_file_nor_json_is_a_mistake(markov: str) -> None:
    _, said = draw(markov, status=2)
    assert "-o model.html" in said


def test_a_page_does_not_go_into_the_model(markov: str) -> None:
    _, said = draw(markov, "-o", f"{markov}/transitions.html", status=2)
    assert "a model's folder holds its own files only" in said
    verify_model(markov)


def test_no_model_is_told(tmp_path: Path) -> None:
    _, said = draw(str(tmp_path / "nothing"), "--json", status=2)
    assert "there is no model here" in said


def test_a_network_is_drawn_with_its_cells_over_a_trace(tmp_path: Path) -> None:
    settings = {"cells": 8, "embedding": 4, "epochs": 1, "stop_share": 0}
    normal = TraceSet.from_names(TRACES * 20)
    save_model(fit_model("lstm", normal, settings=settings, false_alarms=0.4), tmp_path / "lstm")
    file, page = tmp_path / "traces.txt", tmp_path / "page.html"
    file.write_text("openat read close\n" + "openat read " * 500 + "\n")
    name = json.loads(draw(str(tmp_path / "lstm"), "--data", str(file), "--json")[0])["cells"][
        "trace"
    ]
    wanted = ("--data", str(file), "--trace", name.replace("1", "2"), "--from-call", "900")
    printed, said = draw(str(tmp_path / "lstm"), "-o", str(page), "--json", *wanted)
    assert said == f"wrote {page}: 1 epoch, cells over 101 calls\n"
    record = json.loads(printed)
    assert record["cells"]["first_call"] == 900
    assert record["cells"]["calls"][:2] == ["read", "openat"]
    assert record["training"]["kept_epoch"] == 1
    assert "What its cells do" in page.read_text("utf-8")
    _, said = draw(str(tmp_path / "lstm"), "--json", *wanted[:-1], "1001", status=2)
    assert "has 1,000 calls" in said


def test_cells_are_of_networks_only(markov: str, tmp_path: Path) -> None:
    file = tmp_path / "traces.txt"
    file.write_text("openat read close\n")
    _, said = draw(markov, "--data", str(file), "--json", status=2)
    assert "a model of markov has no cells to draw over a trace" in said


@pytest.mark.parametrize("option", [("--trace", "x"), ("--from-call", "3")])
def test_which_calls_is_nothing_without_data(markov: str, option: tuple[str, str]) -> None:
    _, said = draw(markov, "--json", *option, status=2)
    assert "say which calls of --data" in said
