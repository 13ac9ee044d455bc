"""The doctor for labelled flows: each fault is planted, found and named; sound data pass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from labelled_sets import random_flows
from sklearn.metrics import roc_auc_score

from habitus.evaluation.flows.doctor.captures import capture_test, pairwise_area
from habitus.evaluation.flows.doctor.checkup import CHECKS, KINDS, check_flows
from habitus.flows.labelled import LabelledFile

if TYPE_CHECKING:
    from habitus.evaluation.doctor.findings import Finding
    from habitus.flows.labelled import LabelledFlows


ALTERNATE = [False, True] * 6
"""Labels of whole files; none of the classes was recorded before the other."""


def found(flows: LabelledFlows, which: str) -> Finding | None:
    """The finding of a kind; the capture test takes longest, and runs only if asked for."""
    checks = [capture_test] if which == "capture-test" else CHECKS
    told = (
        one for check in checks if which == "capture-test" or check is not capture_test
        for one in check(flows, 1)
    )  # fmt: skip
    return next((one for one in told if one.id == which), None)


def with_columns(flows: LabelledFlows, **columns: object) -> LabelledFlows:
    table = flows.flows
    made = [pl.Series(name, values).cast(table.schema[name]) for name, values in columns.items()]
    return replace(flows, flows=table.with_columns(made))


def test_sound_flows_have_no_serious_finding() -> None:
    checkup = check_flows(random_flows(12, 30))
    assert [one.title for one in checkup.findings if one.severity == "serious"] == []
    assert not checkup.is_serious
    assert (checkup.n_benign, checkup.n_malicious, checkup.n_files) == (180, 180, 12)


def test_a_label_that_is_the_captures_ttl_is_named() -> None:
    """The planted leak: 64 in benign captures, 128 in malicious ones, and nothing else differs."""
    flows = random_flows(12, 30, labels=ALTERNATE)
    leaking = with_columns(flows, forward_ttl_min=np.where(flows.malicious, 128, 64))
    before, after = found(flows, "one-column-tells"), found(leaking, "one-column-tells")
    assert before is None
    assert after is not None
    assert after.severity == "serious"
    assert after.title.startswith(
        "forward_ttl_min alone tells malicious flows from benign ones: AUC 1.000, the same "
        "throughout nearly every file; not learned by default: how far away a host is"
    )
    assert after.numbers["auc"] == pytest.approx(1)


def test_a_leak_that_is_neither_more_nor_less_is_named() -> None:
    """Malicious captures have 63 or 128, benign ones 64: no threshold divides them."""
    flows = random_flows(12, 30, labels=ALTERNATE)
    ttl = np.where(flows.malicious, np.where(flows.file_of % 4 == 1, 63, 128), 64)
    one = found(with_columns(flows, forward_ttl_max=ttl), "one-column-tells")
    assert one is not None
    assert "forward_ttl_max alone" in one.title
    assert one.numbers["auc"] == pytest.approx(1)


def test_a_leak_among_undefined_values_is_named() -> None:
    flows = random_flows(12, 30, labels=ALTERNATE)
    told = [1.5 + i if bad else None for i, bad in enumerate(flows.malicious.tolist())]
    one = found(with_columns(flows, payload_entropy=told), "one-column-tells")
    assert one is None or "payload_entropy" not in one.title  # undefined is neither more nor less
    same = [0.5 if bad else None for bad in flows.malicious.tolist()]
    one = found(with_columns(flows, payload_entropy=same), "one-column-tells")
    assert one is not None
    assert "payload_entropy alone" in one.title


def test_of_few_files_chance_is_told() -> None:
    flows = random_flows(4, 40, labels=[False, True, True, False])
    one = found(with_columns(flows, forward_ttl_min=flows.malicious * 64 + 64), "one-column-tells")
    assert one is not None
    assert "of so few files the best of" in one.title


def marked_captures(labels: list[bool] | None) -> LabelledFlows:
    """Each capture's packets are of a size of its own: its handwriting."""
    flows = random_flows(8, 40, labels=labels)
    sizes = (flows.file_of + 1) * 50.0 + np.random.default_rng(1).random(len(flows))
    some = ("ip_mean_bytes", "ip_max_bytes", "payload_mean_bytes", "forward_ip_mean_bytes")
    return with_columns(flows, **dict.fromkeys(some, sizes))


