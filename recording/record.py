#!/usr/bin/env python3
"""Record the system calls of real programs at work, and of safe intrusions in them.

    python recording/record.py [--programs web,build,database] [--runs 16] [--out DIR] [--work DIR]

See recording/README.md.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pack
import review
import tracing
from programs import build, database, web
from tracing import RecordingError, Run, Sandbox, Summary, Window

NORMAL_RUNS = 16
ATTACK_RUNS = 3
OUTPUT = Path(__file__).resolve().parent.parent / "src" / "habitus" / "recorded"
WORK = Path("/tmp/habitus-recording")

Recorder = Callable[[Run, Sandbox, Path], Window]
PROGRAMS: dict[str, tuple[Recorder, tuple[str, ...]]] = {
    "web": (web.record, web.ATTACKS),
    "build": (build.record, build.ATTACKS),
    "database": (database.record, database.ATTACKS),
}
TOOLS = {
    "web": ("/usr/bin/python3", "/usr/bin/gzip"),
    "build": ("/usr/bin/git", "/usr/bin/make", "/usr/bin/gcc", "/bin/bash"),
    "database": ("/usr/bin/sqlite3", "/usr/bin/python3", "/usr/bin/gcc", "/bin/bash"),
}


def require_tools(programs: list[str]) -> None:
    """Stop with a clear message where a recorded program is missing."""
    wanted = {tool for program in programs for tool in TOOLS[program]}
    if missing := sorted(tool for tool in wanted if not Path(tool).exists()):
        raise RecordingError(f"not installed: {', '.join(missing)}")


def runs_of(program: str, normal: int) -> Iterator[Run]:
    """All runs of a program: first the normal ones, then three for each kind of intrusion."""
    for number in range(1, normal + 1):
        yield Run(program, None, number, seed=number)
    for place, kind in enumerate(PROGRAMS[program][1], start=1):
        for number in range(1, ATTACK_RUNS + 1):
            yield Run(program, kind, number, seed=1000 * place + number)


def record(run: Run, work: Path, traces: Path) -> pack.Recording:
    """Record one run and check what came of it."""
    sandbox = Sandbox.fresh(work / run.program)
    trace = traces / run.member
    trace.parent.mkdir(parents=True, exist_ok=True)
    window = PROGRAMS[run.program][0](run, sandbox, trace)
    tracing.sanitise(trace)
    summary: Summary = tracing.summarise(trace)
    if told := review.host_specific(trace.read_text(encoding="ascii")):
        raise RecordingError(f"{trace} tells of this machine: {told}")
    if run.attack and not review.calls_between(trace, window.start_s, window.end_s):
        raise RecordingError(f"{trace} holds no calls at the time of its intrusion")
    return pack.Recording(run, window, summary)


def record_all(programs: list[str], normal: int, work: Path, out: Path) -> None:
    """Record every run of the programs, and pack them into ``out``."""
    traces = work / "traces"
    planned = [run for program in programs for run in runs_of(program, normal)]
    recordings = []
    for place, run in enumerate(planned, start=1):
        begin = time.monotonic()
        recording = record(run, work, traces)
        recordings.append(recording)
        print(
            f"[{place}/{len(planned)}] {run.member}: {recording.summary.calls} calls, "
            f"{recording.summary.threads} threads, {time.monotonic() - begin:.1f} s",
            flush=True,
        )
    pack.write(recordings, traces, out)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--programs", default=",".join(PROGRAMS), help="which, with commas between")
    parser.add_argument("--runs", type=int, default=NORMAL_RUNS, help="normal runs of each program")
    parser.add_argument("--out", type=Path, default=OUTPUT, help="folder for archive and manifest")
    parser.add_argument("--work", type=Path, default=WORK, help="folder to make and work in")
    given = parser.parse_args()
    given.programs = given.programs.split(",")
    if unknown := set(given.programs) - set(PROGRAMS):
        parser.error(f"unknown programs: {', '.join(sorted(unknown))}")
    if given.runs < 1:
        parser.error("--runs must be at least 1")
    return given


def main() -> int:
    given = arguments()
    work: Path = given.work.absolute()
    try:
        tracing.require_tracing()
        require_tools(given.programs)
        tracing.fix_addresses()
        tracing.use_one_processor()
        # Never work in a folder that was there before: it is removed at the end.
        work.mkdir(mode=0o700, parents=True)
        try:
            record_all(given.programs, given.runs, work, given.out)
        finally:
            shutil.rmtree(work)
    except FileExistsError:
        print(f"record: {work} exists already; remove it or give --work", file=sys.stderr)
        return 1
    except RecordingError as error:
        print(f"record: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
