"""A Ray cluster of two nodes on this machine: the same grid, a node that dies, and what Ray costs.

    python benchmarks/cluster.py      about five minutes on two quiet cores; needs habitus[cluster]

As root the nodes have a network each; else they share this machine's own address.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from cluster_nodes import TwoNodes
from common import ROOT, WORK, write_page
from search_work import adfa

from habitus import load_search
from habitus.engines.base import Ended, Job
from habitus.engines.choosing import engine_of
from habitus.errors import HabitusError
from habitus.search.ledger import Ledger
from habitus.search.space import Range, Space

FOLDER = WORK / "cluster"
SEARCH = "ngram-grid"
N_JOBS = 500
LEDGER_TRIALS = (100, 1_000, 10_000)
TRIALS, CORES, TRIAL_SECONDS = 10_000, 1_000, 10.0
SIDES = {"no engine": [], "1 job": ["--jobs", "1"], "2 jobs": ["--jobs", "2"]}


def main() -> None:
    """Measure, and write the page."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    alone = search("local", None)
    nodes = TwoNodes(Path(mkdtemp(prefix="hab-")), [str(ROOT / "src")])
    try:
        both = search("ray", nodes)
        killed = search("ray", nodes, kill=True)
        is_apart = nodes.is_apart
    finally:
        nodes.close()
    costs = {engine: engine_costs(engine) for engine in ("local", "ray")}
    ledger = {n: ledger_seconds(n) for n in LEDGER_TRIALS}
    found = {
        "is_apart": is_apart, "same": table(alone) == table(both), "n": len(table(alone)),
        "seconds": {"here": alone["seconds"], "cluster": both["seconds"]},
        "killed": {**told(killed), "same": table(alone) == table(killed)},
        "costs": costs, "ledger": ledger, "bulk": bulk(),
        "load": os.getloadavg()[2],
    }  # fmt: skip
    (FOLDER / "found.json").write_text(json.dumps(found, indent=1))
    write_page("cluster", lines_of(found), "cluster.py")


def search(engine: str, nodes: TwoNodes | None, *, kill: bool = False) -> dict[str, Any]:
    """A grid by an engine; perhaps the second node is killed once a quarter has ended."""
    folder = FOLDER / f"{engine}{'-killed' if kill else ''}"
    command = [
        sys.executable, "-m", "habitus", "search", SEARCH, "--data", adfa(), "-o", str(folder),
        "--engine", engine, "--jobs", "2",
    ]  # fmt: skip
    environment = dict(os.environ) if nodes is None else nodes.environment
    whole = command if nodes is None else nodes.within(0, command)
    started = time.perf_counter()
    running = subprocess.Popen(
        whole, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    before: list[Any] = []
    if kill:
        while running.poll() is None and len(before) < 4:
            time.sleep(0.2)
            before = ended(folder)
        assert nodes is not None  # noqa: S101
        nodes.kill_second()
    status = running.wait()
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "status": status, "before": before, "trials": ended(folder)}


def ended(folder: Path) -> list[Any]:
    """The trials that have ended, by their number: what does not go by how fast a machine is."""
    try:
        trials = load_search(folder).trials
    except HabitusError:
        return []
    rows = [[t.trial, t.state, t.value, t.settings, t.reason, list(t.lost)] for t in trials]
    return sorted(row for row in rows if row[1] != "running")


def table(found: dict[str, Any]) -> list[Any]:
    """Number, state, value and settings of each trial."""
    return [row[:4] for row in found["trials"]]


def told(killed: dict[str, Any]) -> dict[str, Any]:
    """What became of a search that lost a node."""
    after = {row[0]: row for row in killed["trials"]}
    states = [row[1] for row in killed["trials"]]
    return {
        "before": len(killed["before"]),
        "kept": sum(after.get(row[0]) == row for row in killed["before"]),
        "done": states.count("done"), "failed": states.count("failed"),
        "reasons": [row[4] for row in killed["trials"] if row[1] == "failed"],
        "lost": [row[5] for row in killed["trials"] if row[5]],
        "status": killed["status"], "seconds": killed["seconds"],
    }  # fmt: skip


def engine_costs(name: str) -> dict[str, float]:
    """Seconds until the first job has ended, and of each of many that do nothing, one by one."""
    environment = os.environ.pop("RAY_ADDRESS", None)
    started = time.perf_counter()
    with closing(engine_of(name, 1)) as engine:

        def run() -> float:
            begun = time.perf_counter()
            engine.submit(Job("nothing", "cluster:nothing"))
            while not any(isinstance(event, Ended) for event in engine.wait(60)):
                pass
            return time.perf_counter() - begun

        run()
        start = time.perf_counter() - started
        each = [run() for _ in range(N_JOBS)]
    if environment is not None:
        os.environ["RAY_ADDRESS"] = environment
    return {"start": start, "job": statistics.median(each)}


def nothing(arguments: Any, context: Any) -> None:
    """A job."""


