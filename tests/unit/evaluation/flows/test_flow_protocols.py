"""Protocols of flows: what is learned and what is judged, and what is said of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from labelled_sets import labelled, made_set

from habitus.errors import InputError, ProtocolError, UsageError
from habitus.evaluation.flows import trials
from habitus.evaluation.flows.by_address import flows_of_recording
from habitus.evaluation.flows.evaluate import evaluate_flows
from habitus.evaluation.flows.judging import Contender
from habitus.evaluation.flows.protocols import FLOW_PROTOCOLS, get_flow_protocol
from habitus.flows.labelled import LabelledFile
from habitus.flows.tracker import TrackSettings

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.evaluation.flows.splits import Split
    from habitus.flows.labelled import LabelledFlows

SUITES = [
    *[("ndpi", 4, 0)] * 6, *[("ndpi", 0, 3)] * 4, *[("zeek-traces", 5, 0)] * 2,
    ("zeek-traces", 0, 4), ("slips", 0, 6), ("stopddos", 0, 50),
]  # fmt: skip


def sources_of(flows: LabelledFlows, split: Split) -> tuple[set[str], set[str]]:
    names = flows.sources.astype(str)
    return set(names[split.train]), set(names[split.test])


def test_floods_are_neither_learned_nor_judged_but_apart() -> None:
    flows = labelled(SUITES)
    held_out, apart = get_flow_protocol("pcap/file").plan(flows, 1)
    assert len(held_out.runs) == 5
    others = {"ndpi", "zeek-traces", "slips"}
    for run in held_out.runs:
        assert set().union(*(sources_of(flows, split)[1] for split in run)) == others
        for split in run:
            assert not (flows.sources.astype(str)[split.train | split.test] == "stopddos").any()
            assert not set(flows.file_of[split.train]) & set(flows.file_of[split.test])
    ((one,),) = apart.runs
    assert sources_of(flows, one) == (others, {"stopddos"})
    assert apart.name == "stopddos, apart"


def test_suites_judge_each_other_and_that_is_underpowered() -> None:
    flows = labelled(SUITES)
    plan = get_flow_protocol("pcap/source").plan(flows, 1)
    assert [trial.name for trial in plan] == [
        "ndpi -> zeek-traces", "zeek-traces -> ndpi", "ndpi + zeek-traces -> slips",
        "ndpi + zeek-traces -> stopddos",
    ]  # fmt: skip
    assert plan[0].caution == (
        "underpowered: learned 6 benign files and 4 malicious files; judged 2 benign files and 1 "
        "malicious file"
    )
    with pytest.raises(ProtocolError, match="wanted flows of the sources ndpi and zeek-traces"):
        get_flow_protocol("pcap/source").plan(labelled([("ndpi", 2, 2)]), 1)


def test_random_rows_say_that_they_are() -> None:
    (trial,) = get_flow_protocol("pcap/random-rows").plan(labelled(SUITES), 1)
    assert trial.kind == "random rows"
    assert "whatever tells recordings apart counts as skill" in trial.caution
    assert "shortcut-prone" in FLOW_PROTOCOLS["pcap/random-rows"].caution


def test_one_file_at_a_time_has_a_range_and_no_interval() -> None:
    flows = labelled([("lab", 30, 30)] * 3)
    (trial,) = get_flow_protocol("zeek/leave-one-out").plan(flows, 1)
    ((first, *others),) = trial.runs
    assert not trial.is_resampled
    assert first.name == "0.pcap"
    assert len(others) == 2
    assert np.unique(flows.file_of[first.test]).tolist() == [0]
    with pytest.raises(ProtocolError, match="but one file"):
        get_flow_protocol("zeek/leave-one-out").plan(labelled([("lab", 2, 2)]), 1)


def test_sources_are_held_out_in_turn_where_others_hold_both_classes() -> None:
    flows = labelled([("a", 3, 3), ("b", 0, 4), ("c", 2, 0)])
    names = [trial.name for trial in trials.sources_held_out(flows)]
    assert names == ["b + c -> a", "a + c -> b", "a + b -> c"]
    with pytest.raises(ProtocolError, match="all flows are of one source, 'a'"):
        trials.sources_held_out(labelled([("a", 2, 2)]))
    with pytest.raises(ProtocolError, match="others hold flows of one class"):
        trials.sources_held_out(labelled([("a", 2, 0), ("b", 0, 2)]))


def test_hosts_are_held_out_and_each_attack_is_judged_once() -> None:
    flows = labelled([("r", 5, 0)] * 7 + [("r", 0, 11)])
    trial = trials.hosts_held_out(flows, 1)
    for run in trial.runs:
        assert np.sum([split.test for split in run], axis=0).tolist() == [1] * len(flows)
        for split in run:
            assert not flows.malicious[split.train].any()
            assert split.test[flows.malicious].any()
            assert not set(flows.file_of[split.train]) & set(flows.file_of[split.test])
    with pytest.raises(ProtocolError, match="two hosts or more"):
        trials.hosts_held_out(labelled([("r", 5, 0), ("r", 0, 2)]), 1)


def test_results_of_a_protocol() -> None:
    results = evaluate_flows(
        made_set(), get_flow_protocol("flows/file"), [Contender("logistic", {"c": 0.5})], seed=3
    )
    (trial,) = results.trials
    assert (trial.kind, trial.n_runs, trial.is_shortcut_prone) == ("file", 5, False)
    assert [result.name for result in trial.results] == ["logistic c=0.5", "one feature"]
    logistic, one = trial.results
    assert logistic.settings["c"] == 0.5
    assert logistic.figures.auc is not None
    assert logistic.figures.auc_ci95 is not None
    low, high = logistic.figures.auc_ci95
    assert low <= logistic.figures.auc.files <= high
    assert logistic.figures.auc.files == pytest.approx(np.mean(logistic.figures.auc_runs))
    assert len(logistic.figures.auc_runs) == 5
    assert len(logistic.splits) == 25
    assert {group.name for group in logistic.sources} == {"here", "there"}
    assert sum(row.n_flows for row in logistic.figures.reliability) == 5 * 400
    assert one.is_baseline
    assert one.figures.brier is None
    assert one.notes
    curve = logistic.figures.curve
    assert curve is not None
    area = np.trapezoid(curve.tpr, curve.fpr)
    assert area == pytest.approx(logistic.figures.auc.files, abs=0.02)
    told = json.loads(results.to_json())
    assert type(results).model_validate(told) == results
    header, *lines = results.to_csv().splitlines()
    assert "auc_files" in header.split(",")
    assert len(lines) == 2


def test_the_same_seed_gives_the_same_numbers() -> None:
    first, again = (
        evaluate_flows(made_set(), get_flow_protocol("flows/file"), [Contender("flow-outlier")])
        for _ in range(2)
    )
    assert [t.results[0].figures for t in first.trials] == [
        t.results[0].figures for t in again.trials
    ]


def test_time_and_other_data() -> None:
    flows = replace(made_set(), extraction=TrackSettings())
    other = replace(
        made_set(seed=2), extraction=TrackSettings(), name="other",
        files=tuple(LabelledFile(f"o{i}.pcap", "elsewhere") for i in range(8)),
    )  # fmt: skip
    found = evaluate_flows(
        flows, get_flow_protocol("flows/other"), [Contender("logistic")], other=other
    )
    (trial,) = found.trials
    assert trial.name == "learned from elsewhere -> here + there"
    assert found.train_data == "other"
    assert trial.results[0].figures.auc is not None
    assert trial.results[0].figures.auc.files > 0.8
    with pytest.raises(ProtocolError, match="--train-data must name"):
        evaluate_flows(flows, get_flow_protocol("flows/other"), [Contender("logistic")])
    with pytest.raises(UsageError, match="leave --train-data out"):
        evaluate_flows(flows, get_flow_protocol("flows/file"), other=other)
    records = replace(other, extraction=None)
    with pytest.raises(ProtocolError, match="one holds captures and the other does not"):
        evaluate_flows(flows, get_flow_protocol("flows/other"), other=records)


def test_what_cannot_be_judged_is_refused_before_any_work() -> None:
    flows = made_set()
    with pytest.raises(UsageError, match="no protocol of flows is called 'x'"):
        get_flow_protocol("x")
    with pytest.raises(UsageError, match="flow detector"):
        evaluate_flows(flows, get_flow_protocol("flows/file"), [Contender("x")])
    benign = flows.select(~flows.malicious)
    with pytest.raises(UsageError, match="no flow is labelled malicious"):
        evaluate_flows(benign, get_flow_protocol("flows/file"))


def test_a_detector_that_a_trial_cannot_take_is_told_and_others_go_on() -> None:
    flows = made_set()
    hosts = replace(
        flows,
        file_of=np.where(flows.malicious, 8, flows.file_of),
        files=(*flows.files, LabelledFile("attacker", "here")),
    )
    found = evaluate_flows(
        hosts, get_flow_protocol("lid-ds/flows"),
        [Contender("logistic"), Contender("flow-outlier")],
    )  # fmt: skip
    (trial,) = found.trials
    assert [result.name for result in trial.results] == ["flow-outlier"]
    assert any("hosts held out: logistic: all" in line for line in found.warnings)


def test_a_recording_without_its_truth_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds 0 captures"):
        flows_of_recording(tmp_path)
    capture = tmp_path / "a.pcap"
    capture.write_bytes(b"")
    with pytest.raises(InputError, match=r"a\.json: wanted the ground truth"):
        flows_of_recording(capture)
    for text in ("{", "[]", '{"container": 3}', '{"container": [{"role": "attacker"}]}'):
        capture.with_suffix(".json").write_text(text)
        with pytest.raises(InputError, match="wanted the ground truth"):
            flows_of_recording(capture)
    capture.with_suffix(".json").write_text('{"container": []}')
    with pytest.raises(InputError, match="found 0 of them"):
        flows_of_recording(capture)


def test_the_attacker_of_a_recording_is_who_the_truth_names(test_data: Path) -> None:
    flows = flows_of_recording(test_data / "lid-ds")
    assert flows.malicious_labels == ("192.168.240.20",)
    assert (len(flows), flows.n_malicious) == (303, 225)
    ends = flows.flows["source_ip"].to_numpy(), flows.flows["destination_ip"].to_numpy()
    attacker = np.logical_or(*(end == "192.168.240.20" for end in ends))
    assert attacker.tolist() == flows.malicious.tolist()
