"""Cluster bootstrap: intervals and bands, against a slow obvious one and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitus.evaluation.bootstrap import (
    FPR_GRID,
    RECALL_GRID,
    Intervals,
    area_interval,
    cluster_bootstrap,
)
from habitus.evaluation.metrics import roc

RATES = (0.01, 0.2)


def slow_bootstrap(
    normal: np.ndarray, attack: np.ndarray, clusters: list[np.ndarray], seed: int, replicates: int
) -> list[np.ndarray]:
    """Areas, averages, detections, bands: every replicate's traces copied out and judged anew."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(replicates):
        drawn = []
        for scores, cluster in zip((normal, attack), clusters, strict=True):
            n_clusters = int(cluster.max()) + 1
            chosen = random.integers(0, n_clusters, n_clusters)
            drawn.append(np.concatenate([scores[cluster == c] for c in chosen]))
        curve = roc(*drawn)
        tradeoff = curve.precision_recall(*map(len, drawn))
        rows.append(
            [
                curve.auc, tradeoff.average, *(curve.detection_at(rate)[0] for rate in RATES),
                *np.interp(FPR_GRID, curve.fpr, curve.tpr), *tradeoff.precision_at(RECALL_GRID),
            ]
        )  # fmt: skip
    return list(np.quantile(rows, [0.025, 0.975], axis=0).T)


def flattened(found: Intervals) -> list[tuple[float, float]]:
    bands = [
        pair
        for band in (found.roc, found.precision)
        for pair in zip(band.low, band.high, strict=True)
    ]
    return [found.auc, found.average_precision, *found.detection.values(), *bands]


@given(data=st.data())
def test_it_is_the_slow_one_only_quicker(data: st.DataObject) -> None:
    sides, clusters = [], []
    for _ in range(2):
        n = data.draw(st.integers(3, 20))
        sides.append(
            np.array(data.draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)), float)
        )
        drawn = data.draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
        clusters.append(np.unique([0, 1, *drawn[2:]], return_inverse=True)[1])
    found = cluster_bootstrap(*sides, *clusters, RATES, seed=3, replicates=20)
    slow = slow_bootstrap(*sides, clusters, seed=3, replicates=20)
    np.testing.assert_allclose(flattened(found), slow, atol=1e-9)
    assert area_interval(*sides, *clusters, seed=3, replicates=20) == pytest.approx(found.auc)


def test_the_bands_hold_the_curves() -> None:
    random = np.random.default_rng(5)
    normal, attack = random.normal(0, 1, 400), random.normal(1.5, 1, 90)
    found = cluster_bootstrap(
        normal, attack, np.arange(400) // 4, np.arange(90) // 5, RATES, seed=1, replicates=400
    )
    curve = roc(normal, attack)
    tradeoff = curve.precision_recall(400, 90)
    for band, values in (
        (found.roc, np.interp(FPR_GRID, curve.fpr, curve.tpr)),
        (found.precision, tradeoff.precision_at(RECALL_GRID)),
    ):
        assert np.all(band.low <= values + 1e-12)
        assert np.all(values <= band.high + 1e-12)
    assert np.all(np.diff(found.roc.low) >= 0)
    assert found.roc.high[-1] == found.roc.low[-1] == 1


def test_many_scores_are_worked_through_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many replicates fit into a block decides no number."""
    random = np.random.default_rng(2)
    given_ = random.normal(0, 1, 60), random.normal(1, 1, 30), np.arange(60), np.arange(30)
    whole = cluster_bootstrap(*given_, RATES, seed=1, replicates=50)
    monkeypatch.setattr("habitus.evaluation.bootstrap._MAX_CELLS", 300)
    assert flattened(cluster_bootstrap(*given_, RATES, seed=1, replicates=50)) == flattened(whole)


def intervals(seed: int, normal_clusters: np.ndarray | None = None) -> tuple[float, float]:
    random = np.random.default_rng(0)
    normal, attack = np.repeat(random.normal(0, 1, 12), 25), random.normal(1, 1, 60)
    by_trace = np.arange(300) if normal_clusters is None else normal_clusters
    found = cluster_bootstrap(
        normal, attack, by_trace, np.arange(60) // 6, (0.05,), seed=seed, replicates=300
    )
    low, high = found.detection[0.05]
    assert 0 <= low <= high <= 1
    assert 0 <= found.auc[0] <= roc(normal, attack).auc <= found.auc[1] <= 1
    return found.auc


def test_the_bootstrap_repeats_by_its_seed() -> None:
    assert intervals(1) == intervals(1)
    assert intervals(1) != intervals(2)


def test_copies_of_one_observation_are_one_observation() -> None:
    """Twelve normals, each 25 times, know less than 300 would: their interval is wider."""
    low, high = intervals(1)
    clustered_low, clustered_high = intervals(1, np.arange(300) // 25)
    assert clustered_high - clustered_low > 1.3 * (high - low)


def test_a_cluster_is_drawn_whole() -> None:
    """Two clusters a side, each of two equal scores: the area has the few values they can give."""
    found = cluster_bootstrap(
        np.array([1.0, 1.0, 3.0, 3.0]), np.array([2.0, 2.0, 4.0, 4.0]),
        np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), (0.5,), seed=1, replicates=200,
    )  # fmt: skip
    assert found.auc == (0.0, 1.0)


def test_one_cluster_a_side_has_no_interval() -> None:
    """There is nothing to resample: a point is no interval, and is not shown as one."""
    found = cluster_bootstrap(
        np.array([1.0, 3.0]), np.array([2.0, 4.0]), np.zeros(2, np.int64), np.arange(2),
        (0.5,), seed=1, replicates=20,
    )  # fmt: skip
    assert found.auc is None
    assert found.detection == {0.5: None}
