"""`NormalRange`: between which values a feature of benign flows mostly lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.detectors.flow.arrays import checked
from habitus.detectors.flow.read_features import LARGEST
from habitus.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from habitus.detectors.flow.inputs import Input

_QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class NormalRange:
    """Of one input, over the benign flows of training.

    Attributes:
        name: the input's, and ``feature`` its feature's.
        unit: of the three numbers.
        low, median, high: the 5 %, 50 % and 95 % quantiles of the flows that tell it; all 0 where
            none does (``null_share`` is 1).
        null_share: the share of flows that leave it undefined.
    """

    name: str
    feature: str
    unit: str
    low: float
    median: float
    high: float
    null_share: float

    @property
    def numbers(self) -> tuple[float, float, float, float]:
        """Low, median, high and the share of nulls."""
        return self.low, self.median, self.high, self.null_share


def ranges_of(inputs: Sequence[Input], benign: NDArray[np.float64]) -> tuple[NormalRange, ...]:
    """The normal range of each column of the matrix of benign flows; none if there are no flows."""
    if not len(benign):
        return ()
    found = []
    for column, one in enumerate(inputs):
        values = benign[:, column]
        told = values[~np.isnan(values)]
        low, median, high = np.quantile(told, _QUANTILES).tolist() if len(told) else (0.0,) * 3
        share = 1 - len(told) / len(values)
        found.append(NormalRange(one.name, one.feature, one.unit, low, median, high, share))
    return tuple(found)


def restored_ranges(
    inputs: Sequence[Input], state: Mapping[str, NDArray[np.generic]]
) -> tuple[NormalRange, ...]:
    """The ranges that a model's array ``ranges`` holds, (p, 4) or (0, 4).

    Raises:
        ModelError: if they are of other inputs, or are no ranges.
    """
    numbers = checked(state, "ranges", np.float64, (-1, 4), low=-LARGEST, high=LARGEST)
    if len(numbers) not in {0, len(inputs)}:
        raise ModelError("the model's normal ranges are of more or fewer inputs than it has")
    sound = (np.diff(numbers[:, :3], axis=1) >= 0).all() and (
        (numbers[:, 3] >= 0) & (numbers[:, 3] <= 1)
    ).all()
    if not sound:
        raise ModelError("a normal range of the model ends before it begins")
    return tuple(
        NormalRange(one.name, one.feature, one.unit, *row)
        for one, row in zip(inputs, numbers.tolist(), strict=False)
    )
