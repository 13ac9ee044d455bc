"""The fast loop that finds where normal traces come nearest to a stretch of calls."""

from __future__ import annotations

import numpy as np

from habitus.compiled import kernel


@kernel
def nearest_stretch(pattern, text, offsets, cost, start):
    """The stretch of ``text`` with the fewest edits from ``pattern`` (Sellers 1980).

    Args:
        pattern: (m,) uint16.
        text: uint16; ``offsets`` divides it into traces, and no stretch spans two of them.
        cost, start: (m + 1,) int64 scratch: for each prefix of the pattern, the fewest edits to a
            stretch that ends here, and where that stretch begins.

    Returns:
        (edits, trace, begin, end) of the first nearest stretch, places within ``text``; trace is -1
        if there is no text.
    """
    m = len(pattern)
    best = m + 1
    best_trace, best_begin, best_end = -1, 0, 0
    for trace in range(len(offsets) - 1):
        for k in range(m + 1):
            cost[k] = k
            start[k] = offsets[trace]
        for i in range(offsets[trace], offsets[trace + 1]):
            diagonal, diagonal_start = cost[0], start[0]
            start[0] = i + 1  # an empty stretch may begin anywhere, at no cost
            for k in range(1, m + 1):
                edits = diagonal + (0 if pattern[k - 1] == text[i] else 1)
                begin = diagonal_start
                if cost[k] + 1 < edits:  # a call of the text is left out
                    edits, begin = cost[k] + 1, start[k]
                if cost[k - 1] + 1 < edits:  # a call of the pattern is left out
                    edits, begin = cost[k - 1] + 1, start[k - 1]
                diagonal, diagonal_start = cost[k], start[k]
                cost[k], start[k] = edits, begin
            if cost[m] < best:
                best, best_trace, best_begin, best_end = cost[m], trace, start[m], i + 1
                if best == 0:
                    return best, best_trace, best_begin, best_end
    return best, best_trace, np.int64(best_begin), np.int64(best_end)
