"""Alarms by the day: merged, counted at every threshold, and budgeted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitus.decisions.alarms import AlarmRate
from habitus.decisions.budget import Budget
from habitus.decisions.decision import AlarmsADay

DAY = 86_400
SECOND = 10**9
MOMENTS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(0, 6)), min_size=1, max_size=40
)


def rate_of(
    moments: list[tuple[int, int, float]], merge_seconds: float = 5, seconds: float = DAY / 3
) -> AlarmRate:
    """From (recording, second, score); three recordings of a third of a day each."""
    columns = np.array(moments, np.float64).reshape(-1, 3)
    return AlarmRate.of(
        columns[:, 2].copy(), (columns[:, 1] * SECOND).astype(np.int64),
        columns[:, 0].astype(np.int64), np.full(3, seconds), merge_seconds,
    )  # fmt: skip


def obvious(moments: list[tuple[int, int, float]], threshold: float, merge: float = 5) -> int:
    """Alarms counted by walking along the time of each recording."""
    count = 0
    for recording in range(3):
        last = None
        for _, second, _ in sorted(m for m in moments if m[0] == recording and m[2] > threshold):
            count += last is None or second - last > merge
            last = second
    return count


@given(MOMENTS)
def test_at_every_threshold_the_count_is_that_of_walking_along(
    moments: list[tuple[int, int, float]],
) -> None:
    rate = rate_of(moments)
    for threshold in range(-1, 8):
        assert rate.count(threshold) == obvious(moments, threshold)


@given(MOMENTS, st.integers(0, 12))
def test_the_lowest_threshold_down_to_which_the_budget_is_kept(
    moments: list[tuple[int, int, float]], allowed: int
) -> None:
    highest = float(max(score for *_, score in moments))
    threshold, keeps = rate_of(moments).choose(Budget.parse(f"{allowed}/day"), highest)
    values = sorted({float(score) for *_, score in moments}, reverse=True)
    kept = []
    for value in values:
        if obvious(moments, value) + 1 > allowed:
            break
        kept.append(value)
    assert keeps == bool(kept)
    if not kept:
        assert threshold == highest
    elif len(kept) < len(values):
        # Between two scores at which alarms begin or end, a threshold is as good as another.
        assert threshold >= kept[-1]
        assert obvious(moments, threshold) == obvious(moments, kept[-1])
    else:
        assert obvious(moments, threshold) + 1 <= allowed  # everything may be an alarm


def test_moments_at_unknown_times_or_without_a_score_are_left_out() -> None:
    rate = AlarmRate.of(
        np.array([5.0, np.nan, 7.0]), np.array([-1, 3 * SECOND, 9 * SECOND]),
        np.zeros(3, np.int64), np.array([float(DAY)]), 60.0,
    )  # fmt: skip
    assert (rate.count(0.0), rate.count(6.0), rate.count(7.0)) == (1, 1, 0)


def test_the_rate_counts_the_threshold_itself() -> None:
    """Two alarms in a day, and one more that the threshold would be."""
    rate = rate_of([(0, 0, 3), (1, 0, 2), (2, 0, 1)])
    assert rate.per_day(1.0) == pytest.approx(3.0)


def test_intervals_come_from_recordings() -> None:
    moments = [(0, second, 9.0) for second in range(0, 3000, 100)]
    low, high = rate_of(moments).interval(0.0, seed=1) or (0, 0)
    # All 30 alarms are of one recording of three: without it there is none, with it thrice 90.
    assert low == 0
    assert high >= 60
    assert rate_of([(0, 1, 1.0)]).interval(5.0, seed=1) == pytest.approx((0, 3.689), abs=0.01)


def test_a_single_recording_has_no_interval() -> None:
    rate = AlarmRate.of(np.ones(1), np.zeros(1, np.int64), np.zeros(1, np.int64), np.ones(1), 1.0)
    assert rate.interval(0.0, seed=1) is None


def test_recordings_that_lasted_no_time_leave_an_interval() -> None:
    """A draw of such recordings alone has no rate; their alarms count in all the others."""
    rate = AlarmRate.of(
        np.ones(2), np.zeros(2, np.int64), np.arange(2), np.array([0.0, float(DAY)]), 60.0
    )
    low, high = rate.interval(0.0, seed=1) or (0, 0)
    # Both once is two a day; the long one twice, one; the exact interval of two goes to 7.2.
    assert 0 <= low <= 1
    assert high == pytest.approx(7.22, abs=0.01)


def test_the_interval_of_alarms_in_some_days_takes_in_chance() -> None:
    """Two watched days with k alarms of a steady rate, then a quarter of a day to come."""
    random = np.random.default_rng(4)
    held, by_rate_alone = [], []
    for _ in range(300):
        times = (np.sort(random.random(random.poisson(2 * 4))) * 2 * DAY * SECOND).astype(np.int64)
        rate = AlarmRate.of(
            np.ones(len(times)), times, np.arange(len(times)) % 2, np.full(2, float(DAY)), 0.0
        )
        low, high = rate.interval(0.0, seed=1) or (0, 0)
        told = AlarmsADay(
            expected=rate.per_day(0.0), interval=(low, high), seen=rate.count(0.0),
            hours=48.0, recordings=2, merge_seconds=0.0,
        )  # fmt: skip
        to_come = random.poisson(4 / 4)
        least, most = told.interval_in(0.25) or (0, 0)
        held.append(least <= to_come <= most)
        by_rate_alone.append(low / 4 <= to_come <= high / 4)
    assert np.mean(held) >= 0.95
    assert np.mean(by_rate_alone) < 0.8
    assert told.interval_in(0.0) == (0, 0)


def test_more_confidence_asks_for_a_higher_threshold() -> None:
    moments = [(i % 3, 100 * i, float(i)) for i in range(200)]
    rate = rate_of(moments)
    highest = 199.0
    average, _ = rate.choose(Budget.parse("20/day"), highest)
    sure, _ = rate.choose(Budget.parse("20/day", confidence=0.95), highest)
    assert rate.count(average) == 19
    assert rate.count(sure) == 12  # gamma(13).ppf(.95) is 19.4, gamma(14).ppf(.95) 20.7
