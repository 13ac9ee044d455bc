"""Work on many files that is cut short: a worker killed by hand, and Ctrl-C."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command_line import NORMAL, STRANGE, command_of, environment, write
from typer.testing import CliRunner

import habitus
from habitus.cli import commands  # noqa: F401 - registers the commands
from habitus.cli.app import app
from labelled_captures import capture, write_captures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGE = "zz-large"
"""The file that takes longest: a job of its own."""
TRIES = 20
"""To catch a command while it reads; on an idle machine the first one does."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of traces and of flows, and folders of files that take a while."""
    path = tmp_path_factory.mktemp("ends")
    draw = random.Random(5)
    for i in range(20):
        write(path / "normal" / f"{i}.txt", f"{NORMAL} " * (20 + i))
    for i in range(48):
        words = f"{NORMAL} " * draw.randrange(2500, 3500)
        write(path / "traces" / f"{i:02}.txt", words + (f"{STRANGE} " * 200 if i % 5 == 0 else ""))
    write(path / "alone" / f"{LARGE}.txt", f"{NORMAL} " * 400_000)
    for i in range(8):
        write(path / "alone" / f"{i}.txt", f"{NORMAL if i % 4 else STRANGE} " * 100)
    write_captures(path / "learned", ["benign", "malicious"] * 3, n_flows=30)
    captures = path / "captures"
    captures.mkdir()
    for i in range(4):
        (captures / f"{i}.pcap").write_bytes(capture(*((400, 5) if i % 2 else (20, 200)), 50))
    (captures / f"{LARGE}.pcap").write_bytes(capture(20, 200, 50_000))
    for detector, data, model in (("ngram", "normal", "host"), ("logistic", "learned", "net")):
        made = ["train", detector, "--data", str(path / data), "-o", str(path / model)]
        done = CliRunner().invoke(app, made)
        assert done.exit_code == 0, done.output
    return path


class Running:
    """``habitus detect`` on its own, as a terminal starts it."""

    def __init__(self, folder: Path, model: str, data: str, output: Path, engine: str) -> None:
        self._data = str(folder / data)
        source = Path(habitus.__file__).parents[1]
        more = ("-o", output, "--engine", engine, "--jobs", 2)
        command = command_of("detect", folder / model, folder / data, *more)
        self.process = subprocess.Popen(
            command,
            env={**environment(folder / "home"), "PYTHONPATH": str(source)},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    def stopped_reader(self, name: str) -> int | None:
        """A process that is reading one of the files, stopped there; None if all was read before.

        How quickly a machine reads, or this test is given its turn, decides nothing: a process that
        had the file open once it was stopped cannot have ended its job.
        """
        while self.process.poll() is None:
            for pid in self.descendants():
                if self._reads(pid, name):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGSTOP)
                        if self._reads(pid, name):
                            return pid
                        os.kill(pid, signal.SIGCONT)
        return None

    def _reads(self, pid: int, name: str) -> bool:
        return any(path.startswith(self._data) and name in path for path in opened(pid))

    def descendants(self) -> list[int]:
        """The processes that this one has started, and those that they have."""
        parent_of, found = parents(), [self.process.pid]
        for pid in found:  # grows while it is gone through
            found += [child for child, parent in parent_of.items() if parent == pid]
        return found[1:]

    def ended(self) -> tuple[int, str, str]:
        """Its status, and what it said."""
        out, err = self.process.communicate(timeout=120)
        assert "Traceback" not in err
        return self.process.returncode, out, err


def opened(pid: int) -> Iterator[str]:
    """The files that a process has open."""
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            yield str(link.readlink())
    except OSError:  # it is gone, or the file is closed
        return


def parents() -> dict[int, int]:
    """Every process that has not ended, and its parent."""
    found: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = status.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                found[int(status.parent.name)] = int(parent)
    return found


@pytest.fixture
def started(folder: Path) -> Iterator[Callable[..., Running]]:
    all_of_them: list[Running] = []

    def start(model: str, data: str, output: Path, engine: str = "local") -> Running:
        all_of_them.append(Running(folder, model, data, output, engine))
        return all_of_them[-1]

    yield start
    for one in all_of_them:
        one.process.kill()
        one.process.communicate()


def caught(started: Callable[[], Running], name: str = "") -> tuple[Running, int]:
    """A command whose worker is stopped while it reads a file; begun anew where none was caught."""
    for _ in range(TRIES):
        running = started()
        reader = running.stopped_reader(name)
        if reader is not None:
            return running, reader
    raise AssertionError("every command was quicker than this test")


def records(path: Path) -> list[str]:
    """All of a file's records, without the time of day that those of traces bear."""
    lines = path.read_text().splitlines()
    assert all(line.endswith("}") for line in lines)
    return [line.partition('"event_type"')[2] for line in lines]


def test_several_files_whose_worker_is_killed_are_all_judged(
    folder: Path, tmp_path: Path, started: Callable[..., Running]
) -> None:
    whole = started("host", "traces", tmp_path / "whole.jsonl").ended()
    cut, reader = caught(lambda: started("host", "traces", tmp_path / "cut.jsonl"))
    os.kill(reader, signal.SIGKILL)
    assert cut.ended() == whole
    assert whole[0] == 1
    assert records(tmp_path / "cut.jsonl") == records(tmp_path / "whole.jsonl")
    assert len(records(tmp_path / "whole.jsonl")) >= 10


@pytest.mark.parametrize(("model", "data"), [("host", "alone"), ("net", "captures")])
def test_a_file_whose_own_worker_is_killed_is_told_and_the_others_are_judged(
    model: str, data: str, folder: Path, tmp_path: Path, started: Callable[..., Running]
) -> None:
    whole, output = started(model, data, tmp_path / "whole.jsonl").ended(), tmp_path / "cut.jsonl"
    cut, reader = caught(lambda: started(model, data, output), LARGE)
    os.kill(reader, signal.SIGKILL)
    status, _, err = cut.ended()
    assert status == whole[0] == 1
    assert "1 left out: " in err
    assert LARGE in err
    assert "given up, as its job failed: its process was killed by SIGKILL" in err
    others = [line for line in records(tmp_path / "whole.jsonl") if LARGE not in line]
    assert [line for line in records(output) if LARGE not in line] == others
    assert len(others) >= 2


@pytest.mark.parametrize(
    ("model", "data", "engine"),
    [("host", "alone", "local"), ("net", "captures", "local"), ("host", "alone", "ray")],
)
def test_an_interrupt_leaves_no_process_and_no_half_of_a_file(
    model: str, data: str, engine: str, tmp_path: Path, started: Callable[..., Running]
) -> None:
    output = tmp_path / "out" / "alerts.jsonl"

    def again() -> Running:
        write(output, "from before")
        return started(model, data, output, engine)

    running, _ = caught(again, LARGE)
    known = running.descendants()
    assert known
    os.killpg(running.process.pid, signal.SIGINT)  # as a terminal does
    status, _, err = running.ended()
    assert status == 130, err
    assert "interrupted" in err
    assert [path.name for path in output.parent.iterdir()] == [output.name]
    assert output.read_text() == "from before\n"
    until = time.monotonic() + 30
    while left := set(known) & set(parents()):
        assert time.monotonic() < until, left
        time.sleep(0.1)
