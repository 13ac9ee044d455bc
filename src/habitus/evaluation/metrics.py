"""Metrics of scores, higher = stranger, with cluster-bootstrap intervals.

A score is an alert if it is at or above a threshold; thresholds run over the distinct scores, so
that ties are never split.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Roc:
    """Receiver operating characteristic, from the strictest threshold (no alert) on.

    Attributes:
        fpr, tpr: (n_points,) float64, starting at (0, 0) and ending at (1, 1).
    """

    fpr: Floats
    tpr: Floats

    @property
    def auc(self) -> float:
        """Area under the curve: the chance that an attack scores above a normal, ties half."""
        return float(np.trapezoid(self.tpr, self.fpr))

    def detection_at(self, false_alarms: float) -> tuple[float, float]:
        """(detection rate, false-alarm rate achieved) at no more than ``false_alarms``."""
        point = int(np.searchsorted(self.fpr, false_alarms + 1e-12, side="right")) - 1
        return float(self.tpr[point]), float(self.fpr[point])

    def false_alarms_at(self, detection: float) -> float:
        """The lowest false-alarm rate at which at least ``detection`` of the attacks are found."""
        return float(self.fpr[int(np.argmax(self.tpr >= detection - 1e-12))])


def roc(
    normal: Floats,
    attack: Floats,
    normal_weights: Floats | None = None,
    attack_weights: Floats | None = None,
) -> Roc:
    """The ROC of two samples of finite scores, each score weighted.

    >>> import numpy as np
    >>> roc(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0])).auc
    0.75
    """
    scores, places = np.unique(np.concatenate([normal, attack]), return_inverse=True)
    rates = []
    for sample, weights in (
        (places[: len(normal)], normal_weights),
        (places[len(normal) :], attack_weights),
    ):
        mass = np.bincount(sample, weights=weights, minlength=len(scores))[::-1]
        rates.append(np.concatenate([[0.0], np.cumsum(mass) / mass.sum()]))
    return Roc(*rates)


@dataclass(frozen=True)
class Intervals:
    """95 % intervals (low, high); None where there is only one cluster to resample.

    Attributes:
        auc: of the area.
        detection: of the detection rate at each false-alarm rate asked for.
    """

    auc: tuple[float, float] | None
    detection: dict[float, tuple[float, float] | None]


def cluster_bootstrap(
    normal: Floats,
    attack: Floats,
    normal_clusters: NDArray[np.int64],
    attack_clusters: NDArray[np.int64],
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
        return Intervals(auc=None, detection=dict.fromkeys(false_alarms))
    random = np.random.default_rng(seed)
    areas = np.empty(replicates)
    rates = np.empty((replicates, len(false_alarms)))
    for i in range(replicates):
        curve = roc(
            normal,
            attack,
            _multiplicities(normal_clusters, random),
            _multiplicities(attack_clusters, random),
        )
        areas[i] = curve.auc
        rates[i] = [curve.detection_at(rate)[0] for rate in false_alarms]
    return Intervals(
        auc=_middle_95(areas),
        detection={rate: _middle_95(rates[:, k]) for k, rate in enumerate(false_alarms)},
    )


def _multiplicities(clusters: NDArray[np.int64], random: np.random.Generator) -> Floats:
    """How often each observation occurs when as many clusters are drawn as there are."""
    n_clusters = int(clusters.max()) + 1
    drawn = np.bincount(random.integers(0, n_clusters, n_clusters), minlength=n_clusters)
    return drawn[clusters].astype(np.float64)


def _middle_95(values: Floats) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
