"""What detectors say comes next is what they charge for it, and what is drawn is drawn by it."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from habitus.detectors import get_detector
from habitus.detectors.prediction import (
    Predictor,
    drawn_calls,
    predicting_detectors,
    predictor_after,
)
from habitus.errors import ModelError, UsageError
from habitus.traces.traceset import TraceSet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.detectors.base import SequenceDetector

TINY = {"cells": 8, "embedding": 4, "epochs": 2, "patience": 0, "stretch": 8}
KINDS: dict[str, tuple[str, dict[str, object]]] = {
    "ngram": ("ngram", {"order": 4}),
    "ngram of one call": ("ngram", {"order": 1}),
    "kneser-ney": ("ngram", {"order": 3, "smoothing": "kneser-ney"}),
    "markov": ("markov", {"order": 2}),
    "hmm": ("hmm", {"states": 3}),
    "lstm": ("lstm", TINY | {"baseline": 0}),
    "lstm of two layers": ("lstm", TINY | {"baseline": 0, "layers": 2, "kind": "gru"}),
    "lstm of windows": ("lstm", TINY | {"baseline": 0, "window": 3}),
    "latent": ("latent", TINY | {"baseline": 0}),
    "transformer": (
        "transformer",
        {"layers": 2, "window": 3, "width": 8, "heads": 2, "epochs": 2, "baseline": 0},
    ),
}
TRACES = [["openat", "read", "read", "close"], ["openat", "read", "close"], ["openat", "brk"]] * 3
TRACES += [["openat", "read", "read", "read", "read", "close", "openat", "read", "close"]]
_FITTED: dict[str, SequenceDetector] = {}


def fitted(kind: str) -> SequenceDetector:
    if kind not in _FITTED:
        name, given_settings = KINDS[kind]
        detector = get_detector(name).with_settings(given_settings)
        detector.fit(TraceSet.from_names(TRACES))
        _FITTED[kind] = detector
    return _FITTED[kind]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(calls=st.lists(st.sampled_from(["openat", "read", "close", "brk", "bpf"]), max_size=20))
def test_a_known_call_costs_what_its_chance_says(kind: str, calls: list[str]) -> None:
    detector = fitted(kind)
    traces = TraceSet.from_names([calls])
    costs = detector.surprise(traces)
    predictor = detector.predictor()
    assert predictor is not None
    for place, (symbol, cost) in enumerate(
        zip(detector.vocabulary.encode(traces), costs, strict=True)
    ):
        if place >= predictor.needs_calls and symbol < len(detector.vocabulary):
            chances = predictor.chances()
            assert chances.dtype == np.float64
            assert chances.shape == (len(detector.vocabulary),)
            assert chances.min() > 0
            assert chances.sum() < 1 + 1e-6
            assert -np.log(chances[symbol]) == pytest.approx(cost, abs=1e-4)
        predictor.observe(np.array([symbol]))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(
    symbols=st.lists(st.sampled_from([0, 1, 2, 3, 65535]), min_size=3, max_size=30),
    cut=st.integers(0, 30),
)
def test_calls_may_be_read_all_at_once_or_bit_by_bit(
    kind: str, symbols: list[int], cut: int
) -> None:
    detector = fitted(kind)
    calls = np.array(symbols, dtype=np.uint16)
    whole, parts = predictor_after(detector, calls), detector.predictor()
    assert parts is not None
    for part in (calls[:cut], calls[cut:]):
        parts.observe(part)
    np.testing.assert_allclose(whole.chances(), parts.chances(), atol=1e-5)


class Fixed(Predictor):
    """The same chances whatever came before; it remembers what that was."""

    def __init__(self, *chances: float) -> None:
        self._chances = np.array(chances)
        self.read: list[int] = []

    def observe(self, symbols: NDArray[np.uint16]) -> None:
        self.read += symbols.tolist()

    def chances(self) -> NDArray[np.float64]:
        return self._chances


def drawn(predictor: Predictor, n: int, temperature: float = 1.0, seed: int = 1) -> list[int]:
    calls = drawn_calls(predictor, temperature, seed=seed)
    return [call.symbol for call in itertools.islice(calls, n)]


# 0.5, 0.25 and 0.15 of what is left for known calls; 0.1 is left for calls never seen.
@pytest.mark.parametrize(
    ("temperature", "shares"),
    [
        (1.0, [0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9]),
        (0.5, [0.25 / 0.335, 0.0625 / 0.335, 0.0225 / 0.335]),
        (100.0, [0.3355, 0.3331, 0.3314]),
        (0.0, [1.0, 0.0, 0.0]),
    ],
)
def test_calls_are_drawn_by_their_chances(temperature: float, shares: list[float]) -> None:
    counts = Counter(drawn(Fixed(0.5, 0.25, 0.15), 4000, temperature))
    assert [counts[symbol] / 4000 for symbol in range(3)] == pytest.approx(shares, abs=0.025)


class ByTheLast(Fixed):
    """Chances by the call before: a row for each, and one for the beginning."""

    ROWS = np.array([[0.1, 0.7, 0.15], [0.25, 0.05, 0.6], [0.55, 0.3, 0.12], [0.4, 0.35, 0.2]])

    def chances(self) -> NDArray[np.float64]:
        row: NDArray[np.float64] = self.ROWS[self.read[-1] if self.read else -1]
        return row


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_what_is_drawn_is_read_and_told_with_its_own_chance(temperature: float) -> None:
    """Whatever the temperature: what is told is what the detector gave it."""
    predictor = ByTheLast()
    calls = list(itertools.islice(drawn_calls(predictor, temperature, seed=3), 40))
    symbols = [call.symbol for call in calls]
    assert set(symbols) == {0, 1, 2}
    assert predictor.read == symbols[:-1]
    wanted = [ByTheLast.ROWS[b, c] for b, c in zip([-1, *symbols], symbols, strict=False)]
    assert [call.chance for call in calls] == wanted
    assert [call.nats for call in calls] == pytest.approx(-np.log(wanted))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_chances_that_are_no_numbers_are_no_chances(bad: float) -> None:
    calls = drawn_calls(Fixed(0.5, bad))
    with pytest.raises(ModelError, match="chances that are no numbers"):
        next(calls)


def test_a_call_that_is_sure_costs_nothing_and_is_told_so() -> None:
    (sure,) = itertools.islice(drawn_calls(Fixed(0.0, 1.0)), 1)
    assert (sure.symbol, sure.chance, f"{sure.nats:.2f}") == (1, 1.0, "0.00")


def test_the_same_seed_draws_the_same_calls() -> None:
    detector = fitted("ngram")
    none = np.zeros(0, dtype=np.uint16)
    draws = [drawn(predictor_after(detector, none), 50, seed=seed) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_no_chance_is_so_small_that_a_cold_draw_fails() -> None:
    assert set(drawn(Fixed(1e-300, 2e-300), 20, 0.01)) == {1}
    assert len(drawn(Fixed(1e-300, 1.0), 20, 1e-9)) == 20


@pytest.mark.parametrize("temperature", [-0.1, 100.1, float("nan"), float("inf")])
def test_a_temperature_that_is_none_is_refused(temperature: float) -> None:
    with pytest.raises(UsageError, match="a temperature is a number from 0 to 100"):
        drawn_calls(Fixed(1.0), temperature)


def test_a_detector_that_expects_nothing_names_those_that_do() -> None:
    assert set(predicting_detectors()) == {
        "hmm", "latent", "lstm", "markov", "ngram", "transformer",
    }  # fmt: skip
    detector = get_detector("stide").with_settings({"n": 2})
    detector.fit(TraceSet.from_names(TRACES))
    with pytest.raises(UsageError, match=r"a model of stide gives calls no chances.*markov"):
        predictor_after(detector, np.zeros(0, dtype=np.uint16))


def test_a_model_of_windows_asks_for_a_window() -> None:
    with pytest.raises(UsageError, match="goes by the 3 calls before each, and 2 were given"):
        predictor_after(fitted("lstm of windows"), np.zeros(2, dtype=np.uint16))


def test_a_model_that_learned_no_call_draws_none() -> None:
    detector = get_detector("ngram").with_settings({})
    detector.fit(TraceSet.from_names([[]]))
    with pytest.raises(UsageError, match="has learned no call at all"):
        predictor_after(detector, np.zeros(0, dtype=np.uint16))
