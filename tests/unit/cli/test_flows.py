"""`habitus flows`: captures in, tables out, and what could not be read is told."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from frames import ACK, FIN, SYN, A, B, C, ethernet, ip4, pcap, segment, tcp, udp
from habitus.cli import commands  # noqa: F401 - registers the commands
from habitus.cli.app import app
from habitus.errors import UsageError
from habitus.flows import extracting, side_by_side
from habitus.flows.columns import as_columns, column_set_names
from habitus.flows.extracting import extract_flows
from habitus.flows.features.declared import features
from habitus.flows.flowtable import no_flows
from habitus.flows.formats.base import record_schema
from habitus.flows.report import CaptureReport
from habitus.flows.summary import summary_of
from habitus.flows.tracker import FlowTracker, TrackSettings

if TYPE_CHECKING:
    from collections.abc import Callable

ARP = ethernet(b"\0" * 28, kind=0x0806)
SECOND = 1_000_000_000


def talk(client: str = A, port: int = 1000) -> list[tuple[int, bytes]]:
    """Three packets each way."""
    there = [tcp(port, 80, SYN), tcp(port, 80, ACK, b"GET"), tcp(port, 80, FIN | ACK)]
    back = [tcp(80, port, SYN | ACK), tcp(80, port, ACK, b"200 OK"), tcp(80, port, FIN | ACK)]
    frames = []
    for i, (one, other) in enumerate(zip(there, back, strict=True)):
        frames += [
            (2 * i * SECOND, ethernet(ip4(one, 6, client, B))),
            ((2 * i + 1) * SECOND, ethernet(ip4(other, 6, B, client))),
        ]
    return frames


def run(*arguments: str, status: int = 0) -> tuple[str, str]:
    """What ``habitus flows`` prints to standard output and to standard error."""
    result = CliRunner().invoke(app, ["flows", *arguments])
    assert result.exit_code == status, result.output
    return result.stdout, result.stderr


@pytest.fixture
def capture(tmp_path: Path) -> str:
    path = tmp_path / "talk.pcap"
    path.write_bytes(pcap([*talk(), (7 * SECOND, ARP)]))
    return str(path)


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_flows_are_written_as_the_name_says(capture: str, tmp_path: Path, kind: str) -> None:
    output = tmp_path / f"flows.{kind}"
    printed, said = run("extract", capture, "-o", str(output))
    assert "1 flow of 6 packets" in printed
    assert "1 of 7 packets belong to no flow" in said
    assert "1 not IP: ARP" in said
    read: dict[str, Callable[[Path], dict[str, Any]]] = {
        "parquet": lambda path: pl.read_parquet(path).row(0, named=True),
        "csv": lambda path: pl.read_csv(path).row(0, named=True),
        "jsonl": lambda path: json.loads(path.read_text()),
    }
    row = read[kind](output)
    assert list(row) == list(record_schema())
    assert (row["source_ip"], row["source_port"], row["end_reason"]) == (A, 1000, "fin")
    assert (row["forward_packets"], row["backward_packets"]) == (3, 3)
    assert (row["forward_payload_bytes"], row["backward_payload_bytes"]) == (3, 6)
    assert row["active_std_us"] is None
    sizes = [54, 54, 57, 60, 54, 54]
    assert row["first_sizes_bytes"] == (";".join(map(str, sizes)) if kind == "csv" else sizes)


def test_standard_input_and_output_are_a_dash(capture: str) -> None:
    content = gzip.compress(Path(capture).read_bytes())
    call = [sys.executable, "-m", "habitus", "flows", "extract", "-", "-o", "-"]
    ran = subprocess.run(call, input=content, capture_output=True, check=True)
    assert json.loads(ran.stdout)["packets"] == 6
    assert b"wrote -" in ran.stderr


@pytest.mark.parametrize("name", column_set_names())
def test_columns_of_others_have_the_same_schema_with_and_without_flows(
    capture: str, tmp_path: Path, name: str
) -> None:
    output = tmp_path / "flows.parquet"
    run("extract", capture, "-o", str(output), "--columns", name)
    found = pl.read_parquet(output)
    assert len(found) == 1
    assert found.schema == as_columns(no_flows(), name).schema


def test_captures_without_flows_make_an_empty_table_and_say_why(tmp_path: Path) -> None:
    path = tmp_path / "arp.pcap"
    path.write_bytes(pcap([(0, ARP)]))
    printed, said = run("extract", str(path), "-o", str(tmp_path / "none.csv"))
    assert "0 flows of 0 packets" in printed
    assert "1 of 1 packets belong to no flow" in said
    assert (tmp_path / "none.csv").read_text().startswith("source_file,source_line,label,source_ip")


def test_what_comes_out_does_not_depend_on_how_many_captures_are_read_at_a_time(
    tmp_path: Path,
) -> None:
    for i in range(7):
        (tmp_path / f"{i}.pcap").write_bytes(pcap(talk(C, 1000 + i) * (1 + i % 3)))
    (tmp_path / "3.pcap").write_bytes(pcap(talk())[:-5])
    (tmp_path / "notes.txt").write_text("nothing")
    made = []
    for n_jobs in (1, 2, 5):
        report = CaptureReport()
        tables = list(extract_flows([tmp_path], n_jobs=n_jobs, report=report))
        made.append((pl.concat(tables), report.record()))
    for table, record in made[1:]:
        assert table.equals(made[0][0])
        assert record == made[0][1]
    assert made[0][1]["n_captures"] == 7
    assert "3.pcap: cut off" in made[0][1]["damaged"][0]
    assert "notes.txt: no capture" in made[0][1]["skipped"][0]
    # What lies before the damage is not lost.
    assert made[0][0].filter(pl.col("source_file").str.ends_with("3.pcap"))["packets"].sum() == 5


def test_as_many_are_read_at_a_time_as_there_are_processors_for_us(
    capture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the machine may belong to others."""
    n_used = []

    def in_order(*arguments: Any, **options: Any) -> Any:
        n_used.append(arguments[2])
        return side_by_side.in_order(*arguments, **options)

    monkeypatch.setattr(extracting, "in_order", in_order)
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3, 5, 7})
    assert sum(map(len, extract_flows([capture] * 9))) == 9
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3})
    assert sum(map(len, extract_flows([capture] * 9))) == 9
    assert n_used == [3]


