"""A first-order chain of calls, to tell how much of a surprise needs no network to be seen.

Source: J. Ren et al., "Likelihood ratios for out-of-distribution detection", NeurIPS 2019, for the
thought that a model's likelihood is to be held against that of a background model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

MOST_NATS = 5.0
"""A pair of calls that costs more is news to the simplest model, too: of that no more is taken off
than of one that costs so much. Chosen on adfa-ld/dev, like the share."""


def discount(nats: Floats, share: float) -> Floats:
    """What is taken off each call after each, of what a first-order chain says that it costs."""
    return (np.float32(share) * np.minimum(nats, np.float32(MOST_NATS))).astype(np.float32)


def first_order_nats(
    symbols: NDArray[np.uint16], offsets: NDArray[np.int64], n_symbols: int
) -> Floats:
    """(n_symbols + 2, n_symbols) float32: what each call costs after each, in nats.

    Rows are the calls of the vocabulary, then *unknown*, then the beginning of a trace. Chances are
    Witten-Bell estimates: ``P(c | b) = (n(b c) + T(b) P(c)) / (n(b) + T(b))`` with T(b) different
    calls seen after b, and ``P(c)`` likewise, down to the same chance for all.

    Args:
        symbols: (n_calls,) of the vocabulary.
        offsets: (n_traces + 1,) where each trace begins.
    """
    start = n_symbols + 1
    before = np.full(len(symbols), start, dtype=np.int64)
    before[1:] = symbols[:-1]
    before[offsets[:-1][np.diff(offsets) > 0]] = start
    pairs = np.bincount(
        before * n_symbols + symbols, minlength=(n_symbols + 2) * n_symbols
    ).reshape(n_symbols + 2, n_symbols)
    single = np.bincount(symbols, minlength=n_symbols)
    alone = _witten_bell(single[np.newaxis], np.full(n_symbols, 1 / (n_symbols + 1)))
    return (-np.log(_witten_bell(pairs, alone[0]))).astype(np.float32)


def checked(nats: NDArray[np.generic] | None, n_symbols: int) -> Floats:
    """A table that comes from a file anyone may have made.

    Raises:
        ModelError: if it is none.
    """
    shape = (n_symbols + 2, n_symbols)
    if nats is None or nats.dtype != np.float32 or nats.shape != shape:
        raise ModelError(f"the model's array 'baseline' is missing, or not {shape} float32")
    made = nats.astype(np.float32)
    if not np.all(np.isfinite(made) & (made >= 0)):
        raise ModelError("the model's array 'baseline' holds what is no surprise")
    return made


def _witten_bell(counts: NDArray[np.int64], lower: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chances by row: of its counts, and for what it has not seen of the next lower order's."""
    seen = counts.sum(axis=1, keepdims=True)
    kinds = np.count_nonzero(counts, axis=1)[:, np.newaxis]
    total = np.maximum(seen + kinds, 1)
    return np.where(seen > 0, (counts + kinds * lower) / total, lower)
