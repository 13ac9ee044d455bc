"""The fast loop over the n-grams of traces (see `habitus.detectors.ngram_features`).

It neither allocates nor raises.
"""

from __future__ import annotations

import numpy as np

from habitus.compiled import kernel
from habitus.detectors.trie_kernels import (
    CHILD_BITS,
    FOLLOW_BITS,
    FOLLOW_SHIFT,
    FULL_SHIFT,
    ROOT,
    edge_slot,
)


@kernel
def window_nodes(
    calls, begin, end, offsets, trace, history, before, window, multiplier, keys, link, out
):
    """The node of the window that ends at each of ``calls[begin:end]``, from ``out[0]`` on.

    It is `ROOT` where that window was never seen, and -1 where its trace has not made enough calls.

    Args:
        before: how many calls of the first trace came before ``calls``.
        window: calls in a window, the trie's order.

    Returns:
        (trace, history) to go on from.
    """
    for i in range(begin, end):
        while i >= offsets[trace + 1]:
            trace += 1
            history = ROOT
        node = np.int64(ROOT)
        while True:
            edge = keys[edge_slot(history, calls[i], multiplier, keys), 1]
            if edge != np.uint64(0):
                history = np.int64(edge >> FOLLOW_SHIFT & FOLLOW_BITS)
                if edge >> FULL_SHIFT:
                    node = np.int64(edge & CHILD_BITS)
                break
            if history == ROOT:
                break
            history = np.int64(link[history])
        made = i + 1 - offsets[trace] + (before if trace == 0 else 0)
        out[i - begin] = node if made >= window else -1
    return trace, history
