"""LID-DS: recordings with their ground truth, wherever they lie."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
import zipfile
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import pieces, read

from habitus.traces.formats import get_format
from habitus.traces.formats.base import ReadOptions
from habitus.traces.formats.lid_ds_truth import BrokenTruth, Truth, truth_of_json, truths_of_runs
from habitus.traces.reading import TraceReader
from habitus.traces.traceset import Label, join

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceSet

RECORDING = (
    "1631078867380457267 0 290 apache2 290 wait4 > \n"
    "1631078867380462154 0 290 apache2 290 wait4 < \n"
    "1631078877600000000 33 291 apache2 292 accept > flags=0 \n"
)
OLD_RECORDING = (
    "1 23:59:50.250000000 6 33 apache2 15862 > writev fd=12 size=31\n"
    "2 23:59:50.250051526 6 33 apache2 15862 < writev res=31 data=x\n"
    "3 23:59:50.250100000 0 33 apache2 15862 > switch next=0\n"
    "4 00:00:05.000000000 1 0 apache2 15863 > read fd=12 size=8\n"
)
RUNS = (
    "image_name, scenario_name, is_executing_exploit, warmup_time, recording_time, "
    "exploit_start_time\n"
    "victim:latest, calm_bell_1, False, 10, 50, -1\n"
    "victim:latest, ripe_faraday_5596, True, 10, 35, 24\n"
    "victim:latest, odd_row_1, perhaps, 10, 35, 24\n"
    "victim:latest, short_row_2\n"
)
RESOURCES = "timestamp,cpu_usage,memory_usage\n1631078867.045,0.09,12034048\n"
CAPTURE = b"\xd4\xc3\xb2\xa1" + bytes(40)


def truth(*, exploit: bool, at: Any = 1631078877.513988) -> str:
    return json.dumps(
        {
            "container": [],
            "exploit": exploit,
            "exploit_name": "default",
            "image": "victim",
            "recording_time": 18,
            "time": {"exploit": [{"absolute": at, "name": "attack"}] if exploit else []},
        },
        indent=4,
    )


def files(name: str, *, exploit: bool) -> dict[str, bytes]:
    return {
        f"{name}.sc": RECORDING.encode(),
        f"{name}.json": truth(exploit=exploit).encode(),
        f"{name}.res": RESOURCES.encode(),
        f"{name}.pcap": CAPTURE,
    }


def write_zip(path: Path, members: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def scenario(folder: Path) -> Path:
    """A scenario as the 2021 release lays it out."""
    for place, name, exploit in (
        ("training", "calm_bell_1", False),
        ("validation", "nice_hopper_2", False),
        ("test/normal", "fond_curie_3", False),
        ("test/normal_and_attack", "grim_turing_4", True),
    ):
        write_zip(folder / place / f"{name}.zip", files(name, exploit=exploit))
    return folder


def traces_of(path: Path) -> tuple[TraceSet, ReadReport]:
    reader = TraceReader(path)
    return join(reader), reader.report


def known(traces: TraceSet) -> set[tuple[str, str, Label, str, int]]:
    """Recording, split, label, attack and its time."""
    return {
        (info.group.rpartition("/")[2], info.split, info.label, info.attack, info.attack_ns)
        for info in traces.infos
    }


SCENARIO = {
    ("calm_bell_1", "training", Label.NORMAL, "", -1),
    ("nice_hopper_2", "validation", Label.NORMAL, "", -1),
    ("fond_curie_3", "test", Label.NORMAL, "", -1),
    ("grim_turing_4", "test", Label.ATTACK, "CVE-2020-1", 1_631_078_877_513_988_000),
}


def test_a_scenario_as_it_was_published(tmp_path: Path) -> None:
    traces, report = traces_of(scenario(tmp_path / "CVE-2020-1"))
    assert known(traces) == SCENARIO
    assert sorted(traces.lengths.tolist()) == [1] * 8
    assert sorted(info.thread for info in traces.infos) == [290] * 4 + [292] * 4
    assert report.n_skipped == report.n_broken == 0
    assert report.notes == {
        "ground truth": 4,
        "resource records, not read": 4,
        "captures, not read here": 4,
        "exits of calls": 4,
    }
    assert report.formats == {"lid-ds": 16}


def test_a_scenario_in_one_zip_and_a_part_of_it_alone(tmp_path: Path) -> None:
    folder = scenario(tmp_path / "CVE-2020-1")
    members = {str(path.relative_to(tmp_path)): path.read_bytes() for path in folder.rglob("*.zip")}
    write_zip(tmp_path / "zipped" / "data.zip", members)
    assert known(traces_of(tmp_path / "zipped" / "data.zip")[0]) == SCENARIO
    assert known(traces_of(folder / "test")[0]) == {one for one in SCENARIO if one[1] == "test"}


def test_unpacked_recordings_are_as_good(tmp_path: Path) -> None:
    for name, content in files("grim_turing_4", exploit=True).items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "grim_turing_4.sc.gz").write_bytes(gzip.compress(RECORDING.encode()))
    (tmp_path / "grim_turing_4.sc").unlink()
    traces, report = traces_of(tmp_path)
    assert known(traces) == {("grim_turing_4", "", Label.ATTACK, "victim", 1631078877513988000)}
    assert report.n_skipped == 0
    alone, _ = traces_of(tmp_path / "grim_turing_4.sc.gz")
    assert known(alone) == known(traces)


def test_ground_truth_that_cannot_be_found_leaves_the_label_open(tmp_path: Path) -> None:
    """A tar is read from front to end: a recording in it shows no neighbours."""
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        for name, content in files("grim_turing_4", exploit=True).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    traces, report = traces_of(tmp_path / "all.tar")
    assert {info.label for info in traces.infos} == {Label.UNKNOWN}
    assert report.notes["recordings without ground truth"] == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"exploit": "yes"}',
        b'{"exploit": 1}',
        b"{'exploit': perhaps}",
        b'{"a":' * 100_000,
        b'{"exploit": true, "x": ' + b"9" * 10_000 + b"}",
        b'{"exploit": true, "x": 1e99999999999999999999}',
    ],
)
def test_broken_ground_truth_leaves_the_label_open(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "grim_turing_4.sc").write_text(RECORDING)
    (tmp_path / "grim_turing_4.json").write_bytes(content)
    traces, report = traces_of(tmp_path / "grim_turing_4.sc")
    assert {(info.label, info.attack_ns) for info in traces.infos} == {(Label.UNKNOWN, -1)}
    assert report.notes["recordings with broken ground truth"] == 1


@pytest.mark.parametrize(
    "at",
    [None, "soon", float("nan"), float("inf"), -5, 10**40, True, [], {}, 1e300],
)
def test_an_exploit_without_a_time_is_an_attack_all_the_same(tmp_path: Path, at: Any) -> None:
    (tmp_path / "grim_turing_4.sc").write_text(RECORDING)
    (tmp_path / "grim_turing_4.json").write_text(truth(exploit=True, at=at))
    traces, report = traces_of(tmp_path / "grim_turing_4.sc")
    assert {(info.label, info.attack_ns) for info in traces.infos} == {(Label.ATTACK, -1)}
    assert sum("does not tell when" in note for note in report.notes) == 1


def test_ground_truth_in_single_quotes_is_understood() -> None:
    """As some releases write it; Python's words for true and false, too."""
    told = Truth(Label.ATTACK, "victim", 1_631_078_877_513_988_000)
    text = truth(exploit=True)
    assert truth_of_json(text.encode()) == told
    assert truth_of_json(text.replace('"', "'").encode()) == told
    assert truth_of_json(text.replace('"', "'").replace("true", "True").encode()) == told


