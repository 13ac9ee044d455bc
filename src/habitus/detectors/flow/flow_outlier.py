"""`flow-outlier`: how far out a flow lies among normal flows, feature by feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from habitus.detectors.flow.base import FlowDetector
from habitus.detectors.flow.tails import Tails
from habitus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.detectors.base import State
    from habitus.progress import Progress


class FlowOutlier(FlowDetector):
    """Learns normal flows alone. The score is the sum over features of a surprise in nats.

    A value's surprise is -ln of the share of normal values that lie at least as far out on its
    side, twice that share because there are two sides; 0 in the middle. Where few normal values
    lie, in the outermost 20th on either side, the tail is taken to go on as it begins, so that what
    lies far beyond all training is stranger than what lies a little beyond. To be undefined, or
    not to be, is as strange as it is rare.

    After Z. Li, Y. Zhao, X. Hu, N. Botta, C. Ionescu, G. H. Chen, "ECOD: unsupervised outlier
    detection using empirical cumulative distribution functions", 2022. Theirs takes the largest of
    three sums, one side of all features at a time, and no value is stranger than one a hair beyond
    the training's; here each feature has two sides, and the score is one sum.

    Tried and left: the largest surprise alone, and the five largest (one odd value is common in
    normal flows); features weighed by how little others say the same, and a distance by their
    covariance (no better, and the latter's contributions can be negative); an isolation forest
    (about as good; what a feature adds there is not exact in its own terms).

    Fails: where each value is ordinary and only their combination is not. Features that say the
    same count as often as there are of them.
    """

    name: ClassVar[str] = "flow-outlier"
    summary: ClassVar[str] = "how far out a flow lies among normal flows; needs no attacks"
    needs_labels: ClassVar[bool] = False
    score_unit: ClassVar[str] = "nats"
    unit: ClassVar[str] = "nats"

    def _learn(
        self, matrix: NDArray[np.float64], labels: NDArray[np.bool_] | None,
        groups: NDArray[Any] | None, progress: Progress, seed: int,
    ) -> None:  # fmt: skip
        del groups, seed  # nothing is held out, and nothing drawn
        if labels is not None and labels.any():
            raise UsageError(
                f"flow-outlier learns normal flows only, and {int(labels.sum()):,} of "
                f"{len(labels):,} are labelled malicious; leave them out"
            )
        progress.stage("fitting", 1)
        is_log = np.array([one.is_amount for one in self.inputs.inputs], dtype=np.bool_)
        self._tails = Tails.of(matrix, is_log)
        progress.advance(1)

    def _raw(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.zeros(len(matrix))
        for column in self._tails.surprise(matrix).T:  # in one order, whatever flows stand beside
            total += column
        return total

    def _terms(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._tails.surprise(matrix)

    def _base(self) -> float:
        return 0.0

    def _learned(self) -> State:
        return self._tails.state()

    def _relearn(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        self._tails = Tails.restored(state, len(self.inputs.names))
