"""Grouping traces that must not be divided: equal sequences, and what was recorded together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from numpy.typing import NDArray


def joined_by(units: Iterable[Hashable], sequences: Iterable[Hashable]) -> NDArray[np.int64]:
    """(n,) int64: equal for traces of one unit, for equal sequences, and so on from those.

    >>> joined_by("aabbc", "xyyzw").tolist()
    [0, 0, 0, 0, 4]
    """
    first_of: dict[tuple[str, Hashable], int] = {}
    parent: list[int] = []

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    for i, (unit, sequence) in enumerate(zip(units, sequences, strict=True)):
        parent.append(i)
        for key in (("unit", unit), ("sequence", sequence)):
            one, other = sorted((root(first_of.setdefault(key, i)), root(i)))
            parent[other] = one
    return np.array([root(i) for i in range(len(parent))], dtype=np.int64)
