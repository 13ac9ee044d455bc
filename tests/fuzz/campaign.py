"""A fuzzing campaign: every reader, side by side, for so many inputs or so long; counts are kept.

    python tests/fuzz/campaign.py --inputs 800000 --jobs 2 [TARGET ...]

Working corpora and counts stand in ``.fuzz/``, so that a campaign goes on where it stopped. With
``--merge``, what is new in a corpus goes, least files first, into ``tests/fuzz/corpus``, which
every test run replays. A crash, a hang (1 second for a kB) or an input that takes too much memory
ends the campaign with status 1 and lies in ``.fuzz/found``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WORK = ROOT / ".fuzz"
CORPUS = HERE / "corpus"
PAGE = ROOT / "docs" / "results" / "fuzzing.md"

MAX_INPUT_BYTES = 512
LONGER = {"native": 8192}  # no native file is as short
SECONDS_AN_INPUT = 1  # for each kB begun
RSS_LIMIT_MIB = 1024
KEPT_BYTES = 8_000  # a target's share of the corpus in the repository
PAGE_TEXT = """# Fuzzing

{total:,} inputs of at most {bytes:,} bytes (native files: {longer:,}), guided by coverage. Compiled
loops run as Python, so that their branches count. For each input it must hold that nothing but a
clear error escapes, that every line is a call, a note, broken or blank, and that the same is read
in one block and in many; within {seconds} second a kB and {mib:,} MiB. What was found on the way
is in a corpus (`tests/fuzz/corpus`), which every test run replays with array bounds checked.

| reader | inputs | edges covered | inputs a second |
|---|---:|---:|---:|
{rows}
| *all* | {total:,} | | |

Made by `make fuzz`, last on {day}; counts add up over runs.
"""
_DONE = re.compile(r"Done (\d+) runs in (\d+) second")
_COVERAGE = re.compile(r"#\d+\s+\w+\s+cov: (\d+)")


def target_names() -> list[str]:
    """The targets, in the order of `invariants.TARGETS`."""
    code = "from invariants import TARGETS; print(*TARGETS)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=HERE, check=True, capture_output=True, text=True
    )
    return done.stdout.split()


def fuzz(target: str, inputs: int, seconds: int) -> dict[str, int]:
    """Fuzz one target; its counts. Exits the campaign where something was found."""
    own, found = WORK / "corpus" / target, WORK / "found"
    for folder in (own, found):
        folder.mkdir(parents=True, exist_ok=True)
    log = WORK / f"{target}.log"
    longest = LONGER.get(target, MAX_INPUT_BYTES)
    command = [
        sys.executable, HERE / "fuzz_readers.py", target, f"-runs={inputs}",
        f"-max_len={longest}", f"-timeout={-(-longest * SECONDS_AN_INPUT // 1000)}",
        f"-rss_limit_mb={RSS_LIMIT_MIB}", f"-artifact_prefix={found}/{target}-", own,
        CORPUS / target,
    ]  # fmt: skip
    if seconds:
        command.insert(4, f"-max_total_time={seconds}")
    with log.open("w") as file:
        status = subprocess.run(
            command, stdout=file, stderr=subprocess.STDOUT, check=False,
            env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        ).returncode  # fmt: skip
    text = log.read_text(errors="replace")
    if status or (done := _DONE.search(text)) is None:
        raise SystemExit(f"{target}: something was found, see {log} and {found}")
    coverage = [int(edges) for edges in _COVERAGE.findall(text)]
    sys.stdout.write(f"{target}: {int(done[1]):,} inputs, {coverage[-1]:,} edges\n")
    return {"inputs": int(done[1]), "seconds": int(done[2]), "edges": coverage[-1]}


def merge(target: str) -> None:
    """Bring what is new into the repository's corpus, least files first, as far as there is room.

    Each file of a working corpus reached something that none before it did.
    """
    kept = CORPUS / target
    held = {file.read_bytes() for file in kept.iterdir()}
    room = KEPT_BYTES - sum(map(len, held))
    own = (WORK / "corpus" / target).iterdir()
    for file in sorted(own, key=lambda file: (file.stat().st_size, file.name)):
        data = file.read_bytes()
        if data not in held and len(data) <= room:
            (kept / file.name[:12]).write_bytes(data)
            room -= len(data)


def write_page(counts: dict[str, dict[str, int]]) -> None:
    """The table of what was fuzzed, for the documentation."""
    total = sum(row["inputs"] for row in counts.values())
    rows = [
        f"| `{target}` | {row['inputs']:,} | {row['edges']:,} "
        f"| {row['inputs'] // max(row['seconds'], 1):,} |"
        for target, row in counts.items()
    ]
    day = time.strftime("%Y-%m-%d", time.gmtime())
    page = PAGE_TEXT.format(
        total=total, bytes=MAX_INPUT_BYTES, longer=LONGER["native"], seconds=SECONDS_AN_INPUT,
        mib=RSS_LIMIT_MIB, rows="\n".join(rows), day=day,
    )  # fmt: skip
    PAGE.write_text(page)


def main() -> None:
    """Fuzz, merge, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", help="by default all")
    parser.add_argument("--inputs", type=int, default=-1, help="for each target")
    parser.add_argument("--seconds", type=int, default=0, help="for each target")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--merge", action="store_true", help="into the repository's corpus")
    arguments = parser.parse_args()
    if arguments.inputs < 0 and not arguments.seconds:
        parser.error("say --inputs or --seconds")
    WORK.mkdir(exist_ok=True)
    ledger = WORK / "counts.json"
    names = target_names()
    chosen = arguments.targets or names

    lock = Lock()

    def run(target: str) -> None:
        made = fuzz(target, arguments.inputs, arguments.seconds)
        with lock:
            counts = json.loads(ledger.read_text()) if ledger.exists() else {}
            before = counts.get(target, {"inputs": 0, "seconds": 0, "edges": 0})
            counts[target] = {
                "inputs": before["inputs"] + made["inputs"],
                "seconds": before["seconds"] + made["seconds"],
                "edges": max(before["edges"], made["edges"]),
            }
            ledger.write_text(json.dumps({n: counts[n] for n in names if n in counts}, indent=1))
        if arguments.merge:
            merge(target)

    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(run, chosen))
    write_page(json.loads(ledger.read_text()))


if __name__ == "__main__":
    main()
