"""Which features models of flows learn from, and the matrix made of them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from habitus.detectors.flow.feature_sets import feature_sets, features_named, why_left_out
from habitus.detectors.flow.flowmeter_features import FLOWMETER_CSV, FLOWMETER_FEATURES
from habitus.detectors.flow.inputs import input_named, inputs_of
from habitus.detectors.flow.matrix import FlowInputs
from habitus.errors import InputError, UsageError
from habitus.flows.columns import get_columns
from habitus.flows.features.declared import features
from made_flows import made_flows


@pytest.mark.parametrize(
    "name",
    ["source_ip", "destination_port", "first_frame", "start_ns", "community_id", "end_reason",
     "is_continued", "forward_ttl_min", "raw_mean_bytes", "backward_to_forward_raw_bytes",
     "backward_window_first_bytes", "vlan", "icmp_type", "first_sizes_bytes"],
)  # fmt: skip
def test_shortcuts_are_left_out_by_default_for_a_reason(name: str) -> None:
    assert name not in feature_sets()["default"]
    assert why_left_out(name)


def test_default_holds_what_flows_do() -> None:
    default = feature_sets()["default"]
    some = ("protocol", "packets", "forward_payload_bytes", "gap_std_us", "ip_bytes_per_s",
            "syn_packets", "payload_entropy", "header_bytes", "backward_fragments")  # fmt: skip
    for name in some:
        assert name in default
        assert why_left_out(name) is None
    assert sum(why_left_out(feature.name) is None for feature in features()) == len(default)


def test_every_feature_of_every_set_makes_inputs() -> None:
    for names in feature_sets().values():
        for name in names:
            assert all(one.feature == name for one in inputs_of(name))
    assert [one.name for one in inputs_of("protocol")] == [
        "protocol=tcp", "protocol=udp", "protocol=icmp",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("packets, duration_us", ("duration_us", "packets")),
        ("volume,-forward_packets", ("packets", "backward_packets")),
        ("default,destination_port,-default", ("destination_port",)),
    ],
)
def test_features_are_named_by_sets_and_words(words: str, wanted: tuple[str, ...]) -> None:
    found = features_named(words)
    assert set(wanted) <= set(found)
    assert "forward_packets" not in found
    assert [n for n in found if n in wanted] == list(wanted)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("nonsense", "neither a set nor a feature 'nonsense'; sets: default, all, flowmeter"),
        ("source_ip", "source_ip cannot be learned from: it is no number"),
        ("first_gaps_us", "asked for by the setting first_packets"),
        ("", "names no feature at all"),
        ("packets,-packets", "names no feature at all"),
    ],
)
def test_words_that_name_nothing_are_errors(words: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        features_named(words)


def test_amounts_are_told_from_other_numbers() -> None:
    amounts = {"packets", "gap_mean_us", "ip_bytes_per_s", "idle_count", "subflows",
               "backward_to_forward_packets", "flowDuration", "flowLengthPerTime"}  # fmt: skip
    others = {"payload_entropy", "is_midstream", "protocol=tcp", "forward_ttl_min", "vlan"}
    assert all(input_named(name).is_amount for name in amounts)
    assert not any(input_named(name).is_amount for name in others)


def test_the_matrix_holds_what_the_table_does() -> None:
    flows, _, _ = made_flows(50)
    names = (
        "protocol",
        "packets",
        "gap_mean_us",
        "is_midstream",
        *features_named("packets", 2)[1:],
    )
    inputs, matrix, told = FlowInputs.chosen(flows, names)
    assert not told
    found = dict(zip(inputs.names, matrix.T, strict=True))
    assert np.array_equal(found["protocol=icmp"], flows["protocol"].to_numpy() == 1)
    assert np.array_equal(found["packets"], flows["packets"].to_numpy())
    gaps = flows["gap_mean_us"].to_numpy()
    assert np.isnan(gaps).any()
    assert np.array_equal(found["gap_mean_us"], gaps, equal_nan=True)
    assert np.array_equal(found["is_midstream"], flows["is_midstream"].to_numpy())
    second = [sizes[1] if len(sizes) > 1 else None for sizes in flows["first_sizes_bytes"]]
    wanted = np.array(second, dtype=np.float64)
    assert np.array_equal(found["first_sizes_bytes[1]"], wanted, equal_nan=True)
    assert np.array_equal(inputs.matrix(flows), matrix, equal_nan=True)


def test_what_is_no_number_counts_as_undefined() -> None:
    numbers = [1.0, np.nan, np.inf, -np.inf, 1e31, None, 2.0]
    _, matrix, _ = FlowInputs.chosen(pl.DataFrame({"gap_mean_us": numbers}), ["gap_mean_us"])
    nan = np.nan
    wanted = np.array([1, nan, nan, nan, nan, nan, 2])
    assert np.array_equal(matrix[:, 0], wanted, equal_nan=True)


def test_a_constant_with_nulls_beside_it_says_something() -> None:
    flows = pl.DataFrame({"gap_mean_us": [5.0, None, 5.0], "packets": [2, 2, 2]})
    inputs, _, told = FlowInputs.chosen(flows, ["gap_mean_us", "packets"])
    assert inputs.names == ("gap_mean_us",)
    assert told == ["left out, as they are the same in every flow: packets"]


def test_lists_and_numbers_are_not_confused() -> None:
    flows, _, _ = made_flows(20)
    inputs, _, _ = FlowInputs.chosen(flows, features_named("packets", 1))
    with pytest.raises(InputError, match="first_gaps_us of the table holds Int32; wanted lists"):
        inputs.matrix(flows.with_columns(pl.lit(1).alias("first_gaps_us")))
    with pytest.raises(InputError, match="packets of the table holds List"):
        inputs.matrix(flows.with_columns(pl.col("first_gaps_us").alias("packets")))


def test_flowmeters_features_are_those_of_its_columns_in_their_order() -> None:
    columns = {column.theirs for column in get_columns("flowmeter").columns}
    assert len(FLOWMETER_FEATURES) == 39
    assert set(FLOWMETER_FEATURES) <= columns
    assert len(FLOWMETER_CSV) == 33


def test_flowmeters_features_can_be_made_of_our_flows() -> None:
    flows, _, _ = made_flows(60)
    inputs, matrix, _ = FlowInputs.chosen(flows, features_named("flowmeter"))
    found = dict(zip(inputs.names, matrix.T, strict=True))
    assert np.allclose(found["flowDuration"], flows["duration_us"].to_numpy() * 1e3)
    assert np.array_equal(found["flowLength"], flows["packets"].to_numpy())
    # FlowMeter writes a copy, and so do we, where its model is concerned.
    assert np.array_equal(found["fwdPacketSizeMean"], found["packetSizeMean"], equal_nan=True)
    with pytest.raises(InputError, match="lacks columns that the model needs: backward_raw_bytes"):
        inputs.matrix(flows.drop("backward_raw_bytes"))
