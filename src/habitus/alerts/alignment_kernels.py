"""The fast loop that finds where normal traces come nearest to a stretch of calls."""

from __future__ import annotations

import numpy as np

from habitus.compiled import kernel


@kernel
def nearest_stretch(pattern, text, offsets, cells):
    """The stretch of ``text`` with the fewest edits from ``pattern`` (Sellers 1980).

    Args:
        pattern: (m,) uint16.
        text: uint16; ``offsets`` divides it into traces, and no stretch spans two of them.
        cells: (m + 1,) int64 scratch: for each prefix of the pattern, the fewest edits to a stretch
            that ends here in the high half, where that stretch begins in the low half. The least of
            such numbers is the fewest edits and, of equals, the earliest begin.

    Returns:
        (edits, trace, begin, end) of the first nearest stretch, places within ``text``; trace is -1
        if there is no text.
    """
    m = len(pattern)
    one_edit = np.int64(1) << 32
    best = np.int64(m + 1) << 32
    best_trace, best_end = -1, 0
    for trace in range(len(offsets) - 1):
        for k in range(m + 1):
            cells[k] = k * one_edit + offsets[trace]
        for i in range(offsets[trace], offsets[trace + 1]):
            diagonal = cells[0]
            left = np.int64(i + 1)  # an empty stretch may begin anywhere, at no cost
            cells[0] = left
            for k in range(1, m + 1):
                changed = diagonal + (0 if pattern[k - 1] == text[i] else one_edit)
                diagonal = cells[k]
                left = min(changed, min(diagonal, left) + one_edit)
                cells[k] = left
            if left >> 32 < best >> 32:
                best, best_trace, best_end = left, trace, i + 1
    return best >> 32, best_trace, best & (one_edit - 1), best_end
