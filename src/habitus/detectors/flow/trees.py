"""`Trees`: boosted trees as plain arrays.

Scores are those of scikit-learn's HistGradientBoostingClassifier, of whose trees they are a copy;
contributions are the values of S. M. Lundberg, G. G. Erion, S.-I. Lee, "Consistent individualized
feature attribution for tree ensembles", 2018 (arXiv 1802.03888), the path-dependent ones of its
algorithm 2, computed in a way of our own (`boosting_kernels.add_shapley`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from habitus.detectors.flow.arrays import checked
from habitus.detectors.flow.boosting_kernels import add_leaves, add_shapley
from habitus.detectors.flow.matrix import blocks
from habitus.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.detectors.base import State

    Numbers = NDArray[np.float64]
    Indices = NDArray[np.int32]

MAX_NODES = 1 << 21
MAX_DEPTH = 256
_BLOCK = 1 << 10
"""Rows at a time, by row: the trees ask here and there."""
_MOST = 1e9


@dataclass(frozen=True)
class Trees:
    """Boosted trees, one after another; in each, children stand behind their parents.

    Attributes:
        feature: (n_nodes,) int32, the column asked; -1: a leaf.
        threshold: (n_nodes,) what is at most so large goes left; infinite: all that is defined.
        null_left: (n_nodes,) bool, where undefined values go.
        left, right: (n_nodes,) int32; -1 of a leaf.
        value: (n_nodes,) what a leaf adds to the log-odds.
        count: (n_nodes,) int64, training rows that came to each node.
        begins: (n_trees + 1,) int64, each tree's root.
        start: (1,) log-odds before all trees.
    """

    feature: Indices
    threshold: Numbers
    null_left: NDArray[np.bool_]
    left: Indices
    right: Indices
    value: Numbers
    count: NDArray[np.int64]
    begins: NDArray[np.int64]
    start: Numbers

    @classmethod
    def of(cls, fitted: Any) -> Trees:
        """The trees of a fitted HistGradientBoostingClassifier of two classes."""
        trees = [stage[0].nodes for stage in fitted._predictors]
        begins = np.cumsum([0, *(len(nodes) for nodes in trees)])
        nodes = np.concatenate(trees)
        before = np.repeat(begins[:-1], np.diff(begins))
        is_leaf = nodes["is_leaf"].astype(bool)

        def child(name: str) -> Indices:
            return np.where(is_leaf, -1, nodes[name].astype(np.int64) + before).astype(np.int32)

        return cls(
            np.where(is_leaf, -1, nodes["feature_idx"]).astype(np.int32),
            np.where(is_leaf, 0.0, nodes["num_threshold"]).astype(np.float64),
            nodes["missing_go_to_left"].astype(bool) & ~is_leaf,
            child("left"), child("right"),
            np.where(is_leaf, nodes["value"], 0.0).astype(np.float64),
            nodes["count"].astype(np.int64), begins.astype(np.int64),
            np.array([float(np.ravel(fitted._baseline_prediction)[0])]),
        )  # fmt: skip

    @property
    def n_splits(self) -> int:
        """Nodes that ask something."""
        return int((self.feature >= 0).sum())

    @property
    def base(self) -> float:
        """Log-odds of a row of which nothing is known: the mean over training rows."""
        weight = self.count / np.repeat(self.count[self.begins[:-1]], np.diff(self.begins))
        return float(self.start[0] + (weight * self.value).sum())

    def log_odds(self, matrix: Numbers) -> Numbers:
        """(n,) of a matrix (n, p)."""
        out = np.full(len(matrix), self.start[0])
        for begin, end in blocks(len(matrix), _BLOCK):
            add_leaves(
                np.ascontiguousarray(matrix[begin:end]), self.feature, self.threshold,
                self.null_left, self.left, self.right, self.value, self.begins, out[begin:end],
            )  # fmt: skip
        return out

    def terms(self, matrix: Numbers) -> Numbers:
        """(n, p) the Shapley value of each column."""
        parent, depth = self._parents()
        deepest = int(depth.max()) + 1
        points, weights = _gauss(deepest // 2 + 1)
        room = np.empty((4, deepest + 1), dtype=np.int64)
        numbers = np.empty((3, deepest + 1))
        went_left = np.empty(deepest + 1, dtype=np.bool_)
        out = np.zeros(matrix.shape)
        for begin, end in blocks(len(matrix), _BLOCK):
            add_shapley(
                np.ascontiguousarray(matrix[begin:end]), self.feature, self.threshold,
                self.null_left, self.left, self.value, self.count, parent, points, weights,
                room[0], room[1], went_left, room[2], numbers[0], numbers[1], numbers[2],
                out[begin:end],
            )  # fmt: skip
        return out

    def _parents(self) -> tuple[Indices, Indices]:
        """(n_nodes,) each node's parent, -1 of a root, and how deep it stands."""
        asks = np.flatnonzero(self.feature >= 0)
        parent = np.full(len(self.feature), -1, dtype=np.int32)
        parent[self.left[asks]] = parent[self.right[asks]] = asks
        depth = np.zeros(len(parent), dtype=np.int32)
        level = asks[parent[asks] < 0]
        # A level of all trees at a time; more levels than may be are as good as that many.
        for at in range(1, MAX_DEPTH + 2):
            level = np.concatenate([self.left[level], self.right[level]])
            if not len(level):
                break
            depth[level] = at
            level = level[self.feature[level] >= 0]
        return parent, depth

    def state(self) -> State:
        """What `restored` needs."""
        return {f"tree_{field.name}": getattr(self, field.name) for field in fields(self)}

    @classmethod
    def restored(cls, state: Mapping[str, NDArray[np.generic]], p: int) -> Trees:
        """The trees that `state` gave.

        Raises:
            ModelError: if the arrays make no trees that ask ``p`` columns.
        """
        begins = checked(state, "tree_begins", np.int64, (-1,), low=0, high=MAX_NODES)
        if len(begins) < 2 or begins[0] != 0 or (np.diff(begins) < 1).any():
            raise ModelError("the model's trees do not follow one another")
        n = int(begins[-1])
        made = cls(
            checked(state, "tree_feature", np.int32, (n,), low=-1, high=p - 1),
            checked(state, "tree_threshold", np.float64, (n,), low=-np.inf),
            checked(state, "tree_null_left", np.bool_, (n,)),
            checked(state, "tree_left", np.int32, (n,), low=-1, high=n - 1),
            checked(state, "tree_right", np.int32, (n,), low=-1, high=n - 1),
            checked(state, "tree_value", np.float64, (n,), low=-_MOST, high=_MOST),
            checked(state, "tree_count", np.int64, (n,), low=1, high=1 << 53),
            begins,
            checked(state, "tree_start", np.float64, (1,), low=-_MOST, high=_MOST),
        )
        made._check()
        return made

    def _check(self) -> None:
        """Raises ModelError unless every node but a root is the child of one before it."""
        asks = np.flatnonzero(self.feature >= 0)
        tree_end = np.repeat(self.begins[1:], np.diff(self.begins))
        times = np.zeros(len(self.feature), dtype=np.int64)
        for child in (self.left[asks], self.right[asks]):
            if not ((child > asks) & (child < tree_end[asks])).all():
                raise ModelError("a node of the model's trees does not stand before its children")
            np.add.at(times, child, 1)
        times[self.begins[:-1]] += 1
        if (times != 1).any():
            raise ModelError("the nodes of the model's trees make no trees")
        both = self.count[self.left[asks]] + self.count[self.right[asks]]
        if (both != self.count[asks]).any():
            raise ModelError("the model's trees count other rows in nodes than in their children")
        if int(self._parents()[1].max()) > MAX_DEPTH:
            raise ModelError(f"a tree of the model is deeper than {MAX_DEPTH}")


def _gauss(n: int) -> tuple[Numbers, Numbers]:
    """(n, n) points and weights of Gauss' rules on [0, 1], of j + 1 points in row j."""
    points, weights = np.zeros((n, n)), np.zeros((n, n))
    for j in range(n):
        at, weight = np.polynomial.legendre.leggauss(j + 1)
        points[j, : j + 1], weights[j, : j + 1] = (at + 1) / 2, weight / 2
    return points, weights
