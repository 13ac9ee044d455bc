"""The fast loops of boosted trees (see `habitus.detectors.flow.trees`).

They neither allocate nor raise, and every loop ends: a node's children stand behind it.
"""

from __future__ import annotations

import math

from habitus.compiled import kernel


@kernel
def add_leaves(rows, feature, threshold, null_left, left, right, value, begins, out):
    """Add to each row's log-odds the value of the leaf it comes to in each tree.

    Args:
        rows: (n, p) NaN where undefined.
        feature: (n_nodes,) the column that a node asks; below 0: it is a leaf.
        threshold: a value that is at most so large goes left, an undefined one where ``null_left``.
        left, right: (n_nodes,) children.
        begins: (n_trees + 1,) the root of each tree.
    """
    for i in range(len(rows)):
        total = out[i]
        for tree in range(len(begins) - 1):
            node = begins[tree]
            while feature[node] >= 0:
                x = rows[i, feature[node]]
                goes_left = null_left[node] if math.isnan(x) else x <= threshold[node]
                node = left[node] if goes_left else right[node]
            total += value[node]
        out[i] = total


@kernel
def add_shapley(
    rows, feature, threshold, null_left, left, value, count, parent, points, weights,
    asked, asked_of, went_left, columns, shares, holds, factors, out,
):  # fmt: skip
    """Add to ``out`` each feature's path-dependent Shapley value, leaf by leaf.

    On the way to a leaf stand m different features. Where those of a set S are known and the others
    are not, the leaf counts with its value times o for each of S, 1 or 0, whether the row takes all
    turns that ask it; and times z for each other, the share of training rows that take them. A
    feature's Shapley value is (o - z) times the sum, over all S of the other features, of such
    products, weighed by the number k in S. Those weights are integrals,
    k! (m - 1 - k)! / m! = int_0^1 s^k (1 - s)^(m - 1 - k) ds, so the sum is int_0^1 of the product
    of z (1 - s) + o s over the others: a polynomial, which Gauss' rule integrates exactly, and all
    of whose factors are above 0.

    Args:
        count: (n_nodes,) training rows that came to each node.
        parent: (n_nodes,) -1 of a root.
        points, weights: (d, d) Gauss' rule of j + 1 points on [0, 1] in row j.
        asked, asked_of, went_left, columns, shares, holds, factors: (depth + 1,) to work in.
        out: (n, p)
    """
    for leaf in range(len(feature)):
        if feature[leaf] >= 0 or parent[leaf] < 0:
            continue
        n_asked = 0
        m = 0
        node = leaf
        while parent[node] >= 0:
            up = parent[node]
            which = 0
            while which < m and columns[which] != feature[up]:
                which += 1
            if which == m:
                columns[m] = feature[up]
                shares[m] = 1.0
                m += 1
            shares[which] *= count[node] / count[up]
            asked[n_asked] = up
            asked_of[n_asked] = which
            went_left[n_asked] = left[up] == node
            n_asked += 1
            node = up
        n_points = (m + 1) // 2
        for i in range(len(rows)):
            for which in range(m):
                holds[which] = 1.0
            for turn in range(n_asked):
                node = asked[turn]
                x = rows[i, feature[node]]
                goes_left = null_left[node] if math.isnan(x) else x <= threshold[node]
                if goes_left != went_left[turn]:
                    holds[asked_of[turn]] = 0.0
            for point in range(n_points):
                s = points[n_points - 1, point]
                product = weights[n_points - 1, point] * value[leaf]
                for which in range(m):
                    factors[which] = shares[which] * (1.0 - s) + holds[which] * s
                    product *= factors[which]
                for which in range(m):
                    gain = holds[which] - shares[which]
                    out[i, columns[which]] += gain * product / factors[which]