def test_the_first_of_several_exploits_counts() -> None:
    begun = [{"absolute": 1700000002.5}, {"absolute": 1700000001.25}, {"name": "x"}, 7]
    text = json.dumps({"exploit": True, "time": {"exploit": begun}})
    assert truth_of_json(text.encode()) == Truth(Label.ATTACK, "exploit", 1_700_000_001_250_000_000)


def old_scenario(folder: Path) -> Path:
    folder.mkdir()
    for name in ("calm_bell_1", "ripe_faraday_5596", "odd_row_1", "short_row_2"):
        (folder / f"{name}.txt").write_text(OLD_RECORDING)
    (folder / "runs.csv").write_text(RUNS)
    return folder


def test_a_scenario_of_2019(tmp_path: Path) -> None:
    """The exploit began 24 s after the first line, and after midnight: times go on, too."""
    traces, report = traces_of(old_scenario(tmp_path / "CVE-2019-1"))
    ten_to_midnight = 86_390_250_000_000
    assert known(traces) == {
        ("calm_bell_1", "", Label.NORMAL, "", -1),
        ("ripe_faraday_5596", "", Label.ATTACK, "CVE-2019-1", ten_to_midnight + 24 * 10**9),
        ("odd_row_1", "", Label.UNKNOWN, "", -1),
        ("short_row_2", "", Label.UNKNOWN, "", -1),
    }
    assert traces.times_ns is not None
    assert Counter(traces.times_ns.tolist()) == {ten_to_midnight: 4, 86_405 * 10**9: 4}
    assert report.notes["ground truth"] == 1
    assert report.notes["recordings without ground truth"] == 2
    assert report.n_skipped == 0


