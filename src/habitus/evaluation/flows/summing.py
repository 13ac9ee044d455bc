"""From runs of judged flows to one result: means, intervals, curves, and the parts worth a look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.flows.bootstrap import FlowIntervals, file_bootstrap
from habitus.evaluation.flows.judging import JudgedFlows
from habitus.evaluation.flows.metrics import Figures, Two, class_weights, figures, reliability_of
from habitus.evaluation.flows.results import (
    FlowCurve,
    FlowFigures,
    FlowFile,
    FlowGroup,
    Rates,
    ReliabilityRow,
)
from habitus.evaluation.metrics import roc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from habitus.evaluation.flows.trials import Trial
    from habitus.flows.labelled import LabelledFlows

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

MAX_FILES = 100
"""Files told one by one, at most."""
_PLACES = np.unique(np.concatenate([[0.0], np.logspace(-3, 0, 61), np.linspace(0, 1, 101)]))
"""Places of a mean curve."""


def figures_of(
    runs: Sequence[JudgedFlows], flows: LabelledFlows, trial: Trial, *, seed: int
) -> FlowFigures:
    """The means of figures over runs, with intervals where the trial has them."""
    benign = np.zeros(len(flows), dtype=np.bool_)
    benign[runs[0].rows[~runs[0].malicious]] = True
    hours = flows.hours(benign) if benign.any() else 0.0
    found = [figures(run, hours) for run in runs]
    first = found[0]
    intervals = FlowIntervals(None, None)
    if trial.is_resampled and first.auc_pooled is not None:
        intervals = file_bootstrap(runs, seed=seed)
    return FlowFigures(
        n_benign=first.n_benign,
        n_malicious=first.n_malicious,
        n_benign_files=first.n_benign_files,
        n_malicious_files=first.n_malicious_files,
        n_unscoreable=runs[0].n_unscoreable,
        auc=_mean(found, "auc"),
        auc_ci95=intervals.auc if first.auc is not None else None,
        auc_runs=tuple(one.auc.files for one in found if one.auc is not None),
        auc_pooled=_mean(found, "auc_pooled"),
        detection_at_budget=_mean(found, "detection_at_budget"),
        detection_at_budget_ci95=intervals.detection_at_budget,
        budget_reached=_mean(found, "budget_reached"),
        budget_alarms_per_hour=_mean_number([one.budget_alarms_per_hour for one in found]),
        detection=_mean(found, "detection"),
        false_alarms=_mean(found, "false_alarms"),
        hours=hours,
        alarms_per_hour=_mean_number([one.alarms_per_hour for one in found]),
        brier=_mean(found, "brier"),
        brier_of_share=_mean(found, "brier_of_share"),
        reliability=_reliability(runs) if first.brier is not None else (),
        curve=_curve(runs),
    )


def _mean(found: Sequence[Figures], name: str) -> Rates | None:
    values: list[Two | None] = [getattr(one, name) for one in found]
    told = [value for value in values if value is not None]
    if len(told) < len(values):
        return None
    return Rates(
        files=float(np.mean([value.files for value in told])),
        flows=float(np.mean([value.flows for value in told])),
    )


def _mean_number(values: Sequence[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return float(np.mean(told)) if told and len(told) == len(values) else None


def _reliability(runs: Sequence[JudgedFlows]) -> tuple[ReliabilityRow, ...]:
    """Of all runs together, each of which weighs the same."""
    rows = reliability_of(
        np.concatenate([run.scores for run in runs]),
        np.concatenate([run.malicious for run in runs]),
        np.concatenate([class_weights(run) / 2 for run in runs]),
        np.concatenate([run.files for run in runs]),
    )
    return tuple(
        ReliabilityRow(
            low=row.low, high=row.high, n_flows=row.n_flows, n_files=row.n_files,
            predicted=_rates(row.predicted), observed=_rates(row.observed),
        )
        for row in rows
    )  # fmt: skip


def _rates(two: Two) -> Rates:
    return Rates(files=two.files, flows=two.flows)


def _curve(runs: Sequence[JudgedFlows]) -> FlowCurve | None:
    """The mean of the models' curves at each false-alarm rate, weighed as their areas are."""
    total, mass = np.zeros(len(_PLACES)), 0.0
    for run in runs:
        weights = class_weights(run)
        for model in np.unique(run.models):
            benign = (run.models == model) & ~run.malicious
            malicious = (run.models == model) & run.malicious
            if not benign.any() or not malicious.any():
                continue
            curve = roc(
                run.scores[benign], run.scores[malicious], weights[benign], weights[malicious]
            )
            share = float(weights[benign].sum() * weights[malicious].sum())
            total += share * np.interp(_PLACES, *_upper(curve.fpr, curve.tpr))
            mass += share
    if not mass:
        return None
    return FlowCurve(fpr=tuple(_PLACES.tolist()), tpr=tuple((total / mass).tolist()))


