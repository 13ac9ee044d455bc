"""Files, folders and archives of flows."""

from __future__ import annotations

import gzip
import zipfile
from typing import TYPE_CHECKING

import pytest

from habitus.errors import InputError, UsageError
from habitus.flows.features.declared import features
from habitus.flows.formats import flow_format_names, get_flow_format
from habitus.flows.reading import CAPTURE, flow_record_tables, read_flow_records
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
    assert len(table) == report.n_flows == report.n_files == len(flow_format_names())
    assert dict(report.formats) == dict.fromkeys(flow_format_names(), 1)
    assert set(table["source_file"]) == {str(tmp_path / name) for name in flow_format_names()}
    assert report.skipped == [
        f"{tmp_path}/README: no format recognises it",
        f"{tmp_path}/empty: empty",
        f"{tmp_path}/some.pcap: is {CAPTURE}",
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
    assert len(read_flow_records(archive)) == len(flow_format_names())
    packed = tmp_path / "conn.log.gz"
    packed.write_bytes(gzip.compress(get_flow_format("zeek").sample.encode()))
    assert len(read_flow_records(packed)) == 1


def rows_of(name: str, n: int) -> bytes:
    """A file of so many flows to different addresses."""
    head, row = get_flow_format(name).sample.rstrip("\n").rsplit("\n", 1)
    rows = "".join(
        row.replace("10.0.0.2", f"10.0.{i >> 8}.{i & 255}") + "\n" for i in range(n)
    )  # fmt: skip
    return f"{head}\n{rows}".encode()


def cut_off(content: bytes, share: float = 0.9) -> bytes:
    whole = gzip.compress(content)
    return whole[: int(len(whole) * share)]


def test_what_stands_before_damage_is_delivered_first(tmp_path: Path) -> None:
    path = tmp_path / "conn.log.gz"
    path.write_bytes(cut_off(rows_of("zeek", 60_000)))
    n = 0
    with pytest.raises(InputError, match=r"conn\.log\.gz"):  # noqa: PT012 - what comes before counts
        for table in flow_record_tables([path], strict=True):
            n += len(table)
    assert n > 50_000
    report = FlowReport()
    assert sum(len(table) for table in flow_record_tables([path], report=report)) >= n
    (told,) = report.skipped
    assert told.startswith(f"{path}: read only as far as it is sound: damaged or truncated gzip")
    with pytest.raises(InputError, match="damaged or truncated gzip"):
        read_flow_records(path)


def test_damage_in_a_files_head_is_told_once(tmp_path: Path) -> None:
    write_samples(tmp_path)
    (tmp_path / "a.gz").write_bytes(cut_off(rows_of("zeek", 3), 0.3))
    report = FlowReport()
    assert len(read_flow_records(tmp_path, report=report)) == len(flow_format_names())
    assert report.n_skipped == 1
    assert f"{tmp_path}/a.gz: read only as far as it is sound: " in report.skipped[0]
    with pytest.raises(InputError, match="damaged or truncated gzip"):
        read_flow_records(tmp_path / "a.gz")


def test_a_file_that_a_format_gives_up_costs_no_other(tmp_path: Path) -> None:
    write_samples(tmp_path)
    (tmp_path / "a.log").write_text("#path\tconn\n1\t2\n")
    report = FlowReport()
    assert len(read_flow_records(tmp_path, report=report)) == len(flow_format_names())
    (told,) = report.skipped
    assert told.startswith(f"{tmp_path}/a.log: given up: has no line that begins with #fields")
    with pytest.raises(InputError, match="#fields"):
        read_flow_records(tmp_path, strict=True)
    with pytest.raises(InputError, match=r"a\.log: has no line"):
        read_flow_records(tmp_path / "a.log")


def test_a_readme_in_an_archive_is_left_out(tmp_path: Path) -> None:
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("README", "about this\n")
        file.writestr("conn.log", get_flow_format("zeek").sample)
        file.writestr("some.pcap", PCAP)
    report = FlowReport()
    assert len(read_flow_records(archive, report=report)) == 1
    assert report.skipped == [
        f"{archive}:README: no format recognises it",
        f"{archive}:some.pcap: is {CAPTURE}",
    ]
    with pytest.raises(InputError, match="README: no format recognises it"):
        read_flow_records(archive, strict=True)


def test_what_is_not_there_is_told_before_anything_is_read(tmp_path: Path) -> None:
    path = tmp_path / "conn.log"
    path.write_text(get_flow_format("zeek").sample)
    with pytest.raises(InputError, match="nowhere: cannot be read: No such file"):
        flow_record_tables([path, tmp_path / "nowhere"])


def test_of_several_none_takes_another_with_it(tmp_path: Path) -> None:
    write_samples(tmp_path)
    (tmp_path / "README").write_text("about this\n")
    (tmp_path / "cut.gz").write_bytes(cut_off(rows_of("zeek", 3), 0.3))
    report = FlowReport()
    paths = [tmp_path / name for name in ("cut.gz", "zeek", "README", "suricata")]
    tables = list(flow_record_tables(paths, report=report))
    assert [len(table) for table in tables] == [1, 1]
    assert report.n_skipped == 2
    with pytest.raises(InputError, match=r"what was named: no flow could be read\n2 left out"):
        list(flow_record_tables([tmp_path / "cut.gz", tmp_path / "README"]))


def test_a_header_alone_is_a_table_without_a_flow(tmp_path: Path) -> None:
    path = tmp_path / "conn.log"
    path.write_bytes(rows_of("zeek", 0))
    with pytest.raises(InputError, match="no flow could be read\nthere is no flow in it\nformats"):
        read_flow_records(path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"folder: a folder without a file in it$"):
        read_flow_records(tmp_path / "folder")


def test_what_no_flow_tells_is_counted_by_feature(tmp_path: Path) -> None:
    write_samples(tmp_path)
    report = FlowReport()
    read_flow_records(tmp_path / "zeek", report=report)
    assert {"raw_bytes", "payload_entropy", "icmp_type"} <= set(report.lacking)
    assert not {"packets", "ip_bytes", "packets_per_s"} & set(report.lacking)
    (told,) = report.remarks()
    assert told.startswith(f"{len(report.lacking)} of {len(features())} features are null in every")
    assert "all of activity, tcp, network, content, bulk, first packets; " in told
    read_flow_records(tmp_path / "nfstream", report=report)
    assert "raw_bytes" not in report.lacking


def test_unknown_files_formats_and_paths_are_told(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello\n")
    with pytest.raises(InputError, match=r"notes\.txt: no format.*\n.*--format.*zeek"):
        read_flow_records(path)
    with pytest.raises(
        UsageError, match="cicflowmeter, flowmeter, habitus, nfstream, suricata, zeek"
    ):
        read_flow_records(path, format="argus")
    with pytest.raises(InputError, match="cannot be read"):
        read_flow_records(tmp_path / "nowhere")
    (tmp_path / "empty").touch()
    with pytest.raises(InputError, match=r"/empty: empty$"):
        read_flow_records(tmp_path / "empty")
    path.write_text("#separator \\x09\n#path\tconn\n")
    with pytest.raises(
        InputError, match=r"notes\.txt: given up: has no line that begins with #fie"
    ):
        list(flow_record_tables([path]))


def test_a_tie_names_the_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "conn.log"
    path.write_text(get_flow_format("zeek").sample)
    monkeypatch.setattr(type(get_flow_format("nfstream")), "sniff", lambda *_: 95)
    with pytest.raises(InputError, match=r"say --format nfstream .* or --format zeek"):
        read_flow_records(path)
    assert len(read_flow_records(path, format="zeek")) == 1
