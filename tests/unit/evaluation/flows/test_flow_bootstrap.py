"""The bootstrap of files: what is drawn, and what a drawn replicate gives."""

from __future__ import annotations

import numpy as np
import pytest
from labelled_sets import scored

from habitus.errors import UsageError
from habitus.evaluation.flows.bootstrap import _Pairs, file_bootstrap, rate_interval
from habitus.evaluation.flows.metrics import figures

BENIGN = [[0.1, 0.4, 0.35], [0.6, 0.2], [0.8]]
MALICIOUS = [[0.5], [0.9, 0.3, 0.7, 0.7]]


@pytest.mark.parametrize("models", [None, [0, 1, 1, 0, 1], [0, 0, 1, 1, 0]])
def test_drawing_every_file_once_gives_the_figures_themselves(models: list[int] | None) -> None:
    judged = scored(BENIGN, MALICIOUS, models=models)
    pairs, found = _Pairs(judged), figures(judged)
    once = np.full((1, 3), 1 / 3), np.full((1, 2), 1 / 2)
    assert found.auc is not None
    assert found.detection_at_budget is not None
    assert pairs.areas(*once) == pytest.approx(found.auc.files)
    assert pairs.detection(*once) == pytest.approx(found.detection_at_budget.files)


def test_a_replicate_is_what_its_files_give_by_themselves() -> None:
    """The second benign file twice, the third never; the first malicious file alone."""
    pairs = _Pairs(scored(BENIGN, MALICIOUS))
    drawn = np.array([[1 / 3, 2 / 3, 0.0]]), np.array([[1.0, 0.0]])
    by_hand = figures(scored([BENIGN[0], BENIGN[1], BENIGN[1]], [MALICIOUS[0]]))
    assert by_hand.auc is not None
    assert by_hand.detection_at_budget is not None
    assert pairs.areas(*drawn) == pytest.approx(by_hand.auc.files)
    assert pairs.detection(*drawn) == pytest.approx(by_hand.detection_at_budget.files)


def test_detection_of_replicates_has_a_threshold_of_its_own() -> None:
    rng = np.random.default_rng(2)
    benign = [rng.normal(0, 1, n).round(1).tolist() for n in (150, 3, 80)]
    malicious = [rng.normal(2, 1, n).round(1).tolist() for n in (30, 5)]
    pairs = _Pairs(scored(benign, malicious))
    for counts in ([1, 1, 1], [2, 0, 1], [0, 0, 3], [3, 0, 0]):
        drawn = [file for file, n in zip(benign, counts, strict=True) for _ in range(n)]
        by_hand = figures(scored(drawn, malicious)).detection_at_budget
        assert by_hand is not None
        weights = np.array([counts]) / 3, np.full((1, 2), 0.5)
        assert pairs.detection(*weights) == pytest.approx(by_hand.files)


def test_files_that_all_say_the_same_leave_no_doubt() -> None:
    judged = scored([[0.1, 0.2]] * 4, [[0.8, 0.9]] * 3)
    found = file_bootstrap([judged], seed=1, replicates=50)
    assert (found.auc, found.detection_at_budget) == ((1, 1), (1, 1))


def test_an_interval_holds_what_files_differ_by() -> None:
    """Two malicious files, one found and one not: drawn twice each with a chance of a quarter."""
    judged = scored([[0.5], [0.5]], [[0.9], [0.1]])
    found = file_bootstrap([judged], seed=1, replicates=400)
    assert found.auc == (0, 1)


def test_runs_are_drawn_together_and_averaged() -> None:
    up, down = scored([[0.2], [0.2]], [[0.9], [0.8]]), scored([[0.9], [0.8]], [[0.2], [0.2]])
    assert file_bootstrap([up, down], seed=1, replicates=30).auc == (0.5, 0.5)


def test_a_class_of_one_file_has_no_interval() -> None:
    found = file_bootstrap([scored(BENIGN, [[0.9]])], seed=1)
    assert (found.auc, found.detection_at_budget) == (None, None)


def test_replicates_in_which_no_model_judged_both_are_left_out() -> None:
    judged = scored([[0.1], [0.1]], [[0.9], [0.9]], models=[0, 1, 0, 1])
    assert file_bootstrap([judged], seed=1, replicates=100).auc == (1, 1)


def test_runs_of_different_files_are_refused() -> None:
    with pytest.raises(UsageError, match="different files"):
        file_bootstrap([scored(BENIGN, MALICIOUS), scored(BENIGN[:2], MALICIOUS)], seed=1)
    with pytest.raises(UsageError, match="no run"):
        file_bootstrap([], seed=1)


def test_the_interval_of_a_rate() -> None:
    outcomes = np.array([True, True, False])
    assert rate_interval(outcomes, np.array([0, 0, 0]), seed=1) is None
    assert rate_interval(outcomes[:2], np.array([0, 1]), seed=1) == (1, 1)
    # A file of two found flows, and one of one that is not: 0, 1/2 or 1.
    assert rate_interval(outcomes, np.array([4, 4, 9]), seed=1) == (0, 1)
