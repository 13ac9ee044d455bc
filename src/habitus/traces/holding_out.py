"""Holding out: which traces are kept from training, so that nothing learned stands among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import UsageError
from habitus.traces.grouping import joined_by

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.traces.traceset import TraceSet

MIN_PARTS = 10
"""Recordings are held out whole if they make so many parts."""


def parts_kept_together(traces: TraceSet, *, n_wanted: int) -> NDArray[np.int64]:
    """(n_traces,) int64: what must not be divided: equal sequences, and threads of one recording.

    Where so many recordings share a sequence that hardly anything is left to divide, only equal
    sequences are kept together.

    Args:
        n_wanted: divide recordings as long as there are this many parts, none beyond half.
    """
    sequences = traces.sequence_ids()
    groups = [info.group or info.name for info in traces.infos]
    joined = np.unique(joined_by(groups, sequences.tolist()), return_inverse=True)[1]
    sizes = np.bincount(joined)
    if len(sizes) >= n_wanted and 2 * sizes.max() <= traces.n_traces:
        return joined.astype(np.int64)
    return sequences


def held_out_part(traces: TraceSet, share: float, seed: int) -> NDArray[np.bool_]:
    """(n_traces,) bool: about a share of the traces, drawn in whole parts.

    Traces without a call, of which nothing can be told, are never drawn alone.

    Raises:
        UsageError: if the traces are all one sequence.
    """
    parts = parts_kept_together(traces, n_wanted=MIN_PARTS)
    sizes = np.bincount(parts)
    if len(sizes) < 2:
        raise UsageError(
            "all traces are one and the same sequence: none can be held out that is not learned; "
            "record different runs"
        )
    order = np.random.default_rng(seed).permutation(len(sizes))
    before = np.cumsum(sizes[order]) - sizes[order]
    chosen = order[before < share * traces.n_traces]
    has_calls = np.bincount(parts, weights=traces.lengths)[order] > 0
    if not has_calls[: len(chosen)].any():
        chosen = order[: np.argmax(has_calls) + 1]
    if len(chosen) == len(sizes):
        chosen = chosen[:-1]
    return np.isin(parts, chosen)
