"""What a score is worth beside trivial statistics of a trace: matched on them, or freed of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from corpus_recorded import CLOCKS
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.neighbors import KDTree

from habitus import TraceSet
from habitus.evaluation.bootstrap import middle_95
from habitus.evaluation.metrics import roc

NEIGHBOURS = 20
"""Normals that each attack is held against."""
REPLICATES = 1000
SEED = 1
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def statistics_of(traces: TraceSet) -> dict[str, Floats]:
    """Statistics of each trace, each (n_traces,) float64, that no model is needed for."""
    lengths = traces.lengths.astype(np.float64)

    def share(names: frozenset[str]) -> Floats:
        made = np.array([name in names for name in traces.alphabet])[traces.calls]
        counts = np.add.reduceat(made.astype(np.float64), traces.offsets[:-1])
        return np.asarray(counts / lengths)

    rows = np.repeat(np.arange(traces.n_traces), traces.lengths)
    pairs = np.unique(rows * len(traces.alphabet) + traces.calls)
    distinct = np.bincount(pairs // len(traces.alphabet), minlength=traces.n_traces)
    return {
        "distinct calls": distinct.astype(np.float64), "calls": lengths,
        "share of execve": share(frozenset({"execve"})), "share of clock calls": share(CLOCKS),
    }  # fmt: skip


def better_area(values: Floats, attack: Mask, normal: Mask) -> float:
    """The area of a statistic in the direction that orders better."""
    area = roc(values[normal], values[attack]).auc
    return max(area, 1 - area)


@dataclass(frozen=True)
class Matched:
    """The area left where attacks are held against normals like them.

    Attributes:
        area: the chance that an attack scores above a normal that is like it, ties half.
        interval: 95 %, of whole clusters of attacks drawn anew.
    """

    area: float
    interval: tuple[float, float]


def neighbours_by(
    statistics: Mapping[str, Floats], attack: Mask, normal: Mask, n_wanted: int = NEIGHBOURS
) -> NDArray[np.int64]:
    """(n_attacks, n_wanted) int64: the normals most like each attack, by ranks of statistics.

    Which of several that are as like is a matter of chance, and not of where they stand.
    """
    random = np.random.default_rng(SEED)
    ranks = np.column_stack([rankdata(values) for values in statistics.values()])
    ranks += random.uniform(-1e-3, 1e-3, ranks.shape)
    rows = np.flatnonzero(normal)
    found = KDTree(ranks[rows]).query(ranks[attack], min(n_wanted, len(rows)))[1]
    return np.asarray(rows[found])


def matched(
    scores: Floats, attack: Mask, neighbours: NDArray[np.int64], clusters: NDArray[np.int64]
) -> Matched:
    """The area left of scores.

    Args:
        neighbours: of each attack, as `neighbours_by` has them.
        clusters: (n,) int64, of all that is judged; an attack's is what it was recorded with.
    """
    own = scores[attack][:, None]
    above = ((own > scores[neighbours]) + 0.5 * (own == scores[neighbours])).mean(axis=1)
    cluster = np.unique(clusters[attack], return_inverse=True)[1]
    sums, counts = np.bincount(cluster, weights=above), np.bincount(cluster)
    random = np.random.default_rng(SEED)
    drawn = random.integers(len(sums), size=(REPLICATES, len(sums)))
    areas = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return Matched(float(above.mean()), middle_95(areas))


def freed(scores: Floats, statistics: Mapping[str, Floats], normal: Mask) -> Floats:
    """(n,) float64: the rank of each score less what ranks of the statistics foretell.

    A regression on the ranks, their squares and products, of the normals alone: it knows of no
    attack.
    """
    ranks = [rankdata(values) / len(scores) for values in statistics.values()]
    products = [one * other for i, one in enumerate(ranks) for other in ranks[i:]]
    foretold_by = np.column_stack([np.ones(len(scores)), *ranks, *products])
    rank = rankdata(scores) / len(scores)
    weights = np.linalg.lstsq(foretold_by[normal], rank[normal], rcond=None)[0]
    return np.asarray(rank - foretold_by @ weights)
