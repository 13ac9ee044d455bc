"""Captures among other things: none takes another with it, and each fault is told once."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import threading
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from frames import SYN, A, ethernet, ip4, pcap, tcp, udp
from habitus.errors import InputError
from habitus.flows.extracting import extract_flows
from habitus.flows.formats import get_flow_format
from habitus.flows.reading import flow_record_tables
from habitus.flows.record_report import FlowReport
from habitus.flows.report import CaptureReport
from habitus.flows.summary import summary_of

if TYPE_CHECKING:
    from collections.abc import Sequence

SOUND = pcap([(0, ethernet(ip4(udp(1000, 53), 17)))])
LONG = pcap([(i, ethernet(ip4(udp(1000 + i, 53, os.urandom(900)), 17))) for i in range(90)])
LITTER = "a hidden file, or one that desktop systems leave behind"


def read(paths: Sequence[Path | str], n_jobs: int = 1) -> CaptureReport:
    """What extracting came to; what a look at the same captures came to must be the same."""
    report = CaptureReport()
    n_flows = sum(len(table) for table in extract_flows(paths, n_jobs=n_jobs, report=report))
    assert n_flows == report.n_flows
    looked = summary_of(paths).report
    assert (looked.n_captures, looked.packets.record()) == (
        report.n_captures, report.packets.record(),
    )  # fmt: skip
    assert looked.left_out() == report.left_out()
    return report


def tar_of(path: Path, members: dict[str, bytes], mode: str = "w") -> bytes:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path.read_bytes()


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_a_folder_is_walked_as_all_folders_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_jobs: int
) -> None:
    folder = tmp_path / "captures"
    (folder / "deep").mkdir(parents=True)
    (folder / "locked").mkdir()
    for name in ("a.pcap", ".hidden.pcap", "deep/b.pcap", "secret.pcap"):
        (folder / name).write_bytes(SOUND)
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to(folder / "deep")
    (folder / "dangling").symlink_to(folder / "nowhere")
    real, walk = Path.open, os.scandir

    def refusing(self: Path, *arguments: Any, **options: Any) -> Any:
        if self.name == "secret.pcap":
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *arguments, **options)

    def locked(path: Any) -> Any:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return walk(path)

    monkeypatch.setattr(Path, "open", refusing)
    monkeypatch.setattr(os, "scandir", locked)
    report = read([folder], n_jobs)
    assert (report.n_captures, report.n_damaged, report.n_skipped) == (2, 0, 6)
    assert report.skipped == [
        f"{folder}/link: a link to a folder, which is not followed",
        f"{folder}/.hidden.pcap: {LITTER}",
        f"{folder}/dangling: not a regular file",
        f"{folder}/pipe: not a regular file",
        f"{folder}/locked: cannot be read: Permission denied",
    ]


@pytest.mark.parametrize("look", [extract_flows, summary_of])
@pytest.mark.parametrize("missing", ["nowhere.pcap", "dangling", "locked"])
def test_what_is_not_there_is_told_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: Any, missing: str
) -> None:
    (tmp_path / "a.pcap").write_bytes(SOUND)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "locked").mkdir()
    walk = os.scandir

    def locked(path: Any) -> Any:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return walk(path)

    monkeypatch.setattr(os, "scandir", locked)
    report = CaptureReport()
    with pytest.raises(InputError, match=f"{missing}: cannot be read: (No such|Permission)"):
        look([tmp_path / "a.pcap", tmp_path / missing])
    assert report.n_captures == 0


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize(
    ("damaged", "why"),
    [
        (SOUND[:24] + b"\xff" * 40, "b.pcap: damaged at byte 24"),  # at its first record
        (SOUND[:10], "b.pcap: cut off within the header of a pcap file"),
        (gzip.compress(LONG)[:20_000], "damaged or truncated gzip data"),
        (gzip.compress(SOUND)[:5], "damaged or truncated gzip data"),  # from the beginning
    ],
)
def test_a_damaged_capture_in_an_archive_costs_no_other(
    tmp_path: Path, damaged: bytes, why: str, n_jobs: int
) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (("a.pcap", SOUND), ("b.pcap", damaged), ("c.pcap", SOUND)):
            archive.writestr(name, content)
    report = read([path, path], n_jobs)
    assert report.n_damaged == 2
    assert why in report.damaged[0]
    has_packets = len(damaged) > 1000
    assert report.n_captures == (6 if has_packets else 4)
    assert (report.packets.n_packets > 4) is has_packets


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("share", [0.3, 0.75])
def test_an_archive_that_is_cut_off_is_read_until_there_and_told_of_once(
    tmp_path: Path, mode: str, share: float
) -> None:
    """It is cut within a capture, whose end, and that of the archive, are one fault."""
    path = tmp_path / "all.tar"
    whole = tar_of(path, {"a.pcap": LONG, "b.pcap": LONG}, mode)
    path.write_bytes(whole[: int(len(whole) * share)])
    report = read([path])
    assert report.n_captures == (1 if share < 0.5 else 2)
    assert 0 < report.packets.n_packets < 180
    assert report.n_damaged == 1
    assert len(report.warnings()) == 1


def test_damage_between_the_captures_of_an_archive_is_told(tmp_path: Path) -> None:
    path = tmp_path / "all.tar"
    whole = tar_of(path, {"a.pcap": SOUND, "b.pcap": SOUND})
    path.write_bytes(whole[:1024] + b"\xff" * 512 + whole[1536:])
    report = read([path])
    assert (report.n_captures, report.n_damaged) == (1, 1)
    assert report.damaged[0].startswith(f"{path}: a damaged tar archive")


def test_damage_of_an_archive_behind_a_damaged_capture_is_told_as_well(tmp_path: Path) -> None:
    """The capture's own damage says nothing of what stands behind it."""
    path = tmp_path / "all.tar"
    cut = gzip.compress(LONG)[:20_000]
    whole = tar_of(path, dict.fromkeys(("b.pcap", "c.pcap"), SOUND))
    first = tar_of(path, {"a.pcap.gz": cut})[: 512 + len(cut) + -len(cut) % 512]
    path.write_bytes(first + b"\xff" * 512 + whole[512:])
    report = read([path])
    assert (report.n_captures, report.n_damaged) == (1, 2)
    assert "a.pcap.gz: damaged or truncated gzip data" in report.damaged[0]
    assert report.damaged[1].startswith(f"{path}: a damaged tar archive")
    records = FlowReport()
    conn = get_flow_format("zeek").sample.encode()
    cut = gzip.compress(conn + os.urandom(90_000).hex().encode())[:60_000]
    first = tar_of(path, {"conn.log.gz": cut})[: 512 + len(cut) + -len(cut) % 512]
    path.write_bytes(first + b"\xff" * 512 + whole[512:])
    assert sum(map(len, flow_record_tables([path], report=records))) == 1
    assert records.n_skipped == 2
    assert "a damaged tar archive" in records.skipped[1]


