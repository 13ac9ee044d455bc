"""Captures that lie, are cut off, or damaged: an error that says so, or counts; never a crash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import habitus
from fast_flows import packets_of
from frames import ethernet, ip4, pcap, tcp
from habitus.packets.layout import Status
from hostile_captures import lies, main, probe, seeds

TESTS = Path(__file__).parents[2]


def test_seeds_are_read_whole() -> None:
    for name, content in seeds().items():
        n_packets, n_flows = probe(content)
        assert n_packets > 0, name
        assert n_flows > 0 or name == "link-51", name
        if name == "frames":
            assert (packets_of(content)["status"] == Status.OK).all()
            assert packets_of(content)["n_tunnels"].tolist()[8:15] == [1] * 7


@pytest.mark.parametrize(("name", "content"), list(lies()), ids=[name for name, _ in lies()])
def test_lies(name: str, content: bytes) -> None:
    probe(content)
    probe(content, outer=True)


def test_every_truncation_and_many_changes() -> None:
    assert main(n_changes=60, step=1) > 5000


@pytest.mark.parametrize(
    ("variable", "n_changes", "step"),
    [("HABITUS_BOUNDS_CHECK", 40, 1), ("NUMBA_DISABLE_JIT", 1, 23)],
)
def test_the_same_where_every_access_is_checked(variable: str, n_changes: int, step: int) -> None:
    path = os.pathsep.join([str(Path(habitus.__file__).parents[1]), str(TESTS)])
    done = subprocess.run(
        [sys.executable, str(TESTS / "hostile_captures.py"), str(n_changes), str(step)],
        env=os.environ | {variable: "1", "PYTHONPATH": path}, capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) > 100


def test_so_many_tunnels_are_opened_and_no_more() -> None:
    def status_of(n: int) -> tuple[int, int]:
        nested = ip4(tcp())
        for _ in range(n):
            nested = ip4(nested, 4)
        (packet,) = packets_of(pcap([(0, ethernet(nested))]))
        return int(packet["status"]), int(packet["n_tunnels"])

    assert status_of(31) == (Status.OK, 31)
    assert status_of(40)[0] == Status.TOO_DEEP
