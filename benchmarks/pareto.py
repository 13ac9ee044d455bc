"""Accuracy against cost: every detector's areas on ADFA-LD, and how many calls a second it scores.

    python benchmarks/pareto.py [NAME ...]

Names measure only these; the page is written of all, once all are there. Networks come from the
store of trained models, or are trained, which takes minutes.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path

import numpy as np
from common import ROOT, WORK, machine, test_data, write_page
from kept import LEARNS, Row, code_of, held, kept, version_of, work_of
from pareto_page import lines_of, picture

from habitus import Label, TraceSet, get_detector
from habitus.datasets.source import Source, find_source
from habitus.decisions.scores import aggregation_of, trace_scores
from habitus.detectors.base import SequenceDetector
from habitus.ensembles.asked import asked_members
from habitus.evaluation.bootstrap import area_interval
from habitus.evaluation.judged import judged_of
from habitus.evaluation.metrics import roc
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.evaluation.protocols import test_part as judged_part
from habitus.models.recipes import RECIPES

ROWS = WORK / "pareto"
SEED = 1
PROTOCOLS = ("adfa-ld", "adfa-ld/distinct")
SPEED_CALLS = 400_000
"""Of so many calls, or a little more, the speed is measured; each detector scores the same."""
SPEED_RUNS = 3
# With defaults, and with what makes another method of one. A detector is added by a line.
DETECTORS: dict[str, tuple[str, Mapping[str, object]]] = {
    "stide": ("stide", {}),
    "tstide": ("tstide", {}),
    "markov": ("markov", {}),
    "markov order=3": ("markov", {"order": 3}),
    "ngram": ("ngram", {}),
    "ngram order=5": ("ngram", {"order": 5}),
    "adaptive": ("adaptive", {}),
    "disorder": ("disorder", {}),
    "redundancy": ("redundancy", {}),
    "best": (RECIPES["best"].detector, RECIPES["best"].settings),
    "neighbours": ("neighbours", {}),
    "hmm": ("hmm", {}),
    **{
        f"outlier estimator={one}": ("outlier", {"estimator": one})
        for one in ("one-class-svm", "isolation-forest", "ecod", "knn", "pca")
    },
    "autoencoder": ("autoencoder", {}),
    "lstm": ("lstm", {}),
    "transformer": ("transformer", {}),
}
NETWORKS = ("autoencoder", "latent", "lstm", "transformer")


@cache
def adfa() -> TraceSet:
    """All of ADFA-LD."""
    return source().read()


@cache
def source() -> Source:
    """Where it is."""
    return find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip"))


def fitted(name: str) -> tuple[SequenceDetector, float]:
    """A detector that learned the training part, and the seconds that took."""
    kind, settings = DETECTORS[name]
    learned, part = training_part(adfa(), get_protocol("adfa-ld"))
    if kind in NETWORKS:
        from neural_models import trained

        model = trained(
            name, kind, settings, learned, seed=SEED, data="adfa-ld", part=part,
            data_sha256=source().sha256,
        )  # fmt: skip
        return model.detector, model.provenance.train_seconds
    made: SequenceDetector = get_detector(kind).with_settings(settings)
    started = time.perf_counter()
    made.fit(learned, seed=SEED)
    return made, time.perf_counter() - started


def speed_part() -> TraceSet:
    """Validation traces, evenly taken, and together long enough to measure by."""
    traces = judged_part(adfa(), get_protocol("adfa-ld"))
    normal = traces.select(traces.labels == Label.NORMAL)
    every = max(1, normal.n_calls // SPEED_CALLS)
    return normal.select(np.arange(0, normal.n_traces, every))


def measured(name: str) -> Row:
    """Areas with intervals, and calls a second of the processor's time, the best of some runs."""
    detector, seconds = fitted(name)
    aggregation = aggregation_of(detector)
    row: Row = {"train_seconds": seconds, "areas": {}, "intervals": {}}
    for protocol in map(get_protocol, PROTOCOLS):
        test = judged_part(adfa(), protocol)
        scores = trace_scores(detector, test, aggregation)
        judged = judged_of(test, scores, np.zeros(test.n_traces, dtype=bool), protocol)
        normal, attack = judged.of(Label.NORMAL), judged.of(Label.ATTACK)
        row["areas"][protocol.name] = roc(normal.scores, attack.scores).auc
        row["intervals"][protocol.name] = area_interval(
            normal.scores, attack.scores, normal.clusters, attack.clusters, seed=SEED
        )
    some, taken = speed_part(), []
    for _ in range(SPEED_RUNS):  # the processor's time: what else runs here does not count
        started = time.process_time()
        trace_scores(detector, some, aggregation)
        taken.append(time.process_time() - started)
    row["calls_per_second"] = some.n_calls / min(taken)
    return row


def _members(settings: Mapping[str, object]) -> list[str]:
    """The modules of the detectors that an ensemble fits."""
    asked = asked_members(str(settings["members"])) if "members" in settings else ()
    return [get_detector(one.detector).__module__ for one in asked]


_DONE = work_of(measured, fitted, speed_part)
CODE = {
    name: code_of(
        get_detector(kind).__module__, *_members(settings), "habitus.decisions.scores",
        "habitus.evaluation.judged", "habitus.evaluation.bootstrap",
        within=(*LEARNS, "habitus.decisions", "habitus.detectors", "habitus.ensembles",
                "habitus.evaluation"),
    ) + _DONE
    for name, (kind, settings) in DETECTORS.items()
}  # fmt: skip


def kept_at(name: str) -> tuple[Path, dict[str, object]]:
    """Where a detector's row is kept, and what it depends on: this machine, too."""
    version = version_of(CODE[name], adfa(), settings=dict(DETECTORS[name][1]), machine=machine())
    return ROWS / f"{name}.json", version


def main() -> None:
    """Measure what is not yet, and of all write the page."""
    parser = argparse.ArgumentParser(description="Accuracy against calls a second.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(DETECTORS)}; all")
    parser.add_argument("--page", action="store_true", help="measure nothing: of what there is")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(DETECTORS):
        parser.error(f"no such detector: {', '.join(sorted(unknown))}")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core for all
    for name in () if arguments.page else arguments.names or DETECTORS:
        kept(*kept_at(name), partial(measured, name))
    if arguments.names:
        print("a page of some detectors is none: it is not written")
        return
    every = {name: held(*kept_at(name)) for name in DETECTORS}
    rows = {name: row for name, row in every.items() if row is not None}
    for protocol in PROTOCOLS:
        drawing = picture(rows, protocol)
        drawing.save(ROOT / "docs" / "images" / f"pareto-{protocol.replace('/', '-')}.svg")
    missing = [name for name in DETECTORS if name not in rows]
    lines = lines_of(rows, PROTOCOLS, speed_part().n_calls, missing)
    write_page("pareto", list(lines), "pareto.py")


if __name__ == "__main__":
    main()
