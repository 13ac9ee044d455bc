"""Cluster bootstrap: 95 % intervals of areas and rates, and 95 % bands around curves.

Whole clusters are drawn with replacement, as many as there are. The scores stay where they are and
only their weights change, so that they are sorted once, whatever the number of replicates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.metrics import Roc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Clusters = NDArray[np.int64]

_MAX_CELLS = 1 << 19
"""Replicates are worked through in blocks of at most so many weights: they stay in the cache."""

FPR_GRID: Floats = np.unique(
    np.round(np.concatenate([np.logspace(-3, 0, 46), np.linspace(0, 1, 51)]), 6)
)
"""(n,) float64: where the ROC's band is measured; close together where alarms are few."""
RECALL_GRID: Floats = np.linspace(0, 1, 51)[1:]
"""(50,) float64: where the band of precision is measured."""


@dataclass(frozen=True)
class Band:
    """A 95 % interval at each of some places, each place by itself.

    Attributes:
        at, low, high: (n_places,) float64.
    """

    at: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Intervals:
    """95 % intervals (low, high); None where there is only one cluster to resample.

    Attributes:
        auc, average_precision: of the areas.
        detection: of the detection rate at each false-alarm rate asked for.
        roc: of the detection rate at `FPR_GRID`; ``precision`` of that at `RECALL_GRID`.
    """

    auc: tuple[float, float] | None
    average_precision: tuple[float, float] | None
    detection: dict[float, tuple[float, float] | None]
    roc: Band | None
    precision: Band | None


def cluster_bootstrap(
    normal: Floats,
    attack: Floats,
    normal_clusters: Clusters,
    attack_clusters: Clusters,
    false_alarms: tuple[float, ...],
    *,
    seed: int,
    replicates: int = 1000,
) -> Intervals:
    """Percentile intervals from resampling whole clusters with replacement.

    Args:
        normal_clusters, attack_clusters: (n,) int64 from 0; what was recorded together, or is the
            same sequence, is one observation and not many.
        seed: makes the resampling.
    """
    if min(len(np.unique(normal_clusters)), len(np.unique(attack_clusters))) < 2:
        return Intervals(None, None, dict.fromkeys(false_alarms), None, None)
    areas, averages = np.empty(replicates), np.empty(replicates)
    rates = np.empty((replicates, len(false_alarms)))
    curves = np.empty((replicates, len(FPR_GRID)))
    precisions = np.empty((replicates, len(RECALL_GRID)))
    drawn = _drawn_curves(normal, attack, normal_clusters, attack_clusters, seed, replicates)
    for i, (curve, n_normal, n_attack) in enumerate(drawn):
        areas[i] = curve.auc
        rates[i] = [curve.detection_at(rate)[0] for rate in false_alarms]
        curves[i] = np.interp(FPR_GRID, curve.fpr, curve.tpr)
        tradeoff = curve.precision_recall(n_normal, n_attack)
        averages[i] = tradeoff.average
        precisions[i] = tradeoff.precision_at(RECALL_GRID)
    return Intervals(
        auc=middle_95(areas),
        average_precision=middle_95(averages),
        detection={rate: middle_95(rates[:, k]) for k, rate in enumerate(false_alarms)},
        roc=_band(FPR_GRID, curves),
        precision=_band(RECALL_GRID, precisions),
    )


def area_interval(
    normal: Floats,
    attack: Floats,
    normal_clusters: Clusters,
    attack_clusters: Clusters,
    *,
    seed: int,
    replicates: int = 1000,
) -> tuple[float, float] | None:
    """The interval of the area alone, for parts of the attacks; as `cluster_bootstrap`'s."""
    if min(len(np.unique(normal_clusters)), len(np.unique(attack_clusters))) < 2:
        return None
    # Where a normal stands among the attacks is all that counts: few steps instead of many scores.
    steps, step_of = np.unique(attack, return_inverse=True)
    sides = [np.searchsorted(steps, normal, side=side) for side in ("left", "right")]
    among = (sides[0] + sides[1]).astype(np.float64)
    drawn = _drawn_curves(
        among,
        2 * step_of.astype(np.float64) + 1,
        normal_clusters,
        attack_clusters,
        seed,
        replicates,
    )
    return middle_95(np.array([curve.auc for curve, _, _ in drawn]))


def _drawn_curves(
    normal: Floats,
    attack: Floats,
    normal_clusters: Clusters,
    attack_clusters: Clusters,
    seed: int,
    replicates: int,
) -> Iterator[tuple[Roc, int, int]]:
    """Each replicate's ROC, and how many normals and attacks were drawn."""
    scores, places = np.unique(np.concatenate([normal, attack]), return_inverse=True)
    strictness = len(scores) - 1 - places  # (n,) the strictest threshold first
    sides = (
        Side(strictness[: len(normal)], normal_clusters, len(scores)),
        Side(strictness[len(normal) :], attack_clusters, len(scores)),
    )
    thresholds = np.concatenate([[np.inf], scores[::-1]])
    random = np.random.default_rng(seed)
    step = max(1, _MAX_CELLS // (len(scores) + 1))
    for begin in range(0, replicates, step):
        n_block = min(step, replicates - begin)
        draws = [[side.draw(random) for side in sides] for _ in range(n_block)]
        blocks = [
            side.counts(np.array([drawn[k] for drawn in draws])) for k, side in enumerate(sides)
        ]
        for false, found in zip(*blocks, strict=True):
            rates = false / false[-1], found / found[-1]
            yield Roc(*rates, thresholds), int(false[-1]), int(found[-1])


class Side:
    """One side's observations, sorted, waiting for the weights of a replicate."""

    def __init__(self, strictness: Clusters, clusters: Clusters, n_scores: int) -> None:
        order = np.argsort(strictness, kind="stable")
        self._clusters = clusters[order]
        self._places, self._starts = np.unique(strictness[order], return_index=True)
        self._n_clusters = int(clusters.max()) + 1
        self._n_scores = n_scores

    def draw(self, random: np.random.Generator) -> Clusters:
        """(n_clusters,) int64: how often each cluster is drawn."""
        drawn = random.integers(0, self._n_clusters, self._n_clusters)
        return np.bincount(drawn, minlength=self._n_clusters)

    def counts(self, draws: Clusters) -> Floats:
        """(n_replicates, n_scores + 1) float64: how many score at least that much.

        Args:
            draws: (n_replicates, n_clusters) int64.
        """
        mass = np.zeros((len(draws), self._n_scores + 1))
        mass[:, self._places + 1] = np.add.reduceat(draws[:, self._clusters], self._starts, axis=1)
        return np.cumsum(mass, axis=1, out=mass)


def middle_95(values: Floats) -> tuple[float, float]:
    """The 2.5 % and the 97.5 % quantile."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _band(places: Floats, values: Floats) -> Band:
    return Band(places, *np.quantile(values, [0.025, 0.975], axis=0))
