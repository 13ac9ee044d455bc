"""Models of flows: fitted, with what to expect of them, on disk and back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from habitus.decisions.budget import Budget
from habitus.detectors.flow import flow_detector_names
from habitus.errors import InputError, ModelError, UsageError
from habitus.flows.labelled import LabelledFile, LabelledFlows
from habitus.flows.tracker import TrackSettings
from habitus.models.files import load_flow_model, load_model, load_trace_model, save_model
from habitus.models.flow_model import FlowDecision, decided
from habitus.models.flow_population import FlowPopulation
from habitus.models.flow_training import fit_flow_model, flowmeter_model, scored_flows
from made_flows import N_FILES, made_flows

if TYPE_CHECKING:
    from pathlib import Path

NAMES = flow_detector_names()


def labelled(n: int = 800, seed: int = 1) -> LabelledFlows:
    flows, malicious, files = made_flows(n, seed)
    return LabelledFlows(
        flows, malicious, files, tuple(LabelledFile(f"{i}.pcap", "") for i in range(N_FILES)),
        ("benign",), ("malicious",), "made", "0" * 64, extraction=TrackSettings(idle_s=60),
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_model_on_disk_scores_as_it_did(tmp_path: Path, name: str) -> None:
    data = labelled()
    made = fit_flow_model(name, data)
    saved = save_model(made, tmp_path / "model")
    loaded = load_flow_model(tmp_path / "model", digest=saved.digest)
    scores = loaded.scores(data.flows)
    assert np.array_equal(scores, made.scores(data.flows))
    assert loaded.decision == made.decision
    assert loaded.provenance == made.provenance
    assert loaded.notes == made.notes
    assert np.array_equal(loaded.population.scores, made.population.scores)
    assert loaded.provenance.extraction == TrackSettings(idle_s=60)
    # Of a whole table as of each flow alone.
    assert scores[5] == loaded.scores(data.flows[5:6])[0]
    assert not len(loaded.scores(data.flows[:0]))


def test_what_is_expected_is_of_files_that_were_not_learned() -> None:
    data = labelled()
    made = fit_flow_model("logistic", data)
    population = made.population
    assert (population.method, population.unit, population.folds) == ("cross-fitting", "file", 5)
    assert len(population.scores) == len(data)
    # Groups are the numbers of the files that are told.
    for number, file in enumerate(made.provenance.files):
        own = population.groups == number
        bad = int(population.malicious[own].sum())
        assert (file.n_benign, file.n_malicious) == (int(own.sum()) - bad, bad)
    found, n = population.detection(0.5)
    assert n == data.n_malicious
    assert found > 0.9 * n


def test_one_file_tells_of_flows_alone_and_that_is_said() -> None:
    data = labelled()
    one = replace(data, file_of=np.zeros(len(data), dtype=np.int64))
    made = fit_flow_model("logistic", one)
    assert made.population.unit == "flow"
    assert any("told by single flows held out" in line for line in made.warnings())


def test_labels_that_mean_nothing_are_learned_as_nothing() -> None:
    data = labelled()
    shuffled = np.random.default_rng(2).permutation(data.malicious)
    made = fit_flow_model("logistic", replace(data, malicious=shuffled))
    benign, bad = made.population.benign, made.population.scores[made.population.malicious]
    assert abs(float((benign[:, None] < bad[None, :]).mean()) - 0.5) < 0.1


def flows_of(n_benign: int, n_malicious: int) -> LabelledFlows:
    data = labelled(400)
    rows = [
        *np.flatnonzero(~data.malicious)[:n_benign].tolist(),
        *np.flatnonzero(data.malicious)[:n_malicious].tolist(),
    ]
    return data.select(np.array(rows, dtype=np.int64))


@pytest.mark.parametrize(
    ("n_benign", "n_malicious", "told"),
    [
        (9, 0, "made: all 9 flows are benign, and logistic learns to tell two classes apart"),
        (0, 9, "made: all 9 flows are malicious, and logistic learns to tell two"),
        (1, 0, "made: 1 flow is benign, and logistic"),
        (9, 1, "at least 2 flows of each class, and there are 9 benign and 1 malicious"),
    ],
)
def test_too_little_to_learn_is_said_with_what_to_do(
    n_benign: int, n_malicious: int, told: str
) -> None:
    with pytest.raises(UsageError) as error:
        fit_flow_model("logistic", flows_of(n_benign, n_malicious))
    assert told in str(error.value)
    assert "\nadd flows" in str(error.value)


def test_of_no_benign_flow_nothing_normal_is_learned() -> None:
    with pytest.raises(UsageError, match="flow-outlier learns benign flows, at least 2"):
        fit_flow_model("flow-outlier", flows_of(0, 9))
    assert fit_flow_model("flow-outlier", flows_of(9, 0)).provenance.n_malicious == 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [7, None])
def test_flows_that_are_all_the_same_or_null_teach_nothing(name: str, value: int | None) -> None:
    data = labelled(60)
    numbers = [
        pl.lit(value, dtype=kind).alias(column)
        for column, kind in data.flows.schema.items()
        if kind.is_numeric() or kind == pl.Boolean
    ]
    lists = [
        pl.lit(None, dtype=kind).alias(column)
        for column, kind in data.flows.schema.items()
        if isinstance(kind, pl.List)
    ]
    same = replace(data, flows=data.flows.with_columns([*numbers, *lists]))
    with pytest.raises(UsageError) as error:
        fit_flow_model(name, same)
    assert "made: no feature of these flows tells one from another" in str(error.value)
    why = "null in every flow" if value is None else "the same in every flow"
    assert f"left out, as they are {why}" in str(error.value)


def test_a_file_of_which_nothing_is_told_costs_no_other() -> None:
    """In a fold a column may be null throughout, which scikit-learn's trees refuse."""
    data = labelled()
    quiet = data.flows.with_columns(
        pl.when(pl.Series(data.file_of == 0)).then("payload_entropy").alias("payload_entropy")
    )
    for name in NAMES:
        assert fit_flow_model(name, replace(data, flows=quiet)).population.folds


