"""`habitus compare` as one types it: what is printed, kept and refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
from test_narrow import on_terminal
from typer.testing import CliRunner

import habitus
from habitus.cli.app import app
from habitus.evaluation.comparing.kept_results import read_results
from habitus.evaluation.score_file import scores_digest, write_scores

if TYPE_CHECKING:
    from command_line import Invoke

SCHEMA = Path(habitus.__file__).parent / "schemas" / "compare.schema.json"


@pytest.fixture(scope="module")
def kept(model: Path, recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of two models, as `evaluate -o` leaves them."""
    folder = tmp_path_factory.mktemp("kept")
    for arguments in (
        ["train", "stide", "--data", recordings, "-o", folder / "stide", "--false-alarms", "20%"],
        ["evaluate", model, folder / "stide", "--data", recordings, "-o", folder / "results"],
    ):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exit_code == 0, result.output
    return folder / "results"


def test_it_says_who_is_better_and_whether_it_can_tell(invoke: Invoke, kept: Path) -> None:
    text = invoke("compare", f"{kept}:stide", f"{kept}:ngram").output
    lines = text.splitlines()
    assert lines[0].startswith("folder: ")
    assert lines[1].startswith("A: ")
    assert "(stide: n=6; trace:mean, from " in lines[1]
    assert lines[2].startswith("B: ")
    for heading in ("all attacks", "AUC by attack", "found at 0.1, 1, 5 % false"):
        assert any(line.startswith(f"  {heading}") for line in lines), heading
    assert any(line.startswith("by AUC ") for line in lines)
    assert "note: 2 of 2 types of attack have fewer than 10 independent attacks" in text


def test_json_follows_its_schema_and_holds_what_is_printed(invoke: Invoke, kept: Path) -> None:
    result = invoke("compare", kept, kept, "--json", "--seed", "7")
    read = json.loads(result.stdout)
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(read)
    assert read["seed"] == 7
    assert [found["auc"]["difference"] for found in read["comparisons"]] == [0, 0]
    assert "note: " in result.stderr
    shown = invoke("compare", kept, kept).output
    for found in read["comparisons"]:
        assert f"{found['auc']['a']:.4f}   {found['auc']['b']:.4f}   +0.0000" in shown


def test_a_page_is_kept_beside_what_is_printed(invoke: Invoke, kept: Path, tmp_path: Path) -> None:
    page = tmp_path / "deep" / "page.html"
    result = invoke("compare", f"{kept}:stide", f"{kept}:ngram", "-o", page, "--json")
    assert json.loads(result.stdout)
    assert result.stderr.splitlines()[-1] == f"wrote {page}"
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert (
        "is a folder; name a file" in invoke("compare", kept, kept, "-o", tmp_path, status=2).stderr
    )


def test_what_cannot_be_compared_ends_with_2(invoke: Invoke, kept: Path, model: Path) -> None:
    for arguments, said in (
        ([kept, f"{kept}:hmm"], "no model is called 'hmm'; there are: "),
        ([model, kept], "results are kept by `habitus evaluate ... -o FOLDER`"),
        ([kept / "scores.arrow", kept], "no results of this version of Habitus"),
        (["/dev/null", kept], "/dev/null: not a regular file"),
    ):
        result = invoke("compare", *arguments, status=2)
        assert said in result.stderr
        assert result.stderr.startswith("habitus: ")
        assert result.stdout == ""


def test_no_name_forges_a_line(invoke: Invoke, kept: Path, tmp_path: Path) -> None:
    evil = "x\n\x1b[31mnote: forged\r\u202e"
    results = read_results(kept)
    scores = results.scores
    assert scores is not None
    attacks = tuple(attack and attack + evil for attack in scores.attacks)
    models = {evil + name: found for name, found in scores.scores.items()}
    forged = replace(scores, attacks=attacks, scores=models)
    write_scores(tmp_path, forged)
    read = json.loads(results.to_json()) | {"scores_sha256": scores_digest(forged)}
    for result, name in zip(read["results"], models, strict=True):
        result |= {"model": name, "protocol": evil, "caution": evil, "settings": {evil: evil}}
    (tmp_path / "results.json").write_text(json.dumps(read))
    for arguments, status in (([tmp_path, tmp_path], 0), ([f"{tmp_path}:y", tmp_path], 2)):
        text = invoke("compare", *arguments, status=status).output
        assert "\x1b[31m" not in text
        assert "\r" not in text
        assert "\u202e" not in text
        assert not any(line.lstrip().startswith("note: forged") for line in text.splitlines())
        assert "x\\n" in text


def test_on_narrow_terminals_no_word_is_broken(home: Path, kept: Path) -> None:
    lines = on_terminal(home, 60, "compare", f"{kept}:stide", f"{kept}:ngram")
    assert "all attacks: AUC" in lines
    assert any(line.startswith("  95 %: [") for line in lines)
    told = [line for line in lines if "/" not in line and "\x1b" not in line]  # no paths, no bold
    assert max(map(len, told)) <= 60
