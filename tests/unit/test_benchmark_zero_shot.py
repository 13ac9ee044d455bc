"""What zero-shot areas are held against: controls that know nothing, and trivial statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from habitus import TraceSet

if TYPE_CHECKING:
    from collections.abc import Callable

LEARNED = TraceSet.from_names([["open", "read", "read", "close"], ["execve", "brk", "open"]])


@pytest.fixture
def data(benchmark_script: Callable[[str], Any]) -> Any:
    return benchmark_script("zero_shot_data")


@pytest.fixture
def matching(benchmark_script: Callable[[str], Any]) -> Any:
    return benchmark_script("matching")


def test_without_order_each_trace_keeps_its_calls(data: Any) -> None:
    many = TraceSet.from_names([["a", "b", "c", "d"] * 10, ["e", "f"] * 10])
    made = data.without_order(many)
    for i in range(2):
        assert sorted(made.trace(i)) == sorted(many.trace(i))
        assert made.trace(i) != many.trace(i)


def test_other_names_keep_the_shape_of_traces(data: Any) -> None:
    made = data.other_names(LEARNED)
    assert sorted(made.alphabet) == sorted(LEARNED.alphabet)
    assert made.alphabet != LEARNED.alphabet
    np.testing.assert_array_equal(made.calls, LEARNED.calls)


def test_each_name_stands_once(data: Any) -> None:
    made = data.each_name_once(LEARNED)
    assert made.n_traces == 1
    assert sorted(made.trace(0)) == ["brk", "close", "execve", "open", "read"]


def test_the_final_protocol_is_not_scored(data: Any) -> None:
    with pytest.raises(SystemExit, match="once a release"):
        data.judged_under("adfa-ld/final", "all calls")


def test_statistics_are_those_of_each_trace(matching: Any) -> None:
    traces = TraceSet.from_names([["execve", "time", "open", "time"], ["read"]])
    found = {name: values.tolist() for name, values in matching.statistics_of(traces).items()}
    assert found == {
        "distinct calls": [3.0, 1.0], "calls": [4.0, 1.0], "share of execve": [0.25, 0.0],
        "share of clock calls": [0.5, 0.0],
    }  # fmt: skip


def test_a_score_that_is_its_statistic_keeps_nothing(matching: Any) -> None:
    random = np.random.default_rng(0)
    # Attacks have more of it; what is left among likes is chance.
    statistic = np.concatenate([random.normal(0, 1, 4000), random.normal(1, 1, 400)])
    attack = np.arange(4400) >= 4000
    clusters = np.arange(4400)
    near = matching.neighbours_by({"it": statistic}, attack, ~attack)
    assert near.shape == (400, matching.NEIGHBOURS)
    assert not attack[near].any()
    same = matching.matched(statistic, attack, near, clusters)
    assert same.area == pytest.approx(0.5, abs=0.03)
    assert same.interval[0] < same.area < same.interval[1]
    knows = statistic + 2.0 * attack
    assert matching.better_area(statistic, attack, ~attack) == pytest.approx(0.76, abs=0.03)
    assert matching.matched(knows, attack, near, clusters).area > 0.95


def test_a_score_freed_of_its_statistic_is_what_it_says_besides(matching: Any) -> None:
    random = np.random.default_rng(0)
    statistic = np.concatenate([random.normal(0, 1, 2000), random.normal(1, 1, 500)])
    attack = np.arange(2500) >= 2000
    other = random.normal(0, 1, 2500) + 1.0 * attack

    def area(scores: Any) -> float:
        return float(matching.better_area(scores, attack, ~attack))

    noisy = statistic + random.normal(0, 0.5, 2500)
    assert area(noisy) > 0.7
    assert area(matching.freed(noisy, {"it": statistic}, ~attack)) < 0.55
    left = matching.freed(3 * statistic + other, {"it": statistic}, ~attack)
    assert area(left) == pytest.approx(area(other), abs=0.06)


def test_a_matched_area_counts_ties_half(matching: Any) -> None:
    scores = np.array([1.0, 2.0, 2.0])
    attack = np.array([False, False, True])
    near = np.array([[0, 1]])
    found = matching.matched(scores, attack, near, np.zeros(3, dtype=np.int64))
    assert found.area == 0.75
