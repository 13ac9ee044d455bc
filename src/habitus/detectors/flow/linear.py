"""`Linear`: log-odds that are a sum over the features, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from habitus.detectors.flow.arrays import checked
from habitus.detectors.flow.logistic_kernels import add_terms
from habitus.detectors.flow.matrix import blocks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from habitus.detectors.base import State

    Numbers = NDArray[np.float64]

_MOST, _LEAST = 1e60, 1e-60


@dataclass(frozen=True)
class Linear:
    """A linear model of standardised columns.

    A value adds ``weight * (x - mean) / std``, x being ln(1 + value) where ``is_log``; one that is
    undefined adds nothing there, as the mean would. Beside it stands whether it is undefined, 1 or
    0, with a weight of its own: ``null_weight * (undefined - null_mean) / null_std``.

    Attributes:
        is_log: (p,) bool.
        mean, std, weight: (p,) of the columns.
        null_mean, null_std, null_weight: (p,) of their being undefined; weight 0 where training
            had no such flow.
        base: the intercept.
    """

    is_log: NDArray[np.bool_]
    mean: Numbers
    std: Numbers
    weight: Numbers
    null_mean: Numbers
    null_std: Numbers
    null_weight: Numbers
    base: float

    def __post_init__(self) -> None:
        step = self.null_weight / self.null_std
        object.__setattr__(self, "_slope", self.weight / self.std)
        object.__setattr__(self, "_if_null", step * (1 - self.null_mean))
        object.__setattr__(self, "_if_told", step * (0 - self.null_mean))

    def log_odds(self, matrix: Numbers) -> Numbers:
        """(n,) of a matrix (n, p)."""
        out = np.full(len(matrix), self.base)
        self._add(np.asfortranarray(matrix).T, 0, len(self.mean), out)
        return out

    def terms(self, matrix: Numbers) -> Numbers:
        """(n, p) what each column adds."""
        columns = np.asfortranarray(matrix).T
        out = np.zeros(columns.shape)
        for j in range(len(columns)):
            self._add(columns[j : j + 1], j, j + 1, out[j])
        return out.T

    def _add(self, columns: Numbers, first: int, last: int, out: Numbers) -> None:
        some = slice(first, last)
        one: Any = self
        for begin, end in blocks(len(out), _BLOCK):
            add_terms(
                columns, begin, end, self.is_log[some], self.mean[some], one._slope[some],
                one._if_null[some], one._if_told[some], out,
            )  # fmt: skip

    def parameters(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Each column's numbers, as plain JSON."""
        return [
            {
                "name": name,
                "transform": "log1p" if self.is_log[j] else "none",
                "mean": float(self.mean[j]),
                "std": float(self.std[j]),
                "weight": float(self.weight[j]),
                "null_mean": float(self.null_mean[j]),
                "null_std": float(self.null_std[j]),
                "null_weight": float(self.null_weight[j]),
            }
            for j, name in enumerate(names)
        ]

    def state(self) -> State:
        """What `restored` needs."""
        return {
            "is_log": self.is_log,
            **{name: getattr(self, name) for name in _NUMBERS},
            "base": np.array([self.base]),
        }

    @classmethod
    def restored(cls, state: Mapping[str, NDArray[np.generic]], p: int) -> Linear:
        """The model that `state` gave.

        Raises:
            ModelError: if the arrays do not make one of ``p`` columns, or hold numbers of which
                sums could become infinite.
        """

        def numbers(name: str) -> Numbers:
            low = _LEAST if name.endswith("std") else -_MOST
            return checked(state, name, np.float64, (p,), low=low, high=_MOST)

        base = checked(state, "base", np.float64, (1,), low=-_MOST, high=_MOST)
        is_log = checked(state, "is_log", np.bool_, (p,))
        return cls(
            is_log, numbers("mean"), numbers("std"), numbers("weight"), numbers("null_mean"),
            numbers("null_std"), numbers("null_weight"), float(base[0]),
        )  # fmt: skip


_NUMBERS = ("mean", "std", "weight", "null_mean", "null_std", "null_weight")
_BLOCK = 1 << 12
"""Rows at a time: their sums stay in the processor's nearest memory."""
