"""The models that ship with Habitus: how the n-gram's size was chosen, and what they cost.

    make corpus; python -m corpus.base_models; python benchmarks/base_models.py

What is chosen is chosen by programs of the corpus that were not learned; attacks choose nothing.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from common import ROOT, WORK, table, write_page
from kept import Row, code_of, kept, version_of, work_of
from limits_data import adfa, alarmless

from habitus import Label, TraceSet, read_traces
from habitus.base import SHIPPED, folder_of
from habitus.datasets.source import find_source
from habitus.detectors.ngram import NGram
from habitus.detectors.trie import CallTrie
from habitus.evaluation.judged import judged_of
from habitus.evaluation.metrics import roc
from habitus.evaluation.protocols import get_protocol
from habitus.evaluation.protocols import test_part as judged_part
from habitus.models.files import load_trace_model

sys.path.insert(0, str(ROOT))
from corpus.base_models import FOLDS, RECIPES, folds_of, learned_by

CORPUS = WORK / "corpus" / "corpus.habitus.zst"
ROWS = WORK / "base_models"
TRIED = [
    *(("kneser-ney", order, seen) for order in (4, 6, 8, 12) for seen in (1, 2, 5, 10)),
    *(("witten-bell", order, seen) for order in (4, 8) for seen in (1, 2)),
]
"""Smoothing, order, and how often a window must have been seen."""
MOST_BYTES = 2_000_000
"""Of the windows of a model that ships."""
RUNS = 5
PROTOCOL = get_protocol("adfa-ld/dev")


def counted(traces: TraceSet, detector: NGram) -> CallTrie:
    """All windows of the longest order, over a detector's vocabulary."""
    symbols = detector.vocabulary.encode(traces)
    return CallTrie.grown(
        symbols, traces.offsets, max(order for _, order, _ in TRIED), len(detector.vocabulary)
    )


def of_size(learned: NGram, trie: CallTrie, smoothing: str, order: int, seen: int) -> NGram:
    """The model that keeps windows of so many calls that were seen so often."""
    made = NGram.with_settings(
        {**RECIPES["base"].settings, "smoothing": smoothing, "order": order, "seen": seen}
    )
    made.vocabulary = learned.vocabulary
    fits = trie.depth <= order  # a window stands behind those that it goes on from
    place = np.cumsum(fits, dtype=np.int32) - 1
    made._use(
        CallTrie(
            order, place[trie.parent[fits]].astype(np.int32), trie.symbol[fits], trie.count[fits],
            trie.n_symbols,
        )
    )  # fmt: skip
    return made


def begun(traces: TraceSet) -> NGram:
    """A model that knows the names of these traces, and has counted nothing."""
    made = NGram.with_settings(RECIPES["base"].settings)
    made.vocabulary = made._learned_vocabulary(traces)
    return made


def sizes(traces: TraceSet, judged: TraceSet) -> Row:
    """For each order and pruning: nats a call on programs not learned, size, and time to load."""
    folds = folds_of(traces)
    sums: dict[str, float] = {}
    for fold in range(FOLDS):
        learned, left = begun(traces.select(folds != fold)), traces.select(folds == fold)
        trie = counted(traces.select(folds != fold), learned)
        for which in TRIED:
            nats = of_size(learned, trie, *which).surprise(left)
            key = " ".join(map(str, which))
            sums[key] = sums.get(key, 0.0) + float(nats.sum(dtype=np.float64))
    found = {}
    learned = begun(traces)
    trie = counted(traces, learned)
    for which in TRIED:
        made = of_size(learned, trie, *which)
        state = made.state()
        began = time.perf_counter()
        again = NGram(made.settings)
        again.vocabulary = made.vocabulary
        again.restore(state)
        loaded = time.perf_counter() - began
        means = np.add.reduceat(made.surprise(judged), judged.offsets[:-1]) / judged.lengths
        key = " ".join(map(str, which))
        found[key] = {
            "windows": len(made.trie.parent),
            "bytes": sum(array.nbytes for array in state.values()),
            "load_seconds": loaded,
            "bits": float(sums[key] / traces.n_calls / np.log(2)),
            "auc": area(judged, means)[0],
        }
        print(key, found[key], flush=True)
    return found


def area(judged: TraceSet, scores: np.ndarray[Any, Any]) -> tuple[float, Any]:
    """The area of scores on ADFA-LD, and what they are of."""
    sides = judged_of(judged, alarmless(scores), np.zeros(judged.n_traces, dtype=bool), PROTOCOL)
    normal, attack = sides.of(Label.NORMAL), sides.of(Label.ATTACK)
    return roc(normal.scores, attack.scores).auc, (normal.scores, attack.scores)


