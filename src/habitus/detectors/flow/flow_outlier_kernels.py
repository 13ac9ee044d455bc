"""The fast loops of `flow-outlier` (see `habitus.detectors.flow.tails`).

They neither allocate nor raise.
"""

from __future__ import annotations

import math

from habitus.compiled import kernel


@kernel
def surprises(
    column, begin, end, is_log, at, below, up_to, least, low_at, low_cost, low_scale, high_at,
    high_cost, high_scale, if_null, if_told, out,
):  # fmt: skip
    """Write to ``out[begin:end]`` the surprise (nats) of each flow's value.

    Args:
        column: (n,) one column of the matrix, NaN where undefined.
        is_log: whether ln(1 + x) is taken first.
        at: (k,) increasing values of training; ``below`` and ``up_to``: (k,) the shares of training
            values smaller than each, and not larger.
        least: the smallest share that is told apart from none.
        low_at, high_at: beyond these the tails go on: surprise grows by 1 for each ``..._scale``.
        if_null: the surprise of an undefined value; ``if_told`` is added to that of others.
    """
    last = len(at) - 1
    for i in range(begin, end):
        x = column[i]
        if math.isnan(x):
            out[i] = if_null
            continue
        if is_log:
            x = math.copysign(math.log(1.0 + abs(x)), x)
        if x > high_at:
            out[i] = high_cost + (x - high_at) / high_scale + if_told
            continue
        if x < low_at:
            out[i] = low_cost + (low_at - x) / low_scale + if_told
            continue
        # The last value that is not larger than x; -1: none.
        first, after = 0, last + 1
        while first < after:
            middle = (first + after) // 2
            if at[middle] <= x:
                first = middle + 1
            else:
                after = middle
        k = first - 1
        if k < 0:
            smaller, not_larger = 0.0, 0.0
        elif at[k] == x:
            smaller, not_larger = below[k], up_to[k]
        elif k == last:
            smaller, not_larger = 1.0, 1.0
        else:
            share = (x - at[k]) / (at[k + 1] - at[k])
            smaller = up_to[k] + share * (below[k + 1] - up_to[k])
            not_larger = smaller
        tail = max(least, min(not_larger, 1.0 - smaller))
        out[i] = if_told - math.log(min(1.0, 2.0 * tail))
