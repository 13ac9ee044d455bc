"""A search that is killed at ten random moments and gone on with, and trials that misbehave.

    python benchmarks/search_kill.py      about three minutes on two quiet cores

Each search is kept as soon as it has ended, by the version of the code.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from common import ROOT, WORK, measured_version, table, write_page
from kept import Row, kept, work_of
from search_work import FOLDER, adfa, driven, grid_of, misbehaving

from habitus import SearchResult, load_search
from habitus.errors import HabitusError
from habitus.search.ledger import JOURNAL

ROWS = WORK / "search_kill"
SEARCHES = ("ngram-grid", "stide-grid")
KILLS = 10
KILLS_A_READING = 5
"""Of so many kills one comes while the data are read."""
SEED = 5
LIMITS = '\n[limits]\nseconds = 3.0\nmemory = "400 MB"\n'
N_TRIALS = 10
WHAT = {2: "allocates without end", 4: "loops for ever", 6: "`exit(1)`", 8: "reads at address 0"}
_GONE_SECONDS = 5.0


def started(search: str, folder: Path) -> subprocess.Popen[bytes]:
    """The command, as the leader of a group of its own."""
    command = [
        sys.executable, "-m", "habitus", "search", search, "--data", adfa(), "-o", str(folder),
        "--jobs", "2", "--resume",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def finished(folder: Path) -> dict[int, dict[str, Any]]:
    """The trials that have ended, by number; none where nothing was begun."""
    try:
        found = load_search(folder)
    except HabitusError:
        return {}
    return {t["trial"]: t for t in rows_of(found) if t["state"] != "running"}


def rows_of(found: SearchResult) -> list[dict[str, Any]]:
    """The table, but for what goes by how fast the machine is."""
    times = {"seconds", "peak_bytes"}
    return [{k: v for k, v in asdict(t).items() if k not in times} for t in found.trials]


def killed(search: str) -> Row:
    """Run a search whole; then again, killed ten times; and compare."""
    whole, cut = (FOLDER / f"kill-{os.getpid()}-{name}" for name in ("whole", "cut"))
    try:
        reading, trying = _watched(search, whole)
        wanted = rows_of(load_search(whole))
        draw = np.random.default_rng([SEED, SEARCHES.index(search)])
        kills: list[Row] = []
        n_searches, equal = 1, True
        while len(kills) < KILLS:
            if len(finished(cut)) == len(wanted):  # it came to its end: another one
                equal &= rows_of(load_search(cut)) == wanted
                shutil.rmtree(cut)
                n_searches += 1
            early = len(kills) % KILLS_A_READING == 0
            after = draw.uniform(0.0, reading if early else 2 * trying / KILLS)
            kill = _kill(search, cut, float(after), while_reading=early)
            if kill["was_killed"]:
                kills.append(kill)
        assert started(search, cut).wait() == 0  # noqa: S101
        equal &= rows_of(load_search(cut)) == wanted
        return {
            "reading": reading, "trying": trying, "kills": kills, "trials": len(wanted),
            "searches": n_searches, "equal": equal, "cut_data": (cut / "data").exists(),
        }  # fmt: skip
    finally:
        shutil.rmtree(whole, ignore_errors=True)
        shutil.rmtree(cut, ignore_errors=True)


def _watched(search: str, folder: Path) -> tuple[float, float]:
    """Seconds of a whole search until its first trial ends, and from there to its end."""
    begun = time.perf_counter()
    running = started(search, folder)
    _wait_for_an_end(running, folder, 0)
    first = time.perf_counter()
    assert running.wait() == 0  # noqa: S101
    return first - begun, time.perf_counter() - first


def _wait_for_an_end(running: subprocess.Popen[bytes], folder: Path, before: int) -> None:
    """Until one more trial has ended than before."""
    while running.poll() is None and _n_ended(folder) <= before:
        time.sleep(0.001)


def _n_ended(folder: Path) -> int:
    """By the trials' logs, which are written to just before the journal is."""
    return sum(path.read_bytes().count(b"\ndone: ") for path in folder.glob("logs/*.log"))


