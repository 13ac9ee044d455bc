"""Every classical detector on every set at hand: areas with intervals, and speed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from common import (
    RESULTS,
    WORK,
    measured_version,
    table,
    test_data,
    write_between,
    write_page,
)
from unm import PARTS, Part

from habitus import Label, TraceSet, get_detector
from habitus.datasets.source import find_source
from habitus.decisions.rule import Rule
from habitus.decisions.scores import aggregation_of, trace_scores
from habitus.detectors.base import SequenceDetector
from habitus.evaluation.baselines import trivial_baselines
from habitus.evaluation.bootstrap import area_interval
from habitus.evaluation.judged import Judged, judged_of
from habitus.evaluation.metrics import roc
from habitus.evaluation.protocols import Protocol, get_protocol, training_part
from habitus.evaluation.protocols import test_part as judged_part

# The defaults, and what a setting makes another method.
DETECTORS: dict[str, tuple[str, dict[str, object]]] = {
    "stide": ("stide", {}),
    "tstide": ("tstide", {}),
    "markov": ("markov", {}),
    "markov order=2": ("markov", {"order": 2}),
    "markov order=3": ("markov", {"order": 3}),
    "ngram": ("ngram", {}),
    "ngram smoothing=kneser-ney": ("ngram", {"smoothing": "kneser-ney"}),
    "neighbours": ("neighbours", {}),
    "hmm": ("hmm", {}),
    **{
        f"outlier estimator={estimator}": ("outlier", {"estimator": estimator})
        for estimator in (
            "one-class-svm", "isolation-forest", "local-outlier-factor", "ecod", "copod", "hbos",
            "knn", "pca",
        )
    },
}  # fmt: skip
ADFA = ("adfa-ld/dev", "adfa-ld", "adfa-ld/distinct")
SEED = 1
STORE = WORK / "detectors.json"
Row = dict[str, float | list[float] | None]


@dataclass(frozen=True)
class Set:
    """What detectors are judged on.

    Attributes:
        title: heads its column; ``protocols`` say what is judged of what was learned once.
    """

    title: str
    traces: TraceSet
    protocols: tuple[Protocol, ...]

    @property
    def learned(self) -> TraceSet:
        """What is learned, the same under all its protocols."""
        return training_part(self.traces, self.protocols[0])[0]


def sets() -> Iterator[Set]:
    """ADFA-LD, and UNM's sets as their page shows them, the control left out."""
    adfa = find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip")).read()
    yield Set("ADFA-LD", adfa, tuple(get_protocol(name) for name in ADFA))
    for part in PARTS:
        if not part.control:
            yield Set(_short(part), part.read()[1], (get_protocol(f"unm/{part.program}"),))


def _short(part: Part) -> str:
    return part.title.replace(", numbers brought into line", ", in line")


def area(judged: Judged) -> Row:
    """The area and its interval."""
    normal, attack = judged.of(Label.NORMAL), judged.of(Label.ATTACK)
    if not len(normal.scores) or not len(attack.scores):
        return {"auc": None, "interval": None}
    interval = area_interval(
        normal.scores, attack.scores, normal.clusters, attack.clusters, seed=SEED
    )
    return {
        "auc": roc(normal.scores, attack.scores).auc,
        "interval": None if interval is None else list(interval),
    }


def measured(name: str, one: Set) -> dict[str, Row]:
    """A detector's area under each protocol of a set, and how fast it was."""
    kind, settings = DETECTORS[name]
    detector: SequenceDetector = get_detector(kind).with_settings(settings)
    started = time.perf_counter()
    detector.fit(one.learned, seed=SEED)
    train_seconds = time.perf_counter() - started
    rule = Rule(aggregation_of(detector))
    trace_scores(detector, one.traces.select([0]), rule.aggregation)
    found: dict[str, Row] = {}
    for protocol in one.protocols:
        test = judged_part(one.traces, protocol)
        started = time.perf_counter()
        scores = trace_scores(detector, test, rule.aggregation)
        seconds = time.perf_counter() - started
        nothing = np.zeros(test.n_traces, dtype=bool)
        found[protocol.name] = {
            **area(judged_of(test, scores, nothing, protocol)),
            "train_seconds": train_seconds,
            "train_calls": float(one.learned.n_calls),
            "calls_per_second": test.n_calls / seconds,
        }
    return found