def shipped(name: str, judged: TraceSet, demo: TraceSet) -> Row:
    """What one of the models costs, and how it judges what it never saw."""
    folder = folder_of(name)
    model = load_trace_model(name)
    loads = []
    for _ in range(RUNS):
        began = time.perf_counter()
        load_trace_model(name)
        loads.append(time.perf_counter() - began)
    began = time.perf_counter()
    scores = model.scores(judged)
    took = time.perf_counter() - began
    auc, sides = area(judged, scores)
    normals = demo.labels == Label.NORMAL
    by_demo = model.scores(demo) > model.decision.threshold
    alarms = [float(np.mean(side > model.decision.threshold)) for side in sides]
    return {
        "bytes": sum(file.stat().st_size for file in folder.iterdir()),
        "load_seconds": statistics.median(loads),
        "import_seconds": _detect_seconds("--help"),
        "detect_seconds": _detect_seconds(name),
        "calls_a_second": judged.n_calls / took,
        "auc": auc, "false_alarms": alarms[0], "found": alarms[1],
        "demo_false_alarms": float(by_demo[normals].mean()),
        "demo_found": float(by_demo[~normals].mean()),
    }  # fmt: skip


def _detect_seconds(name: str) -> float:
    """The median time that `habitus detect` takes for one short trace, start to end."""
    with TemporaryDirectory() as folder:
        trace = Path(folder) / "one.strace"
        trace.write_text('1 openat(AT_FDCWD, "a", O_RDONLY) = 3\n1 close(3) = 0\n')
        took = []
        for _ in range(RUNS):
            asked = ["--help"] if name == "--help" else [name, str(trace)]
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "habitus", "detect", *asked],
                check=False,
                capture_output=True,
            )
            took.append(time.perf_counter() - began)
    return statistics.median(took)


def chosen_of(rows: Row) -> str:
    """Of those that are small enough the one that tells programs it never saw best."""
    small = [key for key, row in rows.items() if row["bytes"] <= MOST_BYTES]
    return min(small, key=lambda key: rows[key]["bits"])


def lines_of(rows: Row, models: dict[str, Row], corpus: TraceSet) -> Iterator[str]:
    """The page, line by line."""
    yield from ("# Base models", "")
    yield (
        "What ships with Habitus ([what it is](../reference/base-models.md)): made by "
        "`python -m corpus.base_models`."
    )
    yield from ("", "## What they cost, and what they are worth where nothing was learned", "")
    yield (
        f"*Load*: median of {RUNS}, all checks included. *detect*: `habitus detect` on one short "
        "trace, start of Python included; in brackets `habitus detect --help`. *Alarms* on normals "
        "and *found* are at the threshold that the corpus set, for 1 % of programs never seen."
    )
    yield ""
    head = (
        "model", "size", "load", "detect", "k calls/s", "area on `adfa-ld/dev`",
        "alarms, found there", "alarms, found on the shipped recordings",
    )  # fmt: skip
    yield from table(head, [
        (
            f"`{name}`", f"{row['bytes'] / 1e6:.2f} MB", f"{row['load_seconds']:.2f} s",
            f"{row['detect_seconds']:.2f} s ({row['import_seconds']:.2f} s)",
            f"{row['calls_a_second'] / 1e3:,.0f}", f"{row['auc']:.3f}",
            f"{row['false_alarms']:.0%}, {row['found']:.0%}",
            f"{row['demo_false_alarms']:.0%}, {row['demo_found']:.0%}",
        )
        for name, row in models.items()
    ])  # fmt: skip
    best = chosen_of(rows)
    smoothing, order, seen = best.split()
    yield from ("", "## The size of the n-gram model", "")
    yield (
        f"Learned are {corpus.n_traces:,} traces, {corpus.n_calls:,} calls. *Bits a call* are of "
        f"programs that were not learned, in {FOLDS} folds by program. Of the models whose windows "
        f"take at most {MOST_BYTES / 1e6:.0f} MB the one with the fewest ships: {smoothing}, "
        f"order {order}, windows seen {seen} times or more. The area on `adfa-ld/dev` is no reason."
    )
    yield ""
    yield from table(
        ("smoothing", "order", "seen at least", "windows", "size", "load", "bits a call", "area"),
        [
            (
                f"**{key.split()[0]}**" if key == best else key.split()[0], *key.split()[1:],
                f"{row['windows']:,}", f"{row['bytes'] / 1e6:.2f} MB",
                f"{row['load_seconds']:.3f} s", f"{row['bits']:.3f}", f"{row['auc']:.3f}",
            )
            for key, row in rows.items()
        ],
    )  # fmt: skip


CODE = code_of("habitus.detectors.ngram", within=("habitus.detectors",)) + work_of(sizes, of_size)


def main() -> None:
    """Measure what is not yet, and write the page."""
    if not CORPUS.exists():
        raise SystemExit(f"there is no corpus in {CORPUS.parent}; make corpus")
    traces = learned_by(RECIPES["base"], read_traces(CORPUS))
    judged = judged_part(adfa(), PROTOCOL)
    demo = find_source("demo").read()
    rows = kept(
        ROWS / "sizes.json", version_of(CODE, traces, judged), lambda: sizes(traces, judged)
    )
    models = {name: shipped(name, judged, demo) for name in SHIPPED}
    print(json.dumps(models, indent=1))
    write_page("base_models", list(lines_of(rows, models, traces)), "base_models.py")


if __name__ == "__main__":
    main()
