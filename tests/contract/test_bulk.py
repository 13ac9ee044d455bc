"""With any engine, many files give what they give without one: records, counts, errors, status."""

from __future__ import annotations

import gzip
import json
import re
import tarfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from habitus.cli import commands  # noqa: F401 - registers the commands
from habitus.cli.app import app
from habitus.engines.choosing import ENGINES
from habitus.flows.formats import flow_format_names, get_flow_format
from labelled_captures import capture, write_captures

if TYPE_CHECKING:
    from pathlib import Path

CALLS = ("openat", "read", "close", "brk", "mmap", "write")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Traces in a folder of folders, with all that may go wrong among them; and a model."""
    path = tmp_path_factory.mktemp("bulk")
    rng = np.random.default_rng(3)
    for i in range(40):
        place = path / "traces" / f"part-{i % 3}" / f"{i:02}.txt"
        place.parent.mkdir(parents=True, exist_ok=True)
        calls = list(rng.choice(CALLS, size=60 + i))
        if i % 6 == 0:
            calls[20:30] = ["ptrace", "execve", "setuid", "unlink", "socket"] * 2
        place.write_text(" ".join(calls) + "\n")
    normal = path / "normal"
    normal.mkdir()
    for i in range(60):
        (normal / f"{i}.txt").write_text(" ".join(rng.choice(CALLS, size=80)) + "\n")
    traces = path / "traces"
    (traces / "part-0" / "05-empty.txt").touch()
    (traces / "part-1" / ".hidden").write_text("read")
    (traces / "part-1" / "junk.bin").write_bytes(bytes(range(256)) * 9)
    whole = gzip.compress(" ".join(rng.choice(CALLS, size=9000)).encode(), mtime=0)
    (traces / "part-2" / "cut.txt.gz").write_bytes(whole[:-300])
    (traces / "part-2" / "link").symlink_to(traces / "part-0")
    with tarfile.open(path / "traces.tar.gz", "w:gz") as archive:
        archive.add(traces / "part-0", "part-0")
    told("train", "ngram", "--data", normal, "--rolling", "20", "-o", path / "model")
    return path


def told(*arguments: object) -> tuple[int, str, str]:
    """Status, and what was said."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def detected(folder: Path, *arguments: object) -> tuple[int, str, str, list[str]]:
    """Status, what was said, and the records without the time of day."""
    output = folder / "out.jsonl"
    output.unlink(missing_ok=True)
    status, out, err = told("detect", folder / "model", *arguments, "-o", output)
    lines = output.read_text().splitlines() if output.exists() else []
    out, *lines = (re.sub(r'"timestamp":"[^"]*"', '"timestamp":""', text) for text in (out, *lines))
    return status, out, err, lines


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_detects_what_one_process_does(folder: Path, engine: str) -> None:
    named = ("traces", "traces.tar.gz", "traces/part-0/06.txt")
    paths = [folder / name for name in named]
    plain = detected(folder, *paths, "--all")
    assert plain == detected(folder, *paths, "--all", "--engine", engine, "--jobs", 2)
    assert plain[0] == 1
    assert len(plain[3]) > 50
    assert "cut.txt.gz" in plain[2]
    assert "junk.bin" in plain[2]


@pytest.mark.parametrize(
    "more",
    [(), ("--json",), ("--strict",), ("--decision", "rolling:20"), ("--format", "adfa")],
    ids=" ".join,
)
def test_options_mean_the_same(folder: Path, more: tuple[str, ...]) -> None:
    plain = detected(folder, folder / "traces", *more)
    assert plain == detected(folder, folder / "traces", *more, "--engine", "local", "--jobs", 2)


@pytest.mark.parametrize("name", ["nowhere", "void", "traces/part-1/junk.bin"])
def test_errors_are_the_same(folder: Path, name: str) -> None:
    (folder / "void").mkdir(exist_ok=True)
    paths = (folder / "traces" / "part-0", folder / name)
    plain = detected(folder, *paths)
    assert plain[0] == 2
    assert plain == detected(folder, *paths, "--engine", "local", "--jobs", 2)


