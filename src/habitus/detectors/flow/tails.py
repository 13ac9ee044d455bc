"""`Tails`: how far out in the tails of normal flows a value lies, column by column."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from habitus.detectors.flow.arrays import checked
from habitus.detectors.flow.flow_outlier_kernels import surprises
from habitus.detectors.flow.matrix import blocks
from habitus.errors import ModelError
from habitus.traces.traceset import offsets_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.detectors.base import State

    Numbers = NDArray[np.float64]

MAX_POINTS = 1024
"""Values kept of a column, at most; between them shares go along a line."""
TAIL = 0.05
"""The share of values, at each end, whose mean excess says how the tail goes on."""
_FEWEST = 5
_LEAST_SCALE = 0.1
"""Of a tail: that of values that are all but equal would make everything beyond them absurd."""
_MOST = 1e60


@dataclass(frozen=True)
class Tails:
    """What is known of each column of normal flows.

    Attributes:
        is_log: (p,) bool, whether ln(1 + x) is taken first.
        begins: (p + 1,) int64, where each column's points begin.
        at, below, up_to: (n_points,) values, and the shares of training values smaller than each,
            and not larger.
        least: (p,) the smallest share that is told apart from none.
        low_at, low_cost, low_scale: (p,) where the lower tail begins, the surprise there and how
            far it takes to grow by 1; ``low_at`` is -inf where there is none. ``high_...`` alike.
        if_null: (p,) the surprise of an undefined value; ``if_told`` is added to that of others.
    """

    is_log: NDArray[np.bool_]
    begins: NDArray[np.int64]
    at: Numbers
    below: Numbers
    up_to: Numbers
    least: Numbers
    low_at: Numbers
    low_cost: Numbers
    low_scale: Numbers
    high_at: Numbers
    high_cost: Numbers
    high_scale: Numbers
    if_null: Numbers
    if_told: Numbers

    @classmethod
    def of(cls, matrix: Numbers, is_log: NDArray[np.bool_]) -> Tails:
        """Of a matrix (n, p) of normal flows; every column has a value."""
        found = [_column(matrix[:, j], bool(is_log[j])) for j in range(matrix.shape[1])]
        points = [one[0] for one in found]
        rest = np.array([one[1] for one in found]).T
        at, below, up_to = np.concatenate(points, axis=1)
        begins = offsets_of([part.shape[1] for part in points])
        return cls(is_log, begins, at.copy(), below.copy(), up_to.copy(), *rest.copy())

    def surprise(self, matrix: Numbers) -> Numbers:
        """(n, p) in nats."""
        columns = np.asfortranarray(matrix).T
        out = np.empty(columns.shape)
        for j, column in enumerate(columns):
            points = slice(int(self.begins[j]), int(self.begins[j + 1]))
            for begin, end in blocks(len(column)):
                surprises(
                    column, begin, end, self.is_log[j], self.at[points], self.below[points],
                    self.up_to[points], self.least[j], self.low_at[j], self.low_cost[j],
                    self.low_scale[j], self.high_at[j], self.high_cost[j], self.high_scale[j],
                    self.if_null[j], self.if_told[j], out[j],
                )  # fmt: skip
        return out.T

    def state(self) -> State:
        """What `restored` needs."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def restored(cls, state: Mapping[str, NDArray[np.generic]], p: int) -> Tails:
        """The tails that `state` gave.

        Raises:
            ModelError: if the arrays do not make those of ``p`` columns, or hold numbers of which
                sums could become infinite.
        """
        begins = checked(state, "begins", np.int64, (p + 1,), low=0, high=p * MAX_POINTS)
        if begins[0] != 0 or (np.diff(begins) < 1).any():
            raise ModelError("the points of the model's columns do not follow one another")
        n = int(begins[-1])

        def numbers(name: str, low: float = 0.0, high: float = _MOST, length: int = p) -> Numbers:
            return checked(state, name, np.float64, (length,), low=low, high=high)

        at, below, up_to = (
            numbers("at", -_MOST, _MOST, n), numbers("below", 0, 1, n), numbers("up_to", 0, 1, n),
        )  # fmt: skip
        same = np.ones(max(n - 1, 0), dtype=bool)
        same[begins[1:-1] - 1] = False
        if (np.diff(at)[same] <= 0).any() or (below > up_to).any():
            raise ModelError("the points of one of the model's columns are not in order")
        if (below[1:][same] < up_to[:-1][same]).any():
            raise ModelError("the shares of one of the model's columns do not rise")
        return cls(
            checked(state, "is_log", np.bool_, (p,)), begins, at, below, up_to,
            numbers("least", 1e-30, 1.0),
            numbers("low_at", -np.inf), numbers("low_cost"), numbers("low_scale", _LEAST_SCALE),
            numbers("high_at", -_MOST, np.inf), numbers("high_cost"),
            numbers("high_scale", _LEAST_SCALE), numbers("if_null"), numbers("if_told"),
        )  # fmt: skip


def _column(values: Numbers, is_log: bool) -> tuple[Numbers, tuple[float, ...]]:
    """Points (3, k) of a column, and its other numbers in the order of `Tails`."""
    told = values[~np.isnan(values)]
    x = np.sort(np.copysign(np.log(1 + np.abs(told)), told) if is_log else told)
    n = len(x)
    # Those of evenly spaced ranks: of a column with few different values, all.
    different = np.unique(x)
    if len(different) > MAX_POINTS:
        different = np.unique(x[np.linspace(0, n - 1, MAX_POINTS).astype(np.int64)])
    below = np.searchsorted(x, different, side="left") / n
    up_to = np.searchsorted(x, different, side="right") / n
    null_share = 1 - n / len(values)
    # A kind of value that fewer than half of all flows have is as strange as it is rare.
    if_null, if_told = (
        -np.log(min(1.0, 2 * max(share, 0.5 / (len(values) + 1))))
        for share in (null_share, 1 - null_share)
    )
    high = _tail(x)
    low = _tail(-x[::-1])
    numbers = (0.5 / (n + 1), -low[0], *low[1:], *high, if_null, if_told)
    return np.array([different, below, up_to]), tuple(float(number) for number in numbers)


def _tail(x: Numbers) -> tuple[float, float, float]:
    """Where the upper tail of sorted values begins, the surprise there, and its mean excess.

    Source: B. M. Hill, "A simple general approach to inference about the tail of a distribution",
    1975: the mean excess of logarithms. (inf, 0, 1) if too few values lie there.
    """
    start = x[int((1 - TAIL) * (len(x) - 1))]
    excess = x[x > start] - start
    if len(excess) < _FEWEST:
        return np.inf, 0.0, 1.0
    share = (len(excess) + 0.5) / (len(x) + 1)
    return (
        float(start),
        float(-np.log(min(1.0, 2 * share))),
        max(float(excess.mean()), _LEAST_SCALE),
    )
