"""The fast loop of `habitus.evaluation.doctor.near_duplicates`; it neither allocates nor raises."""

from __future__ import annotations

from habitus.compiled import kernel


@kernel
def most_contained(windows, offsets, starts, holders, held, seen, max_work, share, holder):
    """For each trace, the largest share of its different windows that one holder has.

    Args:
        windows: (n,) int64 numbers of windows; ``offsets`` divides them into traces.
        starts, holders: the inverted index: window ``w`` stands in ``holders[starts[w]:starts[w +
            1]]``, each holder once.
        held: (n_holders,) int64, all zero; it is again at the end.
        seen: (n_windows,) int64, all -1; it is again at the end.
        max_work: steps after which no further trace is begun.
        share, holder: (n_traces,) float64 and int64, written.

    Returns:
        How many traces were done.
    """
    work = 0
    for trace in range(len(offsets) - 1):
        if work > max_work:
            return trace
        n_different = 0
        best = 0
        who = 0
        for i in range(offsets[trace], offsets[trace + 1]):
            window = windows[i]
            if seen[window] == trace:
                continue
            seen[window] = trace
            n_different += 1
            for k in range(starts[window], starts[window + 1]):
                other = holders[k]
                held[other] += 1
                if held[other] > best:
                    best = held[other]
                    who = other
            work += 1 + starts[window + 1] - starts[window]
        # Clearing by the same walk costs no more than filling, whatever the number of holders.
        for i in range(offsets[trace], offsets[trace + 1]):
            window = windows[i]
            if seen[window] != trace:
                continue
            seen[window] = -1
            for k in range(starts[window], starts[window + 1]):
                held[holders[k]] = 0
        if n_different > 0:
            share[trace] = best / n_different
            holder[trace] = who
    return len(offsets) - 1
