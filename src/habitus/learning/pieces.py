"""Pieces: traces cut into what a network reads side by side, with hardly any room wasted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.traces.traceset import offsets_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Places = NDArray[np.int64]

PIECE_CALLS = 8192
"""Longer traces are learned in pieces, each beginning with an empty memory: else few long traces
could not be read side by side."""
EPOCH_CALLS = 500_000
"""Of more calls an epoch learns so many, drawn anew for each: an epoch is also how often held-out
traces are looked at."""
LENGTH_JITTER = 0.2
"""Lengths are taken so much longer at random before they are sorted, so that batches differ."""


@dataclass(frozen=True)
class Pieces:
    """Stretches of traces, with what stands before each of their calls.

    Attributes:
        calls: (n_calls,) int32 symbols; those no network expects are -1.
        before: (n_calls,) int32, what is read when that call is to be guessed: the call before it.
        offsets: (n_pieces + 1,) int64, where each piece begins.
    """

    calls: NDArray[np.int32]
    before: NDArray[np.int32]
    offsets: Places

    @classmethod
    def of(
        cls,
        symbols: NDArray[np.uint16],
        offsets: Places,
        n_symbols: int,
        *,
        longest: int = PIECE_CALLS,
    ) -> Pieces:
        """Cut traces.

        Args:
            symbols: (n_calls,) in a vocabulary of ``n_symbols``; any other is unknown.
            offsets: (n_traces + 1,) where each trace begins.
            longest: calls of a piece, at most.
        """
        is_known = symbols < n_symbols
        read = np.where(is_known, symbols, n_symbols).astype(np.int32)
        before = np.empty_like(read)
        before[1:] = read[:-1]
        filled = np.diff(offsets) > 0
        before[offsets[:-1][filled]] = n_symbols + 1
        lengths = [
            min(longest, length - begin)
            for length in np.diff(offsets).tolist()
            for begin in range(0, length, longest)
        ]
        return cls(np.where(is_known, read, -1).astype(np.int32), before, offsets_of(lengths))

    @property
    def lengths(self) -> Places:
        """(n_pieces,) int64: calls of each."""
        return np.diff(self.offsets)

    def chunk(self, chunk: Chunk) -> tuple[Places, Places, NDArray[np.bool_]]:
        """What is read, what is to be guessed, and which of it is there at all.

        Returns:
            (B, T) int64 symbols read, (B, T) int64 calls to guess (-1: none), (B, T) bool.
        """
        begins = self.offsets[chunk.pieces] + chunk.first
        left = self.lengths[chunk.pieces] - chunk.first
        steps = np.arange(chunk.width)
        is_there = steps < left[:, None]
        # Beyond a piece's end its last call stands in: it is there, and nobody looks.
        places = begins[:, None] + np.minimum(steps, left[:, None] - 1)
        calls = np.where(is_there, self.calls[places], -1).astype(np.int64)
        return self.before[places].astype(np.int64), calls, is_there


@dataclass(frozen=True)
class Chunk:
    """The same stretch of the pieces of a batch, longest piece first.

    Attributes:
        pieces: (B,) int64, those that have calls left.
        first: the place of the stretch's first call in each of them; at 0 they begin.
        width: calls of the longest of them.
    """

    pieces: Places
    first: int
    width: int


def chunks_of(
    lengths: Places, batch: int, calls: int, random: np.random.Generator | None = None
) -> list[Chunk]:
    """Batches of pieces of about the same length, each cut into stretches of so many calls.

    The stretches of a batch follow each other: a memory is carried from one to the next. As a batch
    goes on, the pieces that have ended leave it.

    Args:
        lengths: (n_pieces,) int64.
        batch: pieces of a batch; ``calls`` those of a stretch, at most.
        random: mixes batches and their order, and leaves out those beyond `EPOCH_CALLS`; None
            takes all of them, sorted.
    """
    keys = lengths.astype(np.float64)
    if random is not None:
        keys *= 1 + LENGTH_JITTER * random.random(len(keys))
    order = np.argsort(-keys, kind="stable")
    order = order[lengths[order] > 0]
    batches = [order[begin : begin + batch] for begin in range(0, len(order), batch)]
    if random is not None:
        batches = [batches[i] for i in random.permutation(len(batches))]
        sizes = np.array([lengths[pieces].sum() for pieces in batches])
        batches = batches[: int(np.sum(np.cumsum(sizes) - sizes < EPOCH_CALLS))]
    chunks = []
    for pieces in batches:
        pieces = pieces[np.argsort(-lengths[pieces], kind="stable")]  # noqa: PLW2901
        longest = int(lengths[pieces[0]])
        for first in range(0, longest, calls):
            alive = pieces[lengths[pieces] > first]
            chunks.append(Chunk(alive, first, min(calls, longest - first)))
    return chunks
