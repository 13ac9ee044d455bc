"""Records of flows: the schema, what adds up, and what is only guessed."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import polars as pl
import pytest

import habitus
from habitus.alerts.flow_judging import TOLD, FlowJudge, columns_for
from habitus.alerts.flow_record import flow_records
from habitus.detectors.flow import flow_detector_names
from habitus.flows.features.declared import features
from habitus.flows.labelled import LabelledFile, LabelledFlows
from habitus.flows.services import service_guess
from habitus.models.flow_training import fit_flow_model
from made_flows import N_FILES, made_flows

SCHEMA = json.loads(
    (Path(habitus.__file__).parent / "schemas" / "flow-alert.schema.json").read_text("utf-8")
)
VALID = jsonschema.Draft202012Validator(SCHEMA)
NAMES = flow_detector_names()
FLOWS, MALICIOUS, FILES = made_flows(600)


@pytest.fixture(scope="module", params=NAMES)
def model(request: pytest.FixtureRequest) -> habitus.FlowModel:
    data = LabelledFlows(
        FLOWS, MALICIOUS, FILES, tuple(LabelledFile(f"{i}.pcap", "") for i in range(N_FILES))
    )
    return fit_flow_model(request.param, data, false_alarms="5%")


def test_every_record_is_of_the_schema_and_its_parts_sum_up(model: habitus.FlowModel) -> None:
    judged = FlowJudge(model).judge(FLOWS)
    assert judged.alerts.any()
    for record in flow_records(model, judged, explain_all=True):
        VALID.validate(record)
        told = record["habitus"]["contributions"]
        adds = [one["adds"] for one in told["features"]]
        assert len(adds) == 5
        assert adds == sorted(adds, reverse=True)
        total = told["base"] + sum(adds) + told["others"]["adds"]
        assert total == pytest.approx(told["total"], abs=1e-9)


def test_all_features_are_told_if_asked_for(model: habitus.FlowModel) -> None:
    judged = FlowJudge(model).judge(FLOWS[:3])
    for i, record in enumerate(flow_records(model, judged, top=None, explain_all=True)):
        told = record["habitus"]["contributions"]
        assert told["others"] == {"n_features": 0, "adds": 0.0}
        for one in told["features"]:
            # What stands in the table, whatever is computed with.
            assert one["value"] == pytest.approx(FLOWS[one["feature"]][i], nan_ok=True)
        codes = [one for one in told["features"] if one["feature"] == "protocol"]
        assert [one["normal"] for one in codes] == [None]
        low_high = [(one["normal"]["low"], one["normal"]["high"]) for one in told["features"]
                    if one["normal"]]  # fmt: skip
        assert all(low <= high for low, high in low_high)


def test_alerts_alone_are_explained_and_severe_where_no_benign_flow_scores_as_high(
    model: habitus.FlowModel,
) -> None:
    judged = FlowJudge(model).judge(FLOWS)
    records = list(flow_records(model, judged))
    assert [record["verdict"] == "alert" for record in records] == judged.alerts.tolist()
    highest = model.population.benign.max()
    for record in records:
        is_alert = record["verdict"] == "alert"
        assert (record["habitus"]["contributions"] is not None) == is_alert == ("alert" in record)
        if is_alert:
            assert record["alert"]["severity"] == (1 if record["score"] > highest else 2)


def test_a_flow_that_does_not_tell_enough_has_no_score_and_is_counted() -> None:
    told = [f.name for f in features() if not f.null and f.kind in {"integer", "number"}]
    data = LabelledFlows(FLOWS, MALICIOUS, FILES,
                         tuple(LabelledFile(f"{i}.pcap", "") for i in range(N_FILES)))  # fmt: skip
    model = fit_flow_model("logistic", data)
    silent = next(name for name in told if name in model.detector.inputs.names)
    judge = FlowJudge(model)
    kept = pl.Series(np.arange(len(FLOWS)) >= 3)
    judged = judge.judge(FLOWS.with_columns(pl.when(kept).then(silent).alias(silent)))
    records = list(flow_records(model, judged))
    assert [record["verdict"] for record in records[:4]][:3] == ["not_scoreable"] * 3
    assert records[3]["verdict"] != "not_scoreable"
    for record in records[:3]:
        VALID.validate(record)
        assert (record["score"], record["habitus"]["benign_as_high"]) == (0.0, None)
    assert (judge.tally.n_flows, judge.tally.n_unscoreable) == (600, 3)
    assert dict(judge.tally.silent) == {silent: 3}


def test_what_is_judged_and_told_takes_few_columns(model: habitus.FlowModel) -> None:
    wanted = columns_for(model)
    assert wanted >= set(TOLD)
    assert "first_sizes_bytes" not in wanted
    few = FLOWS.select("source_file", *sorted(wanted))
    judge = FlowJudge(model)
    whole, part = judge.judge(FLOWS), judge.judge(few)
    assert np.array_equal(whole.scores, part.scores)
    assert list(flow_records(model, part)) == [
        record | {"timestamp": other["timestamp"]}
        for record, other in zip(flow_records(model, whole), flow_records(model, part), strict=True)
    ]


@pytest.mark.parametrize(
    ("protocol", "destination", "source", "guess"),
    [
        (6, 22, 40000, "ssh"),
        (6, 40000, 443, "https"),
        (17, 53, 53, "dns"),
        (17, 22, 40000, None),
        (1, 8, 0, None),
        (6, 47001, 40000, None),
        (None, None, None, None),
    ],
)
def test_a_service_is_guessed_by_the_destinations_port_first(
    protocol: int | None, destination: int | None, source: int | None, guess: str | None
) -> None:
    assert service_guess(protocol, destination, source) == guess


def test_a_time_that_is_no_date_is_told_as_none() -> None:
    data = LabelledFlows(FLOWS, MALICIOUS, FILES,
                         tuple(LabelledFile(f"{i}.pcap", "") for i in range(N_FILES)))  # fmt: skip
    model = fit_flow_model("logistic", data)
    odd = FLOWS[:2].with_columns(
        pl.Series("end_ns", [1 << 62, None], dtype=pl.Int64),
        pl.Series("start_ns", [1_700_000_000_123_456_789, None], dtype=pl.Int64),
    )
    first, second = flow_records(model, FlowJudge(model).judge(odd))
    assert first["habitus"]["flow"]["start"] == "2023-11-14T22:13:20.123456+00:00"
    assert first["habitus"]["flow"]["end"].startswith("2116-")
    assert second["habitus"]["timestamp_is"] == "detection"
    VALID.validate(second)
