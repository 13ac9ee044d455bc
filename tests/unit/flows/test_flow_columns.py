"""Our table under other programs' names: their units, their zeros, and back again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from habitus.errors import UsageError
from habitus.flows.columns import as_columns, column_set_names, get_columns
from habitus.flows.formats.base import record_schema
from habitus.flows.formats.completing import completed
from habitus.flows.reading import read_flow_records

if TYPE_CHECKING:
    from pathlib import Path

# Three packets of TCP from the initiator, 60, 160 and 110 bytes, at 0, 2 and 5 ms, and two answers,
# 90 and 110 bytes, at 1 and 3 ms; each frame has 54 bytes of headers.
TCP: dict[str, Any] = {
    "source_ip": "10.0.0.1", "source_port": 40000, "destination_ip": "10.0.0.2",
    "destination_port": 80, "protocol": 6, "ip_version": 4, "vlan": 0,
    "start_ns": 1_700_000_000_100_000_000, "end_ns": 1_700_000_000_105_000_000,
    "end_reason": "active", "duration_us": 5000.0, "subflows": 1,
    "forward_packets": 3, "backward_packets": 2,
    "forward_raw_bytes": 330, "backward_raw_bytes": 200,
    "forward_payload_bytes": 168, "backward_payload_bytes": 92,
    "forward_header_bytes": 60, "backward_header_bytes": 40,
    "forward_payload_packets": 3, "backward_payload_packets": 2,
    "forward_duration_us": 5000.0, "backward_duration_us": 2000.0,
    "gap_mean_us": 1250.0, "gap_std_us": 500.0, "gap_min_us": 1000.0, "gap_max_us": 2000.0,
    "forward_gap_mean_us": 2500.0, "forward_gap_std_us": 500_000**0.5, "forward_gap_min_us": 2000.0,
    "forward_gap_max_us": 3000.0, "backward_gap_mean_us": 2000.0, "backward_gap_min_us": 2000.0,
    "backward_gap_max_us": 2000.0, "raw_std_bytes": 1330**0.5, "raw_min_bytes": 60.0,
    "raw_max_bytes": 160.0, "forward_raw_std_bytes": 50.0, "forward_raw_min_bytes": 60.0,
    "forward_raw_max_bytes": 160.0, "backward_raw_std_bytes": 200**0.5,
    "backward_raw_min_bytes": 90.0,
    "backward_raw_max_bytes": 110.0, "payload_min_bytes": 6.0, "payload_max_bytes": 106.0,
    "payload_std_bytes": 1330**0.5, "forward_payload_std_bytes": 50.0,
    "forward_payload_min_bytes": 6.0, "forward_payload_max_bytes": 106.0,
    "backward_payload_std_bytes": 200**0.5, "backward_payload_min_bytes": 36.0,
    "backward_payload_max_bytes": 56.0, "forward_header_min_bytes": 20,
    "forward_window_first_bytes": 8192, "backward_window_first_bytes": 1024,
    "active_count": 1, "active_mean_us": 5000.0, "active_min_us": 5000.0, "active_max_us": 5000.0,
    "idle_count": 0, "forward_bulks": 0, "backward_bulks": 0,
    "first_sizes_bytes": [60, 90, 160, 110, 110], "first_directions": [1, -1, 1, -1, 1],
    "first_gaps_us": [0, 1000, 1000, 1000, 2000], "label": "benign",
    **{f"{side}_{flag}_packets": int(flag in {"syn", "ack"}) for side in ("forward", "backward")
       for flag in ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")},
}  # fmt: skip
# One packet of UDP, and no answer.
UDP: dict[str, Any] = {
    "source_ip": "fe80::1", "source_port": 5353, "destination_ip": "ff02::fb",
    "destination_port": 5353, "protocol": 17, "ip_version": 6, "vlan": 100 * 4096 + 7,
    "start_ns": 1_700_000_000_999_999_999, "end_ns": 1_700_000_000_999_999_999,
    "end_reason": "capture", "duration_us": 0.0, "subflows": 1,
    "forward_packets": 1, "backward_packets": 0, "forward_raw_bytes": 100, "backward_raw_bytes": 0,
    "forward_payload_bytes": 38, "backward_payload_bytes": 0,
    "forward_header_bytes": 8, "backward_header_bytes": 0,
    "forward_payload_packets": 1, "backward_payload_packets": 0, "forward_duration_us": 0.0,
    "raw_min_bytes": 100.0, "raw_max_bytes": 100.0, "forward_raw_min_bytes": 100.0,
    "forward_raw_max_bytes": 100.0, "payload_min_bytes": 38.0, "payload_max_bytes": 38.0,
    "forward_payload_min_bytes": 38.0, "forward_payload_max_bytes": 38.0,
    "forward_header_min_bytes": 8, "active_count": 0, "idle_count": 0,
    "forward_bulks": 0, "backward_bulks": 0, "first_sizes_bytes": [100], "first_directions": [1],
    "first_gaps_us": [0],
}  # fmt: skip


def table(*flows: dict[str, Any]) -> pl.DataFrame:
    rows = [dict.fromkeys(record_schema()) | {"source_line": 1} | flow for flow in flows]
    return completed(pl.DataFrame(rows, schema=record_schema()))


def made(name: str, flow: dict[str, Any]) -> dict[str, Any]:
    return as_columns(table(flow), name).row(0, named=True)


def test_flowmeter_has_nanoseconds_and_spreads_by_n() -> None:
    row = made("flowmeter", TCP)
    assert row["fiveTuple"] == "10.0.0.1--10.0.0.2--TCP--40000--80"
    assert (row["srcIP"], row["srcPort"]) == ("10.0.0.2", "80")  # theirs is the answering end
    assert row["flowDuration"] == 5e6
    assert (row["flowLength"], row["fwdFlowLength"], row["bwdFlowLength"]) == (5, 3, 2)
    assert (row["packetSizeTotal"], row["packetSizeMean"]) == (530, 106)
    assert row["packetSizeStd"] == pytest.approx((1330 * 4 / 5) ** 0.5)
    assert row["fwdPacketSizeMean"] == 110  # not a copy of packetSizeMean
    # Gaps within directions: 2 and 3 ms, and 2 ms.
    gaps = pl.Series([2e6, 3e6, 2e6])
    assert row["IATMean"] == pytest.approx(gaps.mean())
    assert row["IATStd"] == pytest.approx(gaps.std(ddof=0))
    assert (row["IATMin"], row["IATMax"]) == (2e6, 3e6)
    assert (row["fwdIATTotal"], row["bwdIATStd"]) == (5e6, 0)
    assert row["flowLengthPerTime"] == pytest.approx(5 / 5e6)
    assert row["bwdPacketSizeTotalPerTime"] == pytest.approx(200 / 5e6)


def test_flowmeters_header_is_that_of_its_file(test_data: Path) -> None:
    with (test_data / "flowmeter" / "webgoat_flow_stats.csv").open() as file:
        header = file.readline().strip().split(",")
    names = [out.theirs for out in get_columns("flowmeter").columns]
    assert names[:39] == header
    assert len(names) == 45
    assert all(name.endswith("PerTime") for name in names[39:])


def test_cicflowmeter_has_payload_and_microseconds() -> None:
    row = made("cicflowmeter", TCP)
    assert row["Flow ID"] == "10.0.0.1-10.0.0.2-40000-80-6"
    assert row["Timestamp"] == "14/11/2023 10:13:20 PM"
    assert (row["Flow Duration"], row["Fwd IAT Total"]) == (5000, 5000)
    assert (row["Total Length of Fwd Packet"], row["Packet Length Mean"]) == (168, 52)
    assert row["Packet Length Variance"] == pytest.approx(1330)
    assert row["Flow Bytes/s"] == pytest.approx(260 / 0.005)
    assert (row["Down/Up Ratio"], row["SYN Flag Count"], row["Fwd PSH Flags"]) == (0, 2, 0)
    assert (row["FWD Init Win Bytes"], row["Bwd Init Win Bytes"]) == (8192, 1024)
    assert (row["Idle Mean"], row["Active Mean"], row["Active Std"]) == (0, 5000, 0)
    assert row["Label"] == "benign"


def test_nfstream_has_frames_and_milliseconds() -> None:
    row = made("nfstream", TCP)
    assert (row["id"], row["expiration_id"]) == (0, 1)
    assert row["bidirectional_first_seen_ms"] == 1_700_000_000_100
    assert (row["bidirectional_duration_ms"], row["src2dst_duration_ms"]) == (5, 5)
    assert (row["bidirectional_bytes"], row["dst2src_bytes"]) == (530, 200)
    assert row["bidirectional_stddev_ps"] == pytest.approx(1330**0.5)
    assert row["src2dst_mean_piat_ms"] == 2.5
    assert row["bidirectional_syn_packets"] == 2
    assert row["splt_direction"] == "[0, 1, 0, 1, 0]"
    assert (row["splt_ps"], row["splt_piat_ms"]) == ("[60, 90, 160, 110, 110]", "[0, 1, 1, 1, 2]")


@pytest.mark.parametrize("name", column_set_names())
def test_undefined_is_zero_as_they_write_it_but_never_infinite(name: str) -> None:
    row = made(name, UDP)
    null = {column for column, value in row.items() if value is None}
    if name == "habitus":
        assert {"gap_mean_us", "packets_per_s", "backward_raw_mean_bytes"} <= null
    elif name == "flowmeter":
        assert null == {column for column in row if column.endswith("PerTime")}
    elif name == "cicflowmeter":
        assert null == {"Flow Bytes/s", "Flow Packets/s"}
        assert (row["Label"], row["Fwd Packets/s"]) == ("NeedManualLabel", 0)
    else:
        assert not null
        assert row["vlan_id"] == 7


@pytest.mark.parametrize("name", ["cicflowmeter", "flowmeter", "nfstream"])
def test_what_is_not_known_is_null_and_not_zero(name: str) -> None:
    """Of a program that tells no sizes, nobody should read that they are 0."""
    known = {
        key: TCP[key] for key in ("source_ip", "protocol", "forward_packets", "backward_packets")
    }
    row = made(name, known)
    sizes = [c for c in row if c in {"packetSizeStd", "bidirectional_min_ps", "Packet Length Max"}]
    assert [row[column] for column in sizes] == [None]


@pytest.mark.parametrize("name", ["cicflowmeter", "flowmeter", "nfstream"])
def test_what_is_written_reads_as_it_was(tmp_path: Path, name: str) -> None:
    ours = table(TCP, UDP)
    path = tmp_path / "flows.csv"
    as_columns(ours, name).write_csv(path)
    back = read_flow_records(path)
    coarse = {  # what that program cannot tell as finely, or tells otherwise
        "cicflowmeter": {"start_ns", "end_ns"},
        "flowmeter": {"gap_mean_us", "gap_std_us", "gap_min_us", "gap_max_us"},
        "nfstream": {"start_ns", "end_ns", "vlan", "end_reason"},
    }[name] | {"source_file", "source_line", "label"}
    compared = 0
    for column in record_schema():
        if column in coarse or back[column].null_count() == len(back):
            continue
        for was, read in zip(ours[column], back[column], strict=True):
            if read is not None or was is None:
                compared += 1
                assert (read == pytest.approx(was)) if isinstance(was, float) else (
                    list(read) == list(was) if isinstance(was, pl.Series) else read == was
                ), column  # fmt: skip
    assert compared > 60


def test_sets_have_no_name_twice_and_say_what_they_leave_out() -> None:
    for name in column_set_names():
        chosen = get_columns(name)
        names = [out.theirs for out in chosen.columns]
        assert len(set(names)) == len(names)
        left = {one.strip() for key in chosen.left_out for one in key.split(",")}
        assert not left & set(names)
        assert chosen.undefined


@pytest.mark.parametrize("name", column_set_names())
def test_tables_of_one_output_fit_together(name: str) -> None:
    """Batches, and one without a row, have the same types; what counts rows goes on."""
    parts = [as_columns(table(flow), name, n_before=i) for i, flow in enumerate((TCP, UDP))]
    together = as_columns(table(TCP, UDP), name)
    assert pl.concat(parts).equals(together)
    empty = as_columns(table(TCP).clear(), name)
    assert len(empty) == 0
    assert empty.schema == together.schema


def test_a_table_of_something_else_is_refused() -> None:
    with pytest.raises(UsageError, match="no table of flows"):
        as_columns(pl.DataFrame({"a": [1]}), "nfstream")
    with pytest.raises(UsageError, match="cicflowmeter, flowmeter, habitus, nfstream"):
        as_columns(table(TCP), "argus")
