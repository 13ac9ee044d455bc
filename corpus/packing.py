"""From finished recordings to the corpus: one native file, and a manifest of what is in it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import zstandard

from habitus import TraceSet, read_traces, write_native
from habitus.storage import atomic_write
from habitus.traces.traceset import join

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

CORPUS = "corpus.habitus.zst"
MANIFEST = "corpus.json"
_TOGETHER = 200
_NOT_TOLD = ("paths", "definition", "recorder")


def pack(
    parts: Path, wanted: Iterable[str], missing: dict[str, list[str]], out: Path
) -> dict[str, Any]:
    """Write corpus and manifest of those wanted recordings that are finished.

    Args:
        wanted: the recordings' names, which are their parts' without the ending.
        missing: programs that are not installed, and the scenarios that need them.

    Returns:
        the manifest.
    """
    done = [parts / f"{name}.json" for name in sorted(wanted) if (parts / f"{name}.json").exists()]
    told = [json.loads(part.read_text(encoding="utf-8")) for part in done]
    plain = out / "corpus.habitus.partial"
    write_native(plain, _batches(done))
    with atomic_write(out / CORPUS) as file, plain.open("rb") as content:
        zstandard.ZstdCompressor(level=12).copy_stream(content, file)
    plain.unlink()
    manifest = _manifest(told, missing, read_traces(out / CORPUS) if told else None)
    with atomic_write(out / MANIFEST) as file:
        file.write((json.dumps(manifest, indent=1) + "\n").encode())
    return manifest


def _batches(done: list[Path]) -> Iterator[TraceSet]:
    """The recordings' traces, some hundred recordings a batch."""
    for begin in range(0, len(done), _TOGETHER):
        chunk = done[begin : begin + _TOGETHER]
        yield join(read_traces(part.with_suffix(".habitus")) for part in chunk)


def corpus_digest(told: Iterable[dict[str, Any]]) -> str:
    """SHA-256 of all recordings, the same for the same traces in whatever order they were made."""
    lines = sorted(
        f"{t['family']} {t['scenario']} {t['variant']} {t['run']} {t['sha256']}\n" for t in told
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _manifest(
    told: list[dict[str, Any]], missing: dict[str, list[str]], traces: TraceSet | None
) -> dict[str, Any]:
    n_distinct = 0 if traces is None else len(set(traces.sequence_ids().tolist()))
    programs = _programs(told, traces)
    return {
        "sha256": corpus_digest(told),
        "machine": platform.machine(),
        "kernel": platform.release().split("-")[0],
        "system": _system(),
        "totals": {
            "programs": sum(not program["made_here"] for program in programs.values()),
            "scenarios": len({(t["family"], t["scenario"]) for t in told}),
            "recordings": len(told),
            "traces": sum(t["traces"] for t in told),
            "distinct_traces": n_distinct,
            "calls": sum(t["calls"] for t in told),
            "call_names": 0 if traces is None else len(traces.alphabet),
            "calls_beyond_the_longest_trace": sum(t["beyond"] for t in told),
            "traces_not_kept": sum(t["not_kept"] for t in told),
            "recording_seconds": round(sum(t["seconds"] for t in told)),
            "stopped": dict(Counter(t["stopped"] for t in told if t["stopped"])),
        },
        "families": _families(told),
        "missing": missing,
        "programs": programs,
        "recordings": [
            {name: value for name, value in t.items() if name not in _NOT_TOLD} for t in told
        ],
    }


def _families(told: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for t in told:
        found[t["family"]] += Counter(recordings=1, traces=t["traces"], calls=t["calls"])
    return {family: dict(counts) for family, counts in sorted(found.items())}


def _programs(told: list[dict[str, Any]], traces: TraceSet | None) -> dict[str, dict[str, Any]]:
    """For each program: package, version, how many traces and calls are its own."""
    paths = {os.path.basename(path): path for t in told for path in sorted(t["paths"])}  # noqa: PTH119
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    if traces is not None:
        for name, length in zip(traces.names, traces.lengths.tolist(), strict=True):
            count = counts[name.rpartition("/")[2].partition("-")[2]]
            count[0] += 1
            count[1] += length
    packages = _packages([path for path in paths.values() if _is_installed(path)])
    found = {}
    for program, (n_traces, n_calls) in sorted(counts.items()):
        if program not in paths:  # a thread whose beginning was not seen
            continue
        package, version = packages.get(paths[program], ("", ""))
        found[program] = {
            "package": package, "version": version, "made_here": not _is_installed(paths[program]),
            "traces": n_traces, "calls": n_calls,
        }  # fmt: skip
    return found


def _is_installed(path: str) -> bool:
    return path.startswith(("/usr/", "/bin/", "/sbin/", "/lib", "/etc/"))


def _packages(paths: list[str]) -> dict[str, tuple[str, str]]:
    """The Debian package and version that each program is of; nothing where dpkg is not."""
    try:
        listed = subprocess.run(
            ["dpkg-query", "--show", "--showformat=${Package} ${Version}\n"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return {}
    versions = dict(line.split(" ") for line in listed.splitlines() if " " in line)
    # What a link of the alternatives leads to belongs to a package, not the link; and what dpkg
    # knows in /bin is found in /usr/bin since the two became one.
    names = {path: {path, os.path.realpath(path)} for path in paths}
    for several in names.values():
        several.update({one.removeprefix("/usr") for one in several}, {"/usr" + p for p in several})
    asked = sorted(set().union(*names.values())) if names else []
    owners: dict[str, str] = {}
    if asked:
        said = subprocess.run(
            ["dpkg-query", "--search", *asked], capture_output=True, text=True, check=False
        ).stdout
        for line in said.splitlines():
            owner, _, path = line.partition(": ")
            if not owner.startswith("diversion"):
                owners[path] = owner.split(",")[0].split(":")[0]
    return {
        path: (owners[one], versions.get(owners[one], ""))
        for path, several in names.items()
        for one in sorted(several)
        if one in owners
    }


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()
