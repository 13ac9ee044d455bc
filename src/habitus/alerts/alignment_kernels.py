"""The fast loop that finds where normal traces come nearest to a stretch of calls."""

from __future__ import annotations

import numpy as np

from habitus.compiled import kernel


@kernel
def nearest_stretch(pattern, text, begin, end, offsets, trace, best, best_trace, best_end, cells):
    """The stretch of ``text[:end]`` with the fewest edits from ``pattern`` (Sellers 1980).

    Args:
        pattern: (m,) uint16.
        text: uint16; ``offsets`` divides it into traces, and no stretch spans two of them.
        begin, end: which calls to read now; those before ``begin`` were read before.
        trace, best, best_trace, best_end: where the calls before left off, as returned; at first
            -1, ``(m + 1) << 32``, -1, 0.
        cells: (m + 1,) int64, kept from call to call: for each prefix of the pattern, the fewest
            edits to a stretch that ends here in the high half, where that stretch begins in the low
            half. The least of such numbers is the fewest edits and, of equals, the earliest begin.

    Returns:
        (trace, best, best_trace, best_end): the trace being read; of the first nearest stretch, the
        edits in the high half of ``best`` and its begin in the low half, its trace, -1 if there is
        no text, and its end. Begin and end are places within ``text``.
    """
    m = len(pattern)
    one_edit = np.int64(1) << 32
    for i in range(begin, end):
        if trace < 0 or i >= offsets[trace + 1]:
            trace += 1
            while i >= offsets[trace + 1]:
                trace += 1
            for k in range(m + 1):
                cells[k] = k * one_edit + offsets[trace]
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
    return trace, best, best_trace, best_end
