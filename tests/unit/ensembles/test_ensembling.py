"""Ensembles of trained models: what settles them, what is refused, and what is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

import habitus
from habitus.alerts.record import alert_record
from habitus.alerts.rolling import RollingScorer
from habitus.alerts.scoring import Scorer
from habitus.cli import commands  # noqa: F401 - registers the commands
from habitus.cli.app import app
from habitus.decisions.budget import Budget
from habitus.drift.checking import check_population
from habitus.ensembles.ensemble import Ensemble
from habitus.errors import ModelError, UsageError
from habitus.models.ensembling import ensemble_model
from habitus.models.training import fit_model
from segments import whole

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.models.model import Model

BUDGET = Budget.parse("10%")


def normals(n: int, seed: int = 0) -> list[list[str]]:
    """Different traces of one program: it opens, reads as often as it likes, and closes."""
    random = np.random.default_rng(seed)
    return [
        [
            call
            for _ in range(random.integers(2, 6))
            for call in ["open", *["read"] * int(random.integers(1, 6)), "close"]
        ]
        for _ in range(n)
    ]


NORMAL = whole(normals(60))
STRANGE = whole([["socket", "dup", "execve"] * 4, ["close", "open", "read"] * 5])


def trained(name: str, normal: habitus.TraceSet = NORMAL, **options: object) -> Model:
    return fit_model(name, normal, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    return {
        "a": trained("ngram", settings={"order": 3}, aggregation="quantile:0.7"),
        "b": trained("neighbours"),
    }


def test_learned_traces_have_the_scores_that_cross_fitting_kept(models: dict[str, Model]) -> None:
    made = ensemble_model(models, NORMAL, settings={"combine": "average"}, false_alarms=BUDGET)
    ensemble = made.detector
    assert isinstance(ensemble, Ensemble)
    population = models["a"].population
    kept = np.repeat(population.scores[0], population.counts)
    assert ensemble.combination.middle[0] == pytest.approx(kept.mean())
    fresh = models["a"].scores(NORMAL)
    assert ensemble.combination.middle[0] != pytest.approx(fresh.mean(), rel=1e-3)
    assert made.decision.calibration.method == "cross-fitting"


def test_traces_that_some_member_learned_and_kept_no_score_of_are_left_out() -> None:
    learner = trained("neighbours", calibration="held-out:0.5")
    made = ensemble_model({"a": trained("ngram"), "b": learner}, NORMAL, false_alarms=BUDGET)
    assert made.provenance.n_traces == NORMAL.n_traces - learner.provenance.n_traces
    others = [trained("ngram", seed=s, calibration="held-out:0.05") for s in (1, 2)]
    with pytest.raises(UsageError, match="one seed"):
        ensemble_model(dict(zip("ab", others, strict=True)), NORMAL, false_alarms=BUDGET)


def test_it_keeps_its_members_whole(models: dict[str, Model], tmp_path: Path) -> None:
    made = ensemble_model(models, NORMAL, false_alarms=BUDGET)
    saved = habitus.save_model(made, tmp_path / "ens")
    loaded = habitus.load_model(tmp_path / "ens")
    assert np.array_equal(loaded.scores(STRANGE), made.scores(STRANGE))
    assert np.array_equal(loaded.detector.member_scores(STRANGE)[:, 0], models["a"].scores(STRANGE))
    assert loaded.digest == saved.digest
    assert all(loaded.memory.knows(NORMAL))
    assert not any(loaded.memory.knows(STRANGE))


def test_a_changed_member_is_refused(models: dict[str, Model]) -> None:
    state = ensemble_model(models, NORMAL, false_alarms=BUDGET).detector.state()
    ensemble = Ensemble.with_settings({"members": "given"})
    ensemble.vocabulary = habitus.Vocabulary(("close", "open", "read"))
    ensemble.restore(state)
    name = next(n for n in state if n.startswith("member.0.") and state[n].dtype.kind in "iu")
    changed = state[name].copy()
    changed[-1] += 1
    with pytest.raises(ModelError, match="'a' is not the one"):
        ensemble.restore({**state, name: changed})
    told = json.loads(state["members"].tobytes())
    told[1]["settings"]["n"] = 4
    text = np.frombuffer(json.dumps(told).encode(), dtype=np.uint8)
    with pytest.raises(ModelError, match="'b' is not the one"):
        ensemble.restore({**state, "members": text})
    for damaged in (b"[]", b"{}", b"[3]", b"nonsense", b"[" * 100_000):
        with pytest.raises(ModelError):
            ensemble.restore({**state, "members": np.frombuffer(damaged, dtype=np.uint8)})


def test_what_cannot_be_a_member_is_told(models: dict[str, Model]) -> None:
    with pytest.raises(UsageError, match="2 to 64 models, not 1"):
        ensemble_model({"a": models["a"]}, NORMAL, false_alarms=BUDGET)
    same = replace(models["a"], digest="d" * 64)
    with pytest.raises(UsageError, match="y: is the same model as x"):
        ensemble_model({"x": same, "y": same}, NORMAL, false_alarms=BUDGET)
    nested = ensemble_model(models, NORMAL, false_alarms=BUDGET)
    with pytest.raises(UsageError, match="an ensemble itself"):
        ensemble_model({**models, "c": nested}, NORMAL, false_alarms=BUDGET)
    with pytest.raises(UsageError, match="no models are given"):
        Ensemble.with_settings({"members": "given"}).fit(NORMAL)


@pytest.mark.parametrize("text", ["ensemble+ngram", "lstm", "ngram+ngram", "ngram:order=0"])
def test_what_it_cannot_fit_itself_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="ensemble: members="):
        Ensemble.with_settings({"members": text})


def test_rolling_decisions_need_traces_that_no_member_learned(models: dict[str, Model]) -> None:
    with pytest.raises(UsageError, match="no member learned"):
        ensemble_model(models, NORMAL, rolling=["4"], false_alarms=BUDGET)
    both = whole([*normals(60), *normals(50, seed=8)])
    made = ensemble_model(models, both, rolling=["4"], false_alarms=BUDGET)
    assert made.decisions[1].calibration.n_traces < made.decisions[0].calibration.n_traces
    alarms = [s for s in RollingScorer(made, 1).run([STRANGE]) if s.is_alert]
    assert alarms
    units = [alert_record(made, s)["habitus"]["unit"] for s in alarms]
    assert set(units) == {"times a normal call's"}
    drift = check_population(made, whole(normals(40, seed=9)))
    assert [a.unit for a in drift.alarms] == ["nats of rarity", "times a normal call's"]


def test_one_that_fits_its_members_makes_rolling_decisions_too() -> None:
    made = trained("ensemble", settings={"members": "ngram+stide:n=3"}, rolling=["4"])
    assert [d.rule for d in made.decisions] == ["trace:whole", "rolling:4"]
    with pytest.raises(UsageError, match="only whole traces"):
        trained("ensemble", settings={"members": "neighbours+neighbours:n=2"}, rolling=["4"])


def test_a_trace_in_segments_scores_as_the_whole(models: dict[str, Model]) -> None:
    made = ensemble_model(models, NORMAL, false_alarms=BUDGET)
    calls = ["open", "read", "ptrace", "read", "close", "open", "close", "read"] * 3
    cut = [0, 1, 2, 9, 20, len(calls)]
    batches = [
        habitus.TraceSet.from_names(
            [calls[b:e]],
            infos=[habitus.TraceInfo("t0", "memory", first_call=b, ends=e == len(calls))],
        )
        for b, e in pairwise(cut)
    ]
    (piecewise,) = Scorer(made, stretch_of_all=True).run(batches)
    (at_once,) = Scorer(made, stretch_of_all=True).run([whole([calls])])
    assert piecewise.score == at_once.score
    assert [p.score for p in piecewise.members] == [p.score for p in at_once.members]


def test_it_is_explained_by_member(models: dict[str, Model]) -> None:
    made = ensemble_model(models, NORMAL, false_alarms=BUDGET)
    (judged, _) = Scorer(made, stretch_of_all=True).run([STRANGE])
    record = alert_record(made, judged)
    parts = record["habitus"]["explanation"]["members"]
    assert {part["member"] for part in parts} == {"a", "b"}
    assert sum(part["share"] for part in parts) == pytest.approx(1)
    assert np.mean([part["added"] for part in parts]) == pytest.approx(
        made.detector.combination.raw(made.detector.member_scores(STRANGE))[0]
    )
    (plain, _) = Scorer(models["b"], stretch_of_all=True).run([STRANGE])
    assert "members" not in alert_record(models["b"], plain)["habitus"]["explanation"]


def test_through_the_command_line(tmp_path: Path) -> None:
    def run(*arguments: str, status: int = 0) -> str:
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == status, result.output
        return result.output

    folder = tmp_path / "recordings"
    folder.mkdir()
    for i, calls in enumerate(normals(40)):
        (folder / f"run-{i}.txt").write_text(" ".join(calls))
    data, places = str(folder), [str(tmp_path / n) for n in ("a", "b", "both")]
    run("train", "ngram", "--data", data, "-o", places[0])
    run("train", "stide", "--data", data, "-o", places[1], "--set", "n=3")
    run("train", "ensemble", "--of", *places[:2], "--data", data, "-o", places[2])
    shown = json.loads(run("model", "show", places[2], "--json"))
    assert [member["member"] for member in shown["members"]] == places[:2]
    assert [len(member["digest"]) for member in shown["members"]] == [64, 64]
    assert "ngram" in run("model", "show", places[2])
    assert "what its members say" in run("explain", places[2], data)
    assert "0 alerts in 40 traces" in run("detect", places[2], data, "--all")
    of = ["--of", places[0], places[1], "--data", data, "-o", str(tmp_path / "x")]
    assert "for the detector ensemble" in run("train", "ngram", *of, status=2)
    assert "--calibrate: not for" in run(
        "train", "ensemble", *of, "--calibrate", "held-out", status=2
    )
    assert "named twice" in run("train", "ensemble", "--of", places[1], *of, status=2)
    absent = ["--of", places[0], str(tmp_path / "none"), "--data", data, "-o", places[2]]
    assert "there is no model here" in run("train", "ensemble", *absent, status=2)
