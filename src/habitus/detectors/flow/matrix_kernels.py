"""The fast loop of `habitus.detectors.flow.matrix`. It neither allocates nor raises."""

from __future__ import annotations

import math

from habitus.compiled import kernel


@kernel
def clean(columns, largest, n_null, is_same):
    """Make NaN of what is infinite or larger than can be, and look at each column.

    Args:
        columns: (p, n) changed in place.
        n_null: (p,) set to how many values are NaN.
        is_same: (p,) set to whether there is but one value; NaN beside it is none.
    """
    for j in range(len(columns)):
        column = columns[j]
        nulls = 0
        differ = False
        first = math.nan
        for i in range(len(column)):
            x = column[i]
            if not abs(x) <= largest:
                column[i] = math.nan
                nulls += 1
            elif math.isnan(first):
                first = x
            elif x != first:
                differ = True
        n_null[j] = nulls
        is_same[j] = not differ
