"""The n-gram model that goes on learning: by hand, as chances, and what it gets used to."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitus.detectors import get_detector
from habitus.detectors.adaptive import Adaptive
from segments import whole

NORMAL = [list("abcabcabd"), list("abdabc"), list("cab")]
CALLS = "abcdXY"


def fitted(**settings: object) -> Adaptive:
    detector = get_detector("adaptive").with_settings(settings)
    assert isinstance(detector, Adaptive)
    detector.fit(whole(NORMAL))
    return detector


def by_hand(detector: Adaptive, trace: list[str]) -> list[float]:
    """What each call costs, the slow way: Witten-Bell over all of the trace before it."""
    symbols = detector.vocabulary.encode(whole([trace])).tolist()
    first = np.exp(-detector.learned.surprise(whole([trace])).astype(np.float64))
    followed: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    followed[()][-1] = 1  # the start
    unknown = detector.vocabulary.encode(whole([["X"]]))[0]
    costs, never_met = [], -2
    since = 0  # calls since one outside the vocabulary
    for i, symbol in enumerate(symbols):
        chance = first[i]
        is_unknown = symbol == unknown
        told = never_met if is_unknown else symbol
        histories = [
            tuple(symbols[i - n : i]) for n in range(min(since, detector.settings.own - 1) + 1)
        ]
        for history in histories:
            counts = followed[history]
            if counts.total() and len(history) >= detector.settings.least:
                chance = (counts[told] + len(counts) * chance) / (counts.total() + len(counts))
        costs.append(-np.log(chance))
        for history in histories:
            followed[history] = followed[history] + Counter({told: 1})
        never_met -= is_unknown
        since = 0 if is_unknown else since + 1
    return costs


@given(
    trace=st.lists(st.sampled_from(CALLS), max_size=30),
    own=st.integers(1, 4),
    order=st.integers(1, 4),
    least=st.integers(0, 2),
)
def test_costs_are_those_reckoned_by_hand(
    trace: list[str], own: int, order: int, least: int
) -> None:
    detector = fitted(own=own, order=order, least=least)
    assert detector.surprise(whole([trace])).tolist() == pytest.approx(
        by_hand(detector, trace), rel=1e-5
    )


@given(history=st.lists(st.sampled_from("abcd"), max_size=12))
def test_chances_of_what_may_come_next_are_not_more_than_one(history: list[str]) -> None:
    detector = fitted(floor=6)
    nexts = [detector.surprise(whole([[*history, call]]))[-1] for call in "abcd"]
    assert np.exp(-np.array(nexts, dtype=np.float64)).sum() <= 1 + 1e-6


def test_what_is_done_again_and_again_becomes_cheap_though_training_never_held_it() -> None:
    strange = whole([list("dbac") * 30])
    detector = fitted()
    learned, adaptive = detector.learned.surprise(strange), detector.surprise(strange)
    assert adaptive[-20:].mean() < learned[-20:].mean() / 10


def test_a_trace_teaches_no_other() -> None:
    detector = fitted()
    alone = detector.surprise(whole([list("dbac")]))
    after = detector.surprise(whole([list("dbac") * 9, list("dbac")]))
    assert after[-4:].tolist() == alone.tolist()
