"""How much has been fuzzed: counts that add up over campaigns, and the page that tells them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = Path(__file__).parents[2] / "docs" / "results" / "fuzzing.md"
PAGE_TEXT = """# Fuzzing

{total:,} inputs of at most {bytes:,} bytes (native files: {longer:,}), guided by coverage. Compiled
loops run as Python, so that their branches count. For each input it must hold that nothing but a
clear error escapes, that every line is a call, a note, broken or blank, and that the same is read
in one block and in many; within {seconds} second a kB and {mib:,} MiB. Of captures (`pcap`,
`pcapng`, `frames`) and of packets in time (`tracking`) all packets and flows must be those that a
slow, obvious implementation finds; of other programs' flows (`flows-...`) no value may be infinite,
NaN or below zero. What was found on the way is in a corpus (`tests/fuzz/corpus`), which every test
run replays with array bounds checked.

| reader | inputs | edges covered | inputs a second |
|---|---:|---:|---:|
{rows}
| *all* | {total:,} | | |

Made by `make fuzz`, last on {day}. Counts add up over runs, each of which tested the code and the
promises of its day; a change to a reader does not set them back.
"""


class Ledger:
    """The counts of all campaigns, on disk.

    Args:
        names: all targets, in the order in which they are told.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._path, self._names, self._lock = path, names, Lock()

    def counts(self) -> dict[str, dict[str, int]]:
        """By target."""
        found: dict[str, dict[str, int]] = {}
        if self._path.exists():
            found = json.loads(self._path.read_text())
        return found

    def done(self, target: str) -> int:
        """Inputs so far."""
        return self.counts().get(target, {"inputs": 0})["inputs"]

    def add(self, target: str, made: dict[str, int]) -> None:
        """Count more of a target; of edges the most that were ever covered."""
        with self._lock:
            counts = self.counts()
            before = counts.get(target, {"inputs": 0, "seconds": 0, "edges": 0})
            counts[target] = {
                "inputs": before["inputs"] + made["inputs"],
                "seconds": before["seconds"] + made["seconds"],
                "edges": max(before["edges"], made["edges"]),
            }
            ordered = {name: counts[name] for name in self._names if name in counts}
            self._path.write_text(json.dumps(ordered, indent=1))

    def write_page(self, n_bytes: int, longer: int, seconds: int, mib: int) -> None:
        """The table of what was fuzzed, for the documentation, with the limits that held."""
        counts = self.counts()
        rows = [
            f"| `{target}` | {row['inputs']:,} | {row['edges']:,} "
            f"| {row['inputs'] // max(row['seconds'], 1):,} |"
            for target, row in counts.items()
        ]
        page = PAGE_TEXT.format(
            total=sum(row["inputs"] for row in counts.values()), bytes=n_bytes, longer=longer,
            seconds=seconds, mib=mib, rows="\n".join(rows),
            day=time.strftime("%Y-%m-%d", time.gmtime()),
        )  # fmt: skip
        PAGE.write_text(page, encoding="utf-8")
