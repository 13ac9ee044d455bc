"""Cluster bootstrap by file of figures in which files weigh equally.

Whole files are drawn with replacement, benign and malicious ones by themselves. An area over files
that weigh equally is a mean over pairs of a benign and a malicious file, as far as one model judged
both, so that a replicate is a weighted mean of a table made once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import UsageError
from habitus.evaluation.bootstrap import middle_95
from habitus.evaluation.flows.metrics import FALSE_ALARMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from habitus.evaluation.flows.judging import JudgedFlows

    Floats = NDArray[np.float64]

Interval = tuple[float, float]


@dataclass(frozen=True)
class FlowIntervals:
    """95 % intervals of means over runs; None where a class has but one file to draw.

    Attributes:
        auc: of the area; ``detection_at_budget`` of the detection rate at `FALSE_ALARMS`.
    """

    auc: Interval | None
    detection_at_budget: Interval | None


def file_bootstrap(
    runs: Sequence[JudgedFlows], *, seed: int, replicates: int = 1000
) -> FlowIntervals:
    """Percentile intervals of figures that are means over runs of the same files.

    Args:
        runs: the same flows judged several times, as by models of different seeds; a replicate
            draws the same files for all of them. What differs between runs is no observation.

    Raises:
        UsageError: if runs judge different files, or there is none.
    """
    if not runs:
        raise UsageError("there is no run to resample")
    tables = [_Pairs(run) for run in runs]
    first = tables[0]
    for table in tables[1:]:
        if table.benign_files != first.benign_files or table.files != first.files:
            raise UsageError("runs judge different files, so they cannot be resampled together")
    n_benign, n_malicious = len(first.benign_files), len(first.files)
    if min(n_benign, n_malicious) < 2:
        return FlowIntervals(None, None)
    rng = np.random.default_rng(seed)
    benign = rng.multinomial(n_benign, np.full(n_benign, 1 / n_benign), replicates) / n_benign
    drawn = rng.multinomial(n_malicious, np.full(n_malicious, 1 / n_malicious), replicates)
    malicious = drawn / n_malicious
    areas = np.mean([table.areas(benign, malicious) for table in tables], axis=0)
    found = np.mean([table.detection(benign, malicious) for table in tables], axis=0)
    told = areas[np.isfinite(areas)]
    return FlowIntervals(middle_95(told) if len(told) else None, middle_95(found))


def rate_interval(
    outcomes: NDArray[np.bool_], files: NDArray[np.int64], *, seed: int, replicates: int = 1000
) -> Interval | None:
    """The interval of a rate over files that weigh equally; None of fewer than two files."""
    _, codes = np.unique(files, return_inverse=True)
    n = int(codes.max()) + 1 if len(codes) else 0
    if n < 2:
        return None
    rates = np.bincount(codes, weights=outcomes) / np.bincount(codes)
    drawn = np.random.default_rng(seed).integers(0, n, (replicates, n))
    return middle_95(rates[drawn].mean(axis=1))


class _Pairs:
    """One run, by files."""

    def __init__(self, run: JudgedFlows) -> None:
        self.benign_files, benign = _by_file(run, run.scores, ~run.malicious)
        self.files, self._malicious = _by_file(run, run.scores, run.malicious)
        # How much of the pairs of two files one model judged, and the area over those.
        self._judged = np.zeros((len(benign), len(self._malicious)))
        self._table = np.zeros_like(self._judged)
        for model in np.unique(run.models):
            own = run.models == model
            normal, attack = (
                [own & side & (run.files == file) for file in files]
                for side, files in (
                    (~run.malicious, self.benign_files),
                    (run.malicious, self.files),
                )
            )
            for i, some in enumerate(normal):
                for j, others in enumerate(attack):
                    share = some.sum() * others.sum() / (len(benign[i]) * len(self._malicious[j]))
                    if share:
                        area = _area(np.sort(run.scores[some]), np.sort(run.scores[others]))
                        self._judged[i, j] += share
                        self._table[i, j] += share * area
        # The benign scores, highest first, and how much of each file is at each.
        values = np.unique(np.concatenate(benign)) if benign else np.zeros(0)
        self._values = values[::-1]
        self._mass = np.zeros((len(benign), len(values)))
        for row, scores in enumerate(benign):
            places = len(values) - 1 - np.searchsorted(values, scores)
            np.add.at(self._mass[row], places, 1 / len(scores))

    def areas(self, benign: Floats, malicious: Floats) -> Floats:
        """(n_replicates,) of weights (n_replicates, n_files) that sum to 1; NaN where no model
        judged files of both classes.
        """
        area, mass = (
            np.einsum("ri,ij,rj->r", benign, table, malicious, optimize=True)
            for table in (self._table, self._judged)
        )
        made: Floats = np.divide(area, mass, out=np.full(len(area), np.nan), where=mass > 0)
        return made

    def detection(self, benign: Floats, malicious: Floats) -> Floats:
        """(n_replicates,) the detection rate at `FALSE_ALARMS`, each by its own threshold."""
        rates = np.cumsum(benign @ self._mass, axis=1)
        too_many = rates > FALSE_ALARMS + 1e-12
        # The highest benign score that may be no alert: what is above it is found.
        bound = self._values[np.argmax(too_many, axis=1)]
        found = np.stack(
            [1 - np.searchsorted(s, bound, side="right") / len(s) for s in self._malicious], axis=1
        )
        made: Floats = (found * malicious).sum(axis=1)
        return made


def _by_file(
    run: JudgedFlows, scores: Floats, side: NDArray[np.bool_]
) -> tuple[list[int], list[Floats]]:
    """The files of one class, and the sorted scores of each."""
    names = np.unique(run.files[side])
    return names.tolist(), [np.sort(scores[side & (run.files == name)]) for name in names]


def _area(normal: Floats, attack: Floats) -> float:
    """The chance that a score of the second is above one of the first; both are sorted."""
    below = np.searchsorted(normal, attack, side="left")
    up_to = np.searchsorted(normal, attack, side="right")
    return float((below + up_to).sum() / (2 * len(normal) * len(attack)))
