"""Small searches: traces that follow rules, plans of a few trials, and trials that end badly."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from habitus.search.plan import SearchPlan
from habitus.traces.traceset import Label, TraceInfo, TraceSet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitus.engines.base import Context

GRID = """
detector = "ngram"
method = "grid"

[space]
order = [1, 2, 3, 4]
smoothing = ["witten-bell", "kneser-ney"]
"""


def plan(text: str = GRID) -> SearchPlan:
    return SearchPlan(text, "search.toml")


def traces(n_traces: int = 24, seed: int = 1, *, label: Label = Label.NORMAL) -> TraceSet:
    """Traces of 20 to 60 calls, each a walk round a circle of six with some noise."""
    random = np.random.default_rng([seed, 7])
    made, infos = [], []
    for i in range(n_traces):
        length = int(random.integers(20, 61))
        noise = random.random(length) < 0.15
        walk = (int(random.integers(6)) + np.arange(length)) % 6
        if label is Label.ATTACK:
            walk = random.permutation(walk)
        calls = np.where(noise, random.integers(0, 6, length), walk)
        made.append([f"call{call}" for call in calls])
        name = f"{label.name.lower()}-{i}"
        infos.append(TraceInfo(name, "memory", label, group=f"{name}.txt"))
    return TraceSet.from_names(made, infos=infos)


def trial(arguments: Mapping[str, Any], context: Context) -> Any:
    """A trial whose value is its n, but for those that end badly, and one that asks."""
    n = arguments["settings"]["n"]
    if n == 3:
        held = []
        while True:
            held.append(bytearray(os.urandom(1 << 20)) * 8)
    if n == 4:
        while True:
            pass
    if n == 5:
        os._exit(1)
    if n == 6:
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(10)
    if n == 7:
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(10)
    if n == 8:
        raise OSError(28, "No space left on device", "/full")
    for epoch in arguments["rungs"][:3]:
        if context.ask({"epoch": epoch, "value": float(n)}):
            return {"value": float(n), "measures": {}, "pruned_after": epoch}
    return {"value": float(n), "measures": {"twice": 2.0 * n}}
