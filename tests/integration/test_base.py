"""The shipped model by its name, through the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from command_line import STRANGE, write

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import Invoke


def test_base_judges_right_away_and_says_where_its_threshold_comes_from(
    invoke: Invoke, tmp_path: Path
) -> None:
    write(tmp_path / "run.txt", STRANGE)
    told = invoke("detect", "base", tmp_path / "run.txt", "--all", "--json", status=1)
    (record,) = map(json.loads, told.stdout.splitlines())
    assert record["habitus"]["trace"]["name"]
    assert "threshold comes from the programs of a corpus" in " ".join(told.stderr.split())
    shown = invoke("model", "show", "base")
    assert "other programs" in shown.stdout
    assert "model threshold base --data" in " ".join(shown.stderr.split())


def test_the_threshold_of_base_is_set_on_the_users_normals(
    invoke: Invoke, recordings: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    refused = invoke(
        "model", "threshold", "base", "--false-alarms", "20%", "--data", recordings, status=2
    )
    assert "stays as it is" in refused.output
    invoke("model", "threshold", "base", "--false-alarms", "20%", "--data", recordings, "-o", mine)
    model = json.loads(invoke("model", "show", mine, "--json").stdout)
    assert model["decisions"][0]["calibration"]["method"] == "other traces"
    assert "corpus" not in invoke("detect", mine, recordings, status=1).stderr


def test_base_is_what_a_model_may_start_from(
    invoke: Invoke, recordings: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    invoke("train", "--from", "base", "--data", recordings, "-o", mine, "--false-alarms", "20%")
    assert json.loads(invoke("model", "show", mine, "--json").stdout)["base"]["model"] == "base"
