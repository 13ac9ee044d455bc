"""From a classifier's log-odds to a probability that holds: one in ten of those at 10 %.

Sources: J. Platt, "Probabilistic outputs for support vector machines", 1999, in the form of H.-T.
Lin, C.-J. Lin, R. C. Weng, "A note on Platt's probabilistic outputs", 2007; B. Zadrozny, C. Elkan,
"Transforming classifier scores into accurate multiclass probability estimates", 2002 (isotonic).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from habitus.detectors.flow.arrays import checked
from habitus.detectors.flow.logistic_kernels import chances
from habitus.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.detectors.base import State

CalibrationName = Literal["sigmoid", "isotonic", "none"]
MIN_FLOWS = 10
"""Of fewer flows of a class, nothing is learned of how often scores are right."""
_MOST = 1e12
_STEPS = 100


@dataclass(frozen=True)
class Calibration:
    """How log-odds become probabilities, in their order.

    Attributes:
        line: (2,) slope, above 0, and shift of log-odds before they become probabilities.
        knots: (k, 2) log-odds and their probabilities; between two of them along a line. Empty:
            by ``line``.
    """

    line: NDArray[np.float64]
    knots: NDArray[np.float64]

    @classmethod
    def none(cls) -> Calibration:
        """Log-odds taken at their word."""
        return cls(np.array([1.0, 0.0]), np.zeros((0, 2)))

    @property
    def kind(self) -> CalibrationName:
        """How it was found."""
        if len(self.knots):
            return "isotonic"
        return "none" if self.line.tolist() == [1, 0] else "sigmoid"

    def probabilities(self, log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) of log-odds (n,)."""
        if len(self.knots):
            return np.interp(log_odds, self.knots[:, 0], self.knots[:, 1])
        out = np.empty(len(log_odds))
        chances(log_odds, self.line[0], self.line[1], out)
        return out

    def parameters(self) -> dict[str, Any]:
        """As plain JSON."""
        if len(self.knots):
            return {"kind": self.kind, "log_odds_and_probability": self.knots.tolist()}
        return {"kind": self.kind, "slope": float(self.line[0]), "shift": float(self.line[1])}

    def state(self) -> State:
        """What `restored` needs."""
        return {"calibration_line": self.line, "calibration_knots": self.knots}

    @classmethod
    def restored(cls, state: Mapping[str, NDArray[np.generic]]) -> Calibration:
        """The calibration that `state` gave.

        Raises:
            ModelError: if the arrays make none.
        """
        line = checked(state, "calibration_line", np.float64, (2,), low=-_MOST, high=_MOST)
        knots = checked(state, "calibration_knots", np.float64, (-1, 2), low=-_MOST, high=_MOST)
        rising = np.diff(knots, axis=0)
        sound = (rising[:, 0] > 0).all() and (rising[:, 1] >= 0).all() and line[0] > 0
        if not sound or not ((knots[:, 1] >= 0) & (knots[:, 1] <= 1)).all():
            raise ModelError("the model's calibration does not rise, or leaves 0 to 1")
        return cls(line, knots)


def calibrated(
    kind: CalibrationName, log_odds: NDArray[np.float64], labels: NDArray[np.bool_]
) -> Calibration | None:
    """Learned from log-odds of flows that were held out; None if higher ones are no likelier."""
    if kind == "none":
        return Calibration.none()
    line = _line(log_odds, labels)
    if line is None:
        return None
    if kind == "sigmoid":
        return Calibration(line, np.zeros((0, 2)))
    from sklearn.isotonic import IsotonicRegression

    learned = IsotonicRegression(y_min=0, y_max=1).fit(log_odds, labels.astype(np.float64))
    at, chance = learned.X_thresholds_, learned.y_thresholds_
    # Of numbers that are all but equal it keeps both.
    apart = np.append(True, np.diff(at) > 0)
    return Calibration(
        np.array([1.0, 0.0]), np.column_stack([at[apart], np.clip(chance[apart], 0, 1)])
    )


def _line(log_odds: NDArray[np.float64], labels: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Platt's slope and shift by Newton's method; None if there is no slope upwards."""
    from scipy.special import expit

    centre, spread = float(log_odds.mean()), float(log_odds.std())
    if spread == 0:
        return None
    x = (log_odds - centre) / spread
    n_malicious, n_benign = int(labels.sum()), int((~labels).sum())
    # Not quite 0 and 1: with few flows nothing is certain.
    target = np.where(labels, (n_malicious + 1) / (n_malicious + 2), 1 / (n_benign + 2))

    def loss(slope: float, shift: float) -> float:
        z = slope * x + shift
        return float((np.logaddexp(0, z) - target * z).sum())

    slope, shift = 0.0, float(np.log((n_malicious + 1) / (n_benign + 1)))
    for _ in range(_STEPS):
        p = expit(slope * x + shift)
        first = np.array([((p - target) * x).sum(), (p - target).sum()])
        weight = p * (1 - p)
        cross = (weight * x).sum()
        second = np.array([[(weight * x * x).sum() + 1e-9, cross], [cross, weight.sum() + 1e-9]])
        step = np.linalg.solve(second, first)
        size = 1.0
        while size > 1e-9 and loss(slope - size * step[0], shift - size * step[1]) > loss(
            slope, shift
        ):
            size /= 2
        slope, shift = slope - size * step[0], shift - size * step[1]
        if np.abs(size * step).max() < 1e-10:
            break
    if slope <= 0:
        return None
    return np.array([slope / spread, shift - slope * centre / spread])
