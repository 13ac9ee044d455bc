"""How fast the classical detectors read, train and score, beside STIDE in plain Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import WORK, Store, test_data, write_table

from habitus import Label, TraceSet, get_detector, read_traces

DETECTORS = {"stide n=6": ("stide", {"n": 6}), "ngram order=12": ("ngram", {"order": 12})}
PLAIN = "STIDE n=6 in plain Python"


def seconds(work: Callable[[], object]) -> float:
    """How long ``work`` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def plain_training(traces: list[list[int]], n: int) -> set[tuple[int, ...]]:
    """STIDE as one writes it in an afternoon: a set of all windows."""
    return {tuple(t[i : i + n]) for t in traces for i in range(len(t) - n + 1)}


def plain_scoring(traces: list[list[int]], n: int, seen: set[tuple[int, ...]]) -> list[list[bool]]:
    """Whether each window is unseen."""
    return [[tuple(t[i : i + n]) not in seen for i in range(len(t) - n + 1)] for t in traces]


def as_lists(traces: TraceSet) -> list[list[int]]:
    """Traces as plain Python has them."""
    bounds = zip(traces.offsets[:-1], traces.offsets[1:], strict=True)
    return [traces.calls[begin:end].tolist() for begin, end in bounds]


def command(*arguments: str, cpus: int | None = None) -> Callable[[], float]:
    """A whole ``habitus`` process, timed from outside."""

    def run() -> float:
        taskset = ["taskset", "-c", "0"] if cpus == 1 and shutil.which("taskset") else []
        call = [*taskset, sys.executable, "-m", "habitus", *arguments]
        return seconds(lambda: subprocess.run(call, check=False, capture_output=True))

    return run


def main() -> None:
    """Measure, and write the table."""
    store = Store("host_classical")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core, for us and for the peer
    archive = test_data() / "adfa-ld" / "ADFA-LD.zip"
    traces = read_traces(archive)
    training = traces.select([info.split == "training" for info in traces.infos])
    test = traces.select([info.split != "training" for info in traces.infos])
    n_attacks = int(np.sum(test.labels == Label.ATTACK))

    fitted = {}
    contenders: dict[str, Callable[[], float]] = {
        "read": lambda: seconds(lambda: read_traces(archive))
    }
    for name, (detector, settings) in DETECTORS.items():
        made = get_detector(detector).with_settings(settings)
        made.fit(training)
        made.surprise(test)  # warm
        fitted[name] = made
        again = get_detector(detector).with_settings(settings)
        contenders[f"train {name}"] = lambda again=again: seconds(lambda: again.fit(training))  # type: ignore[misc]
        contenders[f"score {name}"] = lambda made=made: seconds(lambda: made.surprise(test))  # type: ignore[misc]
    training_lists, test_lists = as_lists(training), as_lists(test)
    seen = plain_training(training_lists, 6)
    contenders[f"train {PLAIN}"] = lambda: seconds(lambda: plain_training(training_lists, 6))
    contenders[f"score {PLAIN}"] = lambda: seconds(lambda: plain_scoring(test_lists, 6, seen))
    store.measure(contenders)

    model = WORK / "models" / "ngram"
    one = WORK / "one.txt"
    one.write_text(" ".join(["6 6 63 6 42 120 6 195 120 6 6 114"] * 20))
    trained = command("train", "ngram", "--data", str(archive), "-o", str(model))
    trained()
    store.measure(
        {
            "process: --help": command("--help"),
            "process: train ngram": trained,
            "process: detect one trace": command(
                "detect", str(model), str(one), "--format", "adfa"
            ),
        }
    )
    same = np.nansum(fitted["stide n=6"].surprise(test)) == sum(
        sum(row) for row in plain_scoring(test_lists, 6, seen)
    )
    if not same:
        sys.exit("plain Python and Habitus disagree about the windows unseen: no table")

    rows = [("job", "seconds (median)", "min to max", "M calls/s", "times plain Python")]
    for name in contenders:
        took = store.median(name)
        calls = {"read": traces, "train": training, "score": test}[name.split()[0]].n_calls
        peer = f"{name.split()[0]} {PLAIN}"
        ratio = f"{store.median(peer) / took:.1f}" if peer in contenders else ""
        rows.append((name, f"{took:.3f}", store.spread(name), f"{calls / took / 1e6:.2f}", ratio))
    for name in ("process: --help", "process: train ngram", "process: detect one trace"):
        rows += [(name, f"{store.median(name):.3f}", store.spread(name), "", "")]
    write_table(
        "host_classical",
        "Speed of the classical detectors",
        f"ADFA-LD: {traces.n_calls:,} calls to read, {training.n_calls:,} to learn, "
        f"{test.n_calls:,} in {test.n_traces:,} traces ({n_attacks} attacks) to score. One core, "
        "warm, no sharing of duplicate traces; every contender in turn, medians of "
        f"{store.runs} runs. Plain Python keeps all windows in a set of tuples, and finds the same "
        "windows unseen. *Process* rows are whole commands in a new process, whose loops an "
        "earlier one has compiled; the reading and cross-fitting of training are in them.",
        rows,
        "host_classical.py",
    )


if __name__ == "__main__":
    Path(WORK).mkdir(exist_ok=True)
    main()
