"""Several decisions of one model through the command line: made, forecast, used, explained."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from command_line import NORMAL, STRANGE, write

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import Invoke


@pytest.fixture
def rolling(invoke: Invoke, recordings: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "rolling"
    invoke(
        "train", "ngram", "--data", recordings, "-o", folder, "--false-alarms", "20%",
        "--rolling", 6, "--rolling", "8:median", "--set", "order=4", "--calibrate",
        "cross-fitting:3",
    )  # fmt: skip
    return folder


def decisions(invoke: Invoke, folder: Path) -> list[dict[str, object]]:
    return json.loads(invoke("model", "show", folder, "--json").stdout)["decisions"]


def test_a_model_makes_the_decisions_it_was_asked_for(invoke: Invoke, rolling: Path) -> None:
    made = decisions(invoke, rolling)
    assert [d["rule"] for d in made] == ["trace:mean", "rolling:6", "rolling:8:median"]
    shown = invoke("model", "show", rolling).stdout
    assert "the mean surprise of the last 6 calls is above" in shown
    assert shown.count("of the next 1,000") == 3


def test_a_rolling_decision_finds_what_stands_within_a_long_trace(
    invoke: Invoke, rolling: Path, tmp_path: Path
) -> None:
    hidden = tmp_path / "hidden.txt"
    write(hidden, f"{NORMAL} " * 200 + STRANGE + f" {NORMAL}" * 200)
    assert "0 alerts in 1 trace" in invoke("detect", rolling, hidden).stdout
    out = invoke("detect", rolling, hidden, "--decision", "rolling:6", "--json", status=1)
    (record,) = map(json.loads, out.stdout.splitlines())
    assert record["habitus"]["decision"] == "rolling:6"
    names = [call["name"] for call in record["habitus"]["explanation"]["calls"]]
    assert set(names) & set(STRANGE.split())
    explained = invoke("explain", rolling, hidden, "--decision", "rolling:6").stdout
    assert "mean surprise of the last 6 calls" in explained
    write(hidden, f"{NORMAL} " * 200)
    told = invoke("explain", rolling, hidden, "--decision", "rolling:6", status=2).output
    assert "raises no alarm by rolling:6" in told


def test_an_unknown_decision_is_told_with_those_there_are(
    invoke: Invoke, rolling: Path, recordings: Path
) -> None:
    for command in (
        ("detect", rolling, recordings),
        ("evaluate", rolling, "--data", recordings),
        ("model", "threshold", rolling, "--false-alarms", "1%"),
    ):
        out = invoke(*command, "--decision", "rolling:7", status=2).output
        assert "trace:mean, rolling:6, rolling:8:median" in out


def test_one_decision_is_set_anew_and_the_others_stay(invoke: Invoke, rolling: Path) -> None:
    before = decisions(invoke, rolling)
    invoke("model", "threshold", rolling, "--false-alarms", "40%", "--decision", "rolling:6")
    after = decisions(invoke, rolling)
    assert after[0] == before[0]
    assert after[2] == before[2]
    assert after[1] != before[1]


def test_a_rolling_decision_is_evaluated_by_its_highest_scores(
    invoke: Invoke, rolling: Path, recordings: Path, tmp_path: Path
) -> None:
    options, named = ("--data", recordings, "--json"), ("--decision", "rolling:6")
    by_rule = invoke("evaluate", rolling, *options, *named).stdout
    assert "rolling:6 " in invoke("evaluate", rolling, *options[:2], *named).stdout
    by_worst = invoke("evaluate", rolling, *options, "--aggregation", "worst:6").stdout
    one, other = (json.loads(text)["results"][0] for text in (by_rule, by_worst))
    assert one["decision"] == "rolling:6"
    assert one["auc"] == pytest.approx(other["auc"])
    assert one["at_threshold"] is not None
    assert other["at_threshold"] is None


def test_a_forecast_is_for_as_many_traces_as_asked(invoke: Invoke, rolling: Path) -> None:
    out = invoke("model", "forecast", rolling, "--traces", 40, "--json").stdout
    for told in json.loads(out)["decisions"]:
        low, high = told["alarms_ci95"]
        assert low <= told["expected_alarms"] <= high <= 40
        assert told["expected_alarms"] == pytest.approx(40 * told["expected_rate"])
        assert told["expected_alarms_in_days"] is None
    assert "of the next 40, " in invoke("model", "forecast", rolling, "--traces", 40).stdout


def test_who_asks_by_the_day_where_traces_carry_no_time_is_told(
    invoke: Invoke, rolling: Path
) -> None:
    assert "by the day" not in invoke("model", "forecast", rolling).output
    out = invoke("model", "forecast", rolling, "--days", 3).output
    assert out.count("nothing by the day: the normal traces that it was set on carry no time") == 3


def test_learned_traces_are_told_of_however_many_are_left_out(
    invoke: Invoke, rolling: Path, recordings: Path, tmp_path: Path
) -> None:
    """Even where all were learned: a population that a first --data set forgets the rest."""
    again = ("model", "threshold", rolling, "--false-alarms", "40%", "--data")
    assert "were learned" not in invoke(*again, recordings).output
    write(tmp_path / "few" / "strange.txt", STRANGE)
    write(tmp_path / "few" / "known.txt", (recordings / "normal" / "run-0.txt").read_text())
    out = invoke(*again, tmp_path / "few").output
    assert "1 of the 2 traces were learned by this model, and keep their cross" in out
    out = invoke(*again, recordings).output
    assert "5 of the 6 traces were learned by this model, which keeps no other" in out


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--false-alarms", "2/day"), "needs normal traces that carry time"),
        (("--false-alarms", "nonsense"), "a share from 0 to below 1"),
        (("--confidence", "95"), "between 0 and 1"),
        (("--merge", "-1"), "alarms merge within"),
        (("--extrapolate", "--false-alarms", "0.01%"), "to extrapolate a tail from"),
        (("--extrapolate", "--confidence", "95%"), "no confidence to be had"),
        (("--calibrate", "never"), "cross-fitting:FOLDS"),
        (("--rolling", "0"), "1 to 100,000 calls"),
        (("--rolling", "5:worst:3"), "say rolling:3"),
    ],
)
def test_what_cannot_be_is_refused_with_why(
    invoke: Invoke, recordings: Path, tmp_path: Path, options: tuple[str, ...], why: str
) -> None:
    out = invoke(
        "train", "ngram", "--data", recordings, "-o", tmp_path / "m", *options, status=2
    ).output
    assert why in " ".join(out.split())
    assert not (tmp_path / "m").exists()


def test_a_detector_of_whole_traces_has_no_rolling_decision(
    invoke: Invoke, recordings: Path, tmp_path: Path
) -> None:
    out = invoke(
        "train", "neighbours", "--data", recordings, "-o", tmp_path / "m", "--rolling", 9, status=2
    ).output
    assert "knows only whole traces" in " ".join(out.split())