def test_flows_do_not_cross_captures(capture: str) -> None:
    (table,) = [pl.concat(extract_flows([capture, capture], n_jobs=1))]
    assert table["packets"].to_list() == [6, 6]


def test_settings_decide_where_flows_end(capture: str, tmp_path: Path) -> None:
    output = str(tmp_path / "flows.jsonl")
    run("extract", capture, "-o", output, "--idle", "0.5")
    assert len(pl.read_ndjson(output)) == 6
    run("extract", capture, "-o", output, "--active", "2.5", "--first", "1")
    found = pl.read_ndjson(output)
    assert found["packets"].to_list() == [3, 3]
    assert found["is_continued"].to_list() == [False, True]
    assert found["source_ip"].to_list() == [A, A]
    assert found["first_sizes_bytes"].list.len().to_list() == [1, 1]
    run("extract", capture, "-o", output, "--no-flags")
    assert pl.read_ndjson(output)["end_reason"].to_list() == ["capture"]


def test_settings_decide_what_is_a_silence_and_are_told(capture: str, tmp_path: Path) -> None:
    """Packets come a second apart."""
    output = str(tmp_path / "flows.jsonl")
    for silence, n in (("0.5", 6), ("1", 1)):
        printed, _ = run(
            "extract", capture, "-o", output, "--activity", silence, "--subflow", silence,
            "--outer", "--json",
        )  # fmt: skip
        found = pl.read_ndjson(output)
        assert (found["subflows"][0], found["idle_count"][0]) == (n, n - 1)
        assert json.loads(printed)["settings"] == TrackSettings(
            activity_s=float(silence), subflow_s=float(silence)
        ).model_dump() | {"outer": True}


def test_one_capture_may_be_named_without_a_list(capture: str) -> None:
    for named in (capture, Path(capture), [capture], iter([capture])):
        assert sum(map(len, extract_flows(named))) == 1
        if not isinstance(named, Iterator):
            assert summary_of(named).report.n_captures == 1


def test_more_flows_than_there_can_be_memory_for_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("habitus.flows.tracker.rows", full)
    with pytest.raises(UsageError, match=r"2,000,000 flows under way \(--max-flows\) would take"):
        FlowTracker(TrackSettings(max_flows=2_000_000))


def test_no_room_for_more_flows_is_told(tmp_path: Path) -> None:
    path = tmp_path / "many.pcap"
    frames = [(i, ethernet(ip4(udp(i, 53), 17))) for i in range(1, 30)]
    path.write_bytes(pcap(frames))
    _, said = run("extract", str(path), "-o", str(tmp_path / "o.csv"), "--max-flows", "4")
    assert "25 flows were ended early because there was no room for more (--max-flows)" in said


def test_features_are_listed_with_their_rules() -> None:
    listed = json.loads(run("features", "--json")[0])
    assert [one["name"] for one in listed] == [feature.name for feature in features()]
    assert len({one["name"] for one in listed}) == len(listed)
    assert all(one["meaning"] and one["formula"] for one in listed)
    only = json.loads(run("features", "--group", "tcp", "--json")[0])
    assert {one["group"] for one in only} == {"tcp"}
    assert "syn_packets" in run("features", "--group", "tcp")[0]
    assert "there are identity" in run("features", "--group", "no", status=2)[1]


