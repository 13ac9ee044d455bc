"""Flows of what a recorder writes into a pipe: while it goes on, and when Ctrl-C ends it."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
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
# One that ends at once, and one that goes on.
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
        """What it says to Ctrl-C, which is pressed until it is heard."""
        assert self.process.stderr is not None
        while self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            if select.select([self.process.stderr], [], [], 2)[0]:
                return self.process.stderr.readline()
        return b""


@pytest.fixture
def running() -> Iterator[list[Running]]:
    """Those that are ended in the end."""
    started: list[Running] = []
    yield started
    for one in started:
        one.process.kill()
        one.process.communicate()


def test_a_flow_is_written_while_the_recorder_goes_on(running: list[Running]) -> None:
    running.append(one := Running("extract", "-", "-o", "-", "--linger", "0", "--columns", "habitus"))
    assert one.process.stdout is not None
    one.write(RESET)
    until = time.monotonic() + WAIT_S
    for packet in LATER:
        one.write(packet)
        if select.select([one.process.stdout], [], [], 0.3)[0] or time.monotonic() > until:
            break
    found = one.process.stdout.read(100) if time.monotonic() < until else b""
    assert found.startswith(b'{"source_file":"standard input"')
    assert one.process.poll() is None


@pytest.mark.parametrize("command", ["extract", "convert", "info"])
def test_ctrl_c_that_ends_the_recorder_keeps_what_was_recorded(
    running: list[Running], tmp_path: Path, command: str
) -> None:
    """As in a terminal, where it goes to the whole pipe: its writer ends, and so does the pipe."""
    output = tmp_path / "flows.parquet"
    written = ("-", "--json") if command == "info" else ("-", "-o", str(output))
    running.append(one := Running(command, *written))
    one.write(get_flow_format("zeek").sample.encode() if command == "convert" else RESET)
    time.sleep(2)
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
    time.sleep(2)
    assert b"Ctrl-C again stops at once" in one.interrupted()
    one.process.send_signal(signal.SIGINT)
    assert one.process.wait(WAIT_S) == 130
    assert not list(tmp_path.iterdir())
