"""Forecast: how many false alarms a threshold will give, before it has given any.

The threshold is one of n normal scores that nothing was learned from. Where k of them lie above it,
the share of *all* normal traces above it has the distribution Beta(k + 1, n - k), whatever the
scores are distributed like, so long as the traces to come are drawn like these; alarms among m
traces to come are then beta-binomial. Source: S. Wilks, "Determination of sample sizes for setting
tolerance limits", Annals of Mathematical Statistics 12, 1941; H. David and H. Nagaraja, *Order
Statistics*, 2003, section 7.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CENTRAL = 0.95
MAX_TRIALS = 1_000_000
"""More traces to come are reckoned in groups: the distribution is summed over each of them."""


def told(number: float, digits: int = 3) -> str:
    """A number to so many digits, as a person writes it: ``22,900``, not ``2.29e+04``."""
    return f"{float(f'{number:.{digits}g}'):,.15g}"


@dataclass(frozen=True)
class TailRate:
    """What is known of the share of normal traces above a threshold.

    Attributes:
        n_traces: normal traces the threshold was chosen among.
        n_over: those above it; ``n_tied`` those that have exactly its score, 0 where it lies
            between two.
        design_effect: how many traces count as one, 1 where no sequence stands twice: equal traces
            fall on one side of a threshold together, so that their number says less than it seems.
    """

    n_traces: int
    n_over: int
    n_tied: int
    design_effect: float = 1.0

    @property
    def expected(self) -> float:
        """The expected share of normal traces to come above the threshold, at most."""
        a, b = self._parameters(self.n_over)
        return a / (a + b)

    def quantile(self, share: float) -> float:
        """The rate that the true rate stays at or below with this probability, at least."""
        from scipy.stats import beta

        return float(beta.ppf(share, *self._parameters(self.n_over)))

    def interval(self, n_judged: int, central: float = CENTRAL) -> tuple[int, int]:
        """(low, high) alarms among ``n_judged`` normal traces to come, with this probability.

        Where several traces share the threshold's score, or none has it, the rate lies between two
        order statistics, and the interval takes in both.
        """
        from scipy.stats import betabinom

        trials = min(MAX_TRIALS, max(1, round(n_judged / self.design_effect)))
        high = betabinom.ppf((1 + central) / 2, trials, *self._parameters(self.n_over))
        low = 0.0
        if self._least >= 0:
            low = betabinom.ppf((1 - central) / 2, trials, *self._parameters(self._least))
        scale = n_judged / trials
        return int(np.floor(low * scale)), int(min(n_judged, np.ceil(high * scale)))

    def drawn(self, random: np.random.Generator, n: int, *, lowest: bool = False) -> Floats:
        """(n,) float64: rates as likely as each may be the true one, or with ties is at most.

        Args:
            lowest: what it is at least, with ties.
        """
        n_over = self._least if lowest else self.n_over
        return np.zeros(n) if n_over < 0 else random.beta(*self._parameters(n_over), n)

    @property
    def _least(self) -> int:
        """How many lie above the lower of the order statistics, where it is not one score alone."""
        return self.n_over if self.n_tied == 1 else self.n_over - 1

    def _parameters(self, n_over: int) -> tuple[float, float]:
        """Of the beta distribution of the rate."""
        above = n_over / self.design_effect
        return above + 1, max(self.n_traces / self.design_effect - above, 1e-9)


def design_effects(places: NDArray[np.int64], counts: NDArray[np.int64]) -> Floats:
    """(n_values,) float64: how many traces count as one for the share above each value, at least 1.

    The variance of that share when whole groups of equal traces are drawn, against that of single
    traces (L. Kish, *Survey Sampling*, 1965, section 5.4), the value itself counted as above; but
    no less than the mean size of the group that a trace is in. For the group that comes next may be
    as large, and lie above: so conformal prediction weighs what is yet to come (R. Tibshirani and
    others, "Conformal prediction under covariate shift", NeurIPS 2019).

    Args:
        places: (n_sequences,) int64, which of the ascending values each sequence scores.
        counts: (n_sequences,) int64, traces that make it.
    """
    weights = np.bincount(places, counts).astype(np.float64)
    squares = np.bincount(places, counts.astype(np.float64) ** 2)
    n_traces, all_squares = weights.sum(), squares.sum()
    share = np.cumsum(weights[::-1])[::-1] / n_traces
    above = np.cumsum(squares[::-1])[::-1]
    clustered = (1 - share) ** 2 * above + share**2 * (all_squares - above)
    single = n_traces * share * (1 - share)
    effects = np.full(len(weights), all_squares / n_traces)  # where everything lies above
    np.divide(clustered, single, out=effects, where=single > 0)
    return np.asarray(np.maximum(effects, all_squares / n_traces))
