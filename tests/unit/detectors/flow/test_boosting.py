"""`boosting`: a copy of scikit-learn's trees, and Shapley values by their definition."""

from __future__ import annotations

from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from habitus.detectors.flow.boosting import Boosting
from habitus.detectors.flow.trees import Trees
from habitus.errors import ModelError
from made_flows import made_flows

if TYPE_CHECKING:
    from numpy.typing import NDArray


def rows(n: int, p: int, seed: int = 1) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Rows with holes, and a class that takes several columns at once to tell."""
    rng = np.random.default_rng(seed)
    matrix = np.round(rng.normal(0, 2, (n, p)), 1)
    labels = (matrix[:, 0] * matrix[:, 1] > 0) ^ (matrix[:, 2] > 1)
    matrix[rng.random((n, p)) < 0.15] = np.nan
    return matrix, labels | np.isnan(matrix[:, 1])


def forest(
    p: int, seed: int = 1, **settings: Any
) -> tuple[HistGradientBoostingClassifier, NDArray[np.float64]]:
    matrix, labels = rows(500, p, seed)
    options = {"max_iter": 5, "max_leaf_nodes": 8, "min_samples_leaf": 5, "early_stopping": False}
    return HistGradientBoostingClassifier(**{**options, **settings}).fit(matrix, labels), matrix


@pytest.mark.parametrize("seed", range(4))
def test_log_odds_are_scikit_learns(seed: int) -> None:
    made, matrix = forest(6, seed, max_iter=40, max_leaf_nodes=31)
    far = np.array([[1e30, -1e30, np.nan, 0, 0, 0]])
    judged = np.vstack([matrix, rows(300, 6, seed + 90)[0], far, np.full((1, 6), np.nan)])
    wanted = made.decision_function(judged)
    assert np.abs(Trees.of(made).log_odds(judged) - wanted).max() <= 1e-9


def test_a_fitted_detector_scores_as_scikit_learn_does() -> None:
    flows, malicious, files = made_flows(300)
    detector = Boosting.with_settings({"trees": 10, "calibrate": "none", "features": "volume"})
    detector.fit(flows, malicious, files, seed=3)
    matrix = detector.inputs.matrix(flows)
    wanted = HistGradientBoostingClassifier(max_iter=10, early_stopping=False, random_state=3).fit(
        matrix, malicious
    )
    assert np.abs(detector.score(flows) - wanted.predict_proba(matrix)[:, 1]).max() <= 1e-9


def expected(trees: Trees, node: int, row: NDArray[np.float64], known: set[int]) -> float:
    """A tree's value where some columns are known: the others by how many rows went which way."""
    column = int(trees.feature[node])
    if column < 0:
        return float(trees.value[node])
    left, right = int(trees.left[node]), int(trees.right[node])
    if column in known:
        x = row[column]
        goes_left = trees.null_left[node] if np.isnan(x) else x <= trees.threshold[node]
        return expected(trees, left if goes_left else right, row, known)
    total = trees.count[left] + trees.count[right]
    return float(
        sum(trees.count[c] / total * expected(trees, c, row, known) for c in (left, right))
    )


def shapley(trees: Trees, row: NDArray[np.float64], p: int) -> NDArray[np.float64]:
    """By their definition, over all sets of columns."""

    def value(known: set[int]) -> float:
        return sum(expected(trees, int(root), row, known) for root in trees.begins[:-1])

    found = np.zeros(p)
    for column in range(p):
        others = [c for c in range(p) if c != column]
        for size in range(p):
            weight = factorial(size) * factorial(p - 1 - size) / factorial(p)
            for known in combinations(others, size):
                found[column] += weight * (value({*known, column}) - value(set(known)))
    return found


@pytest.mark.parametrize(("p", "leaves"), [(3, 4), (4, 8), (5, 16)])
def test_contributions_are_shapley_values(p: int, leaves: int) -> None:
    made, matrix = forest(p, max_leaf_nodes=leaves)
    trees = Trees.of(made)
    found = trees.terms(matrix[:6])
    for i in range(6):
        assert np.allclose(found[i], shapley(trees, matrix[i], p), atol=1e-12)


