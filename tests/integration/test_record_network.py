"""The recording kit of flows at work: it records, and leaves nothing behind when it is killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from habitus.datasets.network import network_flows

KIT = Path(__file__).parents[2] / "recording"


@pytest.fixture
def recorder() -> list[str]:
    """The command's beginning, where network namespaces can be made."""
    may = shutil.which("ip") and shutil.which("unshare")
    if not may or subprocess.run(["unshare", "-rn", "true"], check=False).returncode:
        pytest.skip("needs ip and network namespaces")
    alone = [] if os.geteuid() == 0 else ["unshare", "-r"]
    return [*alone, sys.executable, str(KIT / "record_network.py")]


def test_a_recording_is_what_its_labels_say(tmp_path: Path, recorder: list[str]) -> None:
    arguments = ["--captures", "2", "--seconds", "4", "--out", str(tmp_path)]
    done = subprocess.run(
        [*recorder, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    flows = network_flows(tmp_path / "network.tar.xz")
    assert set(flows["capture"]) == {"capture-01.pcap", "capture-02.pcap"}
    assert set(flows["label"]) == {"normal", "attack"}
    review = [sys.executable, str(KIT / "review_network.py"), str(tmp_path)]
    told = subprocess.run(review, capture_output=True, text=True, timeout=300, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "| `capture-01.pcap` |" in told.stdout


def test_a_killed_recorder_leaves_nothing_behind(tmp_path: Path, recorder: list[str]) -> None:
    process = subprocess.Popen(
        [*recorder, "--captures", "2", "--out", str(tmp_path)], start_new_session=True
    )
    deadline = time.monotonic() + 30
    while len(session(process.pid)) < 8 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(session(process.pid)) >= 8
    process.send_signal(signal.SIGKILL)
    process.wait()
    while session(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not session(process.pid)
    assert not list(tmp_path.iterdir())


def session(leader: int) -> list[int]:
    """The processes of a session that are not yet dead."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found
