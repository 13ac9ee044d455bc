"""Recipes: what `habitus train best` trains, what wins over it, and that it can be trained."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

import habitus
from habitus.cli import commands  # noqa: F401 - registers the commands
from habitus.cli.app import app
from habitus.detectors import detector_names, get_detector
from habitus.detectors.flow import flow_detector_names
from habitus.ensembles.ensemble import Ensemble
from habitus.models.recipes import RECIPES, made_by

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Normal traces of one program, and two attacks."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(1)
    for i in range(60):
        reads = [
            ["open", *["read"] * int(random.integers(1, 6)), "close"] for _ in range(i % 7 + 2)
        ]
        part = "train" if i < 40 else "normal"
        place = folder / part / f"{i}.txt"
        place.parent.mkdir(exist_ok=True)
        place.write_text(" ".join(call for one in reads for call in one))
    (folder / "attack").mkdir()
    for i in range(2):
        calls = random.permutation(["open", "read", "close", "dup", "socket"] * 8)
        (folder / "attack" / f"{i}.txt").write_text(" ".join(calls))
    return folder


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_names_a_detector_and_what_that_allows(name: str) -> None:
    detector, settings = made_by(name, {})
    assert get_detector(detector).with_settings(settings).settings
    assert name not in {*detector_names(), *flow_detector_names()}


def test_what_is_no_recipe_stands_for_itself_and_what_is_said_wins() -> None:
    assert made_by("ngram", {"order": 3}) == ("ngram", {"order": 3})
    _, settings = made_by("best", {"vote_over": 0.9})
    assert settings == {**RECIPES["best"].settings, "vote_over": 0.9}


def test_groups_of_members_go_with_the_members_and_the_way_they_were_made_for() -> None:
    members = RECIPES["best"].settings["members"]
    _, settings = made_by("best", {"combine": "tails"})
    assert settings == {"members": members, "combine": "tails"}
    _, settings = made_by("best", {"members": "ngram+disorder"})
    assert settings == {"members": "ngram+disorder", "combine": "largest"}
    _, settings = made_by("best", {"combine": "largest", "members": members})
    assert settings == RECIPES["best"].settings
    _, settings = made_by("best", {"members": "ngram+stide+hmm", "groups": "1+2,3"})
    assert settings["groups"] == "1+2,3"


def test_the_best_is_trained_saved_and_finds_the_attacks(recordings: Path, tmp_path: Path) -> None:
    asked = ["train", "best", "--data", str(recordings), "-o", str(tmp_path / "best"), "--json"]
    done = CliRunner().invoke(app, [*asked, "--false-alarms", "20%", "--seed", "3"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["detector"] == "ensemble"
    assert [member["detector"] for member in told["members"]] == [
        "redundancy", "disorder", "adaptive", "markov",
    ]  # fmt: skip
    assert told["provenance"]["seed"] == 3
    loaded = habitus.load_model(tmp_path / "best")
    again = habitus.train("best", str(recordings), false_alarms="20%", seed=3)
    assert isinstance(again.detector, Ensemble)
    traces = habitus.read_data(str(recordings))
    np.testing.assert_array_equal(again.scores(traces), loaded.scores(traces))
    assert again.decision.threshold == loaded.decision.threshold
    (result,) = habitus.evaluate(tmp_path / "best", str(recordings)).results
    assert result.auc == 1


def test_it_is_told_beside_the_detectors() -> None:
    listed = CliRunner().invoke(app, ["detectors"]).stdout
    assert "train best" in listed
    assert "redundancy:own=20+disorder" in listed


def test_its_members_cannot_be_trained_models(tmp_path: Path) -> None:
    asked = ["train", "best", "--of", str(tmp_path), "--data", "demo", "-o", str(tmp_path / "m")]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 2
    assert "--of" in done.stderr
