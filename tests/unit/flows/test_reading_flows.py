"""Files, folders and archives of flows."""

from __future__ import annotations

import gzip
import zipfile
from typing import TYPE_CHECKING

import pytest

from habitus.errors import InputError, UsageError
from habitus.flows.formats import flow_format_names, get_flow_format
from habitus.flows.reading import _CAPTURE, flow_record_tables, read_flow_records
from habitus.flows.record_report import FlowReport

if TYPE_CHECKING:
    from pathlib import Path

PCAP = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")


def write_samples(folder: Path) -> None:
    for name in flow_format_names():
        (folder / name).write_text(get_flow_format(name).sample)


def test_a_folder_may_hold_all_formats_and_other_things(tmp_path: Path) -> None:
    write_samples(tmp_path)
    (tmp_path / "README").write_text("about this\n")
    (tmp_path / "some.pcap").write_bytes(PCAP)
    (tmp_path / "empty").touch()
    report = FlowReport()
    table = read_flow_records(tmp_path, report=report)
    assert len(table) == report.n_flows == report.n_files == 5
    assert dict(report.formats) == dict.fromkeys(flow_format_names(), 1)
    assert set(table["source_file"]) == {str(tmp_path / name) for name in flow_format_names()}
    assert report.skipped == [
        f"{tmp_path}/README: no format recognises it",
        f"{tmp_path}/empty: empty",
        f"{tmp_path}/some.pcap: {_CAPTURE}",
    ]
    with pytest.raises(InputError, match="README: no format recognises it"):
        read_flow_records(tmp_path, strict=True)


def test_a_capture_is_told_what_to_do_with_it(tmp_path: Path) -> None:
    path = tmp_path / "some.pcap"
    path.write_bytes(PCAP)
    with pytest.raises(InputError, match=r"some\.pcap: is a capture.*habitus flows extract"):
        read_flow_records(path)
    with pytest.raises(InputError, match="habitus flows extract"):
        read_flow_records(path, format="zeek")


def test_archives_and_compressed_files_are_read(tmp_path: Path) -> None:
    write_samples(tmp_path)
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in flow_format_names():
            file.write(tmp_path / name, name)
    assert len(read_flow_records(archive)) == 5
    packed = tmp_path / "conn.log.gz"
    packed.write_bytes(gzip.compress(get_flow_format("zeek").sample.encode()))
    assert len(read_flow_records(packed)) == 1


def test_what_stands_before_damage_is_delivered_first(tmp_path: Path) -> None:
    head, row = get_flow_format("zeek").sample.rstrip("\n").rsplit("\n", 1)
    rows = "".join(
        row.replace("10.0.0.2", f"10.0.{i >> 8}.{i & 255}") + "\n" for i in range(60_000)
    )
    whole = gzip.compress(f"{head}\n{rows}".encode())
    path = tmp_path / "conn.log.gz"
    path.write_bytes(whole[: len(whole) * 9 // 10])
    n = 0
    with pytest.raises(InputError, match=r"conn\.log\.gz"):  # noqa: PT012 - what comes before counts
        for table in flow_record_tables(path):
            n += len(table)
    assert n > 50_000


def test_unknown_files_formats_and_paths_are_told(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello\n")
    with pytest.raises(InputError, match=r"notes\.txt: no format.*\n.*--format.*zeek"):
        read_flow_records(path)
    with pytest.raises(UsageError, match="cicflowmeter, flowmeter, nfstream, suricata, zeek"):
        read_flow_records(path, format="argus")
    with pytest.raises(InputError, match="cannot be read"):
        read_flow_records(tmp_path / "nowhere")
    (tmp_path / "empty").touch()
    with pytest.raises(InputError, match="no flow could be read"):
        read_flow_records(tmp_path / "empty")


def test_a_tie_names_the_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "conn.log"
    path.write_text(get_flow_format("zeek").sample)
    monkeypatch.setattr(type(get_flow_format("nfstream")), "sniff", lambda *_: 95)
    with pytest.raises(InputError, match=r"say --format nfstream .* or --format zeek"):
        read_flow_records(path)
    assert len(read_flow_records(path, format="zeek")) == 1