def _upper(fpr: Floats, tpr: Floats) -> tuple[Floats, Floats]:
    """A curve with one point a false-alarm rate, the highest."""
    last = np.append(np.diff(fpr) > 0, True)
    return fpr[last], tpr[last]


def groups_by_source(runs: Sequence[JudgedFlows], flows: LabelledFlows) -> tuple[FlowGroup, ...]:
    """The judged flows source by source."""
    sources = flows.sources.astype(str)
    names = sorted(set(sources[runs[0].rows].tolist()))
    return tuple(
        _group(name, [part(run, sources[run.rows] == name) for run in runs]) for name in names
    )


def groups_by_split(runs: Sequence[JudgedFlows], trial: Trial) -> tuple[FlowGroup, ...]:
    """The judged flows split by split, of every run."""
    return tuple(
        _group(
            split.name if len(runs) == 1 else f"run {number + 1}, {split.name}",
            [part(run, run.models == model)],
        )
        for number, (run, splits) in enumerate(zip(runs, trial.runs, strict=True))
        for model, split in enumerate(splits)
        if (run.models == model).any()
    )


def _group(name: str, runs: Sequence[JudgedFlows]) -> FlowGroup:
    found = [figures(run) for run in runs]
    auc, detection, false_alarms = (
        _mean(found, which) for which in ("auc", "detection", "false_alarms")
    )
    return FlowGroup(
        name=name,
        n_benign=found[0].n_benign,
        n_malicious=found[0].n_malicious,
        auc=None if auc is None else auc.files,
        detection=None if detection is None else detection.files,
        false_alarms=None if false_alarms is None else false_alarms.files,
    )


def part(run: JudgedFlows, rows: Mask) -> JudgedFlows:
    """Some of the judged flows."""
    return JudgedFlows(
        scores=run.scores[rows], malicious=run.malicious[rows], alerts=run.alerts[rows],
        files=run.files[rows], rows=run.rows[rows], models=run.models[rows],
        is_probability=run.is_probability,
    )  # fmt: skip


def files_of(runs: Sequence[JudgedFlows], flows: LabelledFlows) -> tuple[FlowFile, ...]:
    """The judged files, those with most wrong decisions first."""
    made = []
    for number in np.unique(runs[0].files).tolist():
        file = flows.files[number]
        own = runs[0].files == number
        made.append(
            FlowFile(
                name=file.name, source=file.source, category=file.category,
                n_benign=int((own & ~runs[0].malicious).sum()),
                n_malicious=int((own & runs[0].malicious).sum()),
                alerts_benign=_alerts(runs, number, malicious=False),
                alerts_malicious=_alerts(runs, number, malicious=True),
            )
        )  # fmt: skip
    return tuple(sorted(made, key=_wrongness, reverse=True)[:MAX_FILES])


def _wrongness(file: FlowFile) -> float:
    missed = 0.0 if file.alerts_malicious is None else 1 - file.alerts_malicious
    return max(missed, file.alerts_benign or 0.0)


def _alerts(runs: Sequence[JudgedFlows], file: int, *, malicious: bool) -> float | None:
    shares = [
        float(run.alerts[own].mean())
        for run in runs
        if (own := (run.files == file) & (run.malicious == malicious)).any()
    ]
    return float(np.mean(shares)) if shares else None
