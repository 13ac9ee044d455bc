"""Curves and histograms as results keep them: points of the real ones, and every score counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitus.evaluation.bootstrap import RECALL_GRID, Intervals, cluster_bootstrap
from habitus.evaluation.card.curve_figures import _pr_at, _roc_at
from habitus.evaluation.curves import (
    MAX_BINS,
    MAX_POINTS,
    TOLD_RATES,
    TOLD_RECALLS,
    histogram,
    pr_curve,
    roc_curve,
)
from habitus.evaluation.metrics import roc

SCORES = st.lists(st.integers(0, 7).map(float), min_size=1, max_size=40).map(np.array)
ANY = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30)


@given(normal=SCORES, attack=SCORES)
def test_a_short_curve_loses_nothing_but_points_on_its_lines(
    normal: np.ndarray, attack: np.ndarray
) -> None:
    whole = roc(normal, attack)
    kept = roc_curve(whole)
    assert (kept.fpr[0], kept.tpr[0], kept.thresholds[0]) == (0, 0, None)
    assert (kept.fpr[-1], kept.tpr[-1]) == (1, 1)
    assert np.trapezoid(kept.tpr, kept.fpr) == pytest.approx(whole.auc, abs=1e-5)
    points = {
        (round(x, 6), round(y, 6), None if np.isinf(t) else t)
        for x, y, t in zip(whole.fpr, whole.tpr, whole.thresholds, strict=True)
    }
    assert set(zip(kept.fpr, kept.tpr, kept.thresholds, strict=True)) <= points


def test_a_long_curve_keeps_its_shape_in_few_points() -> None:
    random = np.random.default_rng(1)
    normal, attack = random.normal(0, 1, 20_000), random.normal(1, 1, 3_000)
    whole = roc(normal, attack)
    kept = roc_curve(whole)
    assert len(kept.fpr) <= MAX_POINTS
    assert (kept.fpr[-1], kept.tpr[-1]) == (1, 1)
    assert np.max(np.abs(np.interp(whole.fpr, kept.fpr, kept.tpr) - whole.tpr)) < 0.02
    few = whole.fpr[(whole.fpr > 0.001) & (whole.fpr < 0.01)]
    assert sum(0.001 < x < 0.01 for x in kept.fpr) > 10, "where alarms are few it matters most"
    assert len(few) > 100


@given(normal=SCORES, attack=SCORES)
def test_what_is_read_off_the_kept_points_is_what_the_whole_says(
    normal: np.ndarray, attack: np.ndarray
) -> None:
    """Scores that tie make straight lines: their points are left out, but not where it is read."""
    read_off(normal, attack)


def test_what_is_read_off_a_long_curve_is_what_the_whole_says() -> None:
    random = np.random.default_rng(1)
    read_off(random.normal(0, 1, 4_000), random.normal(1.2, 1, 700))
    read_off(np.arange(100.0), np.arange(100.0))


def read_off(normal: np.ndarray, attack: np.ndarray) -> None:
    whole = roc(normal, attack)
    kept = roc_curve(whole)
    assert len(kept.fpr) <= MAX_POINTS
    found = [_roc_at(kept, rate) for rate in TOLD_RATES]
    assert found == pytest.approx([whole.detection_at(rate)[0] for rate in TOLD_RATES], abs=1e-6)
    n = len(normal), len(attack)
    none = Intervals(None, None, {}, None, None)
    precision = pr_curve(whole, *n, none)
    assert len(precision.recall) <= MAX_POINTS
    wanted = whole.precision_recall(*n).precision_at(np.array(TOLD_RECALLS))
    told = [_pr_at(precision, recall) for recall in TOLD_RECALLS]
    assert told == pytest.approx(wanted.tolist(), abs=1e-6)


def test_where_precision_is_told_its_band_was_measured() -> None:
    gaps = np.abs(RECALL_GRID - np.array(TOLD_RECALLS)[:, np.newaxis]).min(axis=1)
    assert gaps.max() < 1e-9


def test_precision_keeps_its_ends_and_its_average() -> None:
    normal, attack = np.array([0.0, 1, 2, 3]), np.array([2.0, 4])
    intervals = cluster_bootstrap(
        normal, attack, np.arange(4), np.arange(2), (), seed=1, replicates=20
    )
    kept = pr_curve(roc(normal, attack), 4, 2, intervals)
    # 4 alone: 1 of 1; from 3 on: 1 of 2; from 2 on: 2 of 4; from 1 on: 2 of 5; all: 2 of 6.
    assert kept.recall[0] == 0
    assert kept.recall[-1] == 1
    assert kept.precision[-1] == pytest.approx(1 / 3, abs=1e-6)
    assert kept.average == pytest.approx(0.5 * 1 + 0.5 * 0.5)
    assert kept.attack_share == pytest.approx(1 / 3)


@given(normal=ANY, attack=ANY)
def test_a_histogram_counts_every_score_once(normal: list[float], attack: list[float]) -> None:
    found = histogram(np.array(normal), np.array(attack))
    assert (sum(found.normal), sum(found.attack)) == (len(normal), len(attack))
    assert len(found.normal) == len(found.attack) == len(found.edges) - 1 <= MAX_BINS
    assert (found.edges[0], found.edges[-1]) == (min(normal + attack), max(normal + attack))
    assert list(found.edges) == sorted(found.edges)


def test_a_bin_holds_its_lower_edge() -> None:
    found = histogram(np.array([0.0, 1, 2, 3]), np.array([4.0, 4]))
    assert found.edges == (0, 0.8, 1.6, 2.4000000000000004, 3.2, 4)
    assert (found.normal, found.attack) == ((1, 1, 1, 1, 0), (0, 0, 0, 0, 2))


def test_equal_scores_have_one_bin() -> None:
    found = histogram(np.full(5, 2.0), np.full(3, 2.0))
    assert (found.edges, found.normal, found.attack) == ((2, 2), (5,), (3,))
