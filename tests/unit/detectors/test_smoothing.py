"""The probabilistic detectors against their slow selves, and what holds for each smoothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from drawn_traces import FLOORS, HISTORY, JUDGED, LEARNED, LENGTHS, fitted
from hypothesis import given
from hypothesis import strategies as st
from reference import SlowKneserNey, SlowMarkov

from habitus.detectors import get_detector
from habitus.detectors.smoothing import FALLBACK_DISCOUNTS, discounts
from habitus.errors import UsageError
from habitus.traces.traceset import TraceSet

if TYPE_CHECKING:
    from reference import SlowNGram

    from habitus.detectors.base import SequenceDetector

KNESER_NEY = {"smoothing": "kneser-ney"}
ORDERS = st.integers(1, 8)
STRENGTHS = st.sampled_from([0.01, 1.0, 30.0])


def assert_equal(
    fast: SequenceDetector, slow: SlowNGram, judged: list[list[str]], traces: TraceSet
) -> None:
    wanted = [surprise for trace in judged for surprise in slow.surprise(trace)]
    np.testing.assert_allclose(fast.surprise(traces), wanted, rtol=1e-5, atol=1e-6)


@given(learned=LEARNED, judged=JUDGED, order=LENGTHS, floor=FLOORS)
def test_kneser_ney_equals_its_slow_self(
    learned: list[list[str]], judged: list[list[str]], order: int, floor: float
) -> None:
    fast = fitted("ngram", learned, order=order, floor=floor, **KNESER_NEY)
    slow = SlowKneserNey(order, floor, learned)
    assert_equal(fast, slow, judged, TraceSet.from_names(judged))


@given(learned=LEARNED, judged=JUDGED, order=ORDERS, strength=STRENGTHS, floor=FLOORS)
def test_markov_equals_its_slow_self(
    learned: list[list[str]], judged: list[list[str]], order: int, strength: float, floor: float
) -> None:
    fast = fitted("markov", learned, order=order, strength=strength, floor=floor)
    slow = SlowMarkov(order, strength, floor, learned)
    assert_equal(fast, slow, judged, TraceSet.from_names(judged))


def test_on_adfa_ld_they_equal_their_slow_selves(
    adfa: tuple[list[list[str]], list[list[str]], TraceSet],
) -> None:
    learned, lists, judged = adfa
    fast = fitted("ngram", learned, order=6, kin_share=0, **KNESER_NEY)
    assert_equal(fast, SlowKneserNey(6, 341.0, learned), lists, judged)
    # So many windows that the discounts are estimated, not fallen back on, for each length.
    assert FALLBACK_DISCOUNTS not in [d[1:] for d in SlowKneserNey(6, 341.0, learned).discounts[1:]]
    assert_equal(
        fitted("markov", learned, kin_share=0), SlowMarkov(1, 1.0, 341.0, learned), lists, judged
    )


def test_so_little_strength_that_a_call_would_cost_without_end_is_refused() -> None:
    """1e-320 of a call shared among as many as a count can be is 0, and its surprise infinite."""
    with pytest.raises(UsageError, match=r"strength=1e-320: .* than or equal to 0\.000000001"):
        get_detector("markov").with_settings({"strength": 1e-320})
    detector = fitted("markov", [list("ab")], strength=1e-9, order=8, floor=1e9)
    state = detector.state()
    detector.restore(state | {"count": state["count"] << 51})
    assert np.isfinite(detector.surprise(TraceSet.from_names([list("abX")]))).all()


MODELS = [
    ("ngram", {"order": 3}),
    ("ngram", {"order": 3, **KNESER_NEY}),
    ("ngram", {"order": 1, **KNESER_NEY}),
    ("markov", {}),
    ("markov", {"order": 2, "strength": 20.0}),
]
every_model = pytest.mark.parametrize(("name", "settings"), MODELS)


@every_model
@given(learned=LEARNED, history=HISTORY)
def test_probabilities_sum_to_one_over_the_floor(
    name: str, settings: dict[str, object], learned: list[list[str]], history: list[str]
) -> None:
    """The floor stands for so many calls: those known, and all others at the price of a new one."""
    floor = 10.0
    fast = fitted(name, learned, floor=floor, **settings)
    known = fast.vocabulary.names
    nexts = TraceSet.from_names([[*history, call] for call in (*known, "new")])
    chances = np.exp(-fast.surprise(nexts)[nexts.offsets[1:] - 1].astype(np.float64))
    assert chances[:-1].sum() <= 1 + 1e-6
    assert chances[:-1].sum() + (floor - len(known)) * chances[-1] == pytest.approx(1, rel=1e-5)


@every_model
@given(learned=LEARNED, history=HISTORY)
def test_what_is_expected_is_what_surprise_is_made_of(
    name: str, settings: dict[str, object], learned: list[list[str]], history: list[str]
) -> None:
    fast = fitted(name, learned, **settings)
    found = fast.expected(fast.vocabulary.symbols_of(tuple(history)), top=9)
    assert found is not None
    assert {call for call, _ in found.calls} == set(fast.vocabulary.names)
    assert [p for _, p in found.calls] == sorted((p for _, p in found.calls), reverse=True)
    nexts = TraceSet.from_names([[*history, call] for call, _ in found.calls])
    surprise = fast.surprise(nexts)[nexts.offsets[1:] - 1]
    assert [p for _, p in found.calls] == pytest.approx(np.exp(-surprise), rel=1e-5)


@every_model
def test_a_call_never_seen_is_dearer_than_any_known_one(
    name: str, settings: dict[str, object]
) -> None:
    fast = fitted(name, [list("abcabcabd"), list("abdabc"), list("cab")], **settings)
    for history in ([], ["a"], list("ab"), ["X"]):
        nexts = TraceSet.from_names([[*history, call] for call in "abcdX"])
        *known, new = fast.surprise(nexts)[nexts.offsets[1:] - 1]
        assert max(known) < new < np.inf


def test_kneser_ney_by_hand() -> None:
    """Of `a b a b a`: `a` follows the begin and `b`, `b` follows `a`: 2 and 1 of 3.

    No window count allows an estimate, so that .5 is taken from 1 and 1 from 2:
    P_1(b) = (1 - .5 + 1.5 / 10) / 3, P_2(b | a) = (2 - 1 + 1 P_1(b)) / 2.
    """
    detector = fitted("ngram", [list("ababa")], order=2, floor=10.0, **KNESER_NEY)
    surprise = detector.surprise(TraceSet.from_names([["b"], ["a", "b"], ["new"]]))
    p1_b, p1_a = 0.65 / 3, (1 + 0.15) / 3
    wanted = [p1_b, p1_a, (1 + p1_b) / 2, 0.15 / 3]
    assert surprise == pytest.approx([-math.log(p) for p in wanted], rel=1e-6)


def test_a_call_of_one_context_is_dear_elsewhere() -> None:
    """What Kneser-Ney is for: `z` is frequent, but only ever after `y`."""
    learned = [list("yz" * 20), *(list(f"{c}a") for c in "bcdefg")]
    after_new = TraceSet.from_names([["b", "z"], ["b", "a"]])
    kneser_ney = fitted("ngram", learned, order=3, **KNESER_NEY).surprise(after_new)[[1, 3]]
    witten_bell = fitted("ngram", learned, order=3).surprise(after_new)[[1, 3]]
    assert kneser_ney[0] > witten_bell[0] + 1
    assert kneser_ney[1] < kneser_ney[0]


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        ([1, 1, 1, 1, 2, 2, 3, 4], (0.5, 1.25, 1.0)),
        ([], FALLBACK_DISCOUNTS),
        ([2, 2, 3, 4], FALLBACK_DISCOUNTS),
        ([1, 1, 3, 4], FALLBACK_DISCOUNTS),
        ([1, 1, 2, 4], FALLBACK_DISCOUNTS),
        ([1, 1, 2, 3, 9], FALLBACK_DISCOUNTS),
        ([1, 1, 2, 3, 3, 3, 3, 4], FALLBACK_DISCOUNTS),  # would take less than nothing from 2
    ],
)
def test_discounts_by_hand(counts: list[int], wanted: tuple[float, ...]) -> None:
    """With n1 = 4, n2 = 2, n3 = n4 = 1 the share is .5: 1 - .5, 2 - 1.5 / 2, 3 - 2."""
    assert discounts(np.array(counts, dtype=np.int64)) == pytest.approx(wanted)


def test_markov_by_hand() -> None:
    """After `a b a b a`: P(b) = (2 + 2/10) / (5 + 2), P(b | a) = (2 + 2 P(b)) / (2 + 2)."""
    detector = fitted("markov", [list("ababa")], strength=2.0, floor=10.0)
    surprise = detector.surprise(TraceSet.from_names([["b"], ["a", "b"], ["new", "b"]]))
    p_b, p_a, p_new = 2.2 / 7, 3.2 / 7, 0.2 / 7
    wanted = [p_b, p_a, (1 + p_b) / 2, p_new, p_b]
    assert surprise == pytest.approx([-math.log(p) for p in wanted], rel=1e-6)


def test_what_a_call_never_seen_costs_a_markov_chain() -> None:
    """As its documentation says: of 9 calls learned, 3 follow `a`."""
    detector = fitted("markov", [list("abacadbbb")])
    surprise = detector.surprise(TraceSet.from_names([["a", "X"], ["X", "X"]]))
    assert surprise[1] == pytest.approx(math.log((3 + 1) * (9 + 1) * 341))
    assert surprise[3] == pytest.approx(math.log((9 + 1) * 341))


def test_a_model_made_before_there_was_a_choice_is_witten_bells() -> None:
    settings = get_detector("ngram").with_settings({"order": 12, "floor": 341.0}).settings
    assert settings.smoothing == "witten-bell"