def test_what_alone_is_no_capture_says_what_it_is(tmp_path: Path) -> None:
    for name, content, why in (
        (
            "text",
            b"GET / HTTP/1.1\r\nHost: ",
            "no capture, but a text, which begins with 'GET / HT",
        ),
        (
            "long",
            "\ufeff\n\n  Größe\n".encode() * 9999,
            "long: no capture, but a text, which begins",
        ),
        ("elf", b"\x7fELF\2\1\1\0", "elf: no capture: it begins with 7f 45 4c 46, not as pcap"),
        ("empty", b"", "empty: empty"),
        ("cut", SOUND[:10], "cut: cut off within the header of a pcap file"),
        ("broken", SOUND[:24] + b"\xff" * 40, "broken: damaged at byte 24"),
        ("gz", gzip.compress(LONG)[:5], "gz: damaged or truncated gzip data"),
        ("zip", b"PK\x03\x04" + b"\0" * 90, "zip: a zip file that is cut off or damaged"),
        (
            "conn.log",
            get_flow_format("zeek").sample.encode(),
            "conn.log: no capture, but flows as zeek writes them: habitus flows convert",
        ),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        for look in (lambda p: list(extract_flows([p])), lambda p: summary_of([p])):
            with pytest.raises(InputError) as told:
                look(path)
            assert why in str(told.value)
            assert "\n" not in str(told.value)


def test_what_holds_no_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        archive.add(tmp_path / "folder", "folder")
    zipfile.ZipFile(tmp_path / "all.zip", "w").close()
    for name, why in (
        ("folder", "a folder without a file in it"),
        ("all.tar", "an archive without a file in it"),
        ("all.zip", "an archive without a file in it"),
    ):
        path = tmp_path / name
        for look in (
            lambda p: list(extract_flows(p)), summary_of, lambda p: list(flow_record_tables(p)),
        ):  # fmt: skip
            with pytest.raises(InputError) as told:
                look(path)
            assert str(told.value) == f"{path}: {why}"
        (tmp_path / "a.pcap").write_bytes(SOUND)
        assert read([tmp_path / "a.pcap", path]).skipped == [f"{path}: {why}"]


def test_of_many_files_the_first_few_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    for i in range(17):
        (tmp_path / f"notes-{i:02}.txt").write_text("nothing\n")
        (tmp_path / f"talk-{i:02}.pcap").write_bytes(SOUND + b"\xff" * 40)
    report = read([tmp_path], n_jobs=2)
    assert (report.n_captures, report.n_damaged, report.n_skipped) == (17, 17, 17)
    assert [len(report.damaged), len(report.skipped)] == [5, 5]
    assert "notes-04.txt" in report.skipped[4]
    told = report.warnings()
    assert told[0] == "17 only read in part:"
    assert told.count("  ... and 12 more") == 2
    record = report.record()
    assert (record["n_damaged"], record["n_skipped"]) == (17, 17)
    with pytest.raises(InputError, match=r"17 left out:\n(.*\n){5}  ... and 12 more"):
        list(extract_flows([tmp_path / f"notes-{i:02}.txt" for i in range(17)]))


def test_a_named_pipe_is_read_and_not_opened_before(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = pcap([(0, ethernet(ip4(tcp(flags=SYN), source=A)))])
    writer = threading.Thread(target=pipe.write_bytes, args=(content,), daemon=True)
    writer.start()
    report = CaptureReport()
    assert sum(map(len, extract_flows([pipe], report=report))) == 1
    writer.join()