def test_captures_that_can_be_told_apart_damn_labels_that_follow_them() -> None:
    one = found(marked_captures([False] * 6 + [True] * 2), "capture-test")
    assert one is not None
    assert one.severity == "serious"
    assert one.numbers["auc"] > 0.95
    assert "a model tells 6 benign captures apart" in one.title
    assert "labels that follow captures prove nothing" in one.title
    assert "ip_mean_bytes alone: 1.000" in one.examples


def test_captures_that_hold_both_classes_may_be_told_apart() -> None:
    one = found(marked_captures(None), "capture-test")
    assert one is not None
    assert one.numbers["auc"] > 0.9
    assert (one.severity, one.numbers["labels_follow"]) == ("note", 0)


def test_captures_alike_cannot_be_told_apart() -> None:
    one = found(random_flows(8, 60, labels=[False] * 6 + [True] * 2), "capture-test")
    assert one is not None
    assert abs(one.numbers["auc"] - 0.5) < 0.1
    assert one.severity == "note"


def test_the_area_over_pairs_is_hand_and_tills() -> None:
    rng = np.random.default_rng(3)
    codes = np.repeat(np.arange(4), 25)
    chances = rng.random((100, 4)) + np.eye(4)[codes] * 0.4
    chances /= chances.sum(axis=1, keepdims=True)
    theirs = roc_auc_score(codes, chances, multi_class="ovo", average="macro")
    # Theirs compares, within a pair, each class's own column, as Hand and Till do.
    assert pairwise_area(chances, codes) == pytest.approx(theirs)


def test_reverse_twins_are_found_where_times_meet() -> None:
    flows = random_flows(2, 20)
    there = flows.flows.head(4)
    turned = there.with_columns(
        pl.col("destination_ip").alias("source_ip"), pl.col("source_ip").alias("destination_ip"),
        pl.col("destination_port").alias("source_port"),
        pl.col("source_port").alias("destination_port"),
        pl.Series("start_ns", [0, 0, -1, -1]) * 10**15 + pl.col("start_ns"),
        pl.Series("end_ns", [0, 0, -1, -1]) * 10**15 + pl.col("end_ns"),
    )  # fmt: skip
    both = replace(
        flows,
        flows=pl.concat([flows.flows, turned]),
        malicious=np.append(flows.malicious, flows.malicious[:4]),
        file_of=np.append(flows.file_of, flows.file_of[:4]),
    )
    one = found(both, "reverse-twins")
    assert one is not None
    assert (one.count, one.out_of) == (4, 44)  # two conversations; the others were an age ago
    assert found(flows, "reverse-twins") is None


def test_twins_that_reading_joined_are_told() -> None:
    told = check_flows(random_flows(2, 20), n_twins=20).findings
    one = next(one for one in told if one.id == "reverse-twins")
    assert one.title.startswith("20 of 50 rows were the two directions of 10 flows")
    assert one.severity == "serious"


def test_copies_are_found_within_classes_and_across() -> None:
    flows = random_flows(2, 20)
    copied = replace(
        flows,
        flows=pl.concat([flows.flows, flows.flows.head(3)]),
        malicious=np.append(flows.malicious, [True, True, True]),  # the first was benign
        file_of=np.append(flows.file_of, [1, 1, 1]),
    )
    twice, alike, both = (
        found(copied, which) for which in ("recorded-twice", "alike-flows", "alike-across-labels")
    )
    assert twice is not None
    assert alike is not None
    assert both is not None
    assert "6 of 43 flows are recorded twice, 4 of them with both labels" in twice.title
    assert (alike.count, both.count, both.out_of) == (6, 2, 23)


