"""NFStream's CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flow_files import only, read_text, reported

if TYPE_CHECKING:
    from pathlib import Path

VALUES = {
    "id": "0", "expiration_id": "1", "src_ip": "10.0.0.1", "src_port": "40000",
    "dst_ip": "10.0.0.2", "dst_port": "53", "protocol": "6", "ip_version": "4", "vlan_id": "0",
    "bidirectional_first_seen_ms": "1700000000123", "bidirectional_last_seen_ms": "1700000000373",
    "bidirectional_duration_ms": "250", "bidirectional_packets": "3", "bidirectional_bytes": "300",
    "src2dst_packets": "2", "src2dst_bytes": "160", "dst2src_duration_ms": "0",
    "dst2src_packets": "1", "dst2src_bytes": "140", "bidirectional_min_ps": "60",
    "bidirectional_stddev_ps": "40.0", "dst2src_stddev_ps": "0.0", "dst2src_min_ps": "140",
    "bidirectional_mean_piat_ms": "125.0", "bidirectional_stddev_piat_ms": "5.5",
    "src2dst_mean_piat_ms": "250.0", "src2dst_stddev_piat_ms": "0.0", "dst2src_max_piat_ms": "0",
    "bidirectional_syn_packets": "2", "src2dst_syn_packets": "1",
    "splt_direction": '"[0, 1, 0, -1]"', "splt_ps": '"[60, 140, 100, -1]"',
    "splt_piat_ms": '"[0, 120, 130, -1]"',
}  # fmt: skip


def csv(**changed: str) -> str:
    told = VALUES | changed
    return ",".join(told) + "\n" + ",".join(told.values()) + "\n"


def test_attributes_have_our_names_and_units(tmp_path: Path) -> None:
    flow = only(read_text(tmp_path, csv()))
    assert (flow["start_ns"], flow["end_ns"]) == (1700000000123_000_000, 1700000000373_000_000)
    assert (flow["duration_us"], flow["backward_duration_us"]) == (250_000, 0)
    assert (flow["raw_bytes"], flow["forward_raw_bytes"], flow["backward_raw_bytes"]) == (
        300, 160, 140,
    )  # fmt: skip
    assert (flow["raw_min_bytes"], flow["raw_std_bytes"], flow["raw_mean_bytes"]) == (60, 40, 100)
    assert (flow["gap_mean_us"], flow["gap_std_us"]) == (125_000, 5_500)
    assert (flow["syn_packets"], flow["forward_syn_packets"]) == (2, 1)
    assert flow["end_reason"] == "active"
    assert flow["first_sizes_bytes"] == [60, 140, 100]
    assert flow["first_directions"] == [1, -1, 1]
    assert flow["first_gaps_us"] == [0, 120_000, 130_000]
    assert "payload_bytes" not in flow


def test_zeros_that_mean_nothing_are_null(tmp_path: Path) -> None:
    flow = only(read_text(tmp_path, csv(protocol="17", expiration_id="0")))
    assert flow["backward_raw_min_bytes"] == 140
    for name in (
        "backward_raw_std_bytes", "backward_gap_max_us", "forward_gap_std_us", "syn_packets",
        "end_reason",
    ):  # fmt: skip
        assert name not in flow


def test_hashed_addresses_stay_as_they_are(tmp_path: Path) -> None:
    flow = only(read_text(tmp_path, csv(src_ip="ab" * 32, ip_version="4")))
    assert flow["source_ip"] == "ab" * 32


def test_lists_that_are_none_break_a_row(tmp_path: Path) -> None:
    text = csv() + csv(splt_ps='"[60, x]"').split("\n", 1)[1]
    table, report = reported(tmp_path, text)
    assert len(table) == 1
    assert "splt_ps: wanted a list of whole numbers" in report.broken[0]
