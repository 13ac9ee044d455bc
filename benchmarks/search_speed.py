"""What a search costs: workers, overhead, pruning, and a grid beside scikit-learn's GridSearchCV.

    python benchmarks/search_speed.py [--runs N]      about ten minutes on two quiet cores

Every row is kept as soon as it is measured, by the version of the code.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from common import ROOT, WORK, measured_version, test_data, write_page
from grid_search_cv import Peer, point_of
from kept import Row, kept, work_of
from search_speed_page import BUSY_SECONDS, EPOCHS, FACTORS, N_NOTHING, SEEDS, lines_of
from search_work import FOLDER, adfa, driven, grid_of, timed_search

from habitus import SearchResult, read_traces
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.search.objectives import OBJECTIVES
from habitus.search.parts import parts_of, with_anomalies, write_parts
from habitus.search.plan import SearchPlan, read_search_file
from habitus.search.space import trial_seed
from habitus.traces.formats.native import write_native

ROWS = WORK / "search_speed"
WORKERS = """
detector = "autoencoder"
method = "grid"

[settings]
preset = "daisi"
length = 15
epochs = 2
patience = 0

[space]
rate = [0.01, 0.009, 0.008, 0.007]
"""
PRUNED = """
detector = "lstm"
method = "random"
trials = 16

[settings]
epochs = {epochs}
patience = 0
average = 0.9
warm_up = 20
embedding = 16

[space]
cells = ["16", "32"]
rate = { low = 1e-4, high = 2e-2, log = true }
batch = [8, 16]
dropout = [0.0, 0.3]
"""
PRUNING = "\n[pruning]\nfirst_epoch = 1\nfactor = {factor}\n"
AGAIN = 6
"""Times that the best trial is trained again."""
PRUNED_SHARE = 6
"""Of so many training traces one is searched on with and without pruning."""
BUSY = 6
_ALONE = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
import pyarrow as pa
from habitus.search.trial import run_trial

class Here:
    def shared(self, name):
        return pa.memory_map(f"{sys.argv[2]}/{name}.arrow").read_buffer()

here = Here()
for arguments in json.loads(sys.argv[3]):
    run_trial(arguments, here)
"""


def by_workers(jobs: int) -> Row:
    """A search of networks: all of it, and from its first trial's begin to its last one's end."""
    seconds, found = timed_search(WORKERS, adfa(), jobs)
    ended = [record.outcome["ended"] for record in found._records]
    begun = [e - (t.seconds or 0) for e, t in zip(ended, _by_number(found), strict=True)]
    return {
        "seconds": seconds,
        "trials": max(ended) - min(begun),
        "sum": sum(trial.seconds or 0 for trial in found.trials),
    }


def alone(processes: int) -> Row:
    """The same trials in processes that know nothing of each other: what the machine can do."""
    plan = SearchPlan(WORKERS, "search.toml")
    folder = FOLDER / "alone"
    folder.mkdir(parents=True, exist_ok=True)
    _write_parts(plan, folder)
    asked: list[dict[str, Any]] = [
        {
            "detector": plan.file.detector, "settings": {**plan.file.settings, **point},
            "objective": "synthetic-auc", "aggregation": None,
            "seed": trial_seed(plan.file.seed, number), "rungs": [],
        }
        for number, point in enumerate(plan.space.grid(), 1)
    ]  # fmt: skip
    environment = {**_one_thread(), "PYTHONPATH": str(ROOT / "src")}
    calls = [
        [sys.executable, "-c", _ALONE, json.dumps([]), str(folder), json.dumps(asked[n::processes])]
        for n in range(processes)
    ]
    started = time.perf_counter()
    running = [subprocess.Popen(call, env=environment) for call in calls]
    assert not any(process.wait() for process in running)  # noqa: S101
    return {"seconds": time.perf_counter() - started}


def _write_parts(plan: SearchPlan, folder: Path) -> None:
    traces = read_traces(adfa())
    parts = parts_of(
        traces, get_protocol("adfa-ld"), plan.file.judging, plan.file.seed, supervised=False
    )
    made = with_anomalies(parts, plan.file.judging, plan.file.seed)
    write_parts({name: made[name] for name in OBJECTIVES["synthetic-auc"].parts}, folder)


def _one_thread() -> dict[str, str]:
    import os

    from habitus.engines.machine import thread_limits

    return {**os.environ, **thread_limits(1)}


def busy(jobs: int) -> Row:
    """Trials that compute for ten seconds each: what the search adds to them."""
    n = BUSY // 2 * jobs
    seconds, _ = driven(grid_of(n), "search_work:work", jobs)
    return {"seconds": seconds, "beyond": seconds - n / jobs * BUSY_SECONDS, "a_slot": n / jobs}


def nothing(jobs: int) -> Row:
    """Trials that do nothing: what is left when start-up is spread over many."""
    return {"seconds": driven(grid_of(N_NOTHING), "search_work:nothing", jobs)[0]}