def test_a_label_that_is_one_host_is_named() -> None:
    flows = random_flows(12, 30)
    attacker = np.where(flows.malicious, "10.9.9.9", flows.flows["source_ip"].to_numpy())
    one = found(with_columns(flows, source_ip=attacker.tolist()), "single-host-labels")
    assert one is not None
    assert one.severity == "serious"
    assert one.title == (
        "10.9.9.9 stands for the malicious label: it is in 180 of 180 malicious and 0 of 180 "
        "benign flows"
    )


def test_how_classes_lie_in_files_and_sources() -> None:
    flows = random_flows(5, 20, labels=[False, False, False, True, True])
    named = tuple(
        LabelledFile(f"{i}.pcap", source) for i, source in enumerate("aabbc")
    )  # b holds both
    checkup = check_flows(replace(flows, files=named))
    titles = {one.id: one.title for one in checkup.findings if one.id != "few-files"}
    assert titles["one-class-files"] == "5 of 5 files hold one class alone"
    assert titles["one-class-sources"] == (
        "2 of 3 sources recorded one class alone: a (benign), c (malicious)"
    )
    few = [(one.title, one.severity) for one in checkup.findings if one.id == "few-files"]
    assert few == [
        ("benign flows are of 3 files", "serious"), ("malicious flows are of 2 files", "serious"),
    ]  # fmt: skip
    told = [(s.name, s.n_benign_files, s.n_malicious, s.n_benign) for s in checkup.sources]
    assert told == [("a", 2, 0, 40), ("b", 1, 20, 20), ("c", 0, 20, 0)]


def test_a_file_that_is_the_class_is_named() -> None:
    flows = random_flows(3, 20, labels=[False, True, True])
    lopsided = flows.select(np.arange(60) < 45)
    one = found(lopsided, "one-file-is-the-class")
    assert one is not None
    assert one.title == "80% of the malicious flows are of 1.pcap"


def test_times_that_cannot_be_are_counted_by_kind() -> None:
    flows = random_flows(2, 50)
    starts, ends = (flows.flows[name].to_numpy().copy() for name in ("start_ns", "end_ns"))
    lasted = flows.flows["duration_us"].to_numpy().copy()
    ends[0] = starts[0] - 10
    starts[1], ends[1] = 5, 5_000_005
    starts[2], ends[2] = 5 * 10**18, 5 * 10**18 + 5_000_000
    lasted[3] = 10**7
    wrong = with_columns(flows, start_ns=starts, end_ns=ends, duration_us=lasted)
    one = found(wrong, "clock-nonsense")
    assert one is not None
    assert one.count == 4
    for what in ("1 end before they begin", "1 began before 1990", "1 began after 2100"):
        assert what in one.title
    pieces = found(wrong, "pieces-of-other-times")
    assert pieces is not None
    assert pieces.count == 1
    assert found(flows, "clock-nonsense") is None


def test_flows_without_times_are_told() -> None:
    flows = random_flows(2, 10)
    none = replace(flows, flows=flows.flows.drop("start_ns", "end_ns"))
    one = found(none, "no-times")
    assert one is not None
    assert one.title == "20 of 20 flows tell no time"


def test_features_that_never_change_are_told() -> None:
    flows = random_flows(2, 20)
    still = replace(
        flows,
        flows=flows.flows.with_columns(pl.lit(7).alias("syn_packets")).drop("payload_entropy"),
    )
    one = found(still, "constant-features")
    assert one is not None
    assert set(one.examples) >= {"syn_packets", "payload_entropy (told by no flow)"}


def test_one_class_and_one_flow_do_not_end_the_doctor() -> None:
    flows = random_flows(3, 20, labels=[False] * 3)
    assert "capture-test" in {one.id for one in check_flows(flows).findings}
    one = random_flows(1, 1, labels=[True])
    assert check_flows(one).n_malicious == 1


def test_every_finding_is_of_a_kind_that_is_listed() -> None:
    assert len({kind.id for kind in KINDS}) == len(KINDS)
    assert len(CHECKS) == 9


def test_the_same_seed_finds_the_same() -> None:
    flows = marked_captures([False] * 6 + [True] * 2)
    assert check_flows(flows).to_json() == check_flows(flows).to_json()
