"""Paired cluster bootstrap: how much better one model does than another on the same units.

In each replicate the same clusters are drawn for both, so that what makes all units harder or
easier moves neither difference nor interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.bootstrap import Side, middle_95
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_MAX_CELLS = 1 << 19
"""Replicates are worked through in blocks of at most so many counts: they stay in the cache."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Units of one label, judged by both models.

    Attributes:
        a, b: (n,) float64, finite: the scores that either model gave.
        clusters: (n,) int64 from 0; what one independent observation is.
    """

    a: Floats
    b: Floats
    clusters: NDArray[np.int64]

    @classmethod
    def of(
        cls, a: Floats, b: Floats, clusters: NDArray[np.int64], chosen: NDArray[np.bool_]
    ) -> Sample:
        """Some of the units, with clusters numbered anew."""
        numbers = np.unique(clusters[chosen], return_inverse=True)[1]
        return cls(a[chosen], b[chosen], numbers.astype(np.int64))

    @property
    def n_clusters(self) -> int:
        """How many independent observations there are."""
        return len(np.unique(self.clusters))


@dataclass(frozen=True)
class DifferenceIntervals:
    """95 % intervals (low, high) of B - A.

    Attributes:
        auc: of the areas' difference.
        detection: of the detection rates' difference, by false-alarm rate.
    """

    auc: tuple[float, float]
    detection: dict[float, tuple[float, float]]


def paired_bootstrap(
    normal: Sample,
    attack: Sample,
    false_alarms: tuple[float, ...],
    *,
    seed: int,
    replicates: int = 1000,
    progress: Progress = SILENT,
) -> DifferenceIntervals | None:
    """Percentile intervals of the differences; None where one side has a single cluster.

    Either model's threshold for a false-alarm rate is found anew in each replicate, as it is on
    the whole. ``progress`` is told of each replicate.

    Args:
        seed: makes the resampling, with the draws of `bootstrap.cluster_bootstrap`.
    """
    if min(normal.n_clusters, attack.n_clusters) < 2:
        return None
    models = [
        _Sorted(normal.a, attack.a, normal, attack),
        _Sorted(normal.b, attack.b, normal, attack),
    ]
    random = np.random.default_rng(seed)
    areas = np.empty((2, replicates))
    rates = np.empty((2, replicates, len(false_alarms)))
    step = max(1, _MAX_CELLS // (len(normal.a) + len(attack.a)))
    for begin in range(0, replicates, step):
        block = slice(begin, min(begin + step, replicates))
        draws = [models[0].draw(random) for _ in range(begin, block.stop)]
        for model, its_areas, its_rates in zip(models, areas, rates, strict=True):
            its_areas[block], its_rates[block] = model.measured(draws, false_alarms)
        progress.advance(len(draws))
    better = rates[1] - rates[0]
    return DifferenceIntervals(
        auc=middle_95(areas[1] - areas[0]),
        detection={rate: middle_95(better[:, k]) for k, rate in enumerate(false_alarms)},
    )


class _Sorted:
    """One model's scores, sorted once; a replicate only changes how much each unit weighs."""

    def __init__(self, normal: Floats, attack: Floats, normals: Sample, attacks: Sample) -> None:
        scores, places = np.unique(np.concatenate([normal, attack]), return_inverse=True)
        strictness = len(scores) - 1 - places  # (n,) the strictest threshold first
        self._normal = Side(strictness[: len(normal)], normals.clusters, len(scores))
        self._attack = Side(strictness[len(normal) :], attacks.clusters, len(scores))

    def draw(self, random: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How often each cluster of normals and of attacks is drawn, which no score decides."""
        return self._normal.draw(random), self._attack.draw(random)

    def measured(
        self,
        draws: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
        false_alarms: tuple[float, ...],
    ) -> tuple[Floats, Floats]:
        """(n_replicates,) areas and (n_replicates, n_rates) detection rates."""
        false = self._normal.counts(np.array([normal for normal, _ in draws]))
        found = self._attack.counts(np.array([attack for _, attack in draws]))
        n_normal, n_attack = false[:, -1:], found[:, -1:]
        # Whole and half numbers: the sum is exact, and equal orders of units have equal areas.
        areas = np.trapezoid(found, false, axis=1) / (n_normal * n_attack)[:, 0]
        fpr, tpr = false / n_normal, found / n_attack
        rates = np.empty((len(draws), len(false_alarms)))
        for k, rate in enumerate(false_alarms):
            strictest_too_many = np.sum(fpr <= rate + 1e-12, axis=1)
            rates[:, k] = tpr[np.arange(len(draws)), strictest_too_many - 1]
        return areas, rates