def trivial(one: Set) -> dict[str, Row]:
    """What counting calls gives, the better of two counts in the better of two directions."""
    found: dict[str, Row] = {}
    for protocol in one.protocols:
        baselines = trivial_baselines(judged_part(one.traces, protocol), protocol, (0.01,))
        found[protocol.name] = {"auc": max(b.auc for b in baselines), "interval": None}
    return found


def all_measured() -> dict[str, dict[str, dict[str, Row]]]:
    """By set, detector and protocol; what was measured of this version before is kept."""
    version = measured_version()
    held = json.loads(STORE.read_text()) if STORE.exists() else {}
    values = held["values"] if held.get("measured") == version else {}
    for one in sets():
        kept = values.setdefault(one.title, {})
        for name in ("trivial", *DETECTORS):
            if name not in kept:
                kept[name] = trivial(one) if name == "trivial" else measured(name, one)
                WORK.mkdir(exist_ok=True)
                STORE.write_text(json.dumps({"measured": version, "values": values}))
                for protocol, row in kept[name].items():
                    print(one.title, protocol, name, row, flush=True)
    return values


def cell(row: Row) -> str:
    """An area with its interval."""
    if row["auc"] is None:
        return "-"
    interval = row["interval"]
    told = f" ({interval[0]:.3f}-{interval[1]:.3f})" if isinstance(interval, list) else ""
    return f"{row['auc']:.3f}{told}"


def write_measured(adfa: dict[str, dict[str, Row]]) -> None:
    """Put each detector's lines on its own page, between the marks there."""
    for kind in sorted({kind for kind, _ in DETECTORS.values()}):
        mine = [name for name, (one, _) in DETECTORS.items() if one == kind]
        names = {name: f"`{name.removeprefix(kind).strip() or kind}`" for name in mine}
        names["trivial"] = "*counting calls, at best*"
        rows = [(names[n], *(cell(adfa[n][protocol]) for protocol in ADFA)) for n in names]
        head = ("AUC (95 %)", *(f"`{protocol}`" for protocol in ADFA))
        page = RESULTS.parent / "detectors" / f"{kind}.md"
        write_between(page, list(table(head, rows)), "detectors.py")


def main() -> None:
    """Measure, and write the page and the tables on the detectors' pages."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core for all
    values = all_measured()
    adfa = values.pop("ADFA-LD")
    names = {"trivial": "*counting calls, at best*"} | {name: f"`{name}`" for name in DETECTORS}
    speeds = []
    for name in DETECTORS:
        row = adfa[name]["adfa-ld"]
        took = float(str(row["train_seconds"]))
        rate = float(str(row["calls_per_second"]))
        speeds.append((names[name], f"{took:.3g}", f"{rate / 1e6:.2g}"))
    lines = [
        "# All classical detectors",
        "",
        "Each with its default settings, which were chosen on `adfa-ld/dev` alone, and what makes "
        "another method of it. Score of a trace: the mean surprise of its calls, or what a "
        "detector of whole traces says. AUC with its 95 % interval (cluster bootstrap: attacks by "
        "folder or distinct sequence, normals by distinct sequence), seed "
        f"{SEED}. No attack chose anything but, for counting calls, the better of two counts and "
        "of two directions, which flatters it. **An interval that does not lie above what counting "
        "gives shows nothing.**",
        "",
        "## ADFA-LD",
        "",
        "What the protocols are: [ADFA-LD, honestly](../explanation/adfa-ld.md). More operating "
        "points of `stide` and `ngram`: [ADFA-LD](adfa_ld.md).",
        "",
        *table(
            ("detector", *(f"`{protocol}`" for protocol in ADFA)),
            [(names[n], *(cell(adfa[n][protocol]) for protocol in ADFA)) for n in names],
        ),
        "",
        "## UNM, MIT and CERT",
        "",
        "Small, old, and flawed each in its own way: read [their page](unm.md) before any of these "
        "numbers. *In line*: with one numbering of calls; *as published*, an area near 1 on lpr is "
        "the numbering's.",
        "",
        *table(
            ("detector", *values),
            [
                (names[n], *(cell(next(iter(values[title][n].values()))) for title in values))
                for n in names
            ],
        ),
        "",
        "## Speed",
        "",
        "One core, once each: training on ADFA-LD's 308,077 calls, scoring its 2.4 M. Orders of "
        "magnitude; [measured side by side](host_classical.md) for `stide` and `ngram`.",
        "",
        *table(("detector", "training, s", "scoring, M calls/s"), speeds),
    ]
    write_page("detectors", lines, "detectors.py")
    write_measured(adfa)


if __name__ == "__main__":
    main()
