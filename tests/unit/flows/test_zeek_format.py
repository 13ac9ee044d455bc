"""Zeek's conn.log: TSV, JSON, labelled, and what is wrong with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from flow_files import only, read_text, reported

from habitus.errors import InputError
from habitus.flows.formats import get_flow_format
from habitus.flows.reading import read_flow_records

if TYPE_CHECKING:
    from pathlib import Path

FIELDS = (
    "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "duration",
    "orig_bytes", "resp_bytes", "conn_state", "history", "orig_pkts", "orig_ip_bytes", "resp_pkts",
    "resp_ip_bytes",
)  # fmt: skip
ROW = (
    "1655071198.444458", "CHLX", "147.32.81.167", "62771", "40.74.108.123", "443", "tcp",
    "1.135424", "1596", "4039", "SF", "ShADaFf", "14", "2156", "16", "4683",
)  # fmt: skip


def log(*rows: tuple[str, ...], fields: tuple[str, ...] = FIELDS) -> str:
    head = ("#separator \\x09", "#path\tconn", "#fields\t" + "\t".join(fields))
    return "\n".join([*head, *("\t".join(row) for row in rows)]) + "\n"


def changed(**values: str) -> tuple[str, ...]:
    told = dict(zip(FIELDS, ROW, strict=True)) | {
        k.replace("__", "."): v for k, v in values.items()
    }
    return tuple(told.values())


def test_a_connection_has_payload_ip_bytes_and_times_to_the_digit(tmp_path: Path) -> None:
    flow = only(read_text(tmp_path, log(ROW)))
    assert flow["start_ns"] == 1655071198_444458_000
    assert flow["end_ns"] == 1655071198_444458_000 + 1_135_424_000
    assert flow["duration_us"] == pytest.approx(1_135_424)
    assert (flow["source_ip"], flow["source_port"]) == ("147.32.81.167", 62771)
    assert (flow["destination_ip"], flow["destination_port"]) == ("40.74.108.123", 443)
    assert (flow["protocol"], flow["ip_version"]) == (6, 4)
    assert (flow["forward_payload_bytes"], flow["backward_payload_bytes"]) == (1596, 4039)
    assert (flow["forward_ip_bytes"], flow["ip_bytes"]) == (2156, 2156 + 4683)
    assert (flow["packets"], flow["forward_packets"], flow["backward_packets"]) == (30, 14, 16)
    assert flow["payload_mean_bytes"] == (1596 + 4039) / 30
    assert flow["packets_per_s"] == pytest.approx(30 / 1.135424)
    assert (flow["end_reason"], flow["is_midstream"], flow["was_turned"]) == ("fin", False, False)
    assert flow["source_line"] == 4
    assert flow["source_file"].endswith("flows")
    assert "raw_bytes" not in flow  # Zeek does not tell the size of frames


def test_json_says_the_same_as_text(tmp_path: Path) -> None:
    numbers = {"ts", "id.orig_p", "id.resp_p", "duration"} | {
        name for name in FIELDS if name.endswith(("bytes", "pkts"))
    }
    told = {
        name: json.loads(value) if name in numbers else value
        for name, value in zip(FIELDS, ROW, strict=True)
    }
    # As Zeek writes it: a float that has more digits than a program may print.
    line = json.dumps(told).replace(str(told["ts"]), "1655071198.444458")
    drop = ["source_file", "source_line"]
    text, objects = read_text(tmp_path, log(ROW)), read_text(tmp_path, line + "\n")
    assert only(objects.drop(drop)) == only(text.drop(drop))
    iso = line.replace("1655071198.444458", '"2022-06-12T21:59:58.444458Z"')
    assert read_text(tmp_path, iso)["start_ns"].to_list() == [1655071198_444458_000]


@pytest.mark.parametrize(
    ("address", "kind", "second", "wanted"),
    [
        ("10.0.0.1", "8", "0", (1, 8, None)),
        ("10.0.0.1", "3", "1", (1, 3, 1)),
        ("fe80::1", "128", "129", (58, 128, None)),
        ("fe80::1", "1", "4", (58, 1, 4)),
    ],
)
def test_of_icmp_ports_are_type_and_code(
    tmp_path: Path, address: str, kind: str, second: str, wanted: tuple[int, int, int | None]
) -> None:
    row = changed(
        id__orig_h=address, id__orig_p=kind, id__resp_p=second, proto="icmp", history="-",
        conn_state="OTH",
    )  # fmt: skip
    flow = read_text(tmp_path, log(row)).row(0, named=True)
    assert (flow["protocol"], flow["icmp_type"], flow["icmp_code"]) == wanted
    assert (flow["source_port"], flow["destination_port"]) == (0, 0)
    assert flow["is_midstream"] is None


@pytest.mark.parametrize(
    ("state", "history", "wanted"),
    [
        ("S0", "S", (None, False, False)),
        ("REJ", "Sr", ("rst", False, False)),
        ("OTH", "DdA", (None, True, False)),
        ("SF", "^hADafF", ("fin", False, True)),
    ],
)
def test_state_and_history_tell_how_it_began_and_ended(
    tmp_path: Path, state: str, history: str, wanted: tuple[object, ...]
) -> None:
    row = changed(conn_state=state, history=history)
    flow = read_text(tmp_path, log(row)).row(0, named=True)
    assert (flow["end_reason"], flow["is_midstream"], flow["was_turned"]) == wanted


def test_what_is_unset_is_null(tmp_path: Path) -> None:
    row = changed(duration="-", orig_bytes="-", resp_bytes="-")
    flow = read_text(tmp_path, log(row)).row(0, named=True)
    unset = ("duration_us", "forward_payload_bytes", "payload_bytes", "end_ns", "packets_per_s")
    assert [flow[name] for name in unset] == [None] * 5


def test_labels_stand_in_columns_of_their_own_or_behind_blanks(tmp_path: Path) -> None:
    fields = (*FIELDS, "tunnel_parents", "label", "detailedlabel")
    row = (*ROW, "(empty)", "Malicious", "C&C")
    assert read_text(tmp_path, log(row, fields=fields))["label"].to_list() == ["Malicious"]
    # IoT-23 has blanks where tabs should be.
    blanks = log(
        (*ROW, "(empty)   Malicious   C&C"), (*ROW, "-   Benign   -"),
        fields=(*FIELDS, "tunnel_parents   label   detailed-label"),
    )  # fmt: skip
    assert read_text(tmp_path, blanks)["label"].to_list() == ["Malicious", "Benign"]


def test_a_second_header_holds_for_what_follows(tmp_path: Path) -> None:
    turned = tuple(reversed(FIELDS))
    text = log(ROW) + "#close\t2022\n" + log(tuple(reversed(ROW)), fields=turned)
    table = read_text(tmp_path, text)
    assert table.drop("source_line").row(0) == table.drop("source_line").row(1)
    assert table["source_line"].to_list() == [4, 9]


def test_two_vlan_tags_are_one_number(tmp_path: Path) -> None:
    fields = (*FIELDS, "vlan", "inner_vlan", "community_id")
    rows = [(*ROW, "100", "7", "1:x="), (*ROW, "100", "-", "1:x=")]
    table = read_text(tmp_path, log(*rows, fields=fields))
    assert table["vlan"].to_list() == [100 * 4096 + 7, 100]
    assert table["community_id"].to_list() == ["1:x="] * 2


def test_broken_rows_are_told_by_place_and_passed_over(tmp_path: Path) -> None:
    text = log(
        ROW, changed(orig_pkts="many"), changed(id__orig_h="nowhere"), changed(id__resp_p="70000"),
        ROW[:-1], changed(ts="now"), ROW,
    )  # fmt: skip
    table, report = reported(tmp_path, text)
    assert (len(table), report.n_broken) == (2, 5)
    path = tmp_path / "flows"
    assert f"{path}:5: orig_pkts: wanted a whole number, found 'many'" in report.broken
    assert f"{path}:6: id.orig_h: wanted an IP address, found 'nowhere'" in report.broken
    assert any(f"{path}:8: 15 cells, where the header names 16" in line for line in report.broken)
    with pytest.raises(InputError, match=r"flows:8: 15 cells.*--strict"):
        read_flow_records(path, strict=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#path\tconn\n" + "\t".join(ROW) + "\n", "no line that begins with #fields"),
        (log(ROW, fields=("ts", *FIELDS[:-1])), "'ts' twice"),
        (log(("1", "2"), fields=("ts", "id.orig_h")).replace("\t", "\t"), "no id.resp_h"),
        (log(ROW).replace("\\x09", "\\x0a"), "must be one byte"),
    ],
)
def test_a_header_that_cannot_be_right_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_text(tmp_path, text, "zeek")


@pytest.mark.parametrize(("number", "n"), [("008", 5663), ("010", 5347), ("012", 4740)])
def test_real_logs_are_read_to_the_last_flow(test_data: Path, number: str, n: int) -> None:
    from habitus.flows.record_report import FlowReport

    report = FlowReport()
    path = test_data / "zeek-labelled" / f"{number}-zeek-mixed.conn.log.labeled"
    table = read_flow_records(path, report=report)
    assert len(table) == n
    assert not report.warnings()
    with path.open() as file:
        rows = [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]
    assert table["label"].to_list() == [row[-2] for row in rows]
    told = [int(row[16]) + int(row[18]) for row in rows]
    assert table["packets"].to_list() == told


@pytest.mark.parametrize("separator", [",", ";", "|"])
def test_columns_may_be_set_apart_by_something_else(tmp_path: Path, separator: str) -> None:
    """As `LogAscii::separator` writes it: behind the line that names it everything is."""
    first, *rest = get_flow_format("zeek").sample.splitlines()
    lines = [first.replace("09", f"{ord(separator):02x}"), *rest]
    flow = only(read_text(tmp_path, "\n".join(lines).replace("\t", separator), "zeek"))
    assert (flow["source_ip"], flow["forward_packets"]) == ("10.0.0.1", 6)
