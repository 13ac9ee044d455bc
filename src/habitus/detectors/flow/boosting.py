"""`boosting`: gradient-boosted trees, kept and scored as plain arrays."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from habitus.detectors.estimators import one_thread
from habitus.detectors.flow.classifier import CLASS_WEIGHT, ClassifierSettings, FlowClassifier
from habitus.detectors.flow.trees import Trees

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.detectors.flow.base import FlowSettings


_ROWS_FOR_THREADS = 100_000


class BoostingSettings(ClassifierSettings):
    """Settings of `Boosting`."""

    # Calibration sets the odds right anyway, and scikit-learn bins weighted rows slowly.
    class_weight: str = Field(
        "none", pattern=CLASS_WEIGHT, description="as of logistic: balanced, none or 1:99"
    )
    trees: int = Field(100, ge=1, le=2000, description="how many trees")
    learning_rate: float = Field(0.1, gt=0, le=1, description="how much each adds")
    leaves: int = Field(31, ge=2, le=128, description="leaves of a tree, at most")
    min_flows: int = Field(20, ge=1, le=1_000_000, description="training flows in a leaf, at least")
    l2: float = Field(0.0, ge=0, le=1e6, description="penalty on large leaves")


class Boosting(FlowClassifier):
    """Log-odds are a sum over trees, each of which asks a few features in turn.

    Trees are fitted by scikit-learn's HistGradientBoostingClassifier, without its early stopping,
    which would hold out single flows. Undefined values go a way of their own.

    Fails: as every classifier, where labels follow the capture; and it is better at finding that.
    """

    name: ClassVar[str] = "boosting"
    summary: ClassVar[str] = "gradient-boosted trees, calibrated"
    Settings: ClassVar[type[FlowSettings]] = BoostingSettings
    _scorer: Trees

    def _fitted(
        self, matrix: NDArray[np.float64], labels: NDArray[np.bool_], seed: int, told: list[str]
    ) -> Trees:
        from sklearn.ensemble import HistGradientBoostingClassifier

        set_as = self.settings
        # A part of training may tell nothing of a feature that the whole tells: scikit-learn
        # cannot bin such a column, and no tree asks for one that is the same everywhere.
        matrix = np.where(np.isnan(matrix).all(axis=0), 0.0, matrix)
        made = HistGradientBoostingClassifier(
            max_iter=set_as.trees, learning_rate=set_as.learning_rate,
            max_leaf_nodes=set_as.leaves, min_samples_leaf=set_as.min_flows,
            l2_regularization=set_as.l2, class_weight=set_as.weights(), early_stopping=False,
            random_state=seed % (1 << 32),
        )  # fmt: skip
        # What none of these rows tells, scikit-learn cannot put into bins; nobody asks a constant.
        is_silent = np.isnan(matrix).all(axis=0)
        if is_silent.any():
            matrix = np.where(is_silent, 0.0, matrix)
        # On few rows threads wait for each other longer than they work.
        with one_thread() if len(matrix) < _ROWS_FOR_THREADS else nullcontext():
            made.fit(matrix, labels)
        trees = Trees.of(made)
        if not trees.n_splits:
            told.append(
                f"no tree asks anything, so all flows score alike: {len(labels):,} flows are too "
                f"few for leaves of {set_as.min_flows}; set a smaller min_flows or add flows"
            )
        return trees

    def _restored(self, state: Mapping[str, NDArray[np.generic]]) -> Trees:
        return Trees.restored(state, len(self.inputs.names))
