"""Spaces: grids hold every point once, and a trial's number alone decides what chance draws."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from habitus.search.space import Choices, Range, Space, trial_seed

names = st.sampled_from(["a", "b", "c", "d"])
choices = st.lists(st.integers(-5, 5), min_size=1, max_size=4, unique=True).map(
    lambda values: Choices(choices=tuple(values))
)
ranges = st.tuples(st.integers(1, 50), st.integers(1, 50), st.booleans()).map(
    lambda t: Range(low=t[0], high=t[0] + t[1], log=t[2])
)
floats = st.tuples(st.floats(1e-6, 1.0), st.floats(0.1, 10.0), st.booleans()).map(
    lambda t: Range(low=t[0], high=t[0] + t[1], log=t[2])
)
spaces = st.dictionaries(names, choices | ranges | floats, min_size=1).map(Space)


@given(spaces, st.integers(0, 2**40), st.lists(st.integers(1, 500), min_size=1, max_size=8))
def test_what_is_drawn_goes_by_seed_and_number_alone(
    space: Space, seed: int, numbers: list[int]
) -> None:
    forward = {number: space.drawn(seed, number) for number in numbers}
    backward = {number: space.drawn(seed, number) for number in reversed(numbers)}
    assert forward == backward


@given(spaces, st.integers(0, 2**40), st.integers(1, 10_000))
def test_what_is_drawn_lies_in_its_range(space: Space, seed: int, number: int) -> None:
    for name, value in space.drawn(seed, number).items():
        parameter = space.parameters[name]
        if isinstance(parameter, Choices):
            assert value in parameter.choices
        else:
            assert parameter.low <= value <= parameter.high
            assert isinstance(value, int) == parameter.is_whole


@given(st.dictionaries(names, choices, min_size=1).map(Space))
def test_a_grid_holds_every_point_once(space: Space) -> None:
    points = [tuple(point.items()) for point in space.grid()]
    assert len(set(points)) == len(points) == space.n_products


def test_a_grid_goes_through_the_last_setting_quickest() -> None:
    space = Space({"a": Choices(choices=(1, 2)), "b": Range(low=0.1, high=0.3, step=0.1)})
    assert [tuple(point.values()) for point in space.grid()] == [
        (1, 0.1), (1, 0.2), (1, 0.3), (2, 0.1), (2, 0.2), (2, 0.3),
    ]  # fmt: skip


def test_a_condition_takes_a_setting_out_of_points() -> None:
    only = Choices.model_validate({"choices": [1, 2], "when": {"kind": "y"}})
    space = Space({"kind": Choices(choices=("x", "y")), "n": only})
    assert list(space.grid()) == [{"kind": "x"}, {"kind": "y", "n": 1}, {"kind": "y", "n": 2}]
    for number in range(1, 40):
        point = space.drawn(1, number)
        assert ("n" in point) == (point["kind"] == "y")


def test_whole_numbers_drawn_by_their_logarithm_reach_both_ends_and_favour_small_ones() -> None:
    space = Space({"n": Range(low=1, high=1000, log=True)})
    drawn = [int(space.drawn(3, number)["n"]) for number in range(1, 2001)]
    assert min(drawn) == 1
    assert max(drawn) > 900
    assert math.isclose(sum(n <= 30 for n in drawn) / 2000, 0.54, abs_tol=0.05)


def test_a_trial_s_seed_is_its_own() -> None:
    seeds = {trial_seed(1, number) for number in range(1, 1000)}
    assert len(seeds) == 999
    assert trial_seed(1, 7) == trial_seed(1, 7) != trial_seed(2, 7)


@pytest.mark.parametrize(
    "wrong",
    [
        {"low": 2, "high": 2},
        {"low": 0.0, "high": 1.0, "log": True},
        {"low": 1, "high": 8, "log": True, "step": 1},
        {"low": 1, "high": 8, "step": 0.5},
        {"low": 1, "high": float("inf")},
        {"low": "1", "high": 2},
        {"low": 1},
    ],
)
def test_a_range_that_is_none_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Range.model_validate(wrong)


@pytest.mark.parametrize("wrong", [[], [1, 1], [1, True], [[1]], [float("nan")], [None]])
def test_choices_that_are_none_are_refused(wrong: list[object]) -> None:
    with pytest.raises(ValidationError):
        Choices.model_validate({"choices": wrong})