def test_a_budget_is_kept_on_flows_that_were_held_out() -> None:
    made = fit_flow_model("flow-outlier", labelled(2000), false_alarms="5%")
    assert float(np.mean(made.population.benign > made.decision.threshold)) <= 0.05
    assert made.decision.budget == Budget.parse("5%")
    tighter = made.with_budget(Budget.parse("1%"))
    assert tighter.decision.threshold > made.decision.threshold
    assert fit_flow_model("logistic", labelled()).decision == FlowDecision(threshold=0.5)
    assert fit_flow_model("flow-outlier", labelled()).decision.budget == Budget.parse("1%")


def test_a_budget_must_be_a_share_and_have_flows() -> None:
    with pytest.raises(UsageError, match="by the day is for traces"):
        decided(FlowPopulation.nothing(), Budget.parse("2/day"))
    with pytest.raises(UsageError, match=r"keeps no scores of benign flows .* \(--data\)"):
        decided(FlowPopulation.nothing(), Budget.parse("1%"))


def test_a_budget_finer_than_the_flows_can_show_is_told() -> None:
    made = fit_flow_model("logistic", labelled(), false_alarms="0.01%")
    assert not made.decision.keeps_budget
    assert any("cannot show a false-alarm rate of 0.01 %" in line for line in made.warnings())


def test_other_flows_may_set_a_threshold() -> None:
    made = fit_flow_model("logistic", labelled())
    other = scored_flows(made, labelled(600, seed=9))
    assert (other.method, len(other.scores)) == ("other flows", 600)
    assert made.with_budget(Budget.parse("2%"), other).population is other


def population(benign: list[list[float]]) -> FlowPopulation:
    """Benign scores by file, of cross-fitting by files."""
    scores = np.array([score for file in benign for score in file])
    groups = np.array([i for i, file in enumerate(benign) for _ in file], dtype=np.int32)
    return FlowPopulation(
        scores, np.zeros(len(scores), dtype=np.bool_), groups, "cross-fitting", "file", 2
    )


def test_flows_of_one_file_count_as_fewer_where_they_are_alike() -> None:
    alike = population([[1.0] * 10, *[[0.0] * 10] * 9])
    apart = population([[1.0, *[0.0] * 9]] * 10)
    assert alike.rate(0.5).expected == pytest.approx(
        (1 / 10 + 1 / 10) / (1 + 1 / 10), abs=0.12
    )  # ten files, not a hundred flows
    assert alike.rate(0.5).design_effect == pytest.approx(10)
    assert apart.rate(0.5).design_effect == pytest.approx(1)
    assert alike.rate(0.5).interval(100)[1] > apart.rate(0.5).interval(100)[1]


def test_how_often_a_benign_flow_scores_as_high() -> None:
    found = population([[0.1, 0.2], [0.3, 0.4]])
    assert found.share_as_high(0.35) == pytest.approx(2 / 5)
    assert found.share_as_high(0.9) == pytest.approx(1 / 5)
    assert FlowPopulation.nothing().share_as_high(0.5) is None


def test_of_very_many_flows_some_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("habitus.models.flow_population.MAX_FLOWS", 10)
    kept = population([[float(i) for i in range(50)]]).kept(seed=1)
    assert len(kept.scores) == len(kept.groups) == len(kept.malicious) == 10
    assert (np.diff(kept.scores) > 0).all()


def test_kinds_of_models_are_not_taken_for_each_other(tmp_path: Path) -> None:
    save_model(fit_flow_model("logistic", labelled()), tmp_path / "net")
    with pytest.raises(ModelError, match="a model of network flows \\(logistic\\)"):
        load_trace_model(tmp_path / "net")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"detector": "absent"}, "no flow detector is named 'absent'"),
        ({"kind": "pictures"}, "model.json"),
        ({"decision": {"threshold": "high"}}, "model.json: decision.threshold"),
        ({"population": {"method": "none", "unit": "file", "folds": 0, "data_sha256": ""}},
         "scored flows do not fit together"),
        ({"settings": {"c": -1}}, "c"),
        ({"more": 1}, "more: Extra inputs"),
    ],
)  # fmt: skip
def test_a_forged_description_is_refused(
    tmp_path: Path, change: dict[str, object], told: str
) -> None:
    import hashlib

    folder = tmp_path / "net"
    save_model(fit_flow_model("logistic", labelled()), folder)
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("model.json", "weights.safetensors")
    ]
    (folder / "MANIFEST.sha256").write_text("".join(lines))
    with pytest.raises(ModelError) as error:
        load_model(folder)
    assert told in str(error.value)


def test_flowmeters_parameters_are_a_model_without_flows(tmp_path: Path) -> None:
    for name, n in (("mean", 39), ("std", 39), ("weights", 39), ("intercept", 1)):
        (tmp_path / f"{name}.txt").write_text("1.5\n" * n)
    made = flowmeter_model(tmp_path)
    save_model(made, tmp_path / "model")
    loaded = load_flow_model(tmp_path / "model")
    assert loaded.provenance.n_flows == 0
    assert any("labels follow the capture" in line for line in loaded.warnings())
    with pytest.raises(InputError, match="lacks columns"):
        loaded.scores(pl.DataFrame({"x": [1.0]}))