def _kill(search: str, folder: Path, after: float, *, while_reading: bool) -> Row:
    """Go on with a search, and end all of it after so many seconds if it still runs.

    Args:
        while_reading: they begin with the command; else with the end of its first trial.
    """
    before, ended = finished(folder), _n_ended(folder)
    running = started(search, folder)
    if not while_reading:
        _wait_for_an_end(running, folder, ended)
    family: list[int] = []
    try:
        running.wait(timeout=after)
    except subprocess.TimeoutExpired:
        family = _family(running.pid)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    until = time.monotonic() + _GONE_SECONDS
    while any(map(_is_alive, family)) and time.monotonic() < until:
        time.sleep(0.05)
    journal = folder / JOURNAL
    content = journal.read_bytes() if journal.is_file() else b""
    now = finished(folder)
    return {
        "while_reading": while_reading,
        "was_killed": running.returncode == -signal.SIGKILL,
        "before": len(before),
        "now": len(now),
        # But for its rank, which others may take, a trial stays as it was, to the last digit.
        "only_grew": all(
            number in now and now[number] == {**trial, "rank": now[number]["rank"]}
            for number, trial in before.items()
        ),
        "torn": len(content) - (content.rfind(b"\n") + 1),
        "left": sum(map(_is_alive, family)),
    }


def _family(pid: int) -> list[int]:
    """A process and all that it has started."""
    found, left = [], [pid]
    while left:
        one = left.pop()
        found.append(one)
        for path in Path(f"/proc/{one}/task").glob("*/children"):
            left += map(int, path.read_text().split())
    return found


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def bad_trials() -> Row:
    """Four trials that misbehave beside six that do not, on two workers."""
    seconds, found = driven(grid_of(N_TRIALS, LIMITS), "search_work:misbehaving", 2)
    return {
        "seconds": seconds,
        "trials": [
            [t.trial, t.state, t.reason, t.seconds, t.value]
            for t in sorted(found.trials, key=lambda trial: trial.trial)
        ],
    }


def lines_of(searches: dict[str, Row], bad: Row) -> Iterator[str]:
    """The page, line by line."""
    yield from ("# Searches that are killed", "")
    yield (
        "`habitus search` of two shipped grids on ADFA-LD, two workers: the whole command killed "
        f"(`kill -9` of its process group) {KILLS} times, each time gone on with by `--resume`, "
        "and then left to end. Two kills come before the first of its trials ends, at a moment "
        "drawn evenly; the others after that, at one drawn evenly up to a fifth of what all trials "
        "take. A search that ends between two kills is compared, and another one begun. *Ended* "
        "are the trials whose result is kept after each kill; a trial that was running begins "
        "again. *Torn* are bytes of a journal's line that was being written; *processes left* is "
        f"looked at within {_GONE_SECONDS:.0f} seconds."
    )
    yield ""
    body = []
    for name, row in searches.items():
        kills = row["kills"]
        body.append(
            (
                f"`{name}`", str(row["trials"]), f"{row['reading']:.1f}", f"{row['trying']:.1f}",
                str(len(kills)), ", ".join(str(kill["now"]) for kill in kills),
                "yes" if all(kill["only_grew"] for kill in kills) else "**no**",
                str(sum(kill["torn"] for kill in kills)),
                str(sum(kill["left"] for kill in kills)),
                f"{'yes' if row['equal'] else '**no**'} ({row['searches']} searches)",
            )
        )  # fmt: skip
    yield from table(
        ("search", "trials", "to the first's end, s", "the others, s", "kills", "ended after each",
         "only grew", "torn, bytes", "processes left", "tables equal the undisturbed one"),
        body,
    )  # fmt: skip
    yield ""
    yield from ("## Trials that misbehave", "")
    good = [trial for trial in bad["trials"] if trial[0] not in WHAT]
    yield (
        f"Ten trials on two workers, each limited to 3 s and 400 MB; four of them misbehave. The "
        f"search ended after {bad['seconds']:.1f} s with the results of "
        f"{sum(trial[1] == 'done' and trial[4] == trial[0] for trial in good)} of the other "
        f"{len(good)}."
    )
    yield ""
    yield from table(
        ("trial", "state", "why, as the table tells it", "ended after, s"),
        [
            (WHAT[number], state, reason, f"{seconds:.2f}")
            for number, state, reason, seconds, _ in bad["trials"]
            if number in WHAT
        ],
    )


def main() -> None:
    """Measure what is not yet, and write the page."""
    if "--fresh" in sys.argv[1:]:
        shutil.rmtree(ROWS, ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    works = (killed, _kill, started, bad_trials, misbehaving)
    version = {"work": work_of(*works), "seed": SEED, **measured_version()}
    searches = {
        name: kept(ROWS / f"{name}.json", version, partial(killed, name)) for name in SEARCHES
    }
    bad = kept(ROWS / "bad.json", version, bad_trials)
    write_page("search_kill", list(lines_of(searches, bad)), "search_kill.py")


if __name__ == "__main__":
    main()
