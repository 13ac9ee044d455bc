"""The two-sample test: by hand, by every permutation, and over many draws where nothing differs."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from habitus.drift import two_sample
from habitus.drift.two_sample import (
    Sample,
    comparable,
    holm,
    stranger_p,
    strata_of,
    superiority,
)


def sample(
    values: list[float] | np.ndarray, counts: list[int] | np.ndarray | None = None
) -> Sample:
    array = np.asarray(values, dtype=np.float64)
    given = np.ones(len(array), np.int64) if counts is None else np.asarray(counts, np.int64)
    return Sample.of(array, given)


def p_of(reference: Sample, new: Sample, *, seed: int = 1, permutations: int = 999) -> float:
    p = stranger_p(strata_of(reference, new), seed=seed, permutations=permutations)
    assert p is not None
    return p


def slow_statistic(reference: list[float], new: list[float]) -> float:
    """The definition, a value at a time."""
    both = reference + new
    total = 0.0
    for value in set(both):
        at_or_above = [sum(v >= value for v in side) / len(side) for side in (reference, new, both)]
        share = both.count(value) / len(both)
        total += max(0.0, at_or_above[1] - at_or_above[0]) ** 2 / at_or_above[2] * share
    return total * len(reference) * len(new) / len(both)


def exact_p(reference: list[float], new: list[float]) -> float:
    """Over every way to call as many of all values new."""
    both = reference + new
    observed, as_much, n = slow_statistic(reference, new), 0, 0
    for chosen in combinations(range(len(both)), len(new)):
        others = [both[i] for i in range(len(both)) if i not in chosen]
        as_much += slow_statistic(others, [both[i] for i in chosen]) >= observed - 1e-12
        n += 1
    return as_much / n


def test_the_statistic_by_hand() -> None:
    # New 3 against 1 and 2. From the top, what more of the new lies there: 1, 1/2, 0; squared over
    # the share of all that does, each value being a third: 1 / (1/3) / 3 + 1/4 / (2/3) / 3 = 1.125;
    # times n m / (n + m) = 2/3.
    everything, of_new = two_sample._tables(np.array([1.0, 2.0]), np.array([3.0]))
    assert everything.tolist() == [1, 1, 1]
    assert of_new.tolist() == [1, 0, 0]
    assert two_sample._excess(everything, of_new[None, :])[0] == pytest.approx(0.75)
    assert slow_statistic([1.0, 2.0], [3.0]) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("reference", "new"),
    [
        ([1.0, 2.0], [3.0]),
        ([1.0, 2.0, 2.0, 5.0, 0.0], [2.0, 2.0, 6.0]),  # ties
        ([0.0] * 6, [0.0, 0.0, 1.0]),
        ([1.0, 4.0, 2.0, 8.0, 3.0], [5.0, 7.0, 6.0]),
        ([3.0, 4.0, 5.0], [0.0, 1.0, 2.0]),  # tamer, which the test does not look for
    ],
)
def test_p_is_that_of_every_permutation(reference: list[float], new: list[float]) -> None:
    p = p_of(sample(reference), sample(new), permutations=20_000)
    assert p == pytest.approx(exact_p(reference, new), abs=0.015)


def test_where_all_are_tied_nothing_is_stranger() -> None:
    assert p_of(sample([0.0] * 50), sample([0.0] * 20)) == 1.0


def test_without_a_side_there_is_no_p() -> None:
    for reference, new in (([], [1.0]), ([1.0], []), ([], []), ([np.nan], [1.0])):
        strata = strata_of(sample(reference), sample(new))
        assert stranger_p(strata, seed=1, permutations=99) is None
        assert comparable(strata) == 0


def test_one_sequence_that_stands_a_thousand_times_is_one() -> None:
    reference, new = sample(np.arange(99.0)), sample([1000.0], [1000])
    # The strangest of 100 is the new one by chance in one of 100 cases, however often it stands.
    assert p_of(reference, new, permutations=20_000) == pytest.approx(0.01, abs=0.004)


def test_a_shift_is_found_and_so_is_a_heavier_tail() -> None:
    random = np.random.default_rng(5)
    reference = sample(random.normal(size=300))
    assert p_of(reference, sample(random.normal(0.5, 1, 100))) < 0.01
    tail = random.normal(size=200)
    tail[:12] += 4
    assert p_of(reference, sample(tail)) < 0.01
    assert p_of(reference, sample(random.normal(-1, 1, 100))) > 0.5


@pytest.mark.parametrize("ties", [False, True])
def test_where_nothing_differs_p_is_even(ties: bool) -> None:
    ps = []
    for seed in range(400):
        random = np.random.default_rng(seed)
        values = random.exponential(size=160)
        if ties:
            values = np.floor(2 * values)
        ps.append(p_of(sample(values[:100]), sample(values[100:]), seed=seed, permutations=199))
    shares = [np.mean(np.array(ps) <= level) for level in (0.05, 0.25, 0.5)]
    # Within four standard deviations; ties may only make it more careful.
    assert shares[0] < 0.05 + 0.044
    assert shares[1] < 0.25 + 0.087
    assert shares[2] < 0.5 + 0.1
    if not ties:
        assert shares[0] > 0.01
        assert shares[2] > 0.4


def drawn_traces(seed: int) -> tuple[Sample, Sample]:
    """1000 and 200 traces of one population in which rare sequences score higher.

    Without those that stand on both sides, as the check compares them.
    """
    random = np.random.default_rng(seed)
    kinds = (random.pareto(0.7, 1200) * 30).astype(np.int64)
    sides = [np.unique(part, return_counts=True) for part in (kinds[:1000], kinds[1000:])]
    shared = np.intersect1d(sides[0][0], sides[1][0])
    return tuple(
        sample(np.log1p(values[~np.isin(values, shared)]), counts[~np.isin(values, shared)])
        for values, counts in sides
    )  # type: ignore[return-value]


def test_what_is_rare_is_not_taken_for_drift() -> None:
    """What is new is rarer than what recurs, and what is rare stranger: nothing has changed."""
    divided, undivided = [], []
    for seed in range(120):
        reference, new = drawn_traces(seed)
        divided.append(p_of(reference, new, seed=seed, permutations=99) <= 0.05)
        whole = [(reference, new)]
        undivided.append((stranger_p(whole, seed=seed, permutations=99) or 1) <= 0.05)
    assert np.mean(divided) < 0.05 + 0.08
    assert np.mean(undivided) > 0.2  # so that it matters


def test_strata_hold_what_stands_about_as_often() -> None:
    reference = sample([1, 2, 3, 4, 5], [1, 1, 2, 3, 4])
    new = sample([6, 7, 8], [1, 3, 100])
    strata = strata_of(reference, new)
    assert [(a.values.tolist(), b.values.tolist()) for a, b in strata] == [
        ([1, 2], [6]),
        ([3, 4], [7]),
    ]
    assert comparable(strata) == pytest.approx(2 / 3 + 2 / 3)
    apart = strata_of(sample([1, 2, 3]), sample([4, 5], [9, 9]))
    assert [(len(a.values), len(b.values)) for a, b in apart] == [(3, 2)]


def test_many_values_are_joined_and_tell_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    reference, new = sample(random.normal(size=3000)), sample(random.normal(0.1, 1, 600))
    everything, of_new = two_sample._tables(reference.values, new.values)
    assert len(everything) <= two_sample.MAX_PLACES
    assert (everything.sum(), of_new.sum()) == (3600, 600)
    assert everything[:20].tolist() == [1] * 20  # the highest stay apart
    joined = p_of(reference, new, permutations=4000)
    monkeypatch.setattr(two_sample, "MAX_PLACES", 10**6)
    assert joined == pytest.approx(p_of(reference, new, permutations=4000), abs=0.04)


def test_a_seed_makes_p_and_blocks_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    reference, new = sample(np.arange(40.0)), sample(np.arange(20.0, 45.0))
    first = p_of(reference, new, seed=7)
    assert p_of(reference, new, seed=7) == first
    monkeypatch.setattr(two_sample, "_MAX_CELLS", 500)
    assert p_of(reference, new, seed=7) == first


def test_how_often_the_new_one_is_stranger() -> None:
    assert superiority(np.array([1.0, 2.0]), np.array([2.0, 3.0])) == 0.875
    assert superiority(np.array([1.0]), np.array([1.0])) == 0.5


def test_holm_by_hand() -> None:
    assert holm([0.01, None, 0.04, 0.03]) == [pytest.approx(v) for v in (0.03,)] + [None] + [
        pytest.approx(0.06),
        pytest.approx(0.06),
    ]
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
