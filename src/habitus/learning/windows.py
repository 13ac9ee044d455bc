"""Learning to give windows of calls back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from habitus.learning.task import Judged, Learned, Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from habitus.networks.windows import WindowAutoencoder

    Places = NDArray[np.int64]
    Symbols = NDArray[np.uint16]

BLOCK_BYTES = 16 << 20
"""Of windows that are looked at together to find equal ones."""
EPOCH_WINDOWS = 500_000
"""Of more windows an epoch learns so many, drawn anew for each."""
JUDGED_AT_ONCE = 2048
LOOKED_EVERY = 16
"""Of so many batches one is looked at, where looking costs more than learning."""
FEW_BATCHES = 256
"""Of an epoch of fewer, each is."""


@dataclass(frozen=True)
class Block:
    """Windows of some stretch of calls, equal ones found.

    Attributes:
        starts: (n,) int64, where each window begins.
        distinct: (m, length) uint16, the different ones; ``which`` (n,) int64 names that of each.
        first: (m,) int64, where the first of each begins; ``counts`` (m,) int64, how many it has.
    """

    starts: Places
    distinct: Symbols
    which: Places
    first: Places
    counts: Places


def blocks_of(symbols: Symbols, offsets: Places, length: int) -> Iterator[Block]:
    """All windows of traces, block by block, in memory that has a bound; none crosses traces.

    Args:
        symbols: (n_calls,) the traces' calls.
        offsets: (n_traces + 1,) where each trace begins.
        length: calls of a window.
    """
    size = max(1, BLOCK_BYTES // (2 * length))
    for begin in range(0, len(symbols) - length + 1, size):
        starts = np.arange(begin, min(begin + size, len(symbols) - length + 1))
        ends = offsets[np.searchsorted(offsets, starts, side="right")]
        starts = starts[starts + length <= ends]
        if not len(starts):
            continue
        rows = np.lib.stride_tricks.sliding_window_view(symbols, length)[starts]
        # Rows as single items of so many bytes are sorted many times quicker than rows.
        items = np.ascontiguousarray(rows).view(np.dtype((np.void, 2 * length))).ravel()
        _, first, which, counts = np.unique(
            items, return_index=True, return_inverse=True, return_counts=True
        )
        yield Block(starts, rows[first], which, starts[first], counts)


@dataclass(frozen=True)
class Windows:
    """The windows of traces, equal ones together.

    Attributes:
        symbols: (n_calls,) uint16; those outside the vocabulary are `n_symbols`.
        starts: (n,) int64, where each begins.
        weights: (n,) float32, how many equal windows each stands for.
        n_symbols: calls of the vocabulary; ``length`` those of a window.
    """

    symbols: Symbols
    starts: Places
    weights: NDArray[np.float32]
    n_symbols: int
    length: int

    @classmethod
    def of(
        cls, encoded: Symbols, offsets: Places, n_symbols: int, length: int, *, merge: int = 0
    ) -> Windows:
        """The windows of traces.

        Args:
            encoded: (n_calls,) in a vocabulary of ``n_symbols``; any other is unknown.
            merge: equal windows that one may stand for, at most; 0 sets no limit. Where there are
                more, several stand for them, as equally as can be.
        """
        symbols = np.minimum(encoded, n_symbols).astype(np.uint16)
        starts, weights = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
        for block in blocks_of(symbols, offsets, length):
            if merge == 1:
                starts.append(block.starts)
                weights.append(np.ones(len(block.starts), dtype=np.float32))
                continue
            stand_ins = -(-block.counts // merge) if merge else np.ones_like(block.counts)
            starts.append(np.repeat(block.first, stand_ins))
            weights.append(_shared_out(block.counts, stand_ins))
        return cls(symbols, np.concatenate(starts), np.concatenate(weights), n_symbols, length)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def n_known(self) -> Places:
        """(n,) int64: how many calls of each the vocabulary knows."""
        known = np.concatenate([[0], np.cumsum(self.symbols < self.n_symbols)])
        counts: Places = known[self.starts + self.length] - known[self.starts]
        return counts

    @property
    def n_windows(self) -> int:
        """How many they stand for."""
        return round(float(self.weights.sum(dtype=np.float64)))

    def batch(self, chosen: Places | slice, device: torch.device) -> tuple[Tensor, Tensor]:
        """(B, length) int64 and (B,) float32: some windows and their weights."""
        places = self.starts[chosen][:, np.newaxis] + np.arange(self.length)
        rows = torch.from_numpy(self.symbols[places].astype(np.int64)).to(device)
        return rows, torch.from_numpy(self.weights[chosen]).to(device)


class WindowTask(Task):
    """Windows in, the same windows out. A window counts as the one call that ends it.

    Where one stands for several equal ones, its loss counts as often. Over an epoch that is the
    gradient of learning each by itself, of a fraction of the work, but for one thing: a batch is
    divided by what its own windows weigh.

    Args:
        network: learns to give them back.
        learned: what it learns.
        held_out: what it is judged on; without any known call it is judged on ``learned``.
        n_held_out: traces that those are of.
        batch: windows of a step.
        unknown_share: of the calls read, replaced by *unknown*: they must be told from the others.
    """

    def __init__(
        self,
        network: WindowAutoencoder,
        learned: Windows,
        held_out: Windows,
        *,
        n_held_out: int,
        batch: int,
        unknown_share: float,
    ) -> None:
        self.network: WindowAutoencoder = network
        drawn = min(1.0, EPOCH_WINDOWS / max(1, len(learned)))
        self.n_calls = round(drawn * learned.n_windows)
        can_judge = bool(held_out.n_known.any())
        self.n_held_out = n_held_out if can_judge else 0
        self._learned = learned
        self._judged = held_out if can_judge else learned
        self._batch, self._unknown_share = batch, unknown_share
        if network.target == "embedding":
            self.enough = 0.0  # a squared error may be small because all is: nothing says enough

    def plan(self, random: np.random.Generator) -> Sequence[Places]:
        n = len(self._learned)
        if n <= EPOCH_WINDOWS:
            order = random.permutation(n)
        else:
            order = random.integers(n, size=EPOCH_WINDOWS)
        return [order[i : i + self._batch] for i in range(0, len(order), self._batch)]

    def learn(self, step: object, carried: Tensor) -> Learned:
        assert isinstance(step, np.ndarray)  # noqa: S101 - of our own plan
        windows, weights = self._learned.batch(step, carried.device)
        read = windows
        if self._unknown_share:
            hidden = torch.rand(read.shape, device=read.device) < self._unknown_share
            read = read.masked_fill(hidden, self.network.n_symbols)
        rebuilt, losses = self._losses(read, windows)
        total = weights.sum()
        n_calls = round(float(total))
        loss = (losses * weights).sum() / total
        if not self._is_looked_at(step):
            return Learned(loss, n_calls, 0, total.new_zeros(()), carried)
        right = (self._right(rebuilt, windows) * weights).sum()
        return Learned(loss, n_calls, n_calls, right, carried)

    def _is_looked_at(self, step: Places) -> bool:
        """Whether it is seen which calls a batch has right: costly where the loss needs no logits.

        The plan is drawn by chance, so that its first window's number says as well as a draw, and
        the same when a training is gone on with.
        """
        if self.network.target == "calls" or len(self._learned) < FEW_BATCHES * self._batch:
            return True
        return int(step[0]) % LOOKED_EVERY == 0

    def judge(self) -> Judged:
        device = next(self.network.parameters()).device
        loss = accuracy = 0.0
        for begin in range(0, len(self._judged), JUDGED_AT_ONCE):
            windows, weights = self._judged.batch(slice(begin, begin + JUDGED_AT_ONCE), device)
            rebuilt, losses = self._losses(windows, windows)
            loss += float((losses * weights).sum())
            accuracy += float((self._right(rebuilt, windows) * weights).sum())
        n_windows = max(1, self._judged.n_windows)
        return Judged(loss / n_windows, accuracy / n_windows)

    def _losses(self, read: Tensor, windows: Tensor) -> tuple[Tensor, Tensor]:
        """What came out, for `_right`: logits or embeddings; (B,) float32, a call's mean loss."""
        network = self.network
        if network.target == "embedding":
            if read is windows:
                rebuilt, errors = network.passed_through(windows)
            else:
                rebuilt = network(read)
                errors = network.squared_error(rebuilt, windows)
            return rebuilt.detach(), errors.mean(dim=1)
        logits = network.logits(network(read))
        # What the network has no number for cannot be got back; it is judged by the others.
        wanted = windows.masked_fill(windows >= network.n_symbols, -1)
        losses = functional.cross_entropy(
            logits.flatten(0, 1), wanted.flatten(), ignore_index=-1, reduction="none"
        )
        return logits.detach(), losses.view(windows.shape).mean(dim=1)

    def _right(self, out: Tensor, windows: Tensor) -> Tensor:
        """(B,) float32: the share of a window's calls that came out as the likeliest."""
        network = self.network
        logits = out if network.target == "calls" else network.logits(out).detach()
        places = windows.clamp(max=logits.shape[-1] - 1)[..., None]
        wanted = logits.gather(2, places)[..., 0]
        # Many times quicker than argmax, and the same but for ties.
        is_right = (windows < network.n_symbols) & (wanted >= logits.amax(dim=-1))
        return is_right.float().mean(dim=1)


def _shared_out(counts: Places, parts: Places) -> NDArray[np.float32]:
    """(parts.sum(),) float32: each count in so many whole numbers that differ by 1 at most."""
    place = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    least, left = np.divmod(counts, parts)
    shared: NDArray[np.float32] = np.repeat(least, parts) + (place < np.repeat(left, parts))
    return shared.astype(np.float32)
