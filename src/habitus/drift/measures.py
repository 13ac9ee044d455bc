"""What is measured of both sides: scores, shares of what was never learned, alarms, lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from habitus.decisions.forecast import CENTRAL
from habitus.decisions.scores import score_unit
from habitus.drift.result import Alarms, Histogram, Shift, Side, quantiles_of
from habitus.drift.two_sample import Sample, comparable, stranger_p, strata_of, superiority

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.decisions.forecast import TailRate
    from habitus.decisions.population import Population
    from habitus.drift.observed import NewTraces
    from habitus.models.model import Model

    Floats = NDArray[np.float64]

Measure = Literal["score", "novel", "unseen"]
N_CELLS = 48
SIMULATIONS = 9999


def shift_of(
    model: Model, new: NewTraces, measure: Measure, rule: str, *, seed: int, permutations: int
) -> Shift:
    """How one measure differs between the model's population and new traces.

    Sequences that stand on both sides are left out of both, so that those that are left could have
    stood on either. Where nothing else is there the familiar ones are described, and not tested.

    Args:
        rule: of the decision whose score it is; else empty.
    """
    population, threshold = model.population, None
    if rule:
        row = [decision.rule for decision in model.decisions].index(rule)
        threshold = model.decisions[row].threshold
        before, now = population.scores[row], new.scores[row]
    else:
        before, now = getattr(population, measure), getattr(new, measure)
    tested = not new.familiar.all()
    mine = ~new.shared if tested else np.ones(len(before), dtype=bool)
    reference = Sample.of(before[mine], population.counts[mine])
    others = Sample.of(now[new.compared], new.counts[new.compared])
    strata = strata_of(reference, others) if tested else []
    both = len(reference.values) > 0 and len(others.values) > 0
    return Shift(
        measure=measure,
        decision=rule,
        n_reference=len(reference.values),
        n_new=len(others.values),
        comparable=comparable(strata),
        p=stranger_p(strata, seed=seed, permutations=permutations),
        superiority=superiority(reference.values, others.values) if both else None,
        reference=quantiles_of(reference.values),
        new=quantiles_of(others.values),
        histogram=_histogram(reference.values, others.values, threshold) if both else None,
    )


def alarms_of(model: Model, new: NewTraces, row: int, *, seed: int) -> Alarms:
    """How many new traces lie above a decision's threshold, and how many were forecast."""
    decision, population = model.decisions[row], model.population
    scored = np.isfinite(new.scores[row])
    above, counts = new.scores[row][scored] > decision.threshold, new.counts[scored]
    n_traces, n_over = int(counts.sum()), int(counts[above].sum())
    expected, low, high, p = 0.0, 0, 0, None
    if n_traces and population.n_scored(row):
        rate = population.tail_rate(row, decision.threshold)
        expected = rate.expected
        (low, high), p = forecast(rate, counts, n_over, seed=seed)
    side: Side = "as forecast" if low <= n_over <= high else "more" if n_over > high else "fewer"
    return Alarms(
        decision=decision.rule, threshold=decision.threshold,
        unit=score_unit(model.detector, decision.rule), n_traces=n_traces, n_over=n_over,
        low=low, high=high, expected=expected, side=side, p=p,
    )  # fmt: skip


def forecast(
    rate: TailRate, counts: NDArray[np.int64], n_over: int, *, seed: int
) -> tuple[tuple[int, int], float]:
    """((low, high) alarms with 95 % probability, the chance of at least ``n_over``).

    By simulation: a rate is drawn, and by it each sequence lies above the threshold with all of its
    traces, or with none.

    Args:
        counts: (n,) int64, traces of each sequence judged.
    """
    random = np.random.default_rng(seed)
    sizes, n_sequences = np.unique(counts, return_counts=True)

    def alarms(*, lowest: bool) -> NDArray[np.int64]:
        rates = rate.drawn(random, SIMULATIONS, lowest=lowest)
        drawn = np.zeros(SIMULATIONS, dtype=np.int64)
        for size, n in zip(sizes, n_sequences, strict=True):
            drawn += size * random.binomial(n, rates)
        return drawn

    most = alarms(lowest=False)
    tail = (1 - CENTRAL) / 2
    low = np.quantile(alarms(lowest=True), tail, method="inverted_cdf")
    high = np.quantile(most, 1 - tail, method="inverted_cdf")
    return (int(low), int(high)), float((1 + np.sum(most >= n_over)) / (1 + SIMULATIONS))


def lengths_of(population: Population, new: NewTraces) -> tuple[dict[str, float], dict[str, float]]:
    """Quantiles of the calls of a sequence, of the reference and of the new."""
    mine = np.ones(len(new.shared), dtype=bool) if new.familiar.all() else ~new.shared
    return quantiles_of(population.n_calls[mine]), quantiles_of(new.traces.lengths[new.compared])


def _histogram(reference: Floats, new: Floats, threshold: float | None) -> Histogram | None:
    """Both sides in cells, none of them across the threshold; None where they span too much."""
    values = np.concatenate([reference, new])
    anchor = float(values.min()) if threshold is None else threshold
    low, high = min(float(values.min()), anchor), max(float(values.max()), anchor)
    width = (high - low) / (N_CELLS - 1)  # one is lost where the threshold lies within a cell
    if low == high:
        width = 1.0
    if not np.isfinite(width) or high + width == high or low - width == low:
        return None
    n_below = int(np.ceil((anchor - low) / width))

    def counted(side: Floats) -> tuple[int, ...]:
        # Cells hold their upper end: a score on the threshold is no alert.
        cells = np.ceil((side - anchor) / width).astype(np.int64) - 1 + n_below
        cells = np.where(side > anchor, np.maximum(cells, n_below), np.minimum(cells, n_below - 1))
        return tuple(np.bincount(np.clip(cells, 0, N_CELLS - 1), minlength=N_CELLS).tolist())

    return Histogram(
        low=low, high=high, n_below=n_below, width=width,
        reference=counted(reference), new=counted(new),
    )  # fmt: skip
