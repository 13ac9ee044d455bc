"""The fast loops of linear models of flows (see `habitus.detectors.flow.linear`).

They neither allocate nor raise. Each flow's terms are added in the order of the columns, so a score
does not depend on the flows beside it.
"""

from __future__ import annotations

import math

from habitus.compiled import kernel


@kernel
def add_terms(columns, begin, end, is_log, centre, slope, if_null, if_told, out):
    """Add to ``out[begin:end]`` what each column adds to the log-odds of each flow.

    Args:
        columns: (p, n) the matrix by column, NaN where undefined.
        is_log: (p,) whether ln(1 + x) is taken first.
        centre, slope, if_told: (p,) a value adds slope * (x - centre) + if_told.
        if_null: (p,) what an undefined one adds.
    """
    for j in range(len(columns)):
        column = columns[j]
        middle, steep, null, told = centre[j], slope[j], if_null[j], if_told[j]
        if is_log[j]:
            for i in range(begin, end):
                x = column[i]
                if math.isnan(x):
                    out[i] += null
                else:
                    x = math.copysign(math.log(1.0 + abs(x)), x)
                    out[i] += steep * (x - middle) + told
        else:
            for i in range(begin, end):
                x = column[i]
                out[i] += null if math.isnan(x) else steep * (x - middle) + told


@kernel
def chances(log_odds, slope, shift, out):
    """Probabilities of log-odds, without overflow."""
    for i in range(len(log_odds)):
        z = slope * log_odds[i] + shift
        if z >= 0.0:
            out[i] = 1.0 / (1.0 + math.exp(-z))
        else:
            power = math.exp(z)
            out[i] = power / (1.0 + power)