def test_what_cannot_be_divided_is_refused(folder: Path) -> None:
    status, _, err = told("detect", folder / "model", "-", "--engine", "local")
    assert status == 2
    assert "only this process can read" in err
    status, _, err = told("detect", folder / "model", folder / "traces", "--jobs", 2)
    assert status == 2
    assert "--engine" in err
    status, _, err = told("detect", folder / "model", folder / "traces", "--engine", "cloud")
    assert status == 2
    assert "local, ray" in err


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_extracts_the_flows_that_one_process_does(tmp_path: Path, engine: str) -> None:
    captures = tmp_path / "captures"
    captures.mkdir()
    for i in range(1, 6):
        (captures / f"{i}.pcap").write_bytes(capture(100 * i, 900, n_flows=10 * i))
    (captures / "cut.pcap").write_bytes(capture(100, 900)[:-7])
    (captures / "notes.txt").write_text("no capture")
    told_of = []
    for more in ((), ("--engine", engine, "--jobs", 2)):
        output = tmp_path / "flows.csv"
        output.unlink(missing_ok=True)
        told_of.append(
            (told("flows", "extract", captures, "-o", output, "--json", *more), output.read_text())
        )
    assert told_of[0] == told_of[1]
    assert len(told_of[0][1].splitlines()) > 8


def test_records_are_whole_lines_of_json(folder: Path) -> None:
    records = detected(folder, folder / "traces", "--engine", "local")[3]
    assert all(json.loads(line)["verdict"] == "alert" for line in records)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Captures and other programs' flows, with all that may go wrong among them; and a model."""
    path = tmp_path_factory.mktemp("network")
    write_captures(path / "learned", ["benign", "malicious"] * 4, n_flows=30)
    told("train", "logistic", "--data", path / "learned", "-o", path / "model")
    captures = path / "captures"
    for i in range(9):
        place = captures / f"part-{i % 2}" / f"{i}.pcap"
        place.parent.mkdir(parents=True, exist_ok=True)
        sizes = (20 + i, 200) if i % 3 else (400 + i, 5)
        place.write_bytes(capture(*sizes, n_flows=20 * i + 1))
    (captures / "part-0" / "cut.pcap").write_bytes(capture(400, 9)[:-7])
    (captures / "part-0" / "again.pcap.gz").write_bytes(gzip.compress(capture(300, 9)))
    (captures / "notes.txt").write_text("no capture")
    (captures / "link").symlink_to(captures / "part-0")
    with tarfile.open(path / "captures.tar.gz", "w:gz") as archive:
        archive.add(captures / "part-1", "part-1")
    records = path / "records"
    records.mkdir()
    for name in flow_format_names():
        if name != "habitus":
            (records / f"{name}.log").write_text(get_flow_format(name).sample)
    zeek = get_flow_format("zeek").sample
    for i in range(20):
        (records / f"conn-{i:02}.log").write_text(zeek)
    (records / "broken.log").write_text(zeek.rstrip("\n") + "\nno\trow\n")
    (records / "empty.log").touch()
    (records / "junk.bin").write_bytes(bytes(range(256)) * 9)
    told("flows", "extract", captures, "-o", path / "flows.csv")
    return path


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("more", [("--all",), ()], ids=" ".join)
def test_an_engine_judges_the_flows_that_one_process_does(
    network: Path, engine: str, more: tuple[str, ...]
) -> None:
    named = ("captures", "captures.tar.gz", "records", "flows.csv", "captures/part-1/3.pcap")
    paths = [network / name for name in named]
    plain = detected(network, *paths, *more)
    assert plain == detected(network, *paths, *more, "--engine", engine, "--jobs", 2)
    assert plain[0] == 1
    assert len(plain[3]) > 50
    assert "cut.pcap" in plain[2]
    assert "junk.bin" in plain[2]
    assert "cannot be scored" in plain[2]


@pytest.mark.parametrize(
    "more",
    [("captures", "--json"), ("records", "flows.csv", "--strict"), ("captures", "--strict"),
     ("flows.csv", "--format", "habitus"), ("captures", "--format", "zeek")],
    ids=" ".join,
)  # fmt: skip
def test_options_mean_the_same_for_flows(network: Path, more: tuple[str, ...]) -> None:
    asked = [network / name if (network / name).exists() else name for name in more]
    plain = detected(network, *asked)
    assert plain == detected(network, *asked, "--engine", "local", "--jobs", 2)


@pytest.mark.parametrize(
    "named", [("captures", "nowhere"), ("void",), ("captures", "void"), ("records/junk.bin",),
              ("captures/notes.txt",), ("captures", "captures/notes.txt", "captures")],
    ids=" ".join,
)  # fmt: skip
def test_errors_are_the_same_for_flows(network: Path, named: tuple[str, ...]) -> None:
    (network / "void").mkdir(exist_ok=True)
    paths = [network / name for name in named]
    plain = detected(network, *paths)
    assert plain[0] == 2
    assert plain == detected(network, *paths, "--engine", "local", "--jobs", 2)


def test_a_stream_of_packets_is_refused_by_an_engine(network: Path) -> None:
    status, _, err = told("detect", network / "model", "-", "--engine", "local")
    assert status == 2
    assert "only this process can read" in err
