"""Flows of what a recorder writes into a pipe: while it goes on, and when Ctrl-C ends it."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

import polars as pl
import pytest

from frames import ACK, SYN, A, B, ethernet, ip4, pcap, tcp, udp
from habitus.flows.formats import get_flow_format

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECOND = 1_000_000_000
WAIT_S = 60
# A flow that ends at once (which the next packet tells), and packets of one that goes on.
RESET = pcap([
    (0, ethernet(ip4(tcp(1000, 80, SYN), 6, A, B))),
    (SECOND, ethernet(ip4(tcp(80, 1000, 4 | ACK), 6, B, A))),
])  # fmt: skip
LATER = [pcap([(i * SECOND, ethernet(ip4(udp(53, 53), 17, A, B)))])[24:] for i in range(10, 400)]


class Running:
    """A command that reads a pipe."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "habitus", "flows", *arguments], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
        )  # fmt: skip

    def write(self, content: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(content)

    def interrupted(self) -> bytes:
        """What it says to Ctrl-C, which comes once it has read what there is and waits."""
        assert self.process.stdin is not None
        assert self.process.stderr is not None
        unread, until = bytearray(b"\1\0\0\0"), time.monotonic() + WAIT_S
        while any(unread) and time.monotonic() < until:
            fcntl.ioctl(self.process.stdin.fileno(), termios.FIONREAD, unread)
            time.sleep(0.05)
        self.process.send_signal(signal.SIGINT)
        assert select.select([self.process.stderr], [], [], WAIT_S)[0]
        return self.process.stderr.readline()


@pytest.fixture
def running() -> Iterator[list[Running]]:
    """Those that are ended in the end."""
    started: list[Running] = []
    yield started
    for one in started:
        one.process.kill()
        one.process.communicate()


@pytest.mark.parametrize("to", ["jsonl", "csv"])
def test_a_flow_is_written_while_the_recorder_goes_on(running: list[Running], to: str) -> None:
    """Though nothing comes after the packet that shows its end, and it is short."""
    running.append(one := Running(
        "extract", "-", "-o", "-", "--to", to, "--linger", "0", "--columns", "flowmeter",
    ))  # fmt: skip
    assert one.process.stdout is not None
    one.write(RESET + LATER[0])
    shown = b""
    while shown.count(b"\n") < (2 if to == "csv" else 1):
        assert select.select([one.process.stdout], [], [], WAIT_S)[0]
        shown += os.read(one.process.stdout.fileno(), 1 << 16)
    assert b"10.0.0.2" in shown
    assert one.process.poll() is None


def test_packets_that_come_one_by_one_are_as_good_as_all_at_once(
    running: list[Running], tmp_path: Path
) -> None:
    """A pipe may break a record, and a header, anywhere."""
    output = tmp_path / "flows.parquet"
    running.append(one := Running("extract", "-", "-o", str(output)))
    content = RESET + b"".join(LATER)
    for i in range(0, 200, 7):
        one.write(content[i : i + 7])
        time.sleep(0.01)
    one.write(content[203:])
    one.process.communicate(timeout=WAIT_S)
    assert pl.read_parquet(output)["packets"].to_list() == [2, len(LATER)]


@pytest.mark.parametrize("command", ["extract", "convert", "info"])
def test_ctrl_c_that_ends_the_recorder_keeps_what_was_recorded(
    running: list[Running], tmp_path: Path, command: str
) -> None:
    """As in a terminal, where it goes to the whole pipe: its writer ends, and so does the pipe."""
    output = tmp_path / "flows.parquet"
    written = ("-", "--json") if command == "info" else ("-", "-o", str(output))
    running.append(one := Running(command, *written))
    one.write(get_flow_format("zeek").sample.encode() if command == "convert" else RESET)
    said = one.interrupted()
    if b"what was read until now" not in said:
        pytest.fail(said.decode())
    printed, _ = one.process.communicate(timeout=WAIT_S)
    assert one.process.returncode == 0
    if command == "info":
        assert json.loads(printed)["n_packets"] == 2
    else:
        assert len(pl.read_parquet(output)) == 1


def test_ctrl_c_is_heard_while_nothing_comes_and_the_second_one_stops(
    running: list[Running], tmp_path: Path
) -> None:
    running.append(one := Running("extract", "-", "-o", str(tmp_path / "flows.parquet")))
    one.write(RESET)
    assert b"Ctrl-C again stops at once" in one.interrupted()
    one.process.send_signal(signal.SIGINT)
    assert one.process.wait(WAIT_S) == 130
    assert not list(tmp_path.iterdir())
