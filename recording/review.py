#!/usr/bin/env python3
"""Review recordings: does a trace tell of the machine, are runs too much alike?

    python recording/review.py [FOLDER]

checks the archive in FOLDER against its manifest and prints what it holds, as the table for the
README beside it. A run or thread repeats another if its calls have the same names in order.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import sys
import tarfile
from collections import Counter, defaultdict
from pathlib import Path

from tracing import CALL

RECORDED = Path(__file__).resolve().parent.parent / "src" / "habitus" / "recorded"

# The first line of /etc/passwd is the same everywhere.
EVERYWHERE = re.compile(r"root:x:0:0:[^:]*:/root:")
HOMES = re.compile(r"(?<![\w.-])/(?:root|home)\b|\.pyenv|\.venv")

TELLING_LENGTH = 4

Sequences = tuple[tuple[str, ...], ...]


def host_specific(text: str) -> list[str]:
    """Strings in a trace that tell of the machine or of who recorded it."""
    text = EVERYWHERE.sub("", text)
    own = [re.escape(os.environ.get("HOME", "/root")), re.escape(str(RECORDED.parents[2]))]
    # A name as short as "vm" turns up in binary data by chance, and tells nothing.
    if len(name := socket.gethostname()) >= TELLING_LENGTH:
        own.append(rf"\b{re.escape(name)}\b")
    found = HOMES.findall(text)
    for pattern in own:
        found += re.findall(pattern, text)
    return sorted(set(found))


def calls_between(trace: Path, start_s: float | None, end_s: float | None) -> int:
    """How many calls of a trace begin in a time interval."""
    if start_s is None or end_s is None:
        return 0
    with trace.open(encoding="ascii") as lines:
        matches = (CALL.match(line) for line in lines)
        return sum(1 for match in matches if match and start_s <= float(match["time"]) <= end_s)


def sequences(text: str) -> Sequences:
    """The names of the calls of each thread in order, the threads as they first appear."""
    threads: defaultdict[str, list[str]] = defaultdict(list)
    for line in text.splitlines():
        if match := CALL.match(line):
            threads[match["thread"]].append(match["name"])
    return tuple(tuple(names) for names in threads.values())


def repeats(counter: Counter[Sequences] | Counter[tuple[str, ...]]) -> int:
    """How many of the counted items are the same as one counted before."""
    return counter.total() - len(counter)


def main(folder: Path) -> int:
    members = json.loads((folder / "MANIFEST.json").read_text(encoding="ascii"))["members"]
    runs: defaultdict[str, Counter[Sequences]] = defaultdict(Counter)
    threads: defaultdict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    failures = []
    with tarfile.open(folder / "recorded.tar.xz") as tar:
        contents = {member.name: file.read() for member in tar if (file := tar.extractfile(member))}
    if sorted(contents) != [member["name"] for member in members]:
        failures.append("archive and manifest do not list the same members")
    for member in members:
        name, content = member["name"], contents.get(member["name"], b"")
        found = sequences(content.decode("ascii"))
        counted = (sum(map(len, found)), len(found), hashlib.sha256(content).hexdigest())
        if counted != (member["calls"], member["threads"], member["sha256"]):
            failures.append(f"{name} is not what the manifest says")
        if told := host_specific(content.decode("ascii")):
            failures.append(f"{name} tells of this machine: {told}")
        group = f"{member['program']} {member['label']}"
        runs[group][found] += 1
        threads[group].update(found)
    print("| recordings | runs | calls | threads | runs / threads that repeat another |")
    print("|---|---:|---:|---:|---:|")
    for group, counter in runs.items():
        calls = sum(m["calls"] for m in members if f"{m['program']} {m['label']}" == group)
        print(
            f"| {group} | {counter.total()} | {calls} | {threads[group].total()} "
            f"| {repeats(counter)} / {repeats(threads[group])} |"
        )
    for failure in failures:
        print(f"review: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else RECORDED))
