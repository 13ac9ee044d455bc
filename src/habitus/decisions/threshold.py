"""Where a threshold goes: the lowest at which a share of normal traces keeps a budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.decisions.forecast import TailRate, design_effects
from habitus.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.decisions.budget import Budget

    Floats = NDArray[np.float64]

_HAIR = 1e-12
MIN_TAIL = 20
"""Scores that a tail is fitted to, at least; and the tenth of all of them, where that is more."""
TAIL_SHARE = 0.1


@dataclass(frozen=True)
class Tail:
    """A generalised Pareto tail fitted to the highest scores.

    Source: J. Pickands, "Statistical inference using extreme order statistics", Annals of
    Statistics 3, 1975.

    Attributes:
        start: where it begins; ``n_exceedances`` scores lie above.
        shape, scale: of the distribution of what exceeds it; a negative shape has an end.
    """

    start: float
    n_exceedances: int
    shape: float
    scale: float


@dataclass(frozen=True)
class Choice:
    """A threshold and what stands behind it.

    Attributes:
        keeps_budget: whether so small a budget can be shown with so few traces at all.
        tail: what extrapolated it, or None.
    """

    threshold: float
    rate: TailRate
    keeps_budget: bool
    tail: Tail | None = None


def choose_threshold(scores: Floats, counts: NDArray[np.int64], budget: Budget) -> Choice:
    """The lowest threshold that keeps a budget that is a share of normal traces.

    An alert is a score *above* it, so that ties with it stay silent.

    Args:
        scores: (n_sequences,) float64, finite, at least one.
        counts: (n_sequences,) int64, traces of each.

    Raises:
        UsageError: if a tail is asked for and the scores are too few, or too alike, to fit one.
    """
    values, places = np.unique(scores, return_inverse=True)
    weights = np.bincount(places, counts).astype(np.float64)
    n_traces = float(weights.sum())
    over = n_traces - np.cumsum(weights)  # above each value
    effects = design_effects(places, counts)

    def rate_at(place: int) -> TailRate:
        return TailRate(int(n_traces), int(over[place]), int(weights[place]), float(effects[place]))

    above = over / effects
    keeps = _rates(above + 1, n_traces / effects - above, budget) <= budget.alarms + _HAIR
    # From the highest value down, while the budget is kept.
    n_kept = int(np.argmin(np.append(keeps[::-1], False)))
    if n_kept:
        place = len(values) - n_kept
        return Choice(float(values[place]), rate_at(place), keeps_budget=True)
    highest = float(values[-1])
    if budget.extrapolated:
        tail = fit_tail(np.repeat(scores, counts))
        threshold = max(highest, _extrapolated(tail, int(n_traces), budget.alarms))
        return Choice(threshold, rate_at(-1), keeps_budget=True, tail=tail)
    return Choice(highest, rate_at(-1), keeps_budget=False)


def _rates(a: Floats, b: Floats, budget: Budget) -> Floats:
    """Of beta distributions, what must be within the budget: means, or as sure as was asked."""
    if budget.confidence is None:
        return a / (a + b)
    from scipy.stats import beta

    rates: Floats = beta.ppf(budget.confidence, a, b)
    return rates


def finest_share(n_traces: int, confidence: float | None, design_effect: float = 1.0) -> float:
    """The smallest share that so many normal traces can show.

    Args:
        design_effect: how many of them count as one.

    >>> round(finest_share(99, None), 4)
    0.01
    """
    rate = TailRate(n_traces, 0, 1, design_effect)
    return rate.expected if confidence is None else rate.quantile(confidence)


def fit_tail(scores: Floats) -> Tail:
    """A tail for the highest scores, one a trace.

    Raises:
        UsageError: if there are too few different scores to fit anything.
    """
    from scipy.stats import genpareto

    ascending = np.sort(scores)
    n_tail = max(MIN_TAIL, round(TAIL_SHARE * len(ascending)))
    if n_tail >= len(ascending) or ascending[-n_tail - 1] >= ascending[-1]:
        raise UsageError(
            f"{len(ascending)} normal traces are too few, or too alike, to extrapolate a tail "
            f"from: it needs more than {MIN_TAIL} scores that differ; record more"
        )
    start = float(ascending[-n_tail - 1])
    beyond = ascending[ascending > start] - start
    if len(beyond) < MIN_TAIL or len(np.unique(beyond)) < MIN_TAIL // 2:
        raise UsageError(
            f"only {len(np.unique(beyond))} different scores lie in the highest tenth, too few to "
            "extrapolate a tail from; record more"
        )
    shape, _, scale = genpareto.fit(beyond, floc=0)
    return Tail(start, len(beyond), float(shape), float(scale))


def _extrapolated(tail: Tail, n_traces: int, share: float) -> float:
    """The score that a share of traces exceeds, if the tail goes on as it was fitted."""
    from scipy.stats import genpareto

    if share <= 0:
        raise UsageError("a tail has no end to set a budget of 0 by: say a share above 0")
    beyond = share * n_traces / tail.n_exceedances
    return tail.start + float(genpareto.isf(min(1.0, beyond), tail.shape, scale=tail.scale))
