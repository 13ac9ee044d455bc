"""Axes of drawings: values in order, round words, and no number that breaks them."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitus.pictures.axes import Names, Numbers, short

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, min_size=1, max_size=20), st.booleans())
def test_values_lie_on_the_axis_in_their_order(values: list[float], flipped: bool) -> None:
    begin, end = (400.0, 20.0) if flipped else (20.0, 400.0)
    axis = Numbers.of(values, begin, end)
    places = [axis.at(value) for value in sorted(values)]
    assert all(math.isfinite(place) and 19.9 <= place <= 400.1 for place in places)
    assert all((b <= a + 1e-6) if flipped else (b >= a - 1e-6) for a, b in pairwise(places))
    ticks = axis.ticks()
    assert all(19.9 <= place <= 400.1 for place, _ in ticks)
    assert all(b - a >= 35 for (a, _), (b, _) in pairwise(ticks))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0, 1], ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        ([1, 1000], ["1", "10", "100", "1,000"]),
        ([0.5], ["0.48", "0.5", "0.52"]),
    ],
)
def test_round_numbers_are_written(values: list[float], words: list[str]) -> None:
    told = [word for _, word in Numbers.of(values, 0, 300, room=50).ticks()]
    assert set(words) <= set(told) or told == words


def test_choices_of_numbers_are_named_as_they_are() -> None:
    ticks = Numbers.of((), 0, 400, named=[16, 32, 64, 512]).ticks()
    assert [word for _, word in ticks] == ["16", "32", "64", "512"]
    gaps = [b - a for (a, _), (b, _) in pairwise(ticks)]
    assert gaps[0] == pytest.approx(gaps[1])  # by the logarithm
    assert gaps[2] == pytest.approx(3 * gaps[0])


def test_words_that_are_alike_to_python_have_places_of_their_own() -> None:
    axis = Names((True, "True", "a very long name of a choice"), 0, 300, most=9)
    assert axis.at(True) == 50
    assert axis.at("True") == 150
    assert axis.ticks()[2][1] == "a very l…"
    assert axis.at("nowhere") == 150


@pytest.mark.parametrize(
    ("value", "word"),
    [(3, "3"), (12345, "12,345"), (0.1, "0.1"), (True, "True"), ("x", "x"), (1e-7, "1e-07"),
     (2.0, "2"), (123456.789, "1.235e+05")],
)  # fmt: skip
def test_values_in_few_letters(value: object, word: str) -> None:
    assert short(value) == word
