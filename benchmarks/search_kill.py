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
        begun = time.perf_counter()
        assert started(search, whole).wait() == 0  # noqa: S101
        seconds = time.perf_counter() - begun
        draw = np.random.default_rng([SEED, SEARCHES.index(search)])
        kills = [_kill(search, cut, float(draw.uniform(0.0, seconds))) for _ in range(KILLS)]
        assert started(search, cut).wait() == 0  # noqa: S101
        wanted, found = rows_of(load_search(whole)), rows_of(load_search(cut))
        # What was found once must be found in the end, to the last digit.
        values = {trial["trial"]: trial["value"] for trial in found}
        kept_values = all(
            values[int(number)] == value for kill in kills for number, value in kill.pop("values")
        )
        return {
            "seconds": seconds, "kills": kills, "trials": len(found),
            "equal": found == wanted and kept_values, "cut_data": (cut / "data").exists(),
        }  # fmt: skip
    finally:
        shutil.rmtree(whole, ignore_errors=True)
        shutil.rmtree(cut, ignore_errors=True)


def _kill(search: str, folder: Path, after: float) -> Row:
    """Go on with a search, and end all of it after so many seconds if it still runs."""
    before = finished(folder)
    running = started(search, folder)
    try:
        running.wait(timeout=after)
    except subprocess.TimeoutExpired:
        family = _family(running.pid)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    else:
        family = []
    until = time.monotonic() + _GONE_SECONDS
    while any(map(_is_alive, family)) and time.monotonic() < until:
        time.sleep(0.05)
    journal = folder / JOURNAL
    content = journal.read_bytes() if journal.is_file() else b""
    torn = len(content) - (content.rfind(b"\n") + 1)
    now = finished(folder)
    return {
        "after": after,
        "was_killed": running.returncode == -signal.SIGKILL,
        "before": len(before),
        "now": len(now),
        "only_grew": all(now.get(number) == _same_rank(now, t) for number, t in before.items()),
        "torn": torn,
        "left": sum(map(_is_alive, family)),
        "values": [[number, trial["value"]] for number, trial in now.items()],
    }


def _same_rank(now: dict[int, dict[str, Any]], trial: dict[str, Any]) -> dict[str, Any]:
    """A trial as it was, but for its rank, which others may take."""
    number = trial["trial"]
    return {**trial, "rank": now[number]["rank"] if number in now else None}


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
        f"`habitus search` of two shipped grids on ADFA-LD, two workers: the whole command killed "
        f"(`kill -9` of its process group) at {KILLS} moments drawn evenly between its start and "
        "as long as the undisturbed search takes, each time gone on with by `--resume`, and then "
        "left to end. *Ended* are the trials whose result is kept; a trial that was running begins "
        "again. *Torn* are bytes of a journal's line that was being written."
    )
    yield ""
    body = []
    for name, row in searches.items():
        kills = row["kills"]
        body.append(
            (
                f"`{name}`", str(row["trials"]), f"{row['seconds']:.1f}",
                str(sum(kill["was_killed"] for kill in kills)),
                ", ".join(str(kill["now"]) for kill in kills),
                "yes" if all(kill["only_grew"] for kill in kills) else "**no**",
                str(sum(kill["torn"] for kill in kills)),
                str(sum(kill["left"] for kill in kills)),
                "yes" if row["equal"] else "**no**",
            )
        )  # fmt: skip
    yield from table(
        ("search", "trials", "undisturbed, s", "killed", "ended after each", "only grew", "torn",
         "processes left", "last table equals the undisturbed one"),
        body,
    )  # fmt: skip
    yield from ("", "A search that had ended before its moment came was not killed.", "")
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