def pruned(factor: int | None, seed: int) -> Row:
    """A search of language models, on every sixth training trace."""
    text = PRUNED + (PRUNING if factor else "")
    for name, value in (("{epochs}", EPOCHS), ("{factor}", factor)):
        text = text.replace(name, str(value))
    seconds, found = timed_search(f"seed = {seed}\n{text}", str(_some_traces()), 2)
    assert found.best is not None  # noqa: S101
    return {
        "seconds": seconds,
        "sum": sum(trial.seconds or 0 for trial in found.trials),
        "epochs": sum(trial.pruned_after or trial.epochs or 0 for trial in found.trials),
        "pruned": found.counts()["pruned"],
        "best": found.best.value,
        "trial": found.best.trial,
        "settings": {name: found.best.settings[name] for name in found.plan.space.parameters},
    }


def again(seed: int) -> Row:
    """The best trial of a search without pruning, trained again with other seeds: mere chance.

    A trial's seed goes by its number, and which traces judge it by the search's.
    """
    whole = json.loads((ROWS / f"whole-{seed}-1.json").read_text())["row"]["settings"]
    head, _, _ = PRUNED.replace("{epochs}", str(EPOCHS)).partition("[space]")
    tried = "".join(f"{name} = [{json.dumps(value)}]\n" for name, value in whole.items())
    text = f"seed = {seed}\n" + head.replace("trials = 16", f"trials = {AGAIN}")
    _, found = timed_search(f"{text}[space]\n{tried}", str(_some_traces()), 2)
    return {"seconds": 0.0, "values": [trial.value for trial in found.trials]}


def _some_traces() -> Path:
    """Every sixth training trace, in a file."""
    place = FOLDER / "pruned.arrow"
    if not place.is_file():
        normal = training_part(read_traces(adfa()), get_protocol("adfa-ld"))[0]
        place.parent.mkdir(parents=True, exist_ok=True)
        write_native(place, [normal.select(np.arange(normal.n_traces) % PRUNED_SHARE == 0)])
    return place


def flow_grid(penalties: Sequence[str]) -> Row:
    """The shipped grid, or its points of one penalty."""
    plan = read_search_file("logistic-grid")
    text = plan.text.replace('penalty = ["l1", "l2"]', f"penalty = {json.dumps(list(penalties))}")
    seconds, found = timed_search(text, str(test_data() / "zeek-labelled"), 2)
    areas = {point_of(found.settings_of(trial)): trial.value for trial in found.trials}
    return {"seconds": seconds, "areas": areas}


def peer_grid(penalties: Sequence[str]) -> Row:
    """The same points by GridSearchCV, without the reading."""
    peer = Peer(test_data() / "zeek-labelled", read_search_file("logistic-grid"))
    seconds, areas = peer.search(penalties)
    return {"seconds": seconds, "areas": areas}


def _by_number(found: SearchResult) -> list[Any]:
    return sorted(found.trials, key=lambda trial: trial.trial)


GROUPS: tuple[tuple[dict[str, Callable[[], Row]], int], ...] = (
    (
        {
            "search-1": partial(by_workers, 1),
            "search-2": partial(by_workers, 2),
            "alone-1": partial(alone, 1),
            "alone-2": partial(alone, 2),
        },
        2,
    ),
    ({"busy-1": partial(busy, 1), "busy-2": partial(busy, 2)}, 1),
    ({"nothing-1": partial(nothing, 1), "nothing-2": partial(nothing, 2)}, 3),
    (
        {
            **{f"whole-{seed}": partial(pruned, None, seed) for seed in SEEDS},
            **{f"pruned-{n}-{seed}": partial(pruned, n, seed) for n in FACTORS for seed in SEEDS},
            **{f"again-{seed}": partial(again, seed) for seed in SEEDS},
        },
        1,
    ),
    (
        {
            "grid-l2": partial(flow_grid, ["l2"]),
            "peer-l2": partial(peer_grid, ["l2"]),
            "peer-l2-exact": partial(peer_grid, ["l2 to its minimum"]),
            "grid-all": partial(flow_grid, ["l1", "l2"]),
            "peer-all": partial(peer_grid, ["l2 to its minimum", "l1"]),
        },
        3,
    ),
)  # fmt: skip
"""Contenders that are measured in turn, and how often at most."""


def measured(most: int, *, fresh: bool) -> dict[str, list[Row]]:
    """Every contender's rows, A B A B."""
    rows: dict[str, list[Row]] = {}
    version = {"work": work_of(*_WORKS), **measured_version(), "texts": [WORKERS, PRUNED, PRUNING]}
    for contenders, runs in GROUPS:
        for run in range(min(runs, most)):
            for name, make in contenders.items():
                path = ROWS / f"{name}-{run + 1}.json"
                if fresh:
                    path.unlink(missing_ok=True)
                rows.setdefault(name, []).append(kept(path, version, make))
    return rows


_WORKS = (by_workers, alone, busy, nothing, pruned, again, flow_grid, peer_grid, Peer.search)


def main() -> None:
    """Measure what is not yet, and write the page."""
    import argparse

    parser = argparse.ArgumentParser(description="What a search costs.")
    parser.add_argument("--fresh", action="store_true", help="measure everything again")
    parser.add_argument("--runs", type=int, default=3, help="of each measurement, at most")
    given = parser.parse_args()
    rows = measured(given.runs, fresh=given.fresh)
    write_page("search_speed", list(lines_of(rows)), "search_speed.py")


if __name__ == "__main__":
    main()
