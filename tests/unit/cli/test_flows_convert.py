"""`habitus flows convert`: other people's flows in, our table out, and what is lacking is told."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import polars as pl
import pytest
from typer.testing import CliRunner

from frames import SYN, pcap, segment
from habitus.cli import commands  # noqa: F401 - registers the commands
from habitus.cli.app import app
from habitus.flows.columns import as_columns, column_set_names
from habitus.flows.features.declared import features
from habitus.flows.flowtable import no_flows
from habitus.flows.formats import flow_format_names, get_flow_format
from habitus.flows.reading import flow_record_tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def run(*arguments: str, status: int = 0) -> tuple[str, str]:
    """What ``habitus flows`` prints to standard output and to standard error."""
    result = CliRunner().invoke(app, ["flows", *arguments])
    assert result.exit_code == status, result.output
    return result.stdout, result.stderr


@pytest.fixture
def capture(tmp_path: Path) -> str:
    path = tmp_path / "talk.pcap"
    path.write_bytes(pcap([(0, segment(SYN))]))
    return str(path)


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A file of each kind that other programs write, and what is none."""
    folder = tmp_path / "records"
    folder.mkdir()
    for name in flow_format_names():
        (folder / name).write_text(get_flow_format(name).sample)
    (folder / "README").write_text("about this\n")
    return folder


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_flows_of_others_become_the_table_that_captures_become(
    capture: str, records: Path, tmp_path: Path, kind: str
) -> None:
    of_packets, of_records = tmp_path / f"packets.{kind}", tmp_path / f"records.{kind}"
    run("extract", capture, "-o", str(of_packets))
    printed, said = run("convert", str(records), "-o", str(of_records))
    assert f"wrote {of_records} ({kind}): 6 flows of 6 files (cicflowmeter 1, " in printed
    assert "README: no format recognises it" in said
    assert "features are null in every flow, as nothing that was read tells them: all of " in said
    read: dict[str, Callable[[Path], list[str]]] = {
        "parquet": lambda path: [f"{n} {k}" for n, k in pl.read_parquet_schema(path).items()],
        "csv": lambda path: path.read_text().partition("\n")[0].split(","),
        "jsonl": lambda path: list(json.loads(path.read_text().partition("\n")[0])),
    }
    assert read[kind](of_records) == read[kind](of_packets)
    assert len(read[kind](of_records)) == 3 + len(features())


@pytest.mark.parametrize("name", column_set_names())
def test_flows_of_others_are_written_under_the_names_of_others(
    records: Path, tmp_path: Path, name: str
) -> None:
    output = tmp_path / "flows.parquet"
    run("convert", str(records / "zeek"), "-o", str(output), "--columns", name)
    found = pl.read_parquet(output)
    assert len(found) == 1
    assert found.schema == as_columns(no_flows(), name).schema
    if name != "habitus":  # written so, it can be read so
        table, again = tmp_path / "flows.csv", tmp_path / "again.parquet"
        run("convert", str(records / "zeek"), "-o", str(table), "--columns", name)
        run("convert", str(table), "-o", str(again), "--format", name)
        flow = pl.read_parquet(again).row(0, named=True)
        assert (flow["source_ip"], flow["forward_packets"], flow["protocol"]) == ("10.0.0.1", 6, 6)


def test_what_was_converted_is_told_to_programs(records: Path, tmp_path: Path) -> None:
    with (records / "zeek").open("a") as file:
        file.write("broken\n")
    output = str(tmp_path / "flows.csv")
    told = json.loads(run("convert", str(records), "-o", output, "--json")[0])
    assert (told["path"], told["kind"], told["columns"]) == (output, "csv", "habitus")
    assert (told["n_files"], told["n_flows"], told["n_broken"], told["n_skipped"]) == (6, 6, 1, 1)
    assert told["formats"] == dict.fromkeys(flow_format_names(), 1)
    assert "payload_entropy" in told["lacking"]
    assert "packets" not in told["lacking"]
    _, said = run("convert", str(records), "-o", output, "--strict", status=2)
    assert "README: no format recognises it" in said
    assert (
        "zeek:6: " in run("convert", str(records / "zeek"), "-o", output, "--strict", status=2)[1]
    )


def test_twins_are_joined_and_told_unless_they_are_to_be_kept(
    test_data: Path, tmp_path: Path
) -> None:
    path, output = str(test_data / "flowmeter" / "webgoat_flow_stats.csv"), tmp_path / "o.parquet"
    printed, said = run("convert", path, "-o", str(output))
    assert "129 flows of 1 file (flowmeter)" in printed
    assert "note: 240 of 249 rows of FlowMeter were the two directions of 120 flows, and" in said
    assert len(pl.read_parquet(output)) == 129
    log = tmp_path / "conn.log"  # rows of others do not count
    log.write_text(get_flow_format("zeek").sample)
    printed, said = run("convert", str(log), path, "-o", str(output))
    assert "130 flows of 2 files" in printed
    assert "note: 240 of 249 rows of FlowMeter were" in said
    printed, said = run("convert", path, "-o", str(output), "--keep-twins")
    assert "249 flows of 1 file (flowmeter)" in printed
    assert "joined" not in said
    assert len(pl.read_parquet(output)) == 249


