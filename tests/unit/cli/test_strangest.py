"""`habitus detect` and `habitus explain` tell what was expected only where that says something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from habitus.cli import commands  # noqa: F401 - registers the commands
from habitus.cli.app import app
from habitus.cli.detect import _print_record
from habitus.models.files import save_model
from habitus.models.training import fit_model
from habitus.traces.traceset import TraceSet

if TYPE_CHECKING:
    from pathlib import Path

NORMAL = [["open", "read", "close"] * 4, ["open", "close"] * 6] * 3


def record(name: str, expected: str) -> dict[str, Any]:
    """An alert on one call, where another, or the same, was the likeliest."""
    call = {
        "position": 7, "name": name, "novel": False, "surprise": 3.0,
        "expected": [{"name": expected, "chance": 0.04}],
    }  # fmt: skip
    explanation = {"position_unit": "line", "calls": [call]}
    ours = {"trace": {"name": "run"}, "explanation": explanation}
    return {"verdict": "alert", "score": 3.0, "habitus": ours}


@pytest.mark.parametrize(
    ("expected", "told"), [("read", "7-7: exit where read was expected\n"), ("exit", "7-7: exit\n")]
)
def test_a_call_is_not_told_as_strange_where_itself_was_expected(
    expected: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _print_record(record("exit", expected))
    assert capsys.readouterr().out.endswith(told)


@pytest.mark.parametrize(("detector", "expects"), [("neighbours", False), ("markov", True)])
def test_a_detector_that_expects_nothing_leaves_no_empty_column(
    detector: str, expects: bool, tmp_path: Path
) -> None:
    model = fit_model(detector, TraceSet.from_names(NORMAL), false_alarms=0.4)
    save_model(model, tmp_path / "model")
    (tmp_path / "strange.txt").write_text("open read read read write close open close\n")
    arguments = ["explain", str(tmp_path / "model"), str(tmp_path / "strange.txt")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "strangest stretch" in result.stdout
    assert ("expected there" in result.stdout) is expects
