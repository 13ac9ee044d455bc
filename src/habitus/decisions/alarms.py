"""`AlarmRate`: alarms a day at any threshold, where traces carry time and alarms merge.

Moments that score above a threshold are one alarm as long as no more than the merging time lies
between one and the next. As the threshold falls, alarms begin and, where a gap closes, two become
one: how many there are at any threshold is how many began above it less how many ended above it.
So the scores of those two kinds of moments are all that has to be kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.decisions.alarms_kernels import NEITHER, births_and_deaths

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.decisions.budget import Budget

    Floats = NDArray[np.float64]

SECONDS_A_DAY = 86_400.0
REPLICATES = 1000
MAX_MOMENTS = 200_000
"""Of more moments than this, the highest are kept: thresholds lie far above the others."""
_HAIR = 1e-12


@dataclass(frozen=True, eq=False)
class AlarmRate:
    """Alarms of recordings at any threshold.

    Attributes:
        scores: (n,) float64, where an alarm begins or two become one as the threshold falls.
        steps: (n,) int8, +1 or -1 accordingly.
        recordings: (n,) int64, which recording that is.
        seconds: (n_recordings,) float64, how long each was watched.
        merge_seconds: alarms this close are one.
    """

    scores: Floats
    steps: NDArray[np.int8]
    recordings: NDArray[np.int64]
    seconds: Floats
    merge_seconds: float

    @classmethod
    def of(
        cls,
        scores: Floats,
        times_ns: NDArray[np.int64],
        recordings: NDArray[np.int64],
        seconds: Floats,
        merge_seconds: float,
    ) -> AlarmRate:
        """From the moments of all recordings.

        Args:
            scores: (n,) float64, one a moment; NaN for none.
            times_ns: (n,) int64, when; moments at unknown times (below 0) are left out.
            recordings: (n,) int64, from 0.
            seconds: (n_recordings,) float64.
        """
        known = np.flatnonzero(np.isfinite(scores) & (times_ns >= 0))
        known = known[np.lexsort((times_ns[known], recordings[known]))]
        scores, times, groups = scores[known], times_ns[known], recordings[known]
        before, after = np.empty_like(times), np.empty_like(times)
        kinds = np.empty(len(times), dtype=np.int8)
        order = np.argsort(scores, kind="stable")
        births_and_deaths(order, times, groups, int(merge_seconds * 1e9), before, after, kinds)
        counts = order[kinds[order] != NEITHER][-MAX_MOMENTS:]
        return cls(scores[counts], kinds[counts], groups[counts], seconds, merge_seconds)

    @property
    def days(self) -> float:
        """How long was watched, in days."""
        return float(self.seconds.sum() / SECONDS_A_DAY)

    def count(self, threshold: float) -> int:
        """Alarms above a threshold, merged."""
        return int(self.steps[self.scores > threshold].sum())

    def per_day(self, threshold: float) -> float:
        """The alarms a day to expect: one more than were seen, for the threshold is one of them."""
        return (self.count(threshold) + 1) / self.days

    def interval(
        self, threshold: float, *, seed: int, central: float = 0.95
    ) -> tuple[float, float] | None:
        """(low, high) alarms a day, by drawing recordings again; None for a single recording.

        Recordings that lasted no time add their alarms to a draw, but cannot be all of it.

        What a bootstrap cannot see, rare alarms that no recording holds, is seen by the exact
        Poisson interval of the count: the wider of the two ends is told.
        """
        from scipy.stats import chi2

        n_recordings = len(self.seconds)
        if n_recordings < 2:
            return None
        above = self.scores > threshold
        counts = np.bincount(self.recordings[above], self.steps[above], n_recordings)
        random = np.random.default_rng(seed)
        rates = np.empty(REPLICATES)
        for i in range(REPLICATES):
            drawn = random.integers(0, n_recordings, n_recordings)
            seconds = self.seconds[drawn].sum()
            rates[i] = counts[drawn].sum() / seconds * SECONDS_A_DAY if seconds else np.nan
        tail = (1 - central) / 2
        low, high = np.quantile(rates[~np.isnan(rates)], [tail, 1 - tail])
        n = int(counts.sum())
        least = chi2.ppf(tail, 2 * n) / 2 / self.days if n else 0.0
        most = chi2.ppf(1 - tail, 2 * n + 2) / 2 / self.days
        return float(min(low, least)), float(max(high, most))

    def choose(self, budget: Budget, highest: float) -> tuple[float, bool]:
        """(threshold, whether the budget can be kept): the lowest that keeps a budget a day.

        Args:
            highest: the highest score of all, which stands if even that keeps no such budget.
        """
        values = np.unique(self.scores)[::-1]
        if not len(values):
            return highest, False
        place = np.searchsorted(-values, -self.scores)
        # Alarms above each value, from the highest down; none lies above the highest.
        counts = np.concatenate([[0], np.cumsum(np.bincount(place, self.steps, len(values)))[:-1]])
        keeps = _rates(counts, self.days, budget) <= budget.alarms + _HAIR
        n_kept = int(np.argmin(np.append(keeps, False)))
        return (float(values[n_kept - 1]), True) if n_kept else (highest, False)


def _rates(counts: Floats, days: float, budget: Budget) -> Floats:
    """Alarms a day to expect at thresholds above which so many lie, or as surely as was asked."""
    if budget.confidence is None:
        return (counts + 1) / days
    from scipy.stats import gamma

    rates: Floats = gamma.ppf(budget.confidence, counts + 1) / days
    return rates
