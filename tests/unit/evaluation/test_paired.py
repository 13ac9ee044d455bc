"""The paired bootstrap, against a slow one that copies every unit drawn, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitus.evaluation.bootstrap import cluster_bootstrap
from habitus.evaluation.comparing import paired
from habitus.evaluation.comparing.paired import DifferenceIntervals, Sample, paired_bootstrap
from habitus.evaluation.metrics import roc

RATES = (0.1, 0.5)


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Few different scores, so that they tie; two clusters at least."""
    n = draw(st.integers(2, 12))
    scores = st.lists(st.integers(0, 5).map(float), min_size=n, max_size=n).map(np.array)
    clusters = draw(st.lists(st.integers(0, 4), min_size=n - 2, max_size=n - 2))
    numbers = np.unique([*clusters, 5, 6], return_inverse=True)[1]
    return Sample(draw(scores), draw(scores), numbers.astype(np.int64))


def slow(normal: Sample, attack: Sample, seed: int, replicates: int) -> DifferenceIntervals:
    """Draw clusters, copy their units, and measure the copies."""
    random = np.random.default_rng(seed)
    areas, rates = [], []
    for _ in range(replicates):
        copies = []
        for side in (normal, attack):
            n_clusters = side.clusters.max() + 1
            drawn = random.integers(0, n_clusters, n_clusters)
            copies.append(np.concatenate([np.flatnonzero(side.clusters == c) for c in drawn]))
        curve_a = roc(normal.a[copies[0]], attack.a[copies[1]])
        curve_b = roc(normal.b[copies[0]], attack.b[copies[1]])
        areas.append(curve_b.auc - curve_a.auc)
        rates.append([curve_b.detection_at(r)[0] - curve_a.detection_at(r)[0] for r in RATES])
    low, high = np.quantile(rates, [0.025, 0.975], axis=0)
    return DifferenceIntervals(
        auc=tuple(np.quantile(areas, [0.025, 0.975])),
        detection={rate: (low[k], high[k]) for k, rate in enumerate(RATES)},
    )


@given(normal=samples(), attack=samples(), seed=st.integers(0, 9))
def test_it_is_the_slow_one(normal: Sample, attack: Sample, seed: int) -> None:
    fast = paired_bootstrap(normal, attack, RATES, seed=seed, replicates=25)
    obvious = slow(normal, attack, seed, 25)
    assert fast is not None
    assert fast.auc == pytest.approx(obvious.auc, abs=1e-12)
    for rate in RATES:
        assert fast.detection[rate] == pytest.approx(obvious.detection[rate], abs=1e-12)


@given(normal=samples(), attack=samples())
def test_equal_orders_differ_by_exactly_nothing(normal: Sample, attack: Sample) -> None:
    same = [Sample(side.a, 3 * side.a + 1, side.clusters) for side in (normal, attack)]
    found = paired_bootstrap(*same, RATES, seed=1, replicates=25)
    assert found == DifferenceIntervals((0, 0), dict.fromkeys(RATES, (0, 0)))


def test_two_observations_a_side_by_hand() -> None:
    """A errs on one pair of four and B on none.

    Of the 16 draws of two normals and two attacks one leaves A only that pair, which is more than
    2.5 %: its area is 0 there, and the difference 1. In nine A makes no error.
    """
    normal = Sample(np.array([0.0, 2.0]), np.array([0.0, 0.5]), np.array([0, 1]))
    attack = Sample(np.array([1.0, 3.0]), np.array([1.0, 3.0]), np.array([0, 1]))
    found = paired_bootstrap(normal, attack, (0.5,), seed=1, replicates=2000)
    assert found is not None
    assert found.auc == (0, 1)
    assert found.detection[0.5] == (0, 1)


def test_what_makes_all_units_harder_is_no_difference() -> None:
    """B finds everything a little better; apart, the two intervals overlap nearly wholly."""
    random = np.random.default_rng(0)
    normal, attack = random.normal(0, 1, 80), random.normal(1, 1, 40)
    sides = [
        Sample(scores, scores + shift, np.arange(len(scores)))
        for scores, shift in ((normal, 0.0), (attack, 0.1))
    ]
    found = paired_bootstrap(*sides, (0.05,), seed=1, replicates=500)
    apart = [
        cluster_bootstrap(
            one, other, np.arange(80), np.arange(40), (0.05,), seed=1, replicates=500
        ).auc
        for one, other in ((normal, attack), (normal, attack + 0.1))
    ]
    assert found is not None
    assert found.auc[0] > 0
    assert apart[1][0] < apart[0][1] - 0.1
    assert found.auc[1] - found.auc[0] < (apart[0][1] - apart[0][0]) / 3


def test_the_size_of_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    normal, attack = (
        Sample(random.normal(0, 1, n), random.normal(0, 1, n), np.arange(n) // 3) for n in (30, 20)
    )
    whole = paired_bootstrap(normal, attack, RATES, seed=3, replicates=50)
    monkeypatch.setattr(paired, "_MAX_CELLS", 350)
    assert paired_bootstrap(normal, attack, RATES, seed=3, replicates=50) == whole
    assert paired_bootstrap(normal, attack, RATES, seed=4, replicates=50) != whole


def test_from_one_cluster_nothing_can_be_drawn() -> None:
    one = Sample(np.array([1.0, 2.0]), np.array([1.0, 2.0]), np.array([0, 0]))
    two = Sample(np.array([1.0, 2.0]), np.array([1.0, 2.0]), np.array([0, 1]))
    assert paired_bootstrap(one, two, RATES, seed=1) is None
    assert paired_bootstrap(two, one, RATES, seed=1) is None