def ledger_seconds(n: int) -> dict[str, float]:
    """Of the processor, and by the clock, that a trial costs the driver's records, of ``n``."""
    with TemporaryDirectory(dir=FOLDER) as folder:
        space = Space({"n": Range(low=0.0, high=1.0)})
        ledger = Ledger(Path(folder), space, study="run", direction="minimize", may_begin=True)
        cpu, clock = time.process_time(), time.perf_counter()
        for number in range(1, n + 1):
            ledger.begin(number, {"n": number / (n + 1)})
            ledger.finish(number, "done", float(number), {"measures": {}, "seconds": 1.0})
        return {
            "cpu": (time.process_time() - cpu) / n, "clock": (time.perf_counter() - clock) / n,
        }  # fmt: skip


def bulk() -> dict[str, float]:
    """Seconds of judging the files of ADFA-LD: by one process, and by one and two jobs."""
    shutil.unpack_archive(adfa(), FOLDER / "data")
    data = next((FOLDER / "data").rglob("Training_Data_Master")).parent
    model = FOLDER / "model"
    habitus("train", "ngram", "--data", data / "Training_Data_Master", "--abi", "i386", "-o", model)
    seconds: dict[str, float] = {}
    for name, more in SIDES.items():
        engine = ["--engine", "local", *more] if more else []
        started = time.perf_counter()
        habitus("detect", model, data, "--abi", "i386", "-o", FOLDER / f"{name}.jsonl", *engine)
        seconds[name] = time.perf_counter() - started
    return seconds


def habitus(*arguments: object) -> None:
    """Run a command; alerts are no failure."""
    done = subprocess.run(
        [sys.executable, "-m", "habitus", *map(str, arguments)],
        stdout=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode in {0, 1}  # noqa: S101


def lines_of(found: dict[str, Any]) -> list[str]:
    """The page."""
    killed, costs, ledger = found["killed"], found["costs"], found["ledger"]
    last = ledger[max(ledger)]
    wanted = CORES / TRIAL_SECONDS
    lost = "; ".join(one[0].rstrip(".") for one in killed["lost"])
    failed = f", with the reason: {'; '.join(killed['reasons'])}" if killed["failed"] else ""
    by_clock, by_cpu = 1 / last["clock"], 1 / last["cpu"]
    networks = "a network namespace each" if found["is_apart"] else "two ports of one address"
    return [
        "# A cluster of two nodes, and what an engine costs",
        "",
        f"Two nodes of Ray on one machine, one processor each, {networks}. While all of this was "
        f"measured, {found['load']:.0f} processes wanted to run at a time on average, these "
        "included: on a quiet machine the times are shorter.",
        "",
        f"- The {found['n']} trials of `{SEARCH}` on ADFA-LD: the table of the cluster "
        + ("equals" if found["same"] else "DIFFERS FROM")
        + f" that of this machine's own processes; {found['seconds']['cluster']:.0f} s on the "
        f"cluster, {found['seconds']['here']:.0f} s here, reading the data included.",
        f"- The second node killed after {killed['before']} trials had ended: {killed['kept']} of "
        f"them stand as they were; in the end {killed['done']} are done and {killed['failed']} "
        f"failed{failed}. Lost with the node, and run again on the other: {len(killed['lost'])} "
        f"({lost or 'none'}). The table "
        + ("equals" if killed["same"] else "DIFFERS FROM")
        + " that of a search which lost no node. The command ended "
        f"with status {killed['status']} after {killed['seconds']:.0f} s.",
        "",
        "## What an engine costs",
        "",
        f"Until the first job has ended, and a job that does nothing (median of {N_JOBS}, one "
        "after the other):",
        "",
        "| engine | start, s | a job, ms |",
        "|---|--:|--:|",
        *(f"| {n} | {c['start']:.2f} | {1e3 * c['job']:.2f} |" for n, c in costs.items()),
        "",
        "## What is kept of a trial",
        "",
        "| trials | processor, ms a trial | clock, ms a trial |",
        "|--:|--:|--:|",
        *(
            f"| {n:,} | {1e3 * one['cpu']:.2f} | {1e3 * one['clock']:.2f} |"
            for n, one in ledger.items()
        ),
        "",
        f"## On paper: {TRIALS:,} trials on {CORES:,} cores",
        "",
        f"Trials of {TRIAL_SECONDS:g} s ask for {wanted:.0f} trials a second. The one driver "
        f"writes {by_clock:.0f} a second to this disk, which waits for each line to be on it, and "
        f"could write {by_cpu:.0f} a second by its processor; Ray's round trip, were they one "
        f"after the other, lets {1 / costs['ray']['job']:.0f} jobs a second through. "
        + (
            f"So the journal breaks first: {CORES:,} cores are kept busy by trials of "
            f"{CORES * last['clock']:.0f} s or longer."
            if by_clock < min(wanted, 1 / costs["ray"]["job"])
            else f"All of it holds; the first to break, below trials of "
            f"{CORES * max(last['clock'], costs['ray']['job']):.1f} s, is "
            + ("the journal." if last["clock"] > costs["ray"]["job"] else "Ray's round trip.")
        ),
        "",
        "That a thousand actors cost the driver no more each than one does is assumed here, and "
        "has not been measured.",
        "",
        "## Many files",
        "",
        "`habitus detect` on the 5,951 files of ADFA-LD by an n-gram model, the whole command: "
        + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in found["bulk"].items())
        + "."
        + (
            " Others kept both processors busy meanwhile: what two jobs gain where they are free "
            "is not told by this."
            if found["load"] > 2
            else ""
        ),
    ]


if __name__ == "__main__":
    main()
