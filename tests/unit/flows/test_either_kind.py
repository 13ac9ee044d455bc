"""Flows of captures or of other programs, whichever is named; standard input, too."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import tarfile
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import zstandard

from habitus.errors import InputError, UsageError
from habitus.flows.captures import holds_captures
from habitus.flows.either import EitherReport, flows_of_either
from habitus.flows.formats import get_flow_format
from habitus.flows.tracker import TrackSettings
from labelled_captures import N_FLOWS, capture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ZEEK = get_flow_format("zeek").sample.encode()
CAPTURE = capture(20, 200)


def tarred(content: bytes, *, before: bytes = b"") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in (("first", before), ("second", content)):
            if data:
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes, "gzip": gzip.compress, "xz": lzma.compress, "bzip2": bz2.compress,
    "zstd": zstandard.compress, "tar": tarred,
}  # fmt: skip


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Give a content to standard input."""

    def give(content: bytes) -> None:
        raw = io.BytesIO(content)
        stream = io.BufferedReader(raw, 4096)  # type: ignore[arg-type]
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))

    return give


@pytest.mark.parametrize("packing", PACKINGS)
def test_what_stands_on_standard_input_is_told_by_its_beginning(
    stdin: Callable[[bytes], None], packing: str
) -> None:
    stdin(PACKINGS[packing](CAPTURE * 1))
    assert holds_captures("-")
    tables = list(flows_of_either(["-"]))
    assert {kind for kind, _ in tables} == {"captures"}
    assert sum(len(table) for _, table in tables) == N_FLOWS
    if packing == "bzip2":  # of which nothing can be told by its beginning
        return
    stdin(PACKINGS[packing](ZEEK))
    assert [kind for kind, _ in flows_of_either(["-"])] == ["records"]


def test_a_format_that_is_named_is_not_looked_for(stdin: Callable[[bytes], None]) -> None:
    stdin(bz2.compress(ZEEK))
    assert [kind for kind, _ in flows_of_either(["-"], format="zeek")] == ["records"]
    with pytest.raises(UsageError, match="no flow format is named 'argus'"):
        flows_of_either(["-"], format="argus")


def test_in_an_archive_a_capture_may_stand_behind_something_else(
    stdin: Callable[[bytes], None],
) -> None:
    stdin(tarred(CAPTURE, before=b"path,label\n" * 9000))
    assert [kind for kind, _ in flows_of_either(["-"])] == ["captures"]


def test_a_programs_own_stream_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(CAPTURE)))
    assert holds_captures("-")
    assert sys.stdin.buffer.read() == CAPTURE


def test_kinds_come_in_the_order_of_what_is_named(tmp_path: Path) -> None:
    (tmp_path / "conn.log").write_bytes(ZEEK)
    (tmp_path / "x.pcap").write_bytes(CAPTURE)
    (tmp_path / "both").mkdir()
    (tmp_path / "both" / "x.pcap").write_bytes(CAPTURE)
    (tmp_path / "both" / "conn.log").write_bytes(ZEEK)
    report = EitherReport()
    paths = [tmp_path / name for name in ("conn.log", "x.pcap", "both", "conn.log")]
    kinds = [kind for kind, _ in flows_of_either(paths, report=report)]
    assert kinds == ["records", "captures", "captures", "records"]
    assert (report.captures.n_flows, report.records.n_flows) == (2 * N_FLOWS, 2)
    assert len(report.warnings()) == 1
    assert "conn.log: no capture, but flows as zeek writes them" in report.warnings()[0]


def test_settings_and_columns_are_those_asked_for(tmp_path: Path) -> None:
    (tmp_path / "x.pcap").write_bytes(CAPTURE)
    path = tmp_path / "x.pcap"
    ((_, table),) = flows_of_either([path], columns={"packets", "source_ip"})
    assert table.columns == ["source_file", "source_ip", "packets"]
    assert table["packets"].to_list() == [2] * N_FLOWS
    apart = TrackSettings(idle_s=1e-4)
    assert sum(len(table) for _, table in flows_of_either([path], apart)) == 2 * N_FLOWS


def test_what_is_not_there_is_told_at_once_and_what_is_no_flows_while_reading(
    tmp_path: Path,
) -> None:
    with pytest.raises(InputError, match="absent: cannot be read"):
        flows_of_either([tmp_path / "absent"])
    (tmp_path / "README").write_text("about this\n")
    with pytest.raises(InputError, match="no format recognises it"):
        list(flows_of_either([tmp_path / "README"]))
