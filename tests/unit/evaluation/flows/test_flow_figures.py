"""Figures of judged flows, worked out by hand: files weigh equally, flows stand beside them."""

from __future__ import annotations

import numpy as np
import pytest
from labelled_sets import scored
from sklearn.metrics import brier_score_loss, roc_auc_score

from habitus.evaluation.flows.metrics import Two, budget_threshold, class_weights, figures
from habitus.evaluation.metrics import roc


def test_an_area_in_which_files_weigh_equally() -> None:
    """Benign: {.1, .1, .1} and {.6}; malicious: {.5} and {.9, .9, .9, .2}.

    By pairs of files: (.1s, .5) 1, (.1s, .9s and .2) 1, (.6, .5) 0, (.6, .9s and .2) 3/4; mean
    11/16. By flows: 20 pairs, of which .6 loses to .9 thrice and wins over .5 and .2.
    """
    found = figures(scored([[0.1] * 3, [0.6]], [[0.5], [0.9, 0.9, 0.9, 0.2]]))
    assert found.auc == Two(files=pytest.approx(11 / 16), flows=pytest.approx(18 / 20))
    assert found.auc_pooled == found.auc
    assert (found.n_benign, found.n_malicious) == (4, 5)
    assert (found.n_benign_files, found.n_malicious_files) == (2, 2)


def test_scores_of_two_models_are_not_held_against_each_other() -> None:
    """Each model tells its own apart; pooled, the second's benign file beats the first's attack."""
    judged = scored([[0.1], [0.7]], [[0.3], [0.9]], models=[0, 1, 0, 1])
    found = figures(judged)
    assert found.auc == Two(1, 1)
    assert found.auc_pooled == Two(0.75, 0.75)


def test_where_no_model_judged_both_classes_there_is_no_area() -> None:
    found = figures(scored([[0.1]], [[0.9]], models=[0, 1]))
    assert found.auc is None
    assert found.auc_pooled == Two(1, 1)


def test_detection_at_a_budget_by_files_and_by_flows() -> None:
    """One benign flow of two hundred scores .8, a rate of .005; with the others it would be 1."""
    benign = [[0.8] + [0.0] * 99, [0.0] * 100]
    found = figures(scored(benign, [[0.9, 0.8, 0.7, -1.0]]))
    assert found.detection_at_budget == Two(0.75, 0.75)
    assert found.budget_reached == Two(pytest.approx(0.005), pytest.approx(0.005))


def test_rates_at_the_decision() -> None:
    found = figures(scored([[0.1, 0.6], [0.2]], [[0.9], [0.1, 0.2, 0.7, 0.3]]), hours=0.5)
    assert found.false_alarms == Two(files=pytest.approx(0.25), flows=pytest.approx(1 / 3))
    assert found.detection == Two(files=pytest.approx(0.625), flows=pytest.approx(0.4))
    assert (found.hours, found.alarms_per_hour) == (0.5, 2)


def test_alarms_by_the_hour_at_the_budget() -> None:
    """The threshold of 1 % is that at which .8 is an alert: one of 200 in two hours."""
    benign = [[0.8] + [0.0] * 99, [0.0] * 100]
    found = figures(scored(benign, [[0.9, 0.8]]), hours=2)
    assert found.budget_alarms_per_hour == 0.5


def test_one_class_gives_rates_alone() -> None:
    found = figures(scored([], [[0.9, 0.1], [0.7]]))
    assert found.detection == Two(0.75, pytest.approx(2 / 3))
    nothing = (found.auc, found.auc_pooled, found.detection_at_budget, found.budget_reached)
    assert nothing == (None,) * 4
    assert (found.false_alarms, found.brier, found.alarms_per_hour) == (None, None, None)
    assert found.reliability == ()


def test_brier_by_files_and_by_flows() -> None:
    """Benign .2 and .4 | .0: by files (.04 + .16) / 2 / 2 + 0; malicious 1 and .5: .25 / 2."""
    found = figures(scored([[0.2, 0.4], [0.0]], [[1.0, 0.5]]))
    assert found.brier is not None
    assert found.brier.files == pytest.approx((0.05 + 0.125) / 2)
    assert found.brier.flows == pytest.approx((0.04 + 0.16 + 0 + 0 + 0.25) / 5)
    assert found.brier_of_share == Two(0.25, pytest.approx(0.24))


def test_reliability_rows() -> None:
    found = figures(scored([[0.05, 0.95]], [[0.92], [1.0]]))
    low, high = found.reliability
    assert (low.low, low.high, low.n_flows, low.n_files) == (0.0, 0.1, 1, 1)
    assert (low.predicted.flows, low.observed.flows) == (0.05, 0)
    assert (high.n_flows, high.n_files) == (3, 3)
    assert high.observed.flows == pytest.approx(2 / 3)
    # By files: the benign flow is half of half, either malicious file a quarter.
    assert high.observed.files == pytest.approx(0.5 / 0.75)
    assert high.predicted.files == pytest.approx((0.95 + 0.92 + 1.0) / 3)


def test_scores_that_are_no_probability_are_not_judged_as_one() -> None:
    found = figures(scored([[3.0]], [[7.0]], is_probability=False))
    assert (found.brier, found.brier_of_share, found.reliability) == (None, None, ())
    assert found.auc == Two(1, 1)


def test_over_flows_figures_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    benign = [rng.random(n).round(2).tolist() for n in (3, 40, 11)]
    malicious = [np.sqrt(rng.random(n)).round(2).tolist() for n in (9, 2)]
    judged = scored(benign, malicious)
    found = figures(judged)
    assert found.auc is not None
    assert found.brier is not None
    assert found.auc.flows == pytest.approx(roc_auc_score(judged.malicious, judged.scores))
    assert found.brier.flows == pytest.approx(brier_score_loss(judged.malicious, judged.scores))
    weights = class_weights(judged)
    by_files = roc_auc_score(judged.malicious, judged.scores, sample_weight=weights)
    assert found.auc.files == pytest.approx(by_files)


def test_the_threshold_of_a_budget_is_the_lowest_that_keeps_it() -> None:
    benign = np.concatenate([[0.9], np.zeros(99)])
    assert budget_threshold(roc(benign, np.array([0.95, 0.9, 0.5]))) == 0.5
    assert budget_threshold(roc(np.array([0.9, 0.0]), np.array([0.95, 0.5]))) == 0.95
