"""Fast loops that make a score of the last surprises after every call.

They go on where the segment before left off: the ring holds the last surprises of the trace. None
of them allocates or raises.
"""

from __future__ import annotations

import numpy as np

from habitus.compiled import kernel

# What is kept of an open trace, besides the ring.
N_SEEN = 0  # calls so far, at most the window
PLACE = 1  # where the next surprise goes in the ring
N_DEFINED = 2  # surprises in the ring that are not NaN


@kernel
def sum_of(ring, n):
    """The sum of the first ``n`` surprises of the ring that are defined."""
    total = 0.0
    for i in range(n):
        if not np.isnan(ring[i]):
            total += ring[i]
    return total


@kernel
def rolling_mean(surprise, ring, counts, total, scores):
    """Mean of the last ``len(ring)`` defined surprises, after every call; NaN before.

    Args:
        counts: (3,) int64, see above; ``total`` (1,) float64, the sum of the ring.
        scores: (n,) float64, filled.
    """
    window = len(ring)
    seen = counts[N_SEEN]
    place = counts[PLACE]
    defined = counts[N_DEFINED]
    running = total[0]
    for i in range(len(surprise)):
        if seen == window:
            old = ring[place]
            if not np.isnan(old):
                running -= old
                defined -= 1
        else:
            seen += 1
        new = surprise[i]
        ring[place] = new
        if not np.isnan(new):
            running += new
            defined += 1
        place += 1
        if place == window:
            # Made anew each time round: what rounding has left of long gone surprises is forgotten.
            place = 0
            running = sum_of(ring, window)
        scores[i] = running / defined if seen == window and defined > 0 else np.nan
    counts[N_SEEN] = seen
    counts[PLACE] = place
    counts[N_DEFINED] = defined
    total[0] = running


@kernel
def place_in(ranked, n, value):
    """Where ``value`` stands, or would stand, among the first ``n`` of ascending values."""
    low = 0
    high = n
    while low < high:
        middle = (low + high) // 2
        if ranked[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def quantile_of(ranked, n, quantile):
    """The quantile of the first ``n`` > 0 ascending values, interpolated as numpy does it."""
    virtual = quantile * (n - 1)
    below = np.int64(np.floor(virtual))
    above = min(below + 1, n - 1)
    low = np.float64(ranked[below])
    high = np.float64(ranked[above])
    share = virtual - below
    if share >= 0.5:
        return high - (high - low) * (1 - share)
    return low + (high - low) * share


@kernel
def rolling_quantile(surprise, ring, counts, ranked, quantile, scores):
    """Quantile of the last ``len(ring)`` defined surprises, after every call; NaN before.

    Args:
        ranked: (window,) float32, the defined surprises of the ring in ascending order.
    """
    window = len(ring)
    seen = counts[N_SEEN]
    place = counts[PLACE]
    defined = counts[N_DEFINED]
    for i in range(len(surprise)):
        if seen == window:
            old = ring[place]
            if not np.isnan(old):
                defined -= 1
                for j in range(place_in(ranked, defined + 1, old), defined):
                    ranked[j] = ranked[j + 1]
        else:
            seen += 1
        new = surprise[i]
        ring[place] = new
        if not np.isnan(new):
            at = place_in(ranked, defined, new)
            for j in range(defined, at, -1):
                ranked[j] = ranked[j - 1]
            ranked[at] = new
            defined += 1
        place = place + 1 if place + 1 < window else 0
        if seen == window and defined > 0:
            scores[i] = quantile_of(ranked, defined, quantile)
        else:
            scores[i] = np.nan
    counts[N_SEEN] = seen
    counts[PLACE] = place
    counts[N_DEFINED] = defined
