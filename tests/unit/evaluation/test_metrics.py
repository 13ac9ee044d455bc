"""ROC, precision and recall, and their operating points, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from habitus.evaluation.metrics import roc

# Few different values, so that normals and attacks tie among themselves and with each other.
SCORES = st.lists(st.integers(0, 7).map(float), min_size=1, max_size=40).map(np.array)
WEIGHTS = st.integers(0, 3)


@given(normal=SCORES, attack=SCORES)
def test_the_area_and_the_curve_are_scikit_learns(normal: np.ndarray, attack: np.ndarray) -> None:
    labels = np.repeat([0, 1], [len(normal), len(attack)])
    scores = np.concatenate([normal, attack])
    curve = roc(normal, attack)
    assert curve.auc == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.fpr, fpr, atol=1e-12)
    np.testing.assert_allclose(curve.tpr, tpr, atol=1e-12)


@given(normal=SCORES, attack=SCORES)
def test_thresholds_are_scikit_learns(normal: np.ndarray, attack: np.ndarray) -> None:
    """Each point is what a threshold at its score gives."""
    curve = roc(normal, attack)
    _, _, thresholds = roc_curve(
        np.repeat([0, 1], [len(normal), len(attack)]), np.concatenate([normal, attack]),
        drop_intermediate=False,
    )  # fmt: skip
    np.testing.assert_array_equal(curve.thresholds, thresholds)
    for fpr, tpr, threshold in zip(curve.fpr, curve.tpr, curve.thresholds, strict=True):
        assert np.mean(normal >= threshold) == pytest.approx(fpr)
        assert np.mean(attack >= threshold) == pytest.approx(tpr)


@given(normal=SCORES, attack=SCORES)
def test_precision_and_recall_are_scikit_learns(normal: np.ndarray, attack: np.ndarray) -> None:
    labels = np.repeat([0, 1], [len(normal), len(attack)])
    scores = np.concatenate([normal, attack])
    found = roc(normal, attack).precision_recall(len(normal), len(attack))
    precision, recall, _ = precision_recall_curve(labels, scores)
    np.testing.assert_allclose(found.precision, precision[::-1], atol=1e-12)
    np.testing.assert_allclose(found.recall, recall[::-1], atol=1e-12)
    assert found.average == pytest.approx(average_precision_score(labels, scores), abs=1e-12)


@given(normal=SCORES, attack=SCORES, wanted=st.sampled_from([0.1, 0.5, 1.0]))
def test_precision_is_that_of_the_strictest_threshold_that_finds_so_many(
    normal: np.ndarray, attack: np.ndarray, wanted: float
) -> None:
    threshold = max(t for t in attack if np.mean(attack >= t) >= wanted - 1e-12)
    true, false = np.sum(attack >= threshold), np.sum(normal >= threshold)
    found = roc(normal, attack).precision_recall(len(normal), len(attack))
    assert found.precision_at(np.array([wanted]))[0] == pytest.approx(true / (true + false))


@given(normal=SCORES, attack=SCORES, data=st.data())
def test_a_weight_is_so_many_copies(
    normal: np.ndarray, attack: np.ndarray, data: st.DataObject
) -> None:
    weights = [
        data.draw(st.lists(WEIGHTS, min_size=len(s), max_size=len(s)).filter(any))
        for s in (normal, attack)
    ]
    weighted = roc(normal, attack, *(np.array(w, dtype=np.float64) for w in weights))
    copied = roc(np.repeat(normal, weights[0]), np.repeat(attack, weights[1]))
    assert weighted.auc == pytest.approx(copied.auc, abs=1e-12)
    for rate in (0.001, 0.05, 0.3):
        assert weighted.detection_at(rate) == pytest.approx(copied.detection_at(rate))


@given(normal=SCORES, attack=SCORES, rate=st.floats(0, 1))
def test_detection_never_costs_more_than_was_asked(
    normal: np.ndarray, attack: np.ndarray, rate: float
) -> None:
    """And no other threshold within the rate detects more."""
    dr, achieved = roc(normal, attack).detection_at(rate)
    assert achieved <= rate + 1e-9
    points = [
        (np.mean(normal >= t), np.mean(attack >= t))
        for t in [np.inf, *normal.tolist(), *attack.tolist()]
    ]
    assert dr == pytest.approx(max(tpr for fpr, tpr in points if fpr <= rate + 1e-12))


@given(normal=SCORES, attack=SCORES, wanted=st.sampled_from([0.5, 0.9, 1.0]))
def test_false_alarms_are_the_least_that_find_so_many(
    normal: np.ndarray, attack: np.ndarray, wanted: float
) -> None:
    points = [
        (np.mean(normal >= t), np.mean(attack >= t))
        for t in [np.inf, *normal.tolist(), *attack.tolist()]
    ]
    least = min(fpr for fpr, tpr in points if tpr >= wanted - 1e-12)
    assert roc(normal, attack).false_alarms_at(wanted) == pytest.approx(least)


def test_ties_are_never_split() -> None:
    curve = roc(np.array([1.0, 2.0, 2.0, 2.0]), np.array([2.0, 3.0]))
    assert curve.detection_at(0.5) == (0.5, 0.0)
    assert curve.detection_at(0.75) == (1.0, 0.75)
    assert curve.auc == pytest.approx((4 + 1 + 0.5 * 3) / 8)


def test_one_per_cent_of_a_hundred_is_one() -> None:
    """1 / 100 is within 0.01, however binary fractions round."""
    for n in (100, 300, 700, 1000):
        curve = roc(np.arange(n, dtype=np.float64), np.array([n - 1.5]))
        assert curve.detection_at(0.01) == (1.0, pytest.approx(0.01))
