"""The fast loop over flows that gathers their first packets."""

from __future__ import annotations

from habitus.compiled import kernel


@kernel
def gather_first(first_sizes, first_sides, first_gaps_us, sizes, directions, gaps, lengths):
    """Put the first packets of all flows one after another.

    Args:
        first_sizes, first_gaps_us: (n, MAX_FIRST) uint32, and ``first_sides`` (n,) of `FLOW`.
        sizes, directions, gaps: (n * MAX_FIRST,) int64, filled from the front.
        lengths: (n,) int64, how many there are of each flow.

    Returns:
        How many there are in all.
    """
    n = 0
    for i in range(len(lengths)):
        begin, sides = n, first_sides[i]
        for place in range(first_sizes.shape[1]):
            size = first_sizes[i, place]
            if size == 0:  # none: every packet has a byte
                break
            sizes[n], gaps[n] = size, first_gaps_us[i, place]
            directions[n] = -1 if sides >> place & 1 else 1
            n += 1
        lengths[i] = n - begin
    return n