def test_info_tells_what_is_in_a_capture(capture: str) -> None:
    printed, said = run("info", capture)
    assert "7, of which 6 belong to flows" in printed
    assert "Ethernet 7" in printed
    assert "TCP over IPv4 6" in printed
    assert "1 not IP: ARP" in said
    found = json.loads(run("info", capture, "--json")[0])
    assert found["protocols"] == {"TCP over IPv4": 6}
    assert found["reasons"] == {"not IP: ARP": 1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("extract", "{capture}", "-o", "flows.xlsx"), "end it in .parquet, .csv or .jsonl"),
        (("extract", "{capture}", "-o", "flows.csv", "--to", "xml"), "parquet, csv, jsonl"),
        (("extract", "{capture}", "-o", "flows.csv", "--columns", "argus"), "cicflowmeter"),
        (("extract", "{capture}", "-o", "flows.csv", "--idle", "0"), "--idle"),
        (("extract", "{capture}", "-o", "flows.csv", "--idle", "1e-12"), "than or equal to 0.0000"),
        (
            ("extract", "{capture}", "-o", "flows.csv", "--active", "nan"),
            "--active: input should b",
        ),
        (("extract", "{capture}", "-o", "flows.csv", "--max-flows", "999999999"), "to 268435456"),
        (("extract", "nowhere.pcap", "-o", "flows.csv"), "nowhere.pcap"),
        (("extract", "{text}", "-o", "flows.csv"), "no capture"),
        (("info", "{text}"), "no capture"),
    ],
)
def test_what_makes_no_sense_is_refused(
    capture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...],
    said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.pcap").write_text("GET / HTTP/1.1\n")
    given = [a.format(capture=capture, text="text.pcap") for a in arguments]
    assert said in run(*given, status=2)[1]
    assert not list(tmp_path.glob("flows.*"))


def test_one_segment_alone_has_nulls_where_rules_say(tmp_path: Path) -> None:
    path = tmp_path / "one.pcap"
    path.write_bytes(pcap([(0, segment(ACK))]))
    (table,) = extract_flows([path])
    (row,) = table.rows(named=True)
    assert row["is_midstream"]
    assert (row["duration_us"], row["packets_per_s"], row["gap_mean_us"]) == (0.0, None, None)
    assert (row["backward_raw_min_bytes"], row["backward_ttl_min"]) == (None, None)
    assert row["backward_to_forward_packets"] == 0.0


def test_options_and_settings_have_the_same_defaults() -> None:
    """They stand in two places, since --help may not load what checks settings."""
    of = {
        "idle": "idle_s", "active": "active_s", "linger": "linger_s", "flags": "by_flags",
        "activity": "activity_s", "subflow": "subflow_s", "max_flows": "max_flows",
        "first": "first",
    }  # fmt: skip
    assert set(of.values()) == set(TrackSettings.model_fields)
    given = {p.name: p for p in options_of("flows", "extract")}
    for option, setting in of.items():
        assert given[option].default == TrackSettings.model_fields[setting].default, option


def options_of(*words: str) -> list[Any]:
    command: Any = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]
    return list(command.params)


def test_flows_may_be_written_beside_their_captures(
    capture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(capture).parent)
    _, said = run("extract", ".", "-o", "flows.parquet")
    assert "left out" not in said  # not even the file that is being written
    assert len(pl.read_parquet("flows.parquet")) == 1
    _, said = run("extract", ".", "-o", "flows.parquet")
    assert "1 left out: flows.parquet: no capture, but a Parquet table, perhaps flows that" in said
    assert len(pl.read_parquet("flows.parquet")) == 1


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_no_capture_of_a_folder_is_written_over(
    capture: str, tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    other = tmp_path / "deep" / "other"
    other.parent.mkdir()
    other.write_bytes(pack(Path(capture).read_bytes()))
    before = other.read_bytes()
    _, said = run("extract", str(tmp_path), "-o", str(other), "--to", "csv", status=2)
    assert f"{other}: is a capture that is to be read; name another file" in said
    assert other.read_bytes() == before


def test_info_on_a_folder_tells_over_how_many_captures(capture: str) -> None:
    folder = Path(capture).parent
    (folder / "again.pcap").write_bytes(Path(capture).read_bytes())
    assert "7.000 s from 1970-01-01 00:00:00 UTC, over 2 captures" in run("info", str(folder))[0]
    assert "over" not in run("info", capture)[0].replace("over IPv4", "")
