"""Record the corpus: `python -m corpus`.

python -m corpus                          # all of it; goes on where it was stopped
python -m corpus --list                   # what would be recorded, and what is missing
python -m corpus --only 'text*' --runs 1  # some of it
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from fnmatch import fnmatch
from pathlib import Path

from corpus.packing import CORPUS, MANIFEST, pack
from corpus.recording import RecordingError, is_done, part_of, record
from corpus.sandbox import SandboxError, end_with_parent, require_sandbox
from corpus.scenarios import FOLDER, ScenarioError, Variant, missing, read_scenarios

WORK = Path(__file__).resolve().parents[1] / "benchmarks" / ".work" / "corpus"
TELL_EVERY_S = 20.0


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and do what it says; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        variants = [
            variant
            for variant in read_scenarios(options.scenarios)
            if any(fnmatch(variant.group, pattern) for pattern in options.only or ["*"])
        ]
        if not variants:
            print(
                f"corpus: no scenario is named like {' or '.join(options.only)}; try --list",
                file=sys.stderr,
            )
            return 1
        absent = missing(variants)
        if options.list:
            return _list(variants, absent)
        require_sandbox()
    except (ScenarioError, SandboxError) as error:
        print(f"corpus: {error}", file=sys.stderr)
        return 1
    for program, scenarios in absent.items():
        print(f"not installed: {program} (left out: {', '.join(scenarios)})")
    playable = [variant for variant in variants if not set(variant.needs) & set(absent)]
    # Run by run, so that a recording that is cut short holds something of every scenario.
    jobs = [
        (variant, run)
        for run in range(1, max(v.runs for v in variants) + 1)
        for variant in playable
        if run <= (options.runs or variant.runs)
    ]
    failed = [] if options.pack else _record_all(jobs, options.work, options.workers)
    print("packing ...", flush=True)
    wanted = [f"{variant.key}.{run:02}" for variant, run in jobs]
    manifest = pack(options.work / "parts", wanted, absent, options.out or options.work)
    totals = manifest["totals"]
    print(json.dumps(totals) if options.json else _summary(totals, options.out or options.work))
    for reason in failed:
        print(f"corpus: {reason}", file=sys.stderr)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m corpus", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", action="append", default=None, metavar="PATTERN",
                        help="family/scenario, with * and ?; may be repeated")  # fmt: skip
    parser.add_argument("--scenarios", type=Path, default=FOLDER, metavar="DIR",
                        help="a folder of scenario files of your own")  # fmt: skip
    parser.add_argument(
        "--runs", type=int, metavar="N", help="runs of each variant (default: its own)"
    )
    parser.add_argument(
        "--workers", type=int, default=2, metavar="N", help="side by side (default 2)"
    )
    parser.add_argument("--work", type=Path, default=WORK, metavar="DIR",
                        help="where finished recordings are kept")  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where the corpus is put (default: --work)"
    )
    parser.add_argument("--list", action="store_true", help="tell what would be recorded, and stop")
    parser.add_argument("--pack", action="store_true", help="pack what is finished; record nothing")
    parser.add_argument("--json", action="store_true", help="print the totals as JSON")
    return parser


def _list(variants: list[Variant], absent: dict[str, list[str]]) -> int:
    for variant in variants:
        lacks = sorted(set(variant.needs) & set(absent))
        note = f"   [not installed: {', '.join(lacks)}]" if lacks else ""
        print(f"{variant.group} {variant.number:02} x{variant.runs}: {variant.run!r}{note}")
    return 0


def _record_all(jobs: list[tuple[Variant, int]], work: Path, workers: int) -> list[str]:
    parts, inputs = work / "parts", work / "inputs"
    for folder in (parts, inputs):
        folder.mkdir(parents=True, exist_ok=True)
    open_jobs = [job for job in jobs if not is_done(part_of(parts, *job), job[0])]
    print(f"{len(jobs)} recordings, {len(jobs) - len(open_jobs)} of them done before", flush=True)
    began = told_at = time.monotonic()
    calls = traces = 0
    failed = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, end_with_parent) as pool:
        running = [pool.submit(record, variant, run, parts, inputs) for variant, run in open_jobs]
        for number, one in enumerate(as_completed(running), 1):
            try:
                told = one.result()
                calls, traces = calls + told.calls, traces + told.traces
            except RecordingError as error:
                failed.append(str(error))
            now = time.monotonic()
            if now > told_at + TELL_EVERY_S or number == len(running):
                told_at = now
                left_s = (now - began) / number * (len(running) - number)
                print(
                    f"{number}/{len(running)} recordings, {traces:,} traces, {calls:,} calls, "
                    f"about {left_s / 60:.0f} min left",
                    flush=True,
                )
    return failed


def _summary(totals: dict[str, int], out: Path) -> str:
    return (
        f"{totals['programs']} programs, {totals['scenarios']} scenarios, "
        f"{totals['recordings']:,} recordings, {totals['traces']:,} traces "
        f"({totals['distinct_traces']:,} distinct), {totals['calls']:,} calls\n"
        f"wrote {out / CORPUS} and {out / MANIFEST}"
    )


if __name__ == "__main__":
    sys.exit(main())
