"""STIDE and the n-gram model against their slow selves, call by call."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from drawn_traces import FLOORS, HISTORY, JUDGED, LEARNED, LENGTHS, fitted
from hypothesis import given, settings
from reference import SlowNGram, SlowStide

from habitus.detectors import get_detector
from habitus.traces.traceset import TraceSet

if TYPE_CHECKING:
    from habitus.detectors.base import SequenceDetector


def stide(n: int, traces: list[list[str]]) -> SequenceDetector:
    return fitted("stide", traces, n=n)


def ngram(order: int, floor: float, traces: list[list[str]]) -> SequenceDetector:
    return fitted("ngram", traces, order=order, floor=floor, kin_share=0)


def flat(slow: SlowStide | SlowNGram, traces: list[list[str]]) -> list[float]:
    return [surprise for trace in traces for surprise in slow.surprise(trace)]


@settings(deadline=None)
@given(learned=LEARNED, judged=JUDGED, n=LENGTHS)
def test_stide_equals_its_slow_self(
    learned: list[list[str]], judged: list[list[str]], n: int
) -> None:
    surprise = stide(n, learned).surprise(TraceSet.from_names(judged))
    np.testing.assert_array_equal(surprise, flat(SlowStide(n, learned), judged))


@settings(deadline=None)
@given(learned=LEARNED, judged=JUDGED, order=LENGTHS, floor=FLOORS)
def test_ngram_equals_its_slow_self(
    learned: list[list[str]], judged: list[list[str]], order: int, floor: float
) -> None:
    surprise = ngram(order, floor, learned).surprise(TraceSet.from_names(judged))
    slow = flat(SlowNGram(order, floor, learned), judged)
    np.testing.assert_allclose(surprise, slow, rtol=1e-5, atol=1e-6)


@settings(deadline=None)
@given(learned=LEARNED, history=HISTORY, n=LENGTHS)
def test_stide_expects_what_followed_the_longest_known_history(
    learned: list[list[str]], history: list[str], n: int
) -> None:
    fast = stide(n, learned)
    found = fast.expected(fast.vocabulary.symbols_of(tuple(history)), top=3)
    used, shares = SlowStide(n, learned).shares(history)
    assert found is not None
    assert found.context_calls == used
    assert [share for _, share in found.calls] == sorted(shares.values(), reverse=True)[:3]
    assert all(share == shares[name] for name, share in found.calls)
    assert len({name for name, _ in found.calls}) == len(found.calls)


@settings(deadline=None)
@given(
    learned=LEARNED,
    history=HISTORY,
    order=LENGTHS,
    floor=FLOORS,
)
def test_ngram_expects_the_likeliest_calls(
    learned: list[list[str]], history: list[str], order: int, floor: float
) -> None:
    fast = ngram(order, floor, learned)
    found = fast.expected(fast.vocabulary.symbols_of(tuple(history)), top=3)
    slow = SlowNGram(order, floor, learned)
    likeliest = sorted((slow.probability(call, history) for call in slow.calls), reverse=True)[:3]
    assert found is not None
    assert found.context_calls == len(slow.followed.known_end(history))
    assert [p for _, p in found.calls] == pytest.approx(likeliest)
    for name, p in found.calls:
        assert p == pytest.approx(slow.probability(name, history))


@settings(deadline=None)
@given(learned=LEARNED, history=HISTORY, order=LENGTHS)
def test_ngram_probabilities_sum_to_one_over_the_floor(
    learned: list[list[str]], history: list[str], order: int
) -> None:
    """The floor stands for so many calls: those known, and all others at the price of a new one."""
    floor = 10.0
    fast = ngram(order, floor, learned)
    known = fast.vocabulary.names
    nexts = TraceSet.from_names([[*history, call] for call in (*known, "new")])
    chances = np.exp(-fast.surprise(nexts)[nexts.offsets[1:] - 1].astype(np.float64))
    assert chances[:-1].sum() <= 1 + 1e-6
    assert chances[:-1].sum() + (floor - len(known)) * chances[-1] == pytest.approx(1, rel=1e-5)


def test_ngram_by_hand() -> None:
    """After `a b a b a`: P_1(b) = (2 + 2/10) / (5 + 2), P_2(b | a) = (2 + P_1) / (2 + 1)."""
    detector = ngram(2, 10.0, [list("ababa")])
    surprise = detector.surprise(TraceSet.from_names([["b"], ["a", "b"], ["new"]]))
    p1 = (2 + 2 / 10) / 7
    wanted = [p1, (3 + 2 / 10) / 7, (2 + p1) / 3, (2 / 10) / 7]
    assert surprise == pytest.approx([-math.log(p) for p in wanted], rel=1e-6)


def test_stide_by_hand() -> None:
    detector = stide(3, [list("abcab")])
    surprise = detector.surprise(TraceSet.from_names([list("abcabd"), list("ab")]))
    assert np.array_equal(surprise, [np.nan, np.nan, 0, 0, 0, 1, np.nan, np.nan], equal_nan=True)


def test_windows_do_not_span_two_traces() -> None:
    detector = stide(2, [["a", "b"], ["c", "d"]])
    surprise = detector.surprise(TraceSet.from_names([["b", "c"], ["a", "b"], ["c", "d"]]))
    assert surprise[1::2].tolist() == [1, 0, 0]


def test_the_order_of_traces_does_not_change_surprise() -> None:
    traces = [list("abcabcd"), list("bdbd"), list("cab")]
    judged = TraceSet.from_names([list("abdcabX")])
    for make in (lambda t: stide(3, t), lambda t: ngram(3, 341.0, t)):
        first, second = make(traces), make(traces[::-1])
        assert first.vocabulary == second.vocabulary
        assert np.array_equal(first.surprise(judged), second.surprise(judged), equal_nan=True)


def test_many_chunks_equal_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loops stop for Ctrl-C every so often and go on where they were, within a trace too."""
    random = np.random.default_rng(7)
    traces = TraceSet.from_names([random.choice(list("abcde"), 300).tolist() for _ in range(3)])
    names = ("stide", "tstide", "ngram", "markov")
    whole = [fitted_on(traces, name) for name in names]
    monkeypatch.setattr("habitus.detectors.trie.CHUNK_CALLS", 7)
    for before, after in zip(whole, (fitted_on(traces, name) for name in names), strict=True):
        for name, column in before.state().items():
            assert np.array_equal(column, after.state()[name]), name
        assert np.array_equal(before.surprise(traces), after.surprise(traces), equal_nan=True)


def fitted_on(traces: TraceSet, name: str) -> SequenceDetector:
    settings = {"stide": {"n": 4}, "tstide": {"n": 3, "rare": 0.01}}
    detector = get_detector(name).with_settings(settings.get(name, {}))
    detector.fit(traces)
    return detector


def test_stide_on_adfa_ld_equals_its_slow_self(
    adfa: tuple[list[list[str]], list[list[str]], TraceSet],
) -> None:
    learned, lists, judged = adfa
    surprise = stide(6, learned).surprise(judged)
    np.testing.assert_array_equal(surprise, flat(SlowStide(6, learned), lists))
    assert 0 < np.nanmean(surprise) < 1


def test_ngram_on_adfa_ld_equals_its_slow_self(
    adfa: tuple[list[list[str]], list[list[str]], TraceSet],
) -> None:
    learned, lists, judged = adfa
    surprise = ngram(12, 341.0, learned).surprise(judged)
    slow = flat(SlowNGram(12, 341.0, learned), lists)
    np.testing.assert_allclose(surprise, slow, rtol=1e-5, atol=1e-6)
