"""A fuzzing campaign: every reader, side by side, for so many inputs or so long; counts are kept.

    python tests/fuzz/campaign.py --inputs 800000 --jobs 2 [TARGET ...]
    python tests/fuzz/campaign.py --until 2000000 pcap frames

Working corpora and counts stand in ``.fuzz/``, so that a campaign goes on where it stopped:
``--until`` counts what has been done before (``--until 1`` only writes the page). With
``--merge``, what is new in a corpus goes, least files first, into ``tests/fuzz/corpus``, which
every test run replays. A crash, a hang (1 second for a kB) or an input that takes too much memory
lies in ``.fuzz/found``, ends the campaign for its target, and makes the status 1.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
PYTHON_PATH = os.pathsep.join([str(HERE.parent), *filter(None, sys.path)])
ROOT = HERE.parents[1]
WORK = ROOT / ".fuzz"
CORPUS = HERE / "corpus"

MAX_INPUT_BYTES = 512
LONGEST = {"native": 8192, "frames": 320, "tracking": 100}
"""No native file is as short; few frames or packets are found out sooner."""
SLICE_INPUTS = 200_000
"""A process reads no more: counts are kept after each, and what fuzzers hold on to is freed."""
SECONDS_AN_INPUT = 1  # for each kB begun
RSS_LIMIT_MIB = 1024
KEPT_BYTES = 8_000  # a target's share of the corpus in the repository
MORE_KEPT = {"pcap": 16_000, "pcapng": 16_000}  # whole files are long
_COVERAGE = re.compile(r"#(\d+)\s+\w+\s+cov: (\d+)")


def target_names() -> list[str]:
    """The targets, in the order of `invariants.TARGETS`."""
    code = "from invariants import TARGETS; print(*TARGETS)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=HERE, check=True, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": PYTHON_PATH},
    )  # fmt: skip
    return done.stdout.split()


class Found(Exception):
    """An input broke a promise; says where it lies."""


def fuzz(target: str, inputs: int, seconds: int) -> dict[str, int]:
    """Fuzz one target; its counts.

    Raises:
        Found: if something was found.
    """
    own, found = WORK / "corpus" / target, WORK / "found"
    for folder in (own, found, CORPUS / target):
        folder.mkdir(parents=True, exist_ok=True)
    if not any(own.iterdir()):
        distil(target, own, [CORPUS / target, *seeds_of(target)])
    options = [f"-runs={inputs}", *([f"-max_total_time={seconds}"] if seconds else [])]
    log, began = WORK / f"{target}.log", time.monotonic()
    status = fuzzer(target, [*options, f"-artifact_prefix={found}/{target}-", own], log)
    if status and not was_machine(target, found):
        raise Found(f"{target}: something was found, see {log} and {found}")
    seen = [(int(n), int(edges)) for n, edges in _COVERAGE.findall(log.read_text(errors="replace"))]
    n_inputs, edges = seen[-1]
    sys.stdout.write(f"{target}: {n_inputs:,} inputs, {edges:,} edges\n")
    sys.stdout.flush()
    return {"inputs": n_inputs, "seconds": round(time.monotonic() - began), "edges": edges}


def was_machine(target: str, found: Path) -> bool:
    """Whether all that was found are inputs that take no time once the machine is awake again."""
    files = list(found.glob(f"{target}-*"))
    for file in files:
        is_slow = "-timeout-" in file.name or "-slow-unit-" in file.name
        if not is_slow or fuzzer(target, [file], WORK / f"{target}.again.log"):
            return False
        file.unlink()
    return bool(files)


def fuzzer(target: str, options: Sequence[str | Path], log: Path) -> int:
    """Run the fuzzer of a target; its exit status."""
    longest = LONGEST.get(target, MAX_INPUT_BYTES)
    command = [
        sys.executable, HERE / "fuzz_readers.py", target, f"-max_len={longest}",
        f"-timeout={-(-longest * SECONDS_AN_INPUT // 1000)}", f"-rss_limit_mb={RSS_LIMIT_MIB}",
        *([f"-dict={HERE / 'cells.dict'}"] if target.startswith("flows-") else []), *options,
    ]  # fmt: skip
    # Threads of polars would only wait for each other over tables of a few rows.
    settings = {"NUMBA_DISABLE_JIT": "1", "POLARS_MAX_THREADS": "1", "PYTHONPATH": PYTHON_PATH}
    with log.open("w") as file:
        return subprocess.run(
            command, stdout=file, stderr=subprocess.STDOUT, check=False,
            env=os.environ | settings,
        ).returncode  # fmt: skip


def seeds_of(target: str) -> list[Path]:
    """The folder of inputs that fuzzing of a target begins with, if there is one."""
    folder = WORK / "seeds"
    if not folder.is_dir():
        subprocess.run(
            [sys.executable, HERE / "seeds.py", folder], check=True,
            env=os.environ | {"PYTHONPATH": PYTHON_PATH},
        )  # fmt: skip
    return [folder / target] if (folder / target).is_dir() else []


def distil(target: str, into: Path, folders: Sequence[Path]) -> None:
    """Copy what few files of some folders reach all that they reach together."""
    log = WORK / f"{target}.merge.log"
    if fuzzer(target, ["-merge=1", into, *folders], log):
        raise Found(f"{target}: something was found while merging, see {log}")


def merge(target: str) -> None:
    """Bring what is new into the repository's corpus, least files first, as far as there is room.

    Each file reaches something that those in the corpus do not.
    """
    kept, new = CORPUS / target, WORK / "new" / target
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(kept, new)
    held = {file.name for file in new.iterdir()}
    distil(target, new, [WORK / "corpus" / target])
    room = MORE_KEPT.get(target, KEPT_BYTES) - sum(file.stat().st_size for file in kept.iterdir())
    files = (file for file in new.iterdir() if file.name not in held)
    for file in sorted(files, key=lambda file: (file.stat().st_size, file.name)):
        if file.stat().st_size <= room:
            shutil.copyfile(file, kept / file.name[:12])
            room -= file.stat().st_size


def main() -> int:
    """Fuzz, merge, count; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", help="by default all")
    parser.add_argument("--inputs", type=int, default=0, help="for each target")
    parser.add_argument("--until", type=int, default=0, help="as many, with those of before")
    parser.add_argument("--seconds", type=int, default=0, help="for each target")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--merge", action="store_true", help="into the repository's corpus")
    arguments = parser.parse_args()
    if not (arguments.inputs or arguments.until or arguments.seconds):
        parser.error("say --inputs, --until or --seconds")
    WORK.mkdir(exist_ok=True)
    names = target_names()
    ledger = Ledger(WORK / "counts.json", names)
    broken: list[str] = []
    left = {
        target: arguments.inputs or max(arguments.until - ledger.done(target), 0)
        for target in arguments.targets or names
    }
    if arguments.seconds:
        left = dict.fromkeys(left, -1)  # libFuzzer's word for as many as there is time for

    def run(target: str) -> None:
        """A slice of what is left; a target of which something was found is left alone."""
        inputs = min(left[target], SLICE_INPUTS)
        try:
            made = fuzz(target, inputs, arguments.seconds)
            ledger.add(target, made)
            left[target] = max(left[target] - made["inputs"], 0)
        except Found as found:
            broken.append(str(found))
            left[target] = 0
            sys.stdout.write(f"{found}\n")
            sys.stdout.flush()

    with ThreadPoolExecutor(arguments.jobs) as pool:
        while waiting := [target for target, n in left.items() if n]:
            list(pool.map(run, waiting))
        if arguments.merge and not broken:
            list(pool.map(merge, left))
    ledger.write_page(MAX_INPUT_BYTES, LONGEST["native"], SECONDS_AN_INPUT, RSS_LIMIT_MIB)
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
