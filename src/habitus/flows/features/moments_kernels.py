"""The fast loops that make means, deviations and ends of what was kept of flows.

Undefined is NaN: a mean of none, a deviation of fewer than two.
"""

from __future__ import annotations

import math

from habitus.compiled import inlined_kernel, kernel

MEAN, STD, LOW, HIGH = range(4)
NS_IN_US = 1e3
_SPLITTER = 134_217_729.0  # 2**27 + 1


@kernel
def size_moments(packets, totals, squares, low, high, moments):
    """Of the sizes of packets, of one direction or of both together.

    Args:
        packets, totals: (n_ways, n) int64: how many, and their sum; ``squares`` (n_ways, n)
            float64, ``low`` and ``high`` (n_ways, n) uint32 as `SIZES` has them.
        moments: (4, n) float64, filled.
    """
    for i in range(packets.shape[1]):
        n, total, square, least, most = 0, 0, 0.0, 0xFFFFFFFF, 0
        for way in range(packets.shape[0]):
            if packets[way, i] > 0:
                n += packets[way, i]
                total += totals[way, i]
                square += squares[way, i]
                least = min(least, low[way, i])
                most = max(most, high[way, i])
        moments[:, i] = math.nan
        if n > 0:
            moments[MEAN, i] = total / n
            moments[LOW, i], moments[HIGH, i] = least, most
        if n > 1:
            spread = exact_difference(float(n), square, float(total))
            moments[STD, i] = math.sqrt(max(spread / n / (n - 1), 0.0))


@kernel
def span_moments(counts, center, m2, low, high, moments):
    """Of spans of time in nanoseconds: in microseconds.

    Args:
        counts: (n,) int64; the others (n,) as `SPANS` has them.
        moments: (4, n) float64, filled.
    """
    for i in range(len(counts)):
        n = counts[i]
        moments[:, i] = math.nan
        if n > 0:
            moments[MEAN, i] = center[i] / NS_IN_US
            moments[LOW, i], moments[HIGH, i] = low[i] / NS_IN_US, high[i] / NS_IN_US
        if n > 1:
            moments[STD, i] = math.sqrt(max(m2[i] / (n - 1), 0.0)) / NS_IN_US


@inlined_kernel
def exact_difference(n, squares, total):
    """``n * squares - total**2`` as if computed exactly, and rounded once.

    Source: T. J. Dekker, "A floating-point technique for extending the available precision",
    Numerische Mathematik 18, 1971.
    """
    above, below = n * squares, total * total
    return (above - below) + (lost(n, squares, above) - lost(total, total, below))


@inlined_kernel
def lost(a, b, product):
    """What rounding took from a product."""
    a_high = a * _SPLITTER - (a * _SPLITTER - a)
    b_high = b * _SPLITTER - (b * _SPLITTER - b)
    a_low, b_low = a - a_high, b - b_high
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
