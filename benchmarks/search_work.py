"""What the benchmarks of searches share: running one in a folder of its own, and trials of ours."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import Any

from common import WORK, test_data

from habitus import SearchResult, run_search
from habitus.engines.base import Context
from habitus.engines.local import LocalEngine
from habitus.progress import SILENT
from habitus.search.driver import Driver, TrialWork
from habitus.search.plan import SearchPlan
from habitus.search.results import result_of
from habitus.search.run_folder import Run, RunFolder

FOLDER = WORK / "search"


def adfa() -> str:
    """The data set: 833 traces are learned from and judged by."""
    return str(test_data() / "adfa-ld" / "ADFA-LD.zip")


def timed_search(text: str, data: str, jobs: int) -> tuple[float, SearchResult]:
    """Seconds from the call to the last trial, and what was found."""
    folder = FOLDER / f"run-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"search-{os.getpid()}.toml"
    file.write_text(text)
    try:
        started = time.perf_counter()
        found = run_search(file, data, folder, jobs=jobs)
        return time.perf_counter() - started, found
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        file.unlink()


def driven(
    text: str,
    task: str,
    jobs: int,
    *,
    objective: str = "nll",
    shared: Mapping[str, Path] = MappingProxyType({}),
) -> tuple[float, SearchResult]:
    """As `timed_search`, of trials that are a function, ``module:function``.

    Args:
        shared: the parts of the data that it reads, if any.
    """
    plan = SearchPlan(text, "search.toml")
    path = FOLDER / f"driven-{os.getpid()}"
    shutil.rmtree(path, ignore_errors=True)
    folder = RunFolder(path)
    run = Run.of(
        search="search.toml", storage=None, detector=plan.file.detector, objective=objective,
        direction="minimize", unit="", supervised=False, seed=plan.file.seed,
        n_trials=plan.n_trials, data="", data_sha256="", protocol=None, format=None, abi=None,
    )  # fmt: skip
    folder.begin(run, plan)
    ledger = folder.ledger(run, plan, may_begin=True)
    try:
        started = time.perf_counter()
        with closing(LocalEngine(jobs)) as engine:
            for name, file in shared.items():
                engine.share(name, file)
            Driver(run, plan, folder, ledger, engine, SILENT, work=TrialWork(task)).go()
            seconds = time.perf_counter() - started
        return seconds, result_of(folder, run, plan, ledger.records())
    finally:
        shutil.rmtree(path, ignore_errors=True)


def grid_of(n: int, more: str = "") -> str:
    """A search of so many trials that are told apart by their number alone."""
    return f'detector = "stide"\nmethod = "grid"\n[space]\nn = {[*range(1, n + 1)]}\n{more}'


def work(arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """A trial that computes for ten seconds of the wall's clock."""
    del arguments, context
    return _spent(10.0)


def nothing(arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """A trial that does nothing."""
    del arguments, context
    return _spent(0.0)


def misbehaving(arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """The second trial allocates, the fourth loops, the sixth exits, the eighth crashes."""
    del context
    n = arguments["settings"]["n"]
    if n == 2:
        held = []
        while True:
            held.append(bytearray(10_000_000))
    if n == 4:
        while True:
            pass
    if n == 6:
        os._exit(1)
    if n == 8:
        import ctypes

        ctypes.string_at(0)
    return {**_spent(0.5), "value": float(n)}


def _spent(seconds: float) -> dict[str, Any]:
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        pass
    return {"value": 1.0, "measures": {"seconds": time.perf_counter() - started}}