def test_labels_and_lines_of_real_logs_are_kept(test_data: Path, tmp_path: Path) -> None:
    output = tmp_path / "flows.parquet"
    printed, _ = run("convert", str(test_data / "zeek-labelled"), "-o", str(output))
    assert "15,750 flows of 3 files (zeek)" in printed
    found = pl.read_parquet(output)
    assert found["label"].null_count() == found["source_line"].null_count() == 0
    assert set(found["label"]) >= {"Benign", "Malicious"}
    assert found["raw_bytes"].null_count() == len(found)


def test_one_file_may_be_named_without_a_list(records: Path) -> None:
    for named in (records / "zeek", str(records / "zeek"), [records / "zeek"]):
        assert sum(map(len, flow_record_tables(named))) == 1


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_what_we_wrote_is_known_again(
    capture: str, records: Path, tmp_path: Path, kind: str
) -> None:
    """It is no capture, and the user hears what it is; of flows of others it is one."""
    ours = str(tmp_path / f"flows.{kind}")
    for path in (capture, str(records / "zeek")):
        run("extract" if path == capture else "convert", path, "-o", ours)
        for command in (("extract", "-o", "o.csv"), ("info",)):
            _, said = run(command[0], ours, *command[1:], status=2)
            assert f"{ours}: " in said
            assert "flows that Habitus wrote" in said
            assert "are made of" in said
    printed, _ = run("convert", ours, str(records), "-o", str(tmp_path / "o.csv"))
    assert "7 flows of 7 files (habitus 2, " in printed


def test_records_go_through_pipes(records: Path) -> None:
    content = gzip.compress((records / "zeek").read_bytes())
    call = [sys.executable, "-m", "habitus", "flows", "convert", "-", "-o", "-"]
    ran = subprocess.run(call, input=content, capture_output=True, check=True)
    assert json.loads(ran.stdout)["packets"] == 11
    assert b"wrote - (jsonl): 1 flow of 1 file (zeek)" in ran.stderr


def test_a_damaged_file_is_converted_as_far_as_it_is_sound(records: Path, tmp_path: Path) -> None:
    head, row = get_flow_format("zeek").sample.rsplit("\n", 2)[:2]
    packed = gzip.compress(f"{head}\n{row}\n".encode() + os.urandom(90_000).hex().encode())
    path, output = tmp_path / "conn.log.gz", tmp_path / "o.jsonl"
    path.write_bytes(packed[:60_000])
    _, said = run("convert", str(path), "-o", str(output))
    assert f"{path}: read only as far as it is sound: damaged or truncated gzip data" in said
    assert json.loads(output.read_text())["packets"] == 11


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("convert", "{capture}", "-o", "o.csv"), "capture of packets; make flows of it first"),
        (("convert", "zeek", "{nowhere}", "-o", "o.csv"), "nowhere: cannot be read"),
        (("extract", "{capture}", "{nowhere}", "-o", "o.csv"), "nowhere: cannot be read"),
        (("info", "{capture}", "{nowhere}"), "nowhere: cannot be read"),
        (("info", "zeek"), "no capture, but flows as zeek writes them: habitus flows convert"),
        (
            ("convert", "zeek", "-o", "o.csv", "--format", "argus"),
            "cicflowmeter, flowmeter, habitus, nf",
        ),
        (("convert", "zeek", "-o", "o.csv", "--columns", "argus"), "cicflowmeter, flowmeter, ha"),
        (("convert", "README", "-o", "o.csv"), "no format recognises it"),
        (("convert", "zeek", "-o", "zeek", "--to", "csv"), "is what is to be read"),
        (("convert", ".", "-o", "o.csv"), "lies in the folder that is read"),
        (("extract", "{capture}", "-o", "{capture}", "--to", "csv"), "is what is to be read"),
        (("extract", "{capture}", "-", "-", "-o", "o.csv"), "standard input (-) can be read once"),
        (("convert", "-", "zeek", "-", "-o", "o.csv"), "standard input (-) can be read once"),
        (("info", "-", "-"), "standard input (-) can be read once"),
        (("extract", "{capture}", "-o", "-", "--json"), "--json: standard output holds the flows"),
        (("convert", "zeek", "-o", "/dev/stdout", "--json"), "--json: standard output holds the f"),
    ],
)
def test_what_cannot_be_converted_or_read_is_told(
    capture: str, records: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...],
    said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(records)
    before = {path.name: path.read_bytes() for path in records.iterdir()}
    given = [a.format(capture=capture, nowhere="nowhere") for a in arguments]
    printed, told = run(*given, status=2)
    assert said in told
    assert not printed
    assert {path.name: path.read_bytes() for path in records.iterdir()} == before
