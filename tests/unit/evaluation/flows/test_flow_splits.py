"""Splits of labelled flows: what was recorded together stays together, and nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest
from labelled_sets import labelled

from habitus.errors import UsageError
from habitus.evaluation.flows.splits import (
    SHORTCUT_PRONE,
    by_file,
    by_random_rows,
    by_source,
    by_time,
)

FILES = [("a", 5, 0)] * 6 + [("b", 0, 3)] * 4


def test_by_file_judges_each_flow_once_and_divides_no_file() -> None:
    flows = labelled(FILES)
    folds = by_file(flows, 3, seed=1)
    assert [fold.kind for fold in folds] == ["file"] * 3
    assert np.sum([fold.test for fold in folds], axis=0).tolist() == [1] * len(flows)
    for fold in folds:
        assert not (fold.train & fold.test).any()
        assert (fold.train | fold.test).all()
        assert not set(flows.file_of[fold.train]) & set(flows.file_of[fold.test])
        # Both classes are learned and judged: two benign files of six, one or two bad of four.
        assert len(set(flows.file_of[fold.test & ~flows.malicious])) == 2
        assert len(set(flows.file_of[fold.test & flows.malicious])) in {1, 2}


def test_by_file_depends_on_the_seed_alone() -> None:
    flows = labelled(FILES)
    first, again, other = (
        [fold.test.tolist() for fold in by_file(flows, 3, seed=s)] for s in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_by_file_makes_no_fold_without_a_file() -> None:
    folds = by_file(labelled([("a", 2, 0)] * 2 + [("a", 0, 2)] * 2), 10, seed=1)
    assert len(folds) == 4
    assert all(fold.test.any() for fold in folds)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ([("a", 4, 0), ("a", 4, 0), ("a", 0, 4)], "1 of the files holds malicious flows"),
        ([("a", 4, 0), ("a", 0, 4), ("a", 0, 4)], "1 of the files holds benign flows"),
        ([("a", 4, 0), ("a", 4, 0)], "0 of the files hold malicious flows"),
    ],
)
def test_a_class_of_one_file_cannot_be_held_out(
    files: list[tuple[str, int, int]], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        by_file(labelled(files), seed=1)


def test_by_source_learns_some_and_judges_others() -> None:
    flows = labelled([("a", 2, 1), ("b", 1, 0), ("c", 0, 2)])
    split = by_source(flows, ["a"], ["c"])
    assert (split.name, split.kind) == ("a -> c", "source")
    assert split.train.tolist() == [True] * 3 + [False] * 3
    assert split.test.tolist() == [False] * 4 + [True] * 2


def test_a_source_on_both_sides_or_nowhere_is_refused() -> None:
    flows = labelled([("a", 2, 1), ("b", 1, 0)])
    with pytest.raises(UsageError, match="a is both learned from and judged"):
        by_source(flows, ["a", "b"], ["a"])
    with pytest.raises(UsageError, match="no flow of d; sources: a, b"):
        by_source(flows, ["a"], ["d"])


def test_by_time_judges_what_began_later_and_drops_what_runs_across() -> None:
    # One file of five flows: the border of 60 % is the start of the fourth, 30.
    times = [(0, 5), (10, 12), (20, 90), (30, 31), (40, 41)]
    split = by_time(labelled([("a", 5, 0)], times), 0.6)
    assert split.train.tolist() == [True, True, False, False, False]
    assert split.test.tolist() == [False, False, False, True, True]
    assert "same recordings" in split.caution


def test_by_time_judges_flows_that_start_together_together() -> None:
    times = [(0, 1), (10, 11), (10, 12), (10, 13)]
    split = by_time(labelled([("a", 4, 0)], times), 0.5)
    assert split.train.tolist() == [True, False, False, False]
    assert split.test.tolist() == [False, True, True, True]


def test_by_time_needs_times_that_differ() -> None:
    with pytest.raises(UsageError, match="no columns start_ns and end_ns"):
        by_time(labelled([("a", 2, 2)]))
    with pytest.raises(UsageError, match="start at once"):
        by_time(labelled([("a", 2, 0)], [(7, 8), (7, 9)]))


def test_random_rows_judge_each_flow_once_and_say_what_they_are() -> None:
    flows = labelled(FILES)
    folds = by_random_rows(flows, 4, seed=3)
    assert np.sum([fold.test for fold in folds], axis=0).tolist() == [1] * len(flows)
    assert {fold.caution for fold in folds} == {SHORTCUT_PRONE}
    assert {int(fold.test[flows.malicious].sum()) for fold in folds} == {3}
    divided = [
        set(flows.file_of[fold.train].tolist()) & set(flows.file_of[fold.test].tolist())
        for fold in folds
    ]
    assert all(divided)
