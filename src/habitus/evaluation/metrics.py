"""Metrics of scores, higher = stranger: the ROC, precision and recall, and their points.

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
        thresholds: (n_points,) float64, falling from infinity; an alert scores that or more.
    """

    fpr: Floats
    tpr: Floats
    thresholds: Floats

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

    def precision_recall(self, n_normal: int, n_attack: int) -> PrecisionRecall:
        """What share of the alerts are attacks, where so many of either are judged."""
        found, false = self.tpr * n_attack, self.fpr * n_normal
        with np.errstate(invalid="ignore"):
            precision = np.where(found + false > 0, found / (found + false), 1.0)
        return PrecisionRecall(self.tpr, precision)


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision over recall, from the strictest threshold (no alert, and none of them false) on.

    Attributes:
        recall, precision: (n_points,) float64, starting at (0, 1).
    """

    recall: Floats
    precision: Floats

    @property
    def average(self) -> float:
        """Average precision: each threshold's precision, weighted by the recall that it adds."""
        return float(np.sum(np.diff(self.recall) * self.precision[1:]))

    def precision_at(self, recalls: Floats) -> Floats:
        """(n,) float64: the precision of the strictest threshold that finds so many."""
        points = np.searchsorted(self.recall, recalls - 1e-12, side="left")
        return self.precision[np.minimum(points, len(self.precision) - 1)]


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
    return Roc(rates[0], rates[1], np.concatenate([[np.inf], scores[::-1]]))
