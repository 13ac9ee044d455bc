"""Judging held-out flows: nothing judged is learned, and the baseline is chosen in training."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from labelled_sets import made_set

from habitus.errors import UsageError
from habitus.evaluation.flows.judging import Contender, judged, weighted_quantile
from habitus.evaluation.flows.metrics import figures
from habitus.evaluation.flows.one_feature import ONE_FEATURE, OneFeature
from habitus.evaluation.flows.splits import Split, by_file
from habitus.flows.labelled import LabelledFile, LabelledFlows


@pytest.mark.parametrize("name", ["logistic", "boosting", "flow-outlier", ONE_FEATURE])
def test_each_flow_is_judged_once_by_what_learned_others(name: str) -> None:
    flows = made_set()
    folds = by_file(flows, 3, seed=1)
    found = judged(flows, folds, Contender(name), seed=1)
    assert sorted(found.rows.tolist()) == list(range(len(flows)))
    assert found.malicious.tolist() == flows.malicious[found.rows].tolist()
    assert found.files.tolist() == flows.file_of[found.rows].tolist()
    for number, fold in enumerate(folds):
        assert set(found.rows[found.models == number]) == set(np.flatnonzero(fold.test))
    area = figures(found).auc
    assert area is not None
    assert area.files > 0.8


def test_what_is_judged_does_not_change_what_is_learned() -> None:
    """Turned labels of the judged flows leave every score as it was."""
    flows = made_set()
    half = flows.file_of < 4
    split = Split("file", "half", half, ~half)
    turned = LabelledFlows(flows.flows, flows.malicious ^ ~half, flows.file_of, flows.files)
    for name in ("logistic", "flow-outlier", ONE_FEATURE):
        before, after = (judged(one, [split], Contender(name)) for one in (flows, turned))
        assert before.scores.tolist() == after.scores.tolist()


def test_flows_that_do_not_tell_what_they_must_are_counted() -> None:
    flows = made_set()
    half = flows.file_of < 4
    blind = flows.flows.with_columns(
        pl.when(pl.Series(np.arange(len(flows)) == np.flatnonzero(~half)[0]))
        .then(None).otherwise(pl.col("packets")).alias("packets")
    )  # fmt: skip
    given = LabelledFlows(blind, flows.malicious, flows.file_of, flows.files)
    for name in ("logistic", ONE_FEATURE):
        found = judged(given, [Split("file", "half", half, ~half)], Contender(name))
        assert found.n_unscoreable == 1
        assert len(found.scores) == int((~half).sum()) - 1


def one_column(
    values: list[float | None], malicious: list[bool], files: list[int]
) -> LabelledFlows:
    return LabelledFlows(
        pl.DataFrame({"duration_us": values, "packets": [1, 2] * (len(values) // 2)}),
        np.array(malicious),
        np.array(files),
        tuple(LabelledFile(str(file), "") for file in range(max(files) + 1)),
    )


def test_the_one_feature_is_chosen_with_its_side() -> None:
    """Malicious flows are short; the shares of training below are worked out by hand.

    Benign 40, 50 (one file) weigh a quarter each, malicious 10, 20 (two files) likewise. With
    shorter taken as more malicious the order is 50, 40, 20, 10, at the middles of quarters.
    """
    train = one_column([40, 50, 10, 20], [False, False, True, True], [0, 0, 1, 2])
    one = OneFeature(train)
    assert (one.feature, one.side, one.auc) == ("duration_us", "less", 1)
    table = pl.DataFrame({"duration_us": [5.0, 10, 15, 45, 99], "packets": [1] * 5})
    scores, can = one.score(table)
    assert can.all()
    assert scores.tolist() == pytest.approx([0.875, 0.875, 0.75, 0.25, 0.125])


def test_the_one_feature_needs_both_classes() -> None:
    with pytest.raises(UsageError, match="both classes"):
        OneFeature(one_column([1, 2], [False, False], [0, 0]))


def test_a_weighted_quantile() -> None:
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([0.5, 0.25, 0.25])
    found = [weighted_quantile(values, weights, share) for share in (0.25, 0.3, 0.5, 0.51, 1)]
    assert found == [1, 2, 2, 3, 3]
