"""Redundancy: its definition by hand, what it is blind to, and traces that come in segments."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import habitus
from habitus.detectors import get_detector
from habitus.detectors.adaptive import Adaptive
from habitus.detectors.redundancy import Redundancy
from segments import whole

NORMAL = [list("abc" * n + "d" * (n % 3)) for n in range(5, 40)]


def fitted(normal: list[list[str]] = NORMAL, **settings: object) -> Redundancy:
    detector = get_detector("redundancy").with_settings(settings)
    assert isinstance(detector, Redundancy)
    detector.fit(whole(normal))
    return detector


def scores(detector: Redundancy, *traces: str) -> list[float]:
    return detector.trace_scores(whole([list(trace) for trace in traces])).tolist()


def test_it_is_the_mean_cost_against_the_most_that_so_many_kinds_could_cost() -> None:
    detector = fitted()
    adaptive = get_detector("adaptive").with_settings({"least": 0})
    assert isinstance(adaptive, Adaptive)
    adaptive.fit(whole(NORMAL))
    for trace, kinds in (("abcabcd", 4), ("a", 1), ("aXYa", 2), ("ccba" * 9, 3)):
        cost = adaptive.surprise(whole([list(trace)])).astype(float).mean()
        (found,) = scores(detector, trace)
        assert found == pytest.approx(math.log(cost / math.log(kinds + 1)), rel=1e-5), trace


def test_by_hand() -> None:
    """One call of one normal trace: 1/2 to the trace's start, the rest to the n-gram model."""
    detector = fitted([["a"]], order=1, floor=2)
    # Witten-Bell: (1 + 1 * 1/2) / (1 + 1); then the start of the trace: (0 + 1 * that) / (1 + 1).
    cost = -math.log((1 + 1 / 2) / 2 / 2)
    assert scores(detector, "a") == pytest.approx([math.log(cost / math.log(2))])


def test_disturbed_is_stranger_than_orderly_and_learned_calls_are_not_all_that_counts() -> None:
    orderly, shuffled = "abc" * 30, "".join(np.random.default_rng(1).permutation(list("abc" * 30)))
    other_order = "cba" * 30
    found = scores(fitted(), orderly, other_order, shuffled)
    assert found == sorted(found), "another order is dear at first, and soon told from before"
    assert found[2] > found[1] + 1


def test_more_calls_of_the_same_cost_are_held_against_more_that_they_could_cost() -> None:
    few, many = fitted().trace_scores(whole([list("ab" * 40), list("ab" * 20 + "cd" * 20)]))
    cost = fitted().surprise(whole([list("ab" * 40), list("ab" * 20 + "cd" * 20)])).reshape(2, -1)
    ratio = cost[1].mean() / cost[0].mean()
    assert many - few == pytest.approx(math.log(ratio) - math.log(math.log(5) / math.log(3)), 1e-4)


def test_nothing_has_no_score() -> None:
    assert np.isnan(scores(fitted(), "")[0])


@given(trace=st.text("abcdX", max_size=40), cut=st.integers(0, 40))
def test_segments_give_the_score_of_the_whole(trace: str, cut: int) -> None:
    detector = fitted()
    running = detector.running()
    vocabulary = detector.vocabulary
    for part in (trace[:cut], trace[cut:]):
        running.add(vocabulary.symbols_of(tuple(part)))
    assert np.array_equal(running.score, scores(detector, trace)[0], equal_nan=True)


def test_a_call_read_as_its_kin_costs_in_segments_what_it_costs_at_once() -> None:
    normal = [["open", "read", "close"] * n for n in range(4, 9)]
    detector = fitted(normal)
    assert detector.vocabulary.read_as("openat") == "open"
    trace = ["open", "read", "close", "openat", "read", "close", "X"]
    running = detector.running()
    for part in (trace[:4], trace[4:]):
        running.add_named(np.array(part, dtype=object), detector.vocabulary.symbols_of(tuple(part)))
    at_once = detector.trace_scores(habitus.TraceSet.from_names([trace]))
    assert running.score == at_once[0]
