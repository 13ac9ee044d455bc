"""Thresholds: order statistics of normal scores under a false-alarm budget."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitus.errors import UsageError
from habitus.models.aggregation import Aggregation
from habitus.models.decision import Decision, decide

MEAN = Aggregation("mean")


def decided(scores: list[float], false_alarms: float) -> Decision:
    return decide(np.array(scores, np.float64), MEAN, false_alarms, method="other traces")


@pytest.mark.parametrize(
    ("false_alarms", "threshold", "n_over"),
    [(0, 10, 0), (0.05, 10, 0), (0.1, 9, 1), (0.19, 9, 1), (0.2, 8, 2), (0.3, 7, 3), (0.99, 1, 9)],
)
def test_the_threshold_is_an_order_statistic(
    false_alarms: float, threshold: float, n_over: int
) -> None:
    decision = decided([3, 1, 2, 10, 9, 8, 7, 6, 5, 4], false_alarms)
    assert decision.threshold == threshold
    assert decision.calibration.n_over == n_over
    assert not decision.is_alert(threshold)
    assert decision.is_alert(np.nextafter(threshold, np.inf))


def test_ties_at_the_threshold_stay_silent() -> None:
    decision = decided([5.0] * 9 + [1.0], 0.3)
    assert decision.threshold == 5
    assert decision.calibration.n_over == 0


@pytest.mark.parametrize("n", [100, 300, 700, 1000])
def test_a_budget_is_used_up_in_spite_of_binary_fractions(n: int) -> None:
    """0.29 * 100 is 28.999999999999996: the 29th alarm is within the budget."""
    for percent in range(1, 100):
        decision = decided(list(range(n)), percent / 100)
        assert decision.calibration.n_over == percent * n // 100


@given(
    scores=st.lists(st.integers(0, 6).map(float), min_size=1, max_size=60),
    budget=st.floats(0, 0.999),
)
def test_the_budget_holds_and_no_lower_score_would_do(scores: list[float], budget: float) -> None:
    decision = decided(scores, budget)
    over = sum(decision.is_alert(score) for score in scores)
    assert over == decision.calibration.n_over
    assert over <= budget * len(scores) + 1e-6
    assert decision.threshold in scores
    for lower in {score for score in scores if score < decision.threshold}:
        assert sum(score > lower for score in scores) > budget * len(scores)


def test_traces_without_a_score_are_counted_apart() -> None:
    decision = decided([math.nan, 1, 2, math.nan, 3], 0.34)
    assert decision.threshold == 2
    assert decision.calibration.n_traces == 3
    assert decision.calibration.n_unscoreable == 2
    assert not decision.is_alert(math.nan)


def test_nothing_scored_is_refused() -> None:
    with pytest.raises(UsageError, match="none of the 2 normal traces can be scored"):
        decided([math.nan, math.nan], 0.01)


@pytest.mark.parametrize("budget", [-0.01, 1, 1.5, math.nan, math.inf])
def test_a_budget_is_a_share(budget: float) -> None:
    with pytest.raises(UsageError, match="share from 0 to below 1"):
        decided([1, 2], budget)


def test_too_small_a_budget_for_so_few_traces_is_said() -> None:
    (warning,) = decided(list(range(99)), 0.01).calibration.warnings()
    assert warning.startswith("99 normal traces cannot show a false-alarm rate of 1 %")
    assert not decided(list(range(100)), 0.01).calibration.warnings()


@pytest.mark.parametrize("n", [49, 98, 103, 107, 161])
def test_a_budget_of_one_trace_is_fine_enough(n: int) -> None:
    """1 / 49 * 49 is below 1, and yet one of 49 may raise an alarm."""
    decision = decided(list(range(n)), 1 / n)
    assert decision.calibration.n_over == 1
    assert not decision.calibration.warnings()
