"""Pack traces into one archive, the same bytes for the same traces, with a manifest beside it."""

from __future__ import annotations

import io
import json
import lzma
import platform
import re
import subprocess
import tarfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracing import FLAGS, RecordingError, Run, Summary, Window

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = 1
ARCHIVE = "recorded.tar.xz"
MANIFEST = "MANIFEST.json"
LICENCE = "Apache-2.0; recorded by the Habitus project"

# xz -9e, for text (pb=0), with a dictionary no larger than readers need to set aside.
FILTERS = [
    {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "pb": 0, "dict_size": 1 << 24}
]

VERSIONS = {
    "python": ["/usr/bin/python3", "--version"],
    "git": ["git", "--version"],
    "make": ["make", "--version"],
    "gcc": ["gcc", "-dumpfullversion"],
    "sqlite3": ["sqlite3", "--version"],
    "bash": ["bash", "--version"],
}


@dataclass(frozen=True)
class Recording:
    """One finished run."""

    run: Run
    window: Window
    summary: Summary


def archive(traces: Path) -> bytes:
    """The archive of all traces below a folder; nothing in it depends on when or by whom."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for trace in sorted(traces.rglob("*.strace")):
            content = trace.read_bytes()
            member = tarfile.TarInfo(trace.relative_to(traces).as_posix())
            member.size = len(content)
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(content))
    return lzma.compress(packed.getvalue(), format=lzma.FORMAT_XZ, filters=FILTERS)


def version(command: list[str]) -> str:
    """The version number in the first line that a program says about itself."""
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+(?:\.\d+)+", said)
    if not found:
        raise RecordingError(f"{command} does not tell its version: {said}")
    return found[0]


def manifest(recordings: list[Recording]) -> dict[str, Any]:
    """What is in the archive and how it came about."""
    members = [
        {
            "name": recording.run.member,
            "program": recording.run.program,
            "label": recording.run.label,
            "attack_kind": recording.run.attack,
            "run": recording.run.number,
            "seed": recording.run.seed,
            "calls": recording.summary.calls,
            "threads": recording.summary.threads,
            "sha256": recording.summary.sha256,
            "intrusion_start_s": recording.window.start_s,
            "intrusion_end_s": recording.window.end_s,
        }
        for recording in recordings
    ]
    return {
        "schema": SCHEMA,
        "licence": LICENCE,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "system": f"{platform.system()} {platform.machine()}",
        "strace_version": version(["strace", "--version"]),
        "strace_flags": list(FLAGS),
        "program_versions": {name: version(command) for name, command in VERSIONS.items()},
        "archive": ARCHIVE,
        "members": sorted(members, key=lambda member: str(member["name"])),
    }


def write(recordings: list[Recording], traces: Path, out: Path) -> None:
    """Write archive and manifest into the folder ``out``."""
    packed = archive(traces)
    if packed != archive(traces):
        raise RecordingError("packing the same traces twice gave different bytes")
    out.mkdir(parents=True, exist_ok=True)
    (out / ARCHIVE).write_bytes(packed)
    text = json.dumps(manifest(recordings), indent=1) + "\n"
    (out / MANIFEST).write_text(text, encoding="ascii")
    print(f"{out / ARCHIVE}: {len(packed)} bytes, {len(recordings)} runs")
