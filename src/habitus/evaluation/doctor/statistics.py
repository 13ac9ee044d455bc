"""Trivial statistics of a trace, and how well each alone tells attacks from normals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from habitus.evaluation.metrics import roc

if TYPE_CHECKING:
    from collections.abc import Set

    from numpy.typing import NDArray

    from habitus.evaluation.doctor.examined import Examined, Indices

    Floats = NDArray[np.float64]

Direction = Literal["fewer", "more"]
_OF_A_CALL = ("presence", "share")


@dataclass(frozen=True)
class Area:
    """How well a statistic alone does.

    Attributes:
        name: what is counted.
        stranger: the direction that does better, chosen on the labels.
        auc: the area in that direction, at least .5.
    """

    name: str
    stranger: Direction
    auc: float

    def __str__(self) -> str:
        words = {"presence": ("absence", "presence"), "share": ("smaller share", "larger share")}
        head, _, call = self.name.partition(" of ")
        if not call:
            return f"{self.stranger} {self.name}"
        return f"{words[head][self.stranger == 'more']} of {call}"


def deviation_of_area(n_normal: int, n_attack: int) -> float:
    """The standard deviation of the area of a statistic that knows nothing.

    Source: H. Mann, D. Whitney 1947.

    >>> round(deviation_of_area(5, 5), 3)
    0.191
    """
    return math.sqrt((n_normal + n_attack + 1) / (12 * n_normal * n_attack))


def better(name: str, area: float) -> Area:
    """An area in its better direction, given that of *more is stranger*."""
    return Area(name, "more", area) if area >= 0.5 else Area(name, "fewer", 1 - area)


def areas_of_statistics(
    examined: Examined,
    normal: Indices,
    attack: Indices,
    *,
    at_least: float = 0.5,
    names: Set[str] | None = None,
) -> list[Area]:
    """The areas of length, number of different calls, and presence and share of single calls.

    Args:
        normal, attack: the traces, neither empty.
        at_least: calls that cannot reach this area are not looked at: one that stands in a share p
            of the normals and q of the attacks is off one half by max(p, q) / 2 at most.
        names: the only statistics to look at; by default all.

    Returns:
        Best first.
    """
    whole = (("calls", examined.lengths), ("distinct calls", examined.distinct_calls))
    found = [
        better(name, roc(values[normal].astype(float), values[attack].astype(float)).auc)
        for name, values in whole
        if names is None or name in names
    ]
    side = np.zeros(examined.traces.n_traces, dtype=np.int8)
    side[normal], side[attack] = 1, 2
    counts = examined.call_counts
    sides, n = side[counts.trace], len(examined.traces.alphabet)
    held = [
        np.bincount(counts.call[sides == k], minlength=n) / len(indices)
        for k, indices in ((1, normal), (2, attack))
    ]
    for call in np.flatnonzero(np.maximum(*held) / 2 + 0.5 >= at_least):
        presence, share = (f"{what} of {examined.traces.alphabet[call]}" for what in _OF_A_CALL)
        if names is not None and not names & {presence, share}:
            continue
        found.append(better(presence, 0.5 + (held[1][call] - held[0][call]) / 2))
        pairs = slice(counts.starts[call], counts.starts[call + 1])
        shares = counts.count[pairs] / examined.lengths[counts.trace[pairs]]
        mine = sides[pairs]
        area = _sparse_area(shares[mine == 1], len(normal), shares[mine == 2], len(attack))
        found.append(better(share, area))
    return sorted(found, key=lambda area: -area.auc)


def _sparse_area(normal: Floats, n_normal: int, attack: Floats, n_attack: int) -> float:
    """The area of values that are 0 for all traces but those given."""

    def weighted(values: Floats, total: int) -> tuple[Floats, Floats]:
        return np.append(values, 0.0), np.append(np.ones(len(values)), float(total - len(values)))

    (a, wa), (b, wb) = weighted(normal, n_normal), weighted(attack, n_attack)
    return roc(a, b, wa, wb).auc
