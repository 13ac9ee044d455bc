"""Thresholds are order statistics of normal scores, and forecasts of them hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, betabinom, genpareto

from habitus.decisions.budget import Budget
from habitus.decisions.forecast import TailRate, design_effects
from habitus.decisions.threshold import Choice, choose_threshold, finest_share, fit_tail
from habitus.errors import UsageError


def chosen(
    scores: list[float], budget: str | float, confidence: float | None = None, *, tail: bool = False
) -> Choice:
    values = np.array(scores, np.float64)
    made = Budget.parse(budget, confidence=confidence, extrapolated=tail)
    return choose_threshold(values, np.ones(len(values), np.int64), made)


@pytest.mark.parametrize(
    ("budget", "threshold", "n_over", "keeps"),
    [
        # One of ten scores is the threshold: of eleven, k + 1 may come to lie above it.
        (0, 10, 0, False),
        (0.09, 10, 0, False),
        (1 / 11, 10, 0, True),
        (0.18, 10, 0, True),
        (2 / 11, 9, 1, True),
        (0.3, 8, 2, True),
        (0.99, 1, 9, True),
    ],
)
def test_on_average_the_threshold_is_an_order_statistic(
    budget: float, threshold: float, n_over: int, keeps: bool
) -> None:
    choice = chosen([3, 1, 2, 10, 9, 8, 7, 6, 5, 4], budget)
    assert (choice.threshold, choice.rate.n_over, choice.keeps_budget) == (threshold, n_over, keeps)


@pytest.mark.parametrize("n", [99, 299, 999])
def test_a_budget_is_used_up_in_spite_of_binary_fractions(n: int) -> None:
    """0.29 * 100 is 28.999999999999996: the 29th alarm is within the budget."""
    for percent in range(1, 100):
        choice = chosen([float(i) for i in range(n)], percent / 100)
        assert choice.rate.n_over == percent * (n + 1) // 100 - 1


def test_with_confidence_the_rate_keeps_the_budget_so_often() -> None:
    """59 is the smallest sample whose highest value covers 95 % with 95 % confidence (Wilks)."""
    scores = [float(i) for i in range(59)]
    assert chosen(scores, 0.05, 0.95).keeps_budget
    assert not chosen(scores[:-1], 0.05, 0.95).keeps_budget
    assert chosen([float(i) for i in range(93)], 0.05, 0.95).rate.n_over == 1
    assert chosen([float(i) for i in range(92)], 0.05, 0.95).rate.n_over == 0


@given(
    scores=st.lists(st.integers(0, 6).map(float), min_size=1, max_size=60),
    budget=st.floats(0, 0.999),
    confidence=st.none() | st.sampled_from([0.5, 0.95]),
)
def test_no_lower_threshold_would_keep_the_budget(
    scores: list[float], budget: float, confidence: float | None
) -> None:
    """Against a slow obvious search, where no sequence stands twice."""
    choice = chosen(scores, budget, confidence)
    n = len(scores)

    def keeps(threshold: float) -> bool:
        k = sum(score > threshold for score in scores)
        made = beta(k + 1, n - k)
        rate = made.mean() if confidence is None else made.ppf(confidence)
        return bool(rate <= budget + 1e-12)

    wanted = [score for score in set(scores) if keeps(score)]
    assert choice.keeps_budget == bool(wanted)
    assert choice.threshold == (min(wanted) if wanted else max(scores))


def test_the_finest_share_is_just_kept() -> None:
    scores = [float(i) for i in range(30)]
    for confidence in (None, 0.95):
        finest = finest_share(30, confidence)
        assert chosen(scores, finest + 1e-9, confidence).keeps_budget
        assert not chosen(scores, finest - 1e-9, confidence).keeps_budget


def test_traces_that_are_alike_show_less() -> None:
    """The finest share is the forecast at the highest score, not that of distinct traces."""
    budget = Budget.parse("1%")
    choice = choose_threshold(np.array([1.0, 2.0]), np.array([950, 50]), budget)
    assert not choice.keeps_budget
    finest = finest_share(1000, None, choice.rate.design_effect)
    assert finest == pytest.approx(choice.rate.expected)
    assert finest > budget.alarms


def test_a_threshold_between_two_scores_may_be_as_good_as_either() -> None:
    low, high = TailRate(n_traces=100, n_over=3, n_tied=0).interval(1000)
    assert low == TailRate(n_traces=100, n_over=2, n_tied=1).interval(1000)[0]
    assert high == TailRate(n_traces=100, n_over=3, n_tied=1).interval(1000)[1]


def test_any_number_of_traces_to_come_is_reckoned_in_bounded_memory() -> None:
    """A million is summed over; a thousand millions go by as wide an interval, at least."""
    rate = TailRate(n_traces=277, n_over=12, n_tied=1)
    low, high = rate.interval(10**9)
    exact = beta(13, 265)
    assert low / 10**9 == pytest.approx(exact.ppf(0.025), rel=0.01)
    assert high / 10**9 == pytest.approx(exact.ppf(0.975), rel=0.01)


def test_alarms_to_come_are_beta_binomial() -> None:
    rate = TailRate(n_traces=277, n_over=12, n_tied=1)
    made = betabinom(500, 13, 265)
    assert rate.interval(500) == (int(made.ppf(0.025)), int(made.ppf(0.975)))
    assert rate.expected == pytest.approx(13 / 278)


@pytest.mark.parametrize(("n", "budget"), [(50, "10%"), (277, "1%"), (277, "5%")])
def test_the_interval_holds_what_comes(n: int, budget: str) -> None:
    """Of 2,000 draws of n scores and as many to come, at least 95 %, and the budget on average."""
    random = np.random.default_rng(7)
    held, rates = [], []
    for _ in range(2000):
        choice = chosen(random.standard_normal(n).tolist(), budget)
        to_come = int(np.sum(random.standard_normal(n) > choice.threshold))
        low, high = choice.rate.interval(n)
        held.append(low <= to_come <= high)
        rates.append(to_come / n)
    assert np.mean(held) > 0.94
    assert np.mean(rates) == pytest.approx(choice.rate.expected, rel=0.06)
    assert choice.rate.expected <= Budget.parse(budget).alarms


def test_the_interval_holds_what_comes_where_scores_tie() -> None:
    random = np.random.default_rng(8)
    held = []
    for _ in range(2000):
        choice = chosen(random.integers(0, 12, 120).astype(float).tolist(), "15%")
        low, high = choice.rate.interval(200)
        held.append(low <= np.sum(random.integers(0, 12, 200) > choice.threshold) <= high)
    assert np.mean(held) > 0.95


def test_the_interval_holds_where_sequences_repeat() -> None:
    """Clusters of equal traces: each drawn sequence stands 1 to 8 times."""
    random = np.random.default_rng(9)
    held, naive = [], []
    for _ in range(1500):
        counts, to_come = random.integers(1, 9, (2, 60))
        choice = choose_threshold(random.standard_normal(60), counts, Budget.parse("15%"))
        n = int(to_come.sum())
        seen = int(to_come[random.standard_normal(60) > choice.threshold].sum())
        low, high = choice.rate.interval(n)
        held.append(low <= seen <= high)
        low, high = TailRate(int(counts.sum()), choice.rate.n_over, 1).interval(n)
        naive.append(low <= seen <= high)
    assert np.mean(held) > 0.93
    assert np.mean(naive) < np.mean(held) - 0.1  # what not to count clusters would claim


@pytest.mark.parametrize("budget", ["5%", "15%"])
@pytest.mark.parametrize("copies", [8, 100])
def test_the_budget_holds_where_a_few_sequences_are_most_of_the_traces(
    budget: str, copies: int
) -> None:
    """One sequence in ten stands many times, whatever it scores: the next one may, too."""
    random = np.random.default_rng(10)
    held, rates = [], []
    for _ in range(1500):
        counts, to_come = np.where(random.random((2, 100)) < 0.1, copies, 1)
        choice = choose_threshold(random.standard_normal(100), counts, Budget.parse(budget))
        n = int(to_come.sum())
        seen = int(to_come[random.standard_normal(100) > choice.threshold].sum())
        low, high = choice.rate.interval(n)
        held.append(low <= seen <= high)
        if choice.keeps_budget:
            rates.append(seen / n)
    assert np.mean(held) > 0.94
    assert not rates or np.mean(rates) < 1.1 * Budget.parse(budget).alarms


def test_where_nothing_repeats_every_trace_counts() -> None:
    assert design_effects(np.arange(9), np.ones(9, np.int64)) == pytest.approx(np.ones(9))


def test_the_design_effect_by_hand() -> None:
    """Three sequences, 2, 1 and 1 traces: above the middle value (itself included) lie two traces.

    p = 1/2: (1/4 * (1 + 1) + 1/4 * 4) / (4 * 1/4) = 1.5, which is the mean size of a trace's group,
    too: (4 + 1 + 1) / 4.
    """
    effects = design_effects(np.array([0, 1, 2]), np.array([2, 1, 1]))
    assert effects[1] == pytest.approx(1.5)
    assert effects[0] == pytest.approx(6 / 4)


def test_a_tail_is_fitted_and_goes_beyond_the_scores() -> None:
    random = np.random.default_rng(3)
    scores = random.standard_exponential(2000).tolist()
    tail = fit_tail(np.array(scores))
    assert tail.n_exceedances == 200
    assert tail.shape == pytest.approx(0, abs=0.15)
    choice = chosen(scores, 1e-5, tail=True)
    assert choice.tail == tail
    assert choice.keeps_budget
    # Of an exponential, one in 100,000 exceeds 11.5.
    assert choice.threshold == pytest.approx(-math.log(1e-5), abs=2.5)
    assert choice.threshold == pytest.approx(
        tail.start + genpareto.isf(1e-5 * 2000 / 200, tail.shape, scale=tail.scale)
    )
    assert chosen(scores, "1%", tail=True).tail is None  # the data show it themselves


@pytest.mark.parametrize("scores", [[1.0] * 500, list(range(15)), [0.0] * 400 + [1.0, 2.0]])
def test_too_few_scores_have_no_tail(scores: list[float]) -> None:
    with pytest.raises(UsageError, match="to extrapolate a tail from"):
        chosen(scores, 1e-5, tail=True)
