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
N_DEFINED = 2  # surprises in the ring that are not NaN, for a mean
N_LOW = 2  # for a quantile: those in the lower heap
N_HIGH = 3  # and in the higher


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
        counts: (4,) int64, see above; ``total`` (1,) float64, the sum of the ring.
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


# Which heap a slot of the ring is in.
NOWHERE = 0  # its surprise is undefined
LOW = 1
HIGH = 2


@kernel
def settle(heap, n, i, sign, ring, where):
    """Move the slot at ``i`` of a heap up or down to where it belongs.

    The top of a heap is the slot with the smallest ``sign * ring[slot]``.
    """
    slot = heap[i]
    key = sign * ring[slot]
    while i > 0:
        above = (i - 1) // 2
        if sign * ring[heap[above]] <= key:
            break
        heap[i] = heap[above]
        where[heap[i]] = i
        i = above
    while True:
        below = 2 * i + 1
        if below >= n:
            break
        if below + 1 < n and sign * ring[heap[below + 1]] < sign * ring[heap[below]]:
            below += 1
        if sign * ring[heap[below]] >= key:
            break
        heap[i] = heap[below]
        where[heap[i]] = i
        i = below
    heap[i] = slot
    where[slot] = i


@kernel
def push(heap, n, slot, sign, ring, where):
    """Add a slot to a heap of ``n``."""
    heap[n] = slot
    settle(heap, n + 1, n, sign, ring, where)


@kernel
def take(heap, n, i, sign, ring, where):
    """Take the slot at ``i`` out of a heap of ``n``."""
    last = heap[n - 1]
    if i < n - 1:
        heap[i] = last
        settle(heap, n - 1, i, sign, ring, where)


@kernel
def between(low, high, virtual):
    """The quantile between two neighbouring values, interpolated as numpy does it."""
    share = virtual - np.floor(virtual)
    if share >= 0.5:
        return high - (high - low) * (1 - share)
    return low + (high - low) * share


@kernel
def middle_of(heaps, counts, ring, quantile):
    """The quantile of the surprises in the two heaps, of which the lower is not empty."""
    low = np.float64(ring[heaps[0, 0]])
    high = np.float64(ring[heaps[1, 0]]) if counts[N_HIGH] > 0 else low
    return between(low, high, quantile * (counts[N_LOW] + counts[N_HIGH] - 1))


@kernel
def rolling_quantile(surprise, ring, counts, heaps, where, side, quantile, scores):
    """Quantile of the last ``len(ring)`` defined surprises, after every call; NaN before.

    Two heaps part the window's surprises at the quantile, the highest of the lower and the lowest
    of the higher on top, so that a call costs a few steps up or down whatever the window is.

    Args:
        counts: (4,) int64, see above.
        heaps: (2, window) int32, slots of the ring; ``where`` (window,) int32, each slot's place in
            its heap; ``side`` (window,) int8, which heap that is.
    """
    window = len(ring)
    low = heaps[0]
    high = heaps[1]
    for i in range(len(surprise)):
        slot = counts[PLACE]
        if counts[N_SEEN] < window:
            counts[N_SEEN] += 1
        elif side[slot] == LOW:
            take(low, counts[N_LOW], where[slot], -1, ring, where)
            counts[N_LOW] -= 1
        elif side[slot] == HIGH:
            take(high, counts[N_HIGH], where[slot], 1, ring, where)
            counts[N_HIGH] -= 1
        new = surprise[i]
        is_low = counts[N_LOW] > 0 and new <= ring[low[0]]
        ring[slot] = new
        if np.isnan(new):
            side[slot] = NOWHERE
        elif is_low:
            side[slot] = LOW
            push(low, counts[N_LOW], slot, -1, ring, where)
            counts[N_LOW] += 1
        else:
            side[slot] = HIGH
            push(high, counts[N_HIGH], slot, 1, ring, where)
            counts[N_HIGH] += 1
        n = counts[N_LOW] + counts[N_HIGH]
        n_low = np.int64(np.floor(quantile * (n - 1))) + 1 if n > 0 else 0
        while counts[N_LOW] > n_low:
            moved = low[0]
            take(low, counts[N_LOW], 0, -1, ring, where)
            counts[N_LOW] -= 1
            side[moved] = HIGH
            push(high, counts[N_HIGH], moved, 1, ring, where)
            counts[N_HIGH] += 1
        while counts[N_LOW] < n_low:
            moved = high[0]
            take(high, counts[N_HIGH], 0, 1, ring, where)
            counts[N_HIGH] -= 1
            side[moved] = LOW
            push(low, counts[N_LOW], moved, -1, ring, where)
            counts[N_LOW] += 1
        counts[PLACE] = slot + 1 if slot + 1 < window else 0
        if counts[N_SEEN] == window and n > 0:
            scores[i] = middle_of(heaps, counts, ring, quantile)
        else:
            scores[i] = np.nan
