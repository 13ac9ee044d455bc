"""Probabilities that hold, learned from groups that were held out whole."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from habitus.detectors.flow.calibration import Calibration, calibrated
from habitus.detectors.flow.folds import held_out_folds
from habitus.errors import ModelError


def drawn(n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds that are three times too sure and one too low, and what came true."""
    rng = np.random.default_rng(5)
    log_odds = rng.normal(0, 6, n)
    return log_odds, rng.random(n) < expit(log_odds / 3 + 1)


def test_a_sigmoid_finds_how_sure_scores_are_as_a_general_minimiser_does() -> None:
    log_odds, labels = drawn()
    found = calibrated("sigmoid", log_odds, labels)
    assert found is not None
    assert found.kind == "sigmoid"
    assert np.allclose(found.line, [1 / 3, 1], atol=0.06)
    n1, n0 = labels.sum(), (~labels).sum()
    target = np.where(labels, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))

    def loss(line: np.ndarray) -> float:
        z = line[0] * log_odds + line[1]
        return float((np.logaddexp(0, z) - target * z).sum())

    assert np.allclose(found.line, minimize(loss, [1.0, 0.0], method="BFGS").x, atol=1e-4)


@pytest.mark.parametrize("kind", ["sigmoid", "isotonic"])
def test_of_flows_at_some_probability_that_share_is_malicious(kind: str) -> None:
    log_odds, labels = drawn(20_000)
    half = len(labels) // 2
    found = calibrated(kind, log_odds[:half], labels[:half])  # type: ignore[arg-type]
    assert found is not None
    chances = found.probabilities(log_odds[half:])
    for low in np.arange(0, 1, 0.2):
        there = (chances >= low) & (chances < low + 0.2)
        assert abs(chances[there].mean() - labels[half:][there].mean()) < 0.05
    order = np.argsort(log_odds[half:])
    assert (np.diff(chances[order]) >= 0).all()


def test_a_sigmoid_of_classes_apart_stays_finite() -> None:
    log_odds = np.array([-1.0] * 20 + [1.0] * 20)
    found = calibrated("sigmoid", log_odds, log_odds > 0)
    assert found is not None
    chances = found.probabilities(np.array([-1e300, -1.0, 0.0, 1.0, 1e300]))
    assert np.isfinite(chances).all()
    # Platt's targets: 1 / 22 and 21 / 22.
    assert np.allclose(chances[[1, 3]], [1 / 22, 21 / 22])


def test_scores_that_point_the_wrong_way_are_not_calibrated() -> None:
    log_odds, labels = drawn()
    assert calibrated("sigmoid", -log_odds, labels) is None
    assert calibrated("isotonic", np.zeros(len(labels)), labels) is None


def test_none_takes_log_odds_at_their_word() -> None:
    assert np.allclose(Calibration.none().probabilities(np.array([0.0, np.log(3)])), [0.5, 0.75])
    assert Calibration.none().kind == "none"


@pytest.mark.parametrize(
    ("line", "knots"),
    [
        ([0.0, 1.0], np.zeros((0, 2))),
        ([-1.0, 1.0], np.zeros((0, 2))),
        ([1.0, 0.0], [[0.0, 0.5], [0.0, 0.6]]),
        ([1.0, 0.0], [[0.0, 0.5], [1.0, 0.4]]),
        ([1.0, 0.0], [[0.0, 0.5], [1.0, 1.1]]),
    ],
)
def test_a_calibration_that_does_not_rise_is_refused(line: object, knots: object) -> None:
    arrays = {"calibration_line": np.array(line), "calibration_knots": np.array(knots)}
    with pytest.raises(ModelError, match="does not rise, or leaves 0 to 1"):
        Calibration.restored(arrays)


def test_groups_are_held_out_whole_and_each_row_once() -> None:
    rng = np.random.default_rng(3)
    groups = rng.integers(0, 12, 600)
    labels = (groups % 3 == 0) | (rng.random(600) < 0.1)
    folds, warning = held_out_folds(labels, groups, 5, seed=1)
    assert not warning
    assert len(folds) == 5 or len(folds) == 4
    for learned, held_out in folds:
        assert not set(groups[learned]) & set(groups[held_out])
        assert 0 < labels[learned].sum() < len(learned)
    rows = np.concatenate([held_out for _, held_out in folds])
    assert len(set(rows.tolist())) == len(rows)


def test_too_few_groups_are_told() -> None:
    labels = np.arange(100) % 2 == 0
    by_class = np.where(labels, "attacks.pcap", "office.pcap")
    folds, warning = held_out_folds(labels, by_class, 5, seed=1)
    assert len(folds) == 5
    assert "a class has fewer than two files" in warning
    _, warning = held_out_folds(labels, None, 5, seed=1)
    assert "no files of flows are told" in warning
