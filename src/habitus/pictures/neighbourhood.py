"""Whether calls of one family lie together in an embedding: a number, and what chance gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

N_SHUFFLES = 1000
_DIGITS = 9
"""Cosines are compared to so many: what differs by rounding alone lies equally near."""


@dataclass(frozen=True)
class FamilyRank:
    """How near a call's family lies among its neighbours.

    Attributes:
        value: for each call all others are ranked by cosine distance, from 1; the mean rank of its
            own family's, divided by the mean rank of all; of that, the mean over all calls that
            have a relative. 1 is what chance gives, less is nearer.
        by_chance: what 95 % of 1,000 shuffles of the families give.
        p_value: share of shuffles that bring families as near, the one at hand counted among them.
        n_calls: calls that have a relative; ``n_others`` are ranked for each.
    """

    value: float
    by_chance: tuple[float, float]
    p_value: float
    n_calls: int
    n_others: int


def neighbour_ranks(vectors: NDArray[np.float32]) -> Floats:
    """(n, n) float64: in row i the place of each other call by its distance from call i, from 1.

    Calls that lie equally near share their mean place. A call's own place is 0.

    Args:
        vectors: (n, width) the calls' embedding.
    """
    from scipy.stats import rankdata

    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    unit = wide / np.where(lengths > 0, lengths, 1)
    distances = 1 - np.round(unit @ unit.T, _DIGITS)
    np.fill_diagonal(distances, -1)  # before all others
    ranks: Floats = rankdata(distances, axis=1) - 1
    return ranks


def family_rank(ranks: Floats, families: Sequence[str], *, seed: int = 1) -> FamilyRank | None:
    """How near families lie; None if no call has a relative, or all are one family.

    Args:
        ranks: as `neighbour_ranks` gives them.
        families: one a call; a call of an ``unknown`` family has no relative.
    """
    numbers = _numbers(families)
    alike = _alike(numbers)
    n_others = len(numbers) - 1
    if not alike.any() or alike.sum() == len(numbers) * n_others:
        return None
    value = _mean_rank(ranks, alike)
    random = np.random.default_rng(seed)
    shuffled = np.array([
        _mean_rank(ranks, _alike(random.permutation(numbers))) for _ in range(N_SHUFFLES)
    ])  # fmt: skip
    low, high = np.quantile(shuffled, [0.025, 0.975])
    as_near = int(np.sum(shuffled <= value + 10.0**-_DIGITS))
    return FamilyRank(
        value=value,
        by_chance=(float(low), float(high)),
        p_value=(1 + as_near) / (1 + N_SHUFFLES),
        n_calls=int(alike.any(axis=1).sum()),
        n_others=n_others,
    )


def _numbers(families: Sequence[str]) -> NDArray[np.int64]:
    """(n,) int64: a number for each family; every unknown call has one of its own."""
    index: dict[str, int] = {}
    return np.array(
        [
            -1 - place if family == "unknown" else index.setdefault(family, len(index))
            for place, family in enumerate(families)
        ],
        dtype=np.int64,
    )


def _alike(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n, n) bool: which pairs of different calls are of one family."""
    alike: NDArray[np.bool_] = numbers[:, np.newaxis] == numbers
    np.fill_diagonal(alike, False)
    return alike


def _mean_rank(ranks: Floats, alike: NDArray[np.bool_]) -> float:
    """The mean over calls of their relatives' mean rank; 1 is the mean rank of any."""
    n_relatives = alike.sum(axis=1)
    related = n_relatives > 0
    sums = np.einsum("ij,ij->i", ranks, alike)
    return float(np.mean(sums[related] / n_relatives[related]) / (len(ranks) / 2))
