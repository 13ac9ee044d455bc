"""Figures of judged flows: each file weighs the same, whatever it holds; flows beside it.

One file of a scan holds a thousand flows that are one observation. Rates over flows are its rates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.metrics import Roc, roc
from habitus.flows.labelled import equal_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.evaluation.flows.judging import JudgedFlows

    Floats = NDArray[np.float64]

FALSE_ALARMS = 0.01
N_BINS = 10


@dataclass(frozen=True)
class Two:
    """A number by which files weigh equally, and the same over flows."""

    files: float
    flows: float


@dataclass(frozen=True)
class ReliabilityRow:
    """Flows whose probability lies in one tenth.

    Attributes:
        low, high: the tenth.
        n_flows, n_files: how many flows, and of how many files.
        predicted: their mean probability; ``observed``: the share that is malicious. Both weigh
            files of either class equally, as training balances classes; ``flows`` does not.
    """

    low: float
    high: float
    n_flows: int
    n_files: int
    predicted: Two
    observed: Two


@dataclass(frozen=True)
class Figures:
    """What came of judging. Where flows of one class alone are judged, what needs both is None.

    Attributes:
        n_benign, n_malicious: flows; ``n_benign_files``, ``n_malicious_files`` theirs.
        auc: area under the ROC, over pairs of flows that one model judged: folds have models of
            their own, and scores of two models need not mean the same. Pooled over folds, the area
            of a detector that knows nothing lies below one half, because what is held out lacks
            where it is learned (G. Forman, M. Scholz, "Apples-to-apples in cross-validation
            studies", 2010). None, too, where no model judged both classes.
        auc_pooled: over all pairs, as if one model had judged them.
        detection_at_budget: detection rate at no more than `FALSE_ALARMS`, each by its own
            threshold; ``budget_reached``: the false-alarm rate there.
        detection, false_alarms: rates at the model's own decision.
        hours: how long benign files were recorded; ``alarms_per_hour`` are false ones at the
            model's own decision, ``budget_alarms_per_hour`` at the threshold of the budget.
        brier: mean squared error of probabilities, lower is better; ``brier_of_share``: that of
            saying the share of malicious flows each time.
        reliability: empty where scores are no probabilities.
    """

    n_benign: int
    n_malicious: int
    n_benign_files: int
    n_malicious_files: int
    auc: Two | None
    auc_pooled: Two | None
    detection_at_budget: Two | None
    budget_reached: Two | None
    detection: Two | None
    false_alarms: Two | None
    hours: float
    alarms_per_hour: float | None
    budget_alarms_per_hour: float | None
    brier: Two | None
    brier_of_share: Two | None
    reliability: tuple[ReliabilityRow, ...]


def figures(judged: JudgedFlows, hours: float = 0.0) -> Figures:
    """The figures of judged flows.

    Args:
        hours: how long the files of the benign flows were recorded; 0 where nobody knows.
    """
    is_malicious = judged.malicious
    benign, malicious = judged.scores[~is_malicious], judged.scores[is_malicious]
    weights = class_weights(judged)
    both = len(benign) > 0 and len(malicious) > 0
    curves = None
    if both:
        sides = weights[~is_malicious], weights[is_malicious]
        curves = roc(benign, malicious, *sides), roc(benign, malicious)
    alerts = judged.alerts.astype(np.float64)
    n_false = int((judged.alerts & ~is_malicious).sum())
    n_budget = None
    if curves is not None and hours:
        n_budget = int((benign >= budget_threshold(curves[0])).sum())
    is_probability = judged.is_probability and both
    # So that either class weighs one half, as in the area.
    halves = weights / 2
    return Figures(
        n_benign=len(benign),
        n_malicious=len(malicious),
        n_benign_files=len(np.unique(judged.files[~is_malicious])),
        n_malicious_files=len(np.unique(judged.files[is_malicious])),
        auc=_area(judged, weights),
        auc_pooled=None if curves is None else Two(*(curve.auc for curve in curves)),
        detection_at_budget=None
        if curves is None
        else Two(*(curve.detection_at(FALSE_ALARMS)[0] for curve in curves)),
        budget_reached=None
        if curves is None
        else Two(*(curve.detection_at(FALSE_ALARMS)[1] for curve in curves)),
        detection=_rate(alerts, weights, is_malicious),
        false_alarms=_rate(alerts, weights, ~is_malicious),
        hours=hours,
        alarms_per_hour=n_false / hours if hours and len(benign) else None,
        budget_alarms_per_hour=None if n_budget is None else n_budget / hours,
        brier=_brier(judged, judged.scores, halves) if is_probability else None,
        brier_of_share=_brier_of_share(judged) if is_probability else None,
        reliability=reliability_of(judged.scores, judged.malicious, halves, judged.files)
        if is_probability
        else (),
    )


def _area(judged: JudgedFlows, weights: Floats) -> Two | None:
    """The area over pairs of flows that one model judged."""
    areas, masses = np.zeros(2), np.zeros(2)
    for model in np.unique(judged.models):
        benign = (judged.models == model) & ~judged.malicious
        malicious = (judged.models == model) & judged.malicious
        if not benign.any() or not malicious.any():
            continue
        for which, of in enumerate((weights, np.ones(len(weights)))):
            curve = roc(judged.scores[benign], judged.scores[malicious], of[benign], of[malicious])
            mass = float(of[benign].sum() * of[malicious].sum())
            areas[which] += curve.auc * mass
            masses[which] += mass
    return Two(*(areas / masses).tolist()) if masses.all() else None


def class_weights(judged: JudgedFlows) -> Floats:
    """(n,) float64: of each class the weights sum to 1, and its files weigh the same."""
    weights = np.zeros(len(judged.scores))
    for side in (judged.malicious, ~judged.malicious):
        weights[side] = equal_weights(judged.files[side])
    return weights


def budget_threshold(curve: Roc) -> float:
    """The score from which on there is an alert, at no more than `FALSE_ALARMS`."""
    point = int(np.searchsorted(curve.fpr, FALSE_ALARMS + 1e-12, side="right")) - 1
    return float(curve.thresholds[point])


def _rate(alerts: Floats, weights: Floats, side: NDArray[np.bool_]) -> Two | None:
    if not side.any():
        return None
    return Two(float((alerts * weights)[side].sum()), float(alerts[side].mean()))


def _brier(judged: JudgedFlows, probabilities: Floats, halves: Floats) -> Two:
    squares = (probabilities - judged.malicious) ** 2
    return Two(float((squares * halves).sum()), float(squares.mean()))


def _brier_of_share(judged: JudgedFlows) -> Two:
    share = float(judged.malicious.mean())
    return Two(0.25, share * (1 - share))


def reliability_of(
    scores: Floats, malicious: NDArray[np.bool_], weights: Floats, files: NDArray[np.int64]
) -> tuple[ReliabilityRow, ...]:
    """What came of probabilities, tenth by tenth; tenths without a flow are left out.

    Args:
        scores: (n,) probabilities; ``malicious``: (n,) whether each flow is.
        weights: (n,) by which files weigh equally, either class as much as the other.
        files: (n,) the file of each.
    """
    bins = np.minimum((scores * N_BINS).astype(np.int64), N_BINS - 1)
    rows = []
    for tenth in np.unique(bins).tolist():
        own = bins == tenth
        said, truth, mass = scores[own], malicious[own], weights[own]
        rows.append(
            ReliabilityRow(
                low=tenth / N_BINS,
                high=(tenth + 1) / N_BINS,
                n_flows=int(own.sum()),
                n_files=len(np.unique(files[own])),
                predicted=Two(float(np.average(said, weights=mass)), float(said.mean())),
                observed=Two(float(np.average(truth, weights=mass)), float(truth.mean())),
            )
        )
    return tuple(rows)
