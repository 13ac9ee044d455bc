"""The one-feature baseline: what a detector of flows must clear.

The feature that alone tells malicious flows from benign ones best in training, and on which side:
chosen anew of each split's training flows, so that what is judged chooses nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.detectors.flow.feature_sets import DEFAULT, features_named
from habitus.detectors.flow.matrix import FlowInputs
from habitus.errors import UsageError
from habitus.evaluation.metrics import roc
from habitus.flows.labelled import equal_weights

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from habitus.flows.labelled import LabelledFlows

    Floats = NDArray[np.float64]

ONE_FEATURE = "one feature"


class OneFeature:
    """A flow's score is how many learned flows lie less far on the malicious side, as a share.

    Both classes weigh the same there, and so do files of a class. A feature that is undefined
    counts as the median of training.

    Attributes:
        feature: which; ``side`` is ``more`` or ``less``: the malicious one.
        auc: its area in training, files weighed equally.
    """

    def __init__(self, train: LabelledFlows) -> None:
        if not 0 < train.n_malicious < len(train):
            raise UsageError(f"{ONE_FEATURE}: flows of both classes are needed to choose one")
        self._inputs, matrix, _ = FlowInputs.chosen(train.flows, features_named(DEFAULT))
        sides = (~train.malicious, train.malicious)
        weights = np.zeros(len(train))
        for side in sides:
            weights[side] = equal_weights(train.file_of[side]) / 2
        self._medians = np.array([_median(column) for column in matrix.T])
        best = (-1.0, 0, 1.0)
        for place, column in enumerate(matrix.T):
            values = self._told(column, place)
            area = roc(*(values[side] for side in sides), *(weights[side] for side in sides)).auc
            best = max(best, (max(area, 1 - area), -place, 1.0 if area >= 0.5 else -1.0))
        self.auc, place, self._sign = best[0], -best[1], best[2]
        self._place = place
        self.feature = self._inputs.names[place]
        self.side = "more" if self._sign > 0 else "less"
        values = self._sign * self._told(matrix[:, place], place)
        self._values, where = np.unique(values, return_inverse=True)
        mass = np.bincount(where, weights=weights)
        # The middle of a tie.
        self._shares = np.cumsum(mass) - mass / 2

    def score(self, table: pl.DataFrame) -> tuple[Floats, NDArray[np.bool_]]:
        """(n,) scores from 0 to 1, and which flows tell what they must."""
        matrix, can = self._inputs.told(table)
        values = self._sign * self._told(matrix[can, self._place], self._place)
        return np.interp(values, self._values, self._shares), can

    def _told(self, column: Floats, place: int) -> Floats:
        return np.where(np.isnan(column), self._medians[place], column)


def _median(column: Floats) -> float:
    told = column[~np.isnan(column)]
    return float(np.median(told)) if len(told) else 0.0
