"""What benchmarks share: a store that survives interruption, medians, and tables for the docs."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
WORK = Path(__file__).parent / ".work"
RESULTS = ROOT / "docs" / "results"


def test_data() -> Path:
    """The folder of real data, which the repository does not hold."""
    named = os.environ.get("HABITUS_TEST_DATA")
    if not named or not (Path(named) / "adfa-ld" / "ADFA-LD.zip").is_file():
        sys.exit("HABITUS_TEST_DATA must name the folder that holds adfa-ld/ADFA-LD.zip")
    return Path(named)


class Store:
    """Measurements by name, each a list of numbers, written down as soon as they are made.

    What was measured of another version of the code or of the libraries is never used again.
    """

    def __init__(self, name: str) -> None:
        parser = argparse.ArgumentParser(description=f"Benchmark {name}.")
        parser.add_argument("--fresh", action="store_true", help="measure everything again")
        parser.add_argument("--runs", type=int, default=5, help="runs of each measurement")
        arguments = parser.parse_args()
        self.runs: int = arguments.runs
        self._path = WORK / f"{name}.json"
        self._values: dict[str, list[float]] = {}
        self._measured = measured_version()
        if self._path.exists() and not arguments.fresh:
            held = json.loads(self._path.read_text())
            if held.get("measured") == self._measured:
                self._values = held["values"]
            else:
                print("what was measured of another version is measured again", flush=True)

    def measure(self, contenders: dict[str, Callable[[], float]]) -> None:
        """Run contenders in turn, A B A B ..., until each has its number of runs."""
        for run in range(self.runs):
            for name, contender in contenders.items():
                values = self._values.setdefault(name, [])
                if len(values) <= run:
                    values.append(contender())
                    print(f"{name} [{run + 1}/{self.runs}]: {values[-1]:.6g}", flush=True)
                    self._path.parent.mkdir(exist_ok=True)
                    held = {"measured": self._measured, "values": self._values}
                    self._path.write_text(json.dumps(held))

    def median(self, name: str) -> float:
        """The median of a measurement."""
        return statistics.median(self._values[name])

    def spread(self, name: str) -> str:
        """The smallest and the largest value of a measurement."""
        values = self._values[name]
        return f"{min(values):.3g} to {max(values):.3g}"


def measured_version() -> dict[str, str]:
    """What numbers depend on: the code, with what is not committed, and the libraries."""
    from habitus.models.training import versions

    uncommitted = _git("status", "--porcelain", "--", "src") + _git("diff", "HEAD", "--", "src")
    return {
        "src": _git("rev-parse", "HEAD:src").strip(),
        "uncommitted": hashlib.sha256(uncommitted.encode()).hexdigest() if uncommitted else "",
        **versions(),
    }


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, check=True, text=True, capture_output=True
    ).stdout


def machine() -> str:
    """One line about the machine and the versions, for the foot of a table."""
    from habitus.models.training import versions

    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        model = next((line.partition(": ")[2] for line in lines if "model name" in line), model)
    used = ", ".join(f"{name} {version}" for name, version in versions().items())
    return f"{model}, {os.cpu_count()} cores; {used}"


def write_table(
    name: str, title: str, text: str, rows: Sequence[tuple[str, ...]], script: str
) -> None:
    """Write a page of results: a title, what was done, a table, and the command that makes it."""
    head, *body = rows
    write_page(name, [f"# {title}", "", text, "", *table(head, body)], script)


def write_page(name: str, lines: Sequence[str], script: str) -> None:
    """Write a page of results, with the command that makes it at its foot, and print it."""
    page = "\n".join([*lines, "", f"Made by `python benchmarks/{script}` on {machine()}.", ""])
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.md").write_text(page)
    print(page)


def write_between(page: Path, lines: Sequence[str], script: str) -> None:
    """Write lines between the marks that a page has for what this script makes."""
    begin, end = (f"<!-- Made by benchmarks/{script}: {which} -->" for which in ("begin", "end"))
    before, _, rest = page.read_text().partition(begin)
    _, _, after = rest.partition(end)
    block = "\n".join(lines)
    page.write_text(f"{before}{begin}\n\n{block}\n\n{end}{after}")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table in Markdown."""
    yield "| " + " | ".join(head) + " |"
    yield "|---|" + "---:|" * (len(head) - 1)
    yield from ("| " + " | ".join(cells) + " |" for cells in rows)
