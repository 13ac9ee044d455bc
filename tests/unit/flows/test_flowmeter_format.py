"""FlowMeter's CSV, and the two rows that are one flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from flow_files import only, read_text, reported

from habitus.errors import InputError
from habitus.flows.formats import flowmeter_twins
from habitus.flows.formats.flowmeter_twins import merge_reverse_twins
from habitus.flows.reading import read_flow_records
from habitus.flows.record_report import FlowReport

if TYPE_CHECKING:
    from pathlib import Path

HEADER = (
    "srcIP,dstIP,protocol,srcPort,dstPort,flowDuration,flowLength,fwdFlowLength,bwdFlowLength,"
    "packetSizeTotal,packetSizeMean,packetSizeStd,packetSizeMin,packetSizeMax,fwdPacketSizeTotal,"
    "bwdPacketSizeTotal,bwdPacketSizeStd,bwdPacketSizeMin,bwdPacketSizeMax,IATMean,bwdIATTotal,"
    "bwdIATMean,bwdIATStd,bwdIATMin,bwdIATMax\n"
)
# The client's two packets of 100 and 300 bytes, the server's three of 200, 200 and 500.
CLIENT = (
    "10.0.0.9,10.0.0.1,TCP,50000,8080(http-alt),4000,2,0,2,400,"
    "200,100,100,300,0,400,100,100,300,4000,4000,4000,0,4000,4000\n"
)
SERVER = (
    "10.0.0.1,10.0.0.9,TCP,8080(http-alt),50000,6000,3,0,3,"
    "900,300,141.4213562373095,200,500,0,900,141.4213562373095,"
    "200,500,3000,6000,3000,1000,2000,4000\n"
)


def test_a_row_tells_of_what_its_source_sends_as_the_answer(tmp_path: Path) -> None:
    """FlowMeter names ends the wrong way round: backward is what srcIP sends."""
    flow = only(read_text(tmp_path, HEADER + SERVER))
    assert (flow["source_ip"], flow["source_port"]) == ("10.0.0.9", 50000)
    assert (flow["destination_ip"], flow["destination_port"]) == ("10.0.0.1", 8080)
    assert (flow["forward_packets"], flow["backward_packets"], flow["packets"]) == (0, 3, 3)
    assert (flow["backward_raw_bytes"], flow["raw_mean_bytes"]) == (900, 300)
    assert flow["backward_raw_std_bytes"] == pytest.approx(173.205080756887)  # by n - 1
    assert flow["duration_us"] == 6  # of nanoseconds
    assert flow["backward_gap_min_us"] == 2
    assert "forward_raw_min_bytes" not in flow


def test_gaps_of_both_directions_together_are_not_told(tmp_path: Path) -> None:
    both = CLIENT.replace(",2,0,2,400", ",4,2,2,400")
    flow = only(read_text(tmp_path, HEADER + both))
    assert flow["forward_packets"] == 2
    assert "gap_mean_us" not in flow


def test_twins_become_one_flow(tmp_path: Path) -> None:
    rows = read_text(tmp_path, HEADER + SERVER + CLIENT)
    flow = only(merge_reverse_twins(rows))
    assert (flow["source_ip"], flow["source_port"]) == ("10.0.0.9", 50000)
    assert (flow["destination_ip"], flow["destination_port"]) == ("10.0.0.1", 8080)
    assert (flow["forward_packets"], flow["backward_packets"], flow["packets"]) == (2, 3, 5)
    assert (flow["forward_raw_bytes"], flow["backward_raw_bytes"]) == (400, 900)
    sizes = pl.Series([100, 300, 200, 200, 500])
    assert flow["raw_mean_bytes"] == pytest.approx(sizes.mean())
    assert flow["raw_std_bytes"] == pytest.approx(sizes.std())
    assert (flow["raw_min_bytes"], flow["raw_max_bytes"]) == (100, 500)
    assert flow["duration_us"] == 6
    assert flow["packets_per_s"] == pytest.approx(5 / 6e-6)
    assert flow["backward_to_forward_packets"] == 1.5
    assert "gap_mean_us" not in flow  # which packet followed which, nobody wrote down
    assert flow["source_line"] == 3


def test_the_end_that_many_rows_share_is_the_server(tmp_path: Path) -> None:
    """Here clients have lower ports than the server."""
    rows = read_text(
        tmp_path,
        HEADER + "".join(SERVER.replace("50000", port) for port in ("81", "82")),
    )
    flows = merge_reverse_twins(rows)
    assert flows["destination_port"].to_list() == [8080, 8080]
    assert flows["forward_packets"].to_list() == [0, 0]
    assert flows["forward_raw_bytes"].to_list() == [0, 0]
    assert flows["gap_mean_us"].to_list() == [3, 3]  # of one direction it stays known


def test_what_is_no_pair_stays_as_it_is(tmp_path: Path) -> None:
    thrice = read_text(tmp_path, HEADER + SERVER + CLIENT + CLIENT)
    assert len(merge_reverse_twins(thrice)) == 3
    other = read_text(tmp_path, HEADER + SERVER + CLIENT.replace("TCP", "UDP"))
    assert len(merge_reverse_twins(other)) == 2
    both_ways = read_text(tmp_path, HEADER + CLIENT.replace(",2,0,2,400", ",4,2,2,400"))
    assert merge_reverse_twins(both_ways).equals(both_ways)
    assert len(merge_reverse_twins(both_ways.clear())) == 0


def test_the_shipped_rows_are_120_twins_and_9_others(test_data: Path) -> None:
    path = test_data / "flowmeter" / "webgoat_flow_stats.csv"
    rows = read_flow_records(path, merge_twins=False)
    assert len(rows) == 249
    assert rows["forward_packets"].sum() == 0
    raw = pl.read_csv(path, infer_schema=False)
    there = set(raw.select("srcIP", "srcPort", "dstIP", "dstPort", "protocol").rows())
    twins = [(d, dp, s, sp, p) in there for s, sp, d, dp, p in there]
    assert sum(twins) == 240
    flows = merge_reverse_twins(rows)
    assert len(flows) == 129
    answered = flows.filter((pl.col("forward_packets") > 0) & (pl.col("backward_packets") > 0))
    assert len(answered) == 120
    assert flows["destination_port"].unique().to_list() == [8080]
    for name in ("packets", "raw_bytes"):
        assert flows[name].sum() == rows[name].sum()
    assert flows["source_line"].n_unique() == 129
    report = FlowReport()
    assert read_flow_records(path, report=report).equals(flows)
    assert (report.n_flows, report.n_twins) == (129, 240)
    assert report.remarks()[0].startswith(
        "240 of 249 rows of FlowMeter were the two directions of 120"
    )


def test_no_shipped_row_tells_of_a_forward_packet(test_data: Path) -> None:
    """As the page on flows says."""
    rows = pl.read_csv(test_data / "flowmeter" / "webgoat_flow_stats.csv")
    assert len(rows.columns) == 39
    zero = [
        name for name in rows.columns if rows[name].dtype.is_numeric() and (rows[name] == 0).all()
    ]
    assert len(zero) == 10
    assert all(name.startswith("fwd") for name in zero)
    means = (test_data / "flowmeter" / "mean.txt").read_text().replace(",", " ").split()
    assert (len(means), sum(float(mean) == 0 for mean in means)) == (39, 12)


def test_rows_are_joined_where_no_row_of_the_file_tells_of_a_forward_packet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "flows.csv"
    path.write_text(HEADER + SERVER + CLIENT)
    assert len(read_flow_records(path)) == 1
    assert len(read_flow_records(path, merge_twins=False)) == 2
    told = CLIENT.replace(",2,0,2,400", ",2,2,0,400").replace("50000", "50001")
    path.write_text(HEADER + SERVER + CLIENT + told)
    report = FlowReport()
    assert len(read_flow_records(path, report=report)) == report.n_flows == 3
    assert report.n_twins == 0
    monkeypatch.setattr(flowmeter_twins, "MAX_ROWS", 1)
    path.write_text(HEADER + SERVER + CLIENT)
    assert len(read_flow_records(path, report=report)) == 2
    assert report.notes == {"files of over 1 rows, whose twins stay apart": 1}


def test_numbers_that_are_none_are_null_and_counted(tmp_path: Path) -> None:
    row = CLIENT.replace(",100,100,300,0,", ",+Inf,NaN,-5,0,")
    table, report = reported(tmp_path, HEADER + row)
    flow = table.row(0, named=True)
    assert [flow[f"raw_{part}_bytes"] for part in ("std", "min", "max")] == [None] * 3
    assert report.notes["values that are infinite or no number, set to null"] == 2
    assert report.notes["values below zero, set to null"] == 1


def test_a_missing_column_is_told(tmp_path: Path) -> None:
    text = "flowDuration,flowLength,bwdFlowLength,packetSizeTotal\n1,1,1,1\n"
    with pytest.raises(InputError, match=r"flows:1: FlowMeter's CSV has a column srcIP"):
        read_text(tmp_path, text)
