"""How well objectives that need no attack rank configurations, against their AUC on adfa-ld/dev.

    python benchmarks/ranking.py [SEARCH[=POINTS] ...]

By default all of `ngram-grid`, `stide-grid` and `autoencoder-grid`, the last with at most 5 epochs
in about fifteen minutes of two quiet cores. Each configuration is kept as soon as it is measured,
by what it depends on. `autoencoder-grid=2` measures its first two points; the page is written of
searches whose points are all there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from common import WORK, test_data, write_page
from kept import Row, code_of, held, version_of, work_of
from ranking_page import lines_of

from habitus import TraceSet, get_detector, read_traces
from habitus.decisions.scores import aggregation_of, trace_scores
from habitus.detectors.base import SequenceDetector
from habitus.engines.base import Asked, Context, Job
from habitus.engines.local import LocalEngine
from habitus.evaluation.metrics import roc
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.evaluation.protocols import test_part as judged_part
from habitus.search.anomalies import KINDS
from habitus.search.objectives import is_likelihood, nats_a_call, synthetic_auc
from habitus.search.parts import ANOMALIES, JUDGED, LEARNED, parts_of, with_anomalies
from habitus.search.plan import SearchPlan, read_search_file
from habitus.search.space import trial_seed
from habitus.traces.traceset import Label

ROWS = WORK / "ranking"
SEARCHES = ("ngram-grid", "stide-grid", "autoencoder-grid")
MOST_EPOCHS = 5


@cache
def data(search: str) -> dict[str, TraceSet]:
    """What trials of a search learn and are judged by; and the traces that tell the truth."""
    plan, protocol = read_search_file(search), get_protocol("adfa-ld/dev")
    traces = read_traces(test_data() / "adfa-ld" / "ADFA-LD.zip")
    judging, seed = plan.file.judging, plan.file.seed
    parts = parts_of(traces, protocol, judging, seed, supervised=False)
    test = judged_part(traces, protocol)
    return {
        **with_anomalies(parts, judging, seed),
        "training": training_part(traces, protocol)[0],
        "attacks": test.select(test.labels == Label.ATTACK),
        "normals": test.select(test.labels == Label.NORMAL),
    }


def measured(arguments: Mapping[str, Any], context: Context) -> Row:
    """One configuration: its objectives, and its true area; a task of an engine."""
    del context
    parts = data(arguments["search"])
    detector = get_detector(arguments["detector"]).with_settings(arguments["settings"])
    detector.fit(parts[LEARNED], None, seed=arguments["seed"])
    synthetic = synthetic_auc(detector, parts)
    kinds = np.array([info.attack for info in parts[ANOMALIES].infos])
    judged, normals, attacks = (
        scores(detector, parts[name]) for name in (JUDGED, "normals", "attacks")
    )
    strange = scores(detector, parts[ANOMALIES])
    return {
        "settings": arguments["point"],
        "synthetic-auc": synthetic.value,
        **synthetic.beside,
        "nll": nats_a_call(detector, parts).value if is_likelihood(type(detector)) else None,
        "true": area(normals, attacks),
        "true_of_judged": area(judged, attacks),
        **spread("normals", judged),
        **spread("attacks", attacks),
        **{
            name: value
            for kind in KINDS
            for name, value in spread(kind, strange[kinds == kind]).items()
        },
    }


def spread(name: str, values: np.ndarray) -> dict[str, float]:
    """The median of scores, and the share of traces in which nothing is strange at all."""
    return {
        f"median_{name}": float(np.nanmedian(values)),
        f"none_{name}": float(np.mean(np.nan_to_num(values) == 0)),
    }


def scores(detector: SequenceDetector, traces: TraceSet) -> np.ndarray:
    """Of whole traces, as the detector aggregates them."""
    return trace_scores(detector, traces, aggregation_of(detector))


def area(normal: np.ndarray, attack: np.ndarray) -> float:
    """A trace without a score raises no alarm, and so lies below all that have one."""
    every = np.concatenate([normal, attack])
    every = np.where(np.isfinite(every), every, np.nanmin(every) - 1.0)
    return roc(every[: len(normal)], every[len(normal) :]).auc


_WITHIN = (
    "habitus.decisions", "habitus.detectors", "habitus.evaluation.metrics", "habitus.learning",
    "habitus.networks", "habitus.search",
)  # fmt: skip
# Now, as it is imported: an edit in the midst of a run must not stand for what runs.
WORKS = work_of(measured, spread, scores, area, data.__wrapped__)
CODE = {
    name: code_of(
        get_detector(read_search_file(name).file.detector).__module__,
        "habitus.search.objectives", "habitus.search.parts", within=_WITHIN,
    )
    for name in SEARCHES
}  # fmt: skip


def jobs_of(search: str) -> list[tuple[Path, dict[str, object], dict[str, Any]]]:
    """Of each point of a search: where its row is kept, what it depends on, what is asked for."""
    plan: SearchPlan = read_search_file(search)
    parts = data(search)
    found = []
    for number, point in enumerate(plan.space.grid(), 1):
        settings = {**plan.file.settings, **point}
        if search == "autoencoder-grid":
            settings["epochs"] = MOST_EPOCHS
        asked = {
            "search": search, "detector": plan.file.detector, "settings": settings,
            "point": point, "seed": trial_seed(plan.file.seed, number),
        }  # fmt: skip
        version = version_of(CODE[search] + WORKS, *parts.values(), **asked)
        found.append((ROWS / search / f"{number:02}.json", version, asked))
    return found


def rows_of(search: str, most: int | None) -> list[Row]:
    """The rows of a search; so many at most of those that are missing are made now."""
    jobs = jobs_of(search)
    missing = [job for job in jobs if held(job[0], job[1]) is None][:most]
    with closing(LocalEngine()) as engine:
        running = {
            engine.submit(Job(path.stem, "ranking:measured", asked, log=ROWS / "log.txt")): (
                path, version,
            )
            for path, version, asked in missing
        }  # fmt: skip
        ROWS.mkdir(parents=True, exist_ok=True)
        while running:
            for event in engine.wait(60.0):
                assert not isinstance(event, Asked)  # noqa: S101
                assert not event.failure, event.failure  # noqa: S101
                path, version = running.pop(event.handle)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps({"version": version, "row": event.result}))
                print(search, path.stem, event.result, f"{event.seconds:.0f} s", flush=True)
    return [row for path, version, _ in jobs if (row := held(path, version)) is not None]


def main() -> None:
    """Measure what is not yet, and write the page."""
    asked = [name.partition("=") for name in sys.argv[1:]] or [(name, "", "") for name in SEARCHES]
    for name, _, most in asked:
        rows_of(name, int(most) if most else None)
    every = {name: rows_of(name, 0) for name in SEARCHES}
    points = {name: len(jobs_of(name)) for name in SEARCHES}
    write_page("ranking", list(lines_of(every, points, MOST_EPOCHS)), "ranking.py")


if __name__ == "__main__":
    main()
