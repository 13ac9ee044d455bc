"""The binary that intrusions drop: workloads/dropped.c, compiled outside the recording."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from tracing import RecordingError, Sandbox

SOURCE = Path(__file__).resolve().parent.parent / "workloads" / "dropped.c"
REPORT_TIMEOUT_S = 20.0
KEY_READ = re.compile(r"key [1-9]")


def compile_dropped(sandbox: Sandbox) -> bytes:
    """The binary, as bytes for an intrusion to bring along."""
    binary = sandbox.tmp / "dropped"
    subprocess.run(
        ["/usr/bin/gcc", "-Os", "-s", "-o", str(binary), str(SOURCE)],
        env=sandbox.environment(),
        check=True,
    )
    content = binary.read_bytes()
    binary.unlink()
    return content


def wait_for_report(report: Path) -> None:
    """Wait until the binary, in the background, has written its report."""
    deadline = time.monotonic() + REPORT_TIMEOUT_S
    while not report.exists():
        if time.monotonic() > deadline:
            raise RecordingError(f"the dropped binary wrote no {report}")
        time.sleep(0.01)
    time.sleep(0.02)  # the report is its last act but for its exit
    if not KEY_READ.search(text := report.read_text()):
        raise RecordingError(f"the dropped binary did not find the key: {text}")
