"""Logistic regression whose penalty is not smooth (l1, elastic), to the last digits.

Newton's method on the likelihood; each step's quadratic, penalty and all, by coordinate descent on
the small matrix of second derivatives (Yuan, Ho, Lin 2012, "An improved GLMNET for l1-regularized
logistic regression"). The flows are gone through about ten times in all, where solvers that descend
on flows or columns go through them hundreds of times. The intercept bears no penalty.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from habitus.detectors.flow.penalised_kernels import descend

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

TOLERANCE = 1e-9
"""What may be left of a slope, of flows whose weights add up to 1 and columns of deviation 1."""
_ROUNDED = 1e-6
"""What may be left where rounding hides any further descent."""
_INNER = 1e-3
"""Of what is left of a slope, what a step may leave."""
_SWEEPS, _ROUNDS = 40, 100
_JOINING = 0.5
"""Of what most wants to leave 0, what must want it as much to join it."""
_RIDGE = 1e-12
_ARMIJO, _SHORTEST = 0.01, 1e-10
_BLOCK_ROWS = 1 << 14


@dataclass(frozen=True)
class Fit:
    """A minimum that was found.

    Attributes:
        weights: (p,), of each column.
        intercept: 0 if there is none.
        steps: of Newton's method that it took.
        converged: whether it is one.
    """

    weights: Array
    intercept: float
    steps: int
    converged: bool


def fit_penalised(
    design: Array,
    labels: NDArray[np.bool_],
    importance: Array,
    *,
    c: float,
    l1_ratio: float,
    intercept: bool,
    max_steps: int,
) -> Fit:
    """The weights that minimise what scikit-learn's `LogisticRegression` does:

    ``C * sum of importance * log loss + l1_ratio * |w| + (1 - l1_ratio) / 2 * w . w``.

    Args:
        design: (n, p) standardised.
        labels: (n,) of two classes.
        importance: (n,) above 0, of each flow.
        l1_ratio: from 0 to 1.
    """
    total = float(importance.sum())
    shares = importance / total
    penalty = np.full(design.shape[1] + 1, l1_ratio / (c * total))
    ridge = np.full(design.shape[1] + 1, (1 - l1_ratio) / (c * total))
    penalty[-1] = ridge[-1] = 0.0
    if not intercept:
        penalty[-1] = np.inf  # it stays 0, as any weight does whose penalty is too large
    problem = _Problem(design, np.where(labels, 1.0, -1.0), shares, penalty, ridge)
    weights = np.zeros(len(penalty))
    found, steps, converged = problem.minimum(weights, max_steps)
    return Fit(found[:-1], float(found[-1]), steps, converged)


@dataclass(frozen=True)
class _Problem:
    """What is minimised; of all vectors the last place is the intercept's.

    Attributes:
        signs: (n,) 1 of malicious flows, -1 of others.
        shares: (n,) how much each flow counts; they add up to 1.
        l1, l2: (p + 1,) penalties.
    """

    design: Array
    signs: Array
    shares: Array
    l1: Array
    l2: Array

    def minimum(self, weights: Array, max_steps: int) -> tuple[Array, int, bool]:
        """Weights, steps taken, and whether they are a minimum."""
        odds = self._odds(weights)
        value = self._value(odds, weights)
        for taken in range(max_steps):
            gradient, hessian = self._derivatives(odds, weights)
            left = self._left(gradient, weights)
            if left <= TOLERANCE:
                return weights, taken, True
            step = self._step(gradient, hessian, weights, _INNER * left)
            moved = self._shortened(weights, step, odds, value, gradient)
            if moved is None:
                return weights, taken, left <= _ROUNDED
            weights, odds, value = moved
        return weights, max_steps, False

    def _step(self, gradient: Array, hessian: Array, weights: Array, tolerance: float) -> Array:
        """The step that lessens the quadratic, with its penalty, the most."""
        step, slopes = np.zeros_like(weights), np.zeros_like(weights)
        taken = descend(hessian, gradient, weights, self.l1, tolerance, _SWEEPS, step, slopes)
        if taken == _SWEEPS:
            self._solve(gradient, hessian, weights, tolerance, step)
        return step

    def _solve(
        self, gradient: Array, hessian: Array, weights: Array, tolerance: float, step: Array
    ) -> None:
        """Better a step where columns that all but say the same keep descent from the best one.

        The equations of the weights that are not 0 are solved, and the line to their solution is
        followed as far as it descends, which may be to where one becomes 0. When none does, those
        that most want to leave 0 join them (Lee and others 2007, "Efficient sparse coding
        algorithms").
        """
        there = weights + step
        moving = (there != 0) | (self.l1 == 0)
        signs = np.sign(there)
        joining = _JOINING
        for _ in range(_ROUNDS):
            slopes = gradient + hessian @ (there - weights)
            try:
                more = np.linalg.solve(
                    hessian[np.ix_(moving, moving)], -(slopes + self.l1_or_0 * signs)[moving]
                )
            except np.linalg.LinAlgError:
                break
            towards = np.zeros_like(there)
            towards[moving] = more
            share, zero = self._along(there, towards, slopes, hessian, signs)
            there += share * towards
            if zero >= 0:
                there[zero], moving[zero] = 0.0, self.l1[zero] == 0
            signs = np.where(there != 0, np.sign(there), 0.0)
            moving &= (there != 0) | (self.l1 == 0)
            if zero >= 0 or share < 1:
                # Where nothing moved, too many had joined at once.
                joining = 1.0 if share == 0 else _JOINING
                continue
            slopes = gradient + hessian @ (there - weights)
            wanting = np.where(moving, -np.inf, np.abs(slopes) - self.l1)
            if wanting.max() <= tolerance:
                break
            join = wanting >= max(tolerance, joining * wanting.max())
            moving |= join
            signs = np.where(join, -np.sign(slopes), signs)
        step[:] = there - weights

    def _along(
        self, there: Array, towards: Array, slopes: Array, hessian: Array, signs: Array
    ) -> tuple[float, int]:
        """How much of a way descends, up to 1; and which weight becomes 0 there, -1 if none."""
        crosses = np.flatnonzero((signs * (there + towards) < 0) & (self.l1_or_0 > 0))
        shares = -there[crosses] / towards[crosses]
        order = np.argsort(shares, kind="stable")
        crosses, shares = crosses[order], shares[order]
        curve = float(towards @ hessian @ towards)
        slope = float((slopes + self.l1_or_0 * signs) @ towards)
        for one, share in zip(crosses.tolist(), shares.tolist(), strict=True):
            if slope + share * curve >= 0:
                break
            # On the other side of 0 the penalty pulls back.
            slope += 2 * float(self.l1[one]) * abs(float(towards[one]))
            if slope + share * curve >= 0:
                return max(share, 0.0), one
        return (min(1.0, -slope / curve), -1) if curve > 0 else (1.0, -1)

    @cached_property
    def l1_or_0(self) -> Array:
        """``l1`` without the infinite one of an intercept that there is not."""
        return np.where(np.isfinite(self.l1), self.l1, 0.0)

    def _shortened(
        self, weights: Array, step: Array, odds: Array, value: float, gradient: Array
    ) -> tuple[Array, Array, float] | None:
        """The step, halved until it descends as it promises; None if nothing of it does."""
        promised = gradient @ step + self.l1_or_0 @ (np.abs(weights + step) - np.abs(weights))
        along, share = self._odds(step), 1.0
        while share >= _SHORTEST:
            there = weights + share * step
            reached = odds + share * along
            found = self._value(reached, there)
            if found <= value + _ARMIJO * share * promised:
                return there, reached, found
            share /= 2
        return None

    def _odds(self, weights: Array) -> Array:
        made: Array = self.design @ weights[:-1] + weights[-1]
        return made

    def _value(self, odds: Array, weights: Array) -> float:
        loss = float(self.shares @ np.logaddexp(0.0, -self.signs * odds))
        return loss + float(self.l1_or_0 @ np.abs(weights) + self.l2 @ (weights * weights) / 2)

    def _derivatives(self, odds: Array, weights: Array) -> tuple[Array, Array]:
        """First and second ones of all but the l1 penalty."""
        # By the tangent's half, which neither overflows nor rounds small chances to 0.
        wrong = 0.5 * (1.0 - np.tanh(0.5 * self.signs * odds))
        pull = -self.shares * self.signs * wrong
        curve = self.shares * wrong * (1.0 - wrong)
        p = len(weights)
        hessian = np.zeros((p, p))
        # A block of flows at a time, as their weighted columns are a copy.
        for begin in range(0, len(odds), _BLOCK_ROWS):
            rows = self.design[begin : begin + _BLOCK_ROWS]
            part = curve[begin : begin + _BLOCK_ROWS]
            scaled = rows * np.sqrt(part)[:, np.newaxis]
            hessian[:-1, :-1] += scaled.T @ scaled
            hessian[-1, :-1] += part @ rows
        hessian[:-1, -1] = hessian[-1, :-1]
        hessian[-1, -1] = curve.sum()
        # Columns that say the same still have one answer; and no curve is 0.
        hessian[np.diag_indices(p)] += self.l2 + _RIDGE
        gradient = np.append(pull @ self.design, pull.sum()) + self.l2 * weights
        return gradient, hessian

    def _left(self, gradient: Array, weights: Array) -> float:
        """How far it is from a minimum: the largest slope that no penalty holds."""
        pushed = np.where(weights > 0, gradient + self.l1, gradient - self.l1)
        free = np.maximum(np.abs(gradient) - self.l1, 0.0)
        return float(np.where(weights == 0, free, np.abs(pushed)).max())