def test_deep_trees_add_up_to_the_log_odds() -> None:
    made, matrix = forest(12, max_iter=30, max_leaf_nodes=128, min_samples_leaf=1)
    trees = Trees.of(made)
    assert trees._parents()[1].max() > 12
    total = trees.base + trees.terms(matrix).sum(axis=1)
    assert np.allclose(total, trees.log_odds(matrix), atol=1e-9)
    assert np.isclose(trees.base, trees.log_odds(matrix).mean(), atol=1e-9)


def test_trees_that_ask_nothing_score_all_alike_and_that_is_told() -> None:
    flows, malicious, files = made_flows(30)
    detector = Boosting.with_settings({"trees": 3})
    detector.fit(flows, malicious, files)
    assert "no tree asks anything" in " ".join(detector.warnings())
    assert len(set(detector.score(flows).tolist())) == 1
    assert not detector.contributions(flows).values.any()


def one_tree() -> dict[str, NDArray[Any]]:
    """Root, leaf, node, leaf, leaf."""
    arrays = {
        "feature": np.array([0, -1, 1, -1, -1], np.int32),
        "threshold": np.array([0.5, 0, 1.5, 0, 0]),
        "null_left": np.zeros(5, bool),
        "left": np.array([1, -1, 3, -1, -1], np.int32),
        "right": np.array([2, -1, 4, -1, -1], np.int32),
        "value": np.array([0.0, 1.0, 0.0, 2.0, 4.0]),
        "count": np.array([8, 4, 4, 1, 3]),
        "begins": np.array([0, 5]),
        "start": np.array([0.25]),
    }
    return {f"tree_{name}": array for name, array in arrays.items()}


def test_a_tree_by_hand() -> None:
    trees = Trees.restored(one_tree(), 2)
    judged = np.array([[0.5, 9.0], [0.6, 1.5], [np.nan, np.nan]])
    assert trees.log_odds(judged).tolist() == [1.25, 2.25, 4.25]
    # (4 * 1 + 1 * 2 + 3 * 4) / 8 above the start.
    assert trees.base == 2.5
    # The first row: known first column alone 1, second alone .5 + .5 * 4, both 1, none 2.25.
    assert np.allclose(trees.terms(judged)[0], [(1 - 2.25 + 1 - 2.5) / 2, (2.5 - 2.25 + 0) / 2])


@pytest.mark.parametrize(
    ("name", "place", "number"),
    [
        ("left", 2, 2), ("left", 2, 0), ("left", 0, 3), ("right", 2, 3), ("right", 0, 1),
        ("left", 0, 9), ("right", 0, -1), ("feature", 1, 0), ("feature", 0, 2), ("count", 4, 2),
        ("count", 3, 0), ("value", 1, np.inf), ("threshold", 0, np.nan), ("begins", 0, 1),
        ("begins", 1, 4), ("begins", 1, 6),
    ],
)  # fmt: skip
def test_what_is_no_tree_is_refused(name: str, place: int, number: float) -> None:
    arrays = one_tree()
    arrays[f"tree_{name}"][place] = number
    with pytest.raises(ModelError):
        Trees.restored(arrays, 2)


def test_a_tree_as_deep_as_a_well_is_refused() -> None:
    depth = 400
    n = 2 * depth + 1
    inner = np.arange(n) % 2 == 0
    inner[-1] = False
    at = np.arange(n)
    arrays = {
        "feature": np.where(inner, 0, -1).astype(np.int32),
        "threshold": np.zeros(n),
        "null_left": np.zeros(n, bool),
        "left": np.where(inner, at + 1, -1).astype(np.int32),
        "right": np.where(inner, at + 2, -1).astype(np.int32),
        "value": np.zeros(n),
        "count": np.where(inner, depth + 1 - at // 2, 1),
        "begins": np.array([0, n]),
        "start": np.zeros(1),
    }
    with pytest.raises(ModelError, match="deeper than 256"):
        Trees.restored({f"tree_{name}": array for name, array in arrays.items()}, 1)


def test_a_feature_that_one_file_alone_tells_does_not_end_the_fit() -> None:
    """With that file held out to calibrate, the others tell nothing of it."""
    table, malicious, files = made_flows(400)
    alone = pl.when(pl.Series(files == 0)).then(pl.col("payload_entropy")).otherwise(None)
    detector = Boosting.with_settings({})
    detector.fit(table.with_columns(alone.alias("payload_entropy")), malicious, files, seed=1)
    assert "payload_entropy" in detector.inputs.names
    assert np.isfinite(detector.score(table)).all()
