"""A training's epochs as a trial tells them: few enough, and with the one that was kept."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from habitus.learning.history import Epoch
from habitus.search.curve import MAX_POINTS, Curve, curve_of


def epochs(n: int) -> list[Epoch]:
    return [Epoch(i, i * 10, 0.1, 1 / i, 0.5, 2 / i, 0.5) for i in range(1, n + 1)]


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_a_long_training_keeps_its_ends_and_its_best(n: int, best: int) -> None:
    kept = min(n, best)
    told = curve_of(epochs(n), kept)
    assert told is not None
    shown = told["epochs"]
    assert len(shown) <= MAX_POINTS
    assert shown == sorted(set(shown))
    assert {1, n, kept} <= set(shown)
    assert n > MAX_POINTS or len(shown) == n


def test_its_losses_are_those_of_its_epochs() -> None:
    told = json.loads(json.dumps(curve_of(epochs(3))))
    assert Curve.of(told) == Curve((1, 2, 3), (1.0, 0.5, 0.333333), (2.0, 1.0, 0.666667))


def test_what_is_no_number_is_none() -> None:
    lost = [Epoch(1, 10, 0.1, math.nan, 0.0, math.inf, 0.0)]
    assert Curve.of(curve_of(lost)) == Curve((1,), (None,), (None,))
    assert curve_of([]) is None
    assert Curve.of(None) is None
