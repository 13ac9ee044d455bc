"""Two samples of sequences: is the new one stranger than the reference?

A permutation test, exact whatever the values are distributed like and however many of them tie. One
observation is a distinct sequence: that one stands a thousand times says no more than that it
stands. Observations change places only with such as stand about as often, because what stands once
is rarer, and by that alone stranger, than what recurs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

MAX_PLACES = 512
"""Of more different values, neighbours are taken for ties, the fewer the higher they lie."""
_MAX_CELLS = 1 << 20
"""Permutations are worked through in blocks of at most so many counts."""
_HAIR = 1e-9


@dataclass(frozen=True, eq=False)
class Sample:
    """Sequences of one side.

    Attributes:
        values: (n,) float64, finite; higher = stranger.
        counts: (n,) int64, how many traces make each sequence.
    """

    values: Floats
    counts: Counts

    @classmethod
    def of(cls, values: Floats, counts: Counts) -> Sample:
        """Of the sequences that have a value."""
        defined = np.isfinite(values)
        return cls(values[defined], counts[defined])


def strata_of(reference: Sample, new: Sample) -> list[tuple[Sample, Sample]]:
    """Both samples, divided by how often sequences stand: once, 2 to 3 times, 4 to 7 times ...

    Undivided where that would leave less than half of what can be compared: then the two were
    recorded in different ways, and a sequence is a sequence.
    """
    # frexp's exponent is the number of binary digits.
    classes = np.frexp(reference.counts)[1], np.frexp(new.counts)[1]
    divided = [
        (
            Sample(reference.values[classes[0] == k], reference.counts[classes[0] == k]),
            Sample(new.values[classes[1] == k], new.counts[classes[1] == k]),
        )
        for k in np.intersect1d(*classes)
    ]
    whole = [(reference, new)]
    return divided if 2 * comparable(divided) >= comparable(whole) else whole


def comparable(strata: Sequence[tuple[Sample, Sample]]) -> float:
    """How much there is to compare: ``n m / (n + m)`` of each stratum, in all."""
    sizes = [(len(reference.values), len(new.values)) for reference, new in strata]
    return sum(n * m / (n + m) for n, m in sizes if n and m)


def superiority(reference: Floats, new: Floats) -> float:
    """How often a new value is the higher of a pair, ties counted half; .5 where both are alike.

    >>> superiority(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    0.875
    """
    ordered = np.sort(reference)
    below = np.searchsorted(ordered, new, side="left")
    up_to = np.searchsorted(ordered, new, side="right")
    return float((below + up_to).sum() / (2 * len(ordered) * len(new)))


def stranger_p(
    strata: Sequence[tuple[Sample, Sample]], *, seed: int, permutations: int
) -> float | None:
    """How often chance alone makes the new sample look as much stranger; None without a pair.

    The statistic is that of C. Sinclair, B. Spurr and M. Ahmad, "Modified Anderson Darling test",
    Communications in Statistics: Theory and Methods 19, 1990, for two samples and one side: what
    more of the new than of the reference lies at or above each value, squared and divided by
    the share of all that does, so that the upper tail weighs most.
    """
    random = np.random.default_rng(seed)
    observed, drawn = 0.0, np.zeros(permutations)
    usable = [pair for pair in strata if len(pair[0].values) and len(pair[1].values)]
    for reference, new in usable:
        everything, of_new = _tables(reference.values, new.values)
        observed += float(_excess(everything, of_new[None, :])[0])
        step = max(1, _MAX_CELLS // len(everything))
        for begin in range(0, permutations, step):
            block = slice(begin, min(begin + step, permutations))
            size = block.stop - begin
            draws = random.multivariate_hypergeometric(everything, int(of_new.sum()), size)
            drawn[block] += _excess(everything, draws)
    if not usable:
        return None
    as_much = int(np.sum(drawn >= observed * (1 - _HAIR)))
    return (1 + as_much) / (1 + permutations)


def _tables(reference: Floats, new: Floats) -> tuple[Counts, Counts]:
    """How many of all, and of the new, lie at each place, from the highest value down."""
    negated = -np.concatenate([reference, new])
    places = np.unique(negated, return_inverse=True)[1]
    if int(places.max()) >= MAX_PLACES:
        up_to = np.cumsum(np.bincount(places))  # how many lie at or above each value
        edges = np.geomspace(1, len(negated) + 1, MAX_PLACES)
        places = np.searchsorted(edges, up_to)[places]
        places = np.unique(places, return_inverse=True)[1]
    everything = np.bincount(places)
    of_new = np.bincount(places[len(reference) :], minlength=len(everything))
    return everything.astype(np.int64), of_new.astype(np.int64)


def _excess(everything: Counts, of_new: Counts) -> Floats:
    """(n_tables,) float64: the statistic of tables of the new, each (n_places,)."""
    n_all, m = int(everything.sum()), int(of_new[0].sum())
    n = n_all - m
    above_all = np.cumsum(everything)
    above_new = np.cumsum(of_new, axis=1)
    more = np.maximum(0.0, above_new / m - (above_all - above_new) / n)
    statistic: Floats = n * m / n_all * (more**2 * (everything / above_all)).sum(axis=1)
    return statistic


def holm(values: Sequence[float | None]) -> list[float | None]:
    """P-values adjusted so that of all of them one in twenty families errs; None stays None.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6, 1979.

    >>> holm([0.01, None, 0.04, 0.03])
    [0.03, None, 0.06, 0.06]
    """
    tested = sorted((value, place) for place, value in enumerate(values) if value is not None)
    adjusted: list[float | None] = [None] * len(values)
    highest = 0.0
    for rank, (value, place) in enumerate(tested):
        highest = max(highest, min(1.0, (len(tested) - rank) * value))
        adjusted[place] = highest
    return adjusted
