"""``habitus train --from``: a trained model to start from, or a search's trial."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from habitus.cli import commands  # noqa: F401 - registers them
from habitus.cli.app import app

if TYPE_CHECKING:
    from pathlib import Path


def told(*arguments: object) -> tuple[int, str, str]:
    found = CliRunner().invoke(app, [str(a) for a in arguments])
    message = str(found.exception) if found.exception is not None else ""
    return found.exit_code, found.stdout, found.stderr + message


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("from")
    for name, calls in (("abroad", "openat read close socket"), ("home", "open poll read close")):
        (made / name).mkdir()
        for i in range(8):
            (made / name / f"run-{i}.txt").write_text(" ".join([calls] * (i + 2)) + " exit_group\n")
    code, _, error = told(
        "train", "ngram", "--data", made / "abroad", "-o", made / "base", "--false-alarms", "20%"
    )
    assert code == 0, error
    return made


def trained(folder: Path, *arguments: object) -> tuple[int, str, str]:
    return told(
        "train", *arguments, "--data", folder / "home", "-o", folder / "made", "--false-alarms",
        "20%", "--json",
    )  # fmt: skip


@pytest.mark.parametrize("detector", [("ngram",), ("redundancy",), ("best",), ()])
def test_a_model_starts_from_another_and_tells_it(folder: Path, detector: tuple[str, ...]) -> None:
    code, out, error = trained(folder, *detector, "--from", folder / "base")
    assert code == 0, error
    shown = json.loads(out)
    assert shown["detector"] == {("best",): "ensemble", (): "ngram"}.get(detector, *detector)
    digest = json.loads(told("model", "show", folder / "base", "--json")[1])["digest"]
    assert shown["base"]["model"] == str(folder / "base")
    assert shown["base"]["digest"] == digest
    assert 0 < shown["base"]["share"] < 1
    assert shown["provenance"]["n_traces"] == 8
    text = told("model", "show", folder / "made")[1]
    assert f"starts from  {folder / 'base'}, digest {digest[:12]}..." in text
    assert "base's share" in text


def test_without_a_base_there_is_none(folder: Path) -> None:
    assert json.loads(trained(folder, "ngram")[1])["base"] is None


def test_a_damaged_base_is_told_by_its_file(folder: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for name in ("model.json", "MANIFEST.sha256"):
        (damaged / name).write_bytes((folder / "base" / name).read_bytes())
    code, _, error = trained(folder, "ngram", "--from", damaged)
    assert code != 0
    assert "weights.safetensors" in error


@pytest.mark.parametrize(
    ("arguments", "named", "message"),
    [
        (("stide",), "base", "stide cannot start from a trained model"),
        (("boosting",), "base", "boosting learns flows and starts from no model"),
        (("ngram",), "nowhere", "there is no such folder. Say the folder of a trained model"),
        (("ngram",), "home", "no search has been run here"),
        ((), "nowhere#1", "no search has been run here"),
    ],
)
def test_what_does_not_go_together_is_told(
    folder: Path, arguments: tuple[str, ...], named: str, message: str
) -> None:
    code, _, error = trained(folder, *arguments, "--from", folder / named)
    assert code != 0
    assert message in error


def test_what_is_learned_must_be_said(folder: Path) -> None:
    code, _, error = told("train", "ngram", "--from", folder / "base", "-o", folder / "made")
    assert code != 0
    assert "--data is missing: say it" in error
    assert "RUN#1" not in error
