"""Searches that were never run, for pictures of them: any number of trials, of any kind."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from habitus.learning.history import Epoch
from habitus.search.curve import curve_of
from habitus.search.ledger import Record
from habitus.search.plan import SearchPlan
from habitus.search.results import result_of
from habitus.search.run_folder import Run, RunFolder

if TYPE_CHECKING:
    from habitus.search.results import SearchResult

CONDITIONAL = """
title = "networks of all kinds"
detector = "lstm"
method = "random"
trials = {n}

[settings]
epochs = 9

[space]
kind = ["lstm", "gru"]
cells = ["64", "128", "200,200"]
rate = {{ low = 5e-4, high = 1e-2, log = true }}
batch = [16, 32, 64, 512]
dropout = {{ low = 0.0, high = 0.6, step = 0.1, when = {{ kind = "lstm" }} }}
window = {{ low = 1, high = 50 }}
"""
SIMPLE = """
detector = "ngram"
method = "grid"
[space]
order = [1, 2, 3, 4, 5, 6, 7, 8]
"""


def run_of(plan: SearchPlan, n: int, **changes: Any) -> Run:
    told: dict[str, Any] = {
        "search": "networks.toml", "storage": None, "detector": plan.file.detector,
        "objective": "nll", "direction": "minimize", "unit": "nats", "supervised": False,
        "seed": 1, "n_trials": n, "data": "recordings", "data_sha256": "0" * 64,
        "protocol": "adfa-ld/dev", "format": None, "abi": None, "beside_attacks": True,
    }  # fmt: skip
    return Run.of(**{**told, **changes})


def beside_of(value: float, random: np.random.Generator) -> dict[str, Any]:
    """Attacks that stand out the more the better the value is, with some noise."""
    far = 4 - value + float(random.normal(0, 0.3))
    return {
        "auc": min(1.0, max(0.0, 0.6 + 0.1 * far)), "n_normal": 90, "n_attack": 40, "n_unscored": 1,
        "attack_quartiles": [value + far, value + far + 0.4, value + far + 1.1],
        "normal_quartiles": [value - 0.2, value, value + 0.5], "held_out_median": value,
        "threshold": value + 1.2, "false_alarms": 0.01, "detection": 0.7,
        "false_alarm_rate": 0.02,
    }  # fmt: skip


def curve(value: float, n: int) -> dict[str, Any] | None:
    losses = [value + 2 * math.exp(-i / 3) for i in range(n)]
    epochs = [Epoch(i + 1, i, 0.1, x * 0.9, 0.5, x, 0.5) for i, x in enumerate(losses)]
    return curve_of(epochs, n)


def searched(
    n: int,
    path: Path = Path("runs/nets"),
    *,
    text: str = CONDITIONAL,
    n_run: int | None = None,
    beside: bool = True,
    curves: bool = True,
    every_fails: bool = False,
    **changes: Any,
) -> SearchResult:
    """``n`` trials, of which every ninth failed and every seventh was pruned."""
    plan = SearchPlan(text.replace("{n}", str(n)).replace("{{", "{").replace("}}", "}"), "x.toml")
    run = run_of(plan, n, beside_attacks=beside, **changes)
    random = np.random.default_rng(5)
    points = list(plan.space.grid())[:n] if plan.file.method == "grid" else [
        plan.space.drawn(1, number) for number in range(1, n + 1)
    ]  # fmt: skip
    records = []
    for number, point in enumerate(points[: n if n_run is None else n_run], 1):
        rate = float(point.get("rate", 0.002))
        value = 1 + abs(math.log10(rate / 0.003)) + 0.2 * float(random.random())
        value += 0.1 * len(str(point.get("cells", ""))) / float(point.get("order", 1))
        outcome: dict[str, Any] = {"seed": number, "seconds": 1.5, "peak_bytes": 10**8}
        state = "done"
        if every_fails or (number % 9 == 0 and n > 1):
            state, outcome["reason"] = "failed", f"took more memory than {number % 3 + 1}.0 GB"
        elif number % 7 == 0 and curves:
            state, outcome["pruned_after"] = "pruned", 3
        if curves and state != "failed":
            outcome["curve"] = curve(value, 3 if state == "pruned" else 9)
            outcome |= {"epochs": 9, "kept_epoch": 9}
        if beside and state == "done":
            outcome["beside"] = beside_of(value, random)
        outcome["measures"] = {"perplexity": math.exp(value)} if state == "done" else {}
        records.append(Record(number, point, state, None if state == "failed" else value, {},
                              outcome))  # type: ignore[arg-type]  # fmt: skip
    return result_of(RunFolder(path), run, plan, records)