@pytest.mark.parametrize("runs", ["", "a,b\n1,2\n", "image_name\n", "\x00\n", 'image_name,"'])
def test_a_table_of_runs_that_is_none_leaves_the_labels_open(tmp_path: Path, runs: str) -> None:
    folder = old_scenario(tmp_path / "scenario")
    (folder / "runs.csv").write_text(runs)
    reader = TraceReader(folder / "ripe_faraday_5596.txt")
    assert {info.label for info in join(reader).infos} == {Label.UNKNOWN}
    assert reader.report.notes["recordings with broken ground truth"] == 1


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_ground_truth_or_broken(data: bytes) -> None:
    for parse in (truth_of_json, truths_of_runs):
        with suppress(BrokenTruth):
            assert parse(data) is not None


@pytest.mark.parametrize(
    ("name", "head", "sure"),
    [
        ("x.sc", RECORDING.encode(), 95),
        ("x", RECORDING.encode(), 90),
        ("a/ripe_faraday_5596.txt", OLD_RECORDING.encode(), 90),
        ("mine.txt", OLD_RECORDING.encode(), 0),
        ("x.json", truth(exploit=True).encode(), 95),
        ("x.json", truth(exploit=True).replace('"', "'").encode(), 95),
        ("x.json", b'{"rule": "exploit"}', 0),
        ("x.txt", truth(exploit=True).encode(), 0),
        ("a/runs.csv", RUNS.encode(), 95),
        ("a/runs.csv", b"time,syscall\n", 0),
        ("x.res", RESOURCES.encode(), 95),
        ("a/ripe_faraday_5596.pcap", CAPTURE, 95),
        ("capture.pcap", CAPTURE, 0),
        ("x.sc", b"1 01:40:19.1 0 httpd (7513) > accept flags=0\n", 0),
        ("x", b"", 0),
    ],
)
def test_what_is_recognised(name: str, head: bytes, sure: int) -> None:
    assert get_format("lid-ds").sniff(head, name, ReadOptions()) == sure
    assert get_format("sysdig").sniff(head, name, ReadOptions()) < max(sure, 90)


def test_the_sample_of_the_format_reads_whole() -> None:
    traces, report = read("lid-ds", get_format("lid-ds").sample)
    assert [traces.trace(i) for i in range(2)] == [["wait4"], ["accept", "open"]]
    assert report.n_broken == 0


def test_a_real_recording(test_data: Path, tmp_path: Path) -> None:
    name = "aggressive_nightingale_1018"
    source = test_data / "lid-ds"
    expected: Counter[int] = Counter()
    with gzip.open(source / f"{name}.sc.gz", "rt") as text:
        for line in text:
            fields = line.split(" ")
            expected[int(fields[4])] += fields[6] == ">"
    for path in source.glob(f"{name}.*"):
        shutil.copy(path, tmp_path)
    traces, report = traces_of(tmp_path)
    assert traces.n_calls == 11_734
    assert len(traces.alphabet) == 38
    per_thread = {i.thread: int(n) for i, n in zip(traces.infos, traces.lengths, strict=True)}
    assert per_thread == expected
    assert known(traces) == {
        (name, "", Label.ATTACK, "victim_bruteforce", 1_631_078_877_513_988_000)
    }
    assert report.n_skipped == report.n_broken == 0
    assert report.notes == {
        "exits of calls": 11_727,
        "calls that began before the recording": 6,
        "first returns of new threads": 1,
        "ground truth": 1,
        "resource records, not read": 1,
        "captures, not read here": 1,
    }
    with pieces(block_bytes=1 << 16, batch_calls=1_000):
        cut, _ = traces_of(tmp_path)
    assert cut.sequence_digests().tolist() == traces.sequence_digests().tolist()
