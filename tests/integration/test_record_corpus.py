"""The recorder of the corpus at work: in a sandbox, on after a kill, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from habitus import read_traces

ROOT = Path(__file__).parents[2]
SCENARIOS = """
[lists]
run = ["ls -l tree", "wc text.txt | cat"]
[stays]
run = "sleep 77.25 & echo started"
[alone]
run = "ls /tmp; python3 -c 'import socket; socket.create_connection((\\"192.0.2.1\\", 80), 2)'"
setup = "touch made"
seconds = 8
[outside]
run = "for d in / /etc /usr /var/tmp $OUTSIDE; do touch $d/habitus-was-here && exit 3; done; exit 4"
[never]
run = "nosuchprogram"
"""


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """The recorder's command, where scenarios can be played."""
    sys.path.insert(0, str(ROOT))
    try:
        from corpus.sandbox import SandboxError, require_sandbox

        require_sandbox()
    except SandboxError:
        pytest.skip("needs strace and namespaces")
    finally:
        sys.path.remove(str(ROOT))
    folder = tmp_path / "scenarios"
    folder.mkdir()
    (folder / "small.toml").write_text(SCENARIOS.replace("$OUTSIDE", str(ROOT)))
    options = ["--scenarios", str(folder), "--work", str(tmp_path / "work"), "--json"]
    return [sys.executable, "-m", "corpus", *options]


def recorded(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not installed: nosuchprogram (left out: small/never)" in done.stdout
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_a_recording_holds_names_and_is_told_of(tmp_path: Path, command: list[str]) -> None:
    totals = recorded([*command, "--runs", "1"])
    manifest = json.loads((tmp_path / "work" / "corpus.json").read_text())
    traces = read_traces(tmp_path / "work" / "corpus.habitus.zst")
    assert totals == manifest["totals"]
    assert (traces.n_traces, traces.n_calls) == (totals["traces"], totals["calls"])
    assert {"ls", "wc", "cat", "sleep"} <= set(manifest["programs"])
    assert manifest["missing"] == {"nosuchprogram": ["small/never"]}
    stopped = {told["scenario"]: told["stopped"] for told in manifest["recordings"]}
    assert stopped == {"lists": "", "stays": "linger", "alone": "", "outside": ""}
    # There is no way out of the sandbox.
    outside = next(t for t in manifest["recordings"] if t["scenario"] == "outside")
    assert outside["status"] == 4
    alone = next(told for told in manifest["recordings"] if told["scenario"] == "alone")
    assert alone["status"] == 1
    assert alone["seconds"] < 5
    assert sum(name.startswith("small/lists/02-01/") for name in traces.names) == 3
    assert not left_running("sleep 77.25")


def test_a_killed_recorder_leaves_nothing_running_and_goes_on(
    tmp_path: Path, command: list[str]
) -> None:
    process = subprocess.Popen(
        [*command, "--workers", "1"], cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True
    )
    parts = tmp_path / "work" / "parts"
    deadline = time.monotonic() + 120
    while not left_running("sleep 77.25") and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {part.name: part.stat().st_mtime_ns for part in parts.glob("*.json")}
    assert before
    while left_running("sleep 77.25") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left_running("sleep 77.25")
    recorded([*command, "--runs", "1"])
    after = {part.name: part.stat().st_mtime_ns for part in parts.glob("*.json")}
    assert before.items() <= after.items()
    assert len(after) >= 4
    digest = json.loads((tmp_path / "work" / "corpus.json").read_text())["sha256"]
    recorded([*command, "--runs", "1", "--pack"])
    assert json.loads((tmp_path / "work" / "corpus.json").read_text())["sha256"] == digest


def left_running(text: str) -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and folder.name != str(os.getpid()):
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (OSError, UnicodeDecodeError):
                continue
            if line.startswith(text):
                found.append(line)
    return found
