"""Scoring call by call from the few calls before each alone, equal windows once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.detectors.neural.reader import Reader, Standing
from habitus.learning.windows import blocks_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Symbols = NDArray[np.uint16]

BLOCK_BYTES = 64 << 20
"""Of states that are held at once while windows are read side by side."""


def window_surprise(
    reader: Reader, encoded: Symbols, offsets: NDArray[np.int64], window: int
) -> Floats:
    """(n_calls,) float32 nats that each call costs after the ``window`` calls before it.

    NaN where so many do not stand before it in its trace.

    Args:
        encoded: (n_calls,) the calls in the vocabulary.
        offsets: (n_traces + 1,) where each trace begins.
    """
    symbols = reader.symbols(encoded).astype(np.uint16)
    out = np.full(len(symbols), np.nan, dtype=np.float32)
    size = max(1, BLOCK_BYTES // (4 * reader.n_state))
    for block in blocks_of(symbols, offsets, window + 1):
        costs = [
            _last_costs(reader, block.distinct[begin : begin + size].astype(np.int64))
            for begin in range(0, len(block.distinct), size)
        ]
        out[block.starts + window] = np.concatenate(costs)[block.which]
    return out


def standing_after(reader: Reader, history: Symbols) -> Standing:
    """Where a window stands when all its calls were read, the first without anything before it."""
    calls = reader.symbols(history)
    begun = Standing(reader.fresh(1).states, calls[:1])
    return reader.score(calls[1:], np.array([0, len(calls) - 1]), begun)[1]


def _last_costs(reader: Reader, rows: NDArray[np.int64]) -> Floats:
    """(n,) float32 nats that the last call of each row costs after the others.

    Args:
        rows: (n, window + 1) symbols, sorted: what rows begin with alike is read once.
    """
    parts = np.ones(rows.shape, dtype=bool)
    # From its first call that differs, a row goes other ways than the one before it.
    parts[1:] = np.logical_or.accumulate(rows[1:] != rows[:-1], axis=1)
    states, at = reader.fresh(1).states, np.zeros(len(rows), dtype=np.int64)
    for place in range(rows.shape[1] - 2):
        branches = parts[:, place]
        standing = Standing(states[at[branches]], rows[branches, place])
        # A step says what comes next, too, which only the last one is asked for.
        states = reader.step(standing, rows[branches, place + 1])[1]
        at = np.cumsum(branches) - 1
    return reader.step(Standing(states[at], rows[:, -2]), rows[:, -1])[0]
