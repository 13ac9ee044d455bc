"""What ensembles of unlike and of like detectors gain, on `adfa-ld/dev` alone.

    python benchmarks/ensemble.py

takes a minute or two. Members are kept in the work folder, so that a run that was stopped goes on.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
from common import RESULTS, WORK, table, test_data, write_between, write_page
from detectors import area, cell

from habitus import Label, TraceSet
from habitus.datasets.source import find_source
from habitus.decisions.budget import Budget
from habitus.ensembles.combination import UNITS
from habitus.errors import ModelError
from habitus.evaluation.judged import judged_of
from habitus.evaluation.metrics import roc
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.evaluation.protocols import test_part as judged_part
from habitus.models.ensembling import ensemble_model
from habitus.models.files import load_trace_model, save_model
from habitus.models.model import Model
from habitus.models.training import fit_model

DEV = "adfa-ld/dev"
SEED = 1
MEMBERS: dict[str, tuple[str, dict[str, object]]] = {
    "ngram order=12": ("ngram", {"order": 12}),
    "ngram order=6": ("ngram", {"order": 6}),
    "disorder": ("disorder", {}),
    "redundancy": ("redundancy", {}),
    "neighbours": ("neighbours", {}),
    "stide": ("stide", {}),
}
SETS = {
    "unlike: ngram order=12, disorder": ("ngram order=12", "disorder"),
    "unlike: those and neighbours": ("ngram order=12", "disorder", "neighbours"),
    "unlike: redundancy, disorder": ("redundancy", "disorder"),
    "like: ngram order=12, ngram order=6, stide": ("ngram order=12", "ngram order=6", "stide"),
}
TEXT = (
    "Members alone, and [ensembles](../detectors/ensemble.md) of them by every way to combine "
    "them. Members learn the 833 training traces; combinations and thresholds are settled on the "
    "scores that cross-fitting kept of the same traces. `tails` is the default because it needs no "
    "unit to be like another, and was so before this table was made; no attack chose it. Areas "
    "with 95 % intervals by cluster bootstrap; detection at the strictest threshold that keeps "
    "1 % and 5 % false alarms; and the false alarms of the threshold that was set for 1 % of "
    "normals like those learned."
)
READING = (
    "Likelihoods together gain nothing on the best of them. Likelihood and disorder together find "
    "more at few false alarms than disorder alone; their area is no larger by `tails`, and by "
    "`average` a little, well within the intervals. Redundancy and disorder, by `average`, "
    "have the area of the better of them, and find more at 5 % than either; they are the core of "
    "[`habitus train best`](../how-to/train-the-best.md). Votes have few values, so that most "
    "false-alarm rates cannot be had. Thresholds give far more false alarms than they were set "
    "for: the normals to be judged are not like those learned ([why](disorder.md)), and an "
    "ensemble of `ngram` and `disorder`, which hears of it twice, alarms the oftener. What "
    "`disorder` finds is partly how the traces were recorded; so is what an ensemble with it finds."
)


def member(name: str, learned: TraceSet, folder: Path) -> Model:
    """The trained model, read again where an earlier run has kept it."""
    kind, settings = MEMBERS[name]
    place = folder / name.replace(" ", "-")
    try:
        kept = load_trace_model(place)
    except ModelError:
        return save_model(fit_model(kind, learned, settings=settings, seed=SEED), place)
    same = kept.provenance.n_traces == learned.n_traces and all(kept.memory.knows(learned))
    settings_kept = kept.detector.settings
    wanted = type(kept.detector).with_settings(settings).settings
    if same and kept.detector.name == kind and settings_kept == wanted:
        return kept
    return save_model(fit_model(kind, learned, settings=settings, seed=SEED), place)


def row(title: str, model: Model, test: TraceSet) -> tuple[str, ...]:
    """A model's line of the table."""
    model.scores(test.select([0]))  # compiled before it is timed
    begun = time.perf_counter()
    scores = model.scores(test)
    seconds = time.perf_counter() - begun
    protocol = get_protocol(DEV)
    judged = judged_of(test, scores, np.zeros(test.n_traces, dtype=bool), protocol)
    normal, attack = judged.of(Label.NORMAL).scores, judged.of(Label.ATTACK).scores
    curve = roc(normal, attack)
    found = [f"{curve.detection_at(rate)[0] * 100:.1f} %" for rate in (0.01, 0.05)]
    alarms = float(np.mean(normal > model.decision.threshold))
    speed = f"{test.n_calls / seconds / 1e6:.1f} M"
    return title, cell(area(judged)), *found, f"{alarms * 100:.1f} %", speed


def main() -> None:
    """Train, combine, judge, and write the page and the table of the detector's."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    traces = find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip")).read()
    learned, _ = training_part(traces, get_protocol(DEV))
    test = judged_part(traces, get_protocol(DEV))
    models = {name: member(name, learned, WORK / "ensemble") for name in MEMBERS}
    rows = [row(f"`{name}`", model, test) for name, model in models.items()]
    told = {}
    for title, names in SETS.items():
        for kind in UNITS:
            made = ensemble_model(
                {name: models[name] for name in names}, learned,
                settings={"combine": kind}, false_alarms=Budget.parse("1%"), seed=SEED,
            )  # fmt: skip
            told[title, kind] = row(f"{title}; `{kind}`", made, test)
    rows += told.values()
    head = (
        "", "AUC (95 %)", "found at 1 %", "at 5 %", "false alarms, set for 1 %", "calls/s",
    )  # fmt: skip
    page = [
        "# Ensembles on ADFA-LD", "", TEXT, "", *table(head, rows), "", READING,
    ]  # fmt: skip
    write_page("ensemble", page, "ensemble.py")
    first = next(iter(SETS))
    alone = [r for r in rows if r[0].strip("`") in SETS[first]]
    shown = [*alone, *((f"`{kind}`", *told[first, kind][1:]) for kind in UNITS)]
    lines = list(table(head[:-1], [one[:-1] for one in shown]))
    write_between(RESULTS.parent / "detectors" / "ensemble.md", lines, "ensemble.py")


if __name__ == "__main__":
    main()
