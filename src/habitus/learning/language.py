"""Learning to guess the next call: whole traces, their memory carried along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from habitus.errors import ModelError
from habitus.learning.pieces import EPOCH_CALLS, Chunk, Pieces, chunks_of
from habitus.learning.task import Judged, Learned, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from torch import Tensor

    from habitus.networks.language import LanguageNetwork

JUDGED_AT_ONCE, JUDGED_CALLS = 64, 256
"""Pieces side by side, and calls of each, where nothing is learned."""


class LanguageTask(Task):
    """Truncated back-propagation: what was read before a stretch is remembered, not learned from.

    Args:
        network: learns to guess.
        learned: the traces it learns.
        held_out: those it is judged on; without any known call it is judged on ``learned``.
        batch: pieces side by side; ``calls`` those of a stretch.
        unknown_share: of the calls read, replaced by *unknown*, so that reading one is no surprise
            to the network itself.
    """

    def __init__(
        self,
        network: LanguageNetwork,
        learned: Pieces,
        held_out: Pieces,
        *,
        n_held_out: int,
        batch: int,
        calls: int,
        unknown_share: float,
    ) -> None:
        self.network: LanguageNetwork = network
        self.n_calls = min(len(learned.calls), EPOCH_CALLS)
        can_judge = bool((held_out.calls >= 0).any())
        self.n_held_out = n_held_out if can_judge else 0
        self._learned = learned
        self._judged = held_out if can_judge else learned
        self._batch, self._calls = batch, calls
        self._unknown_share = unknown_share

    def plan(self, random: np.random.Generator) -> Sequence[Chunk]:
        return chunks_of(self._learned.lengths, self._batch, self._calls, random)

    def learn(self, step: object, carried: Tensor) -> Learned:
        assert isinstance(step, Chunk)  # noqa: S101 - of our own plan
        read, calls, is_there = self._tensors(self._learned, step, carried.device)
        if self._unknown_share:
            hidden = torch.rand(read.shape, device=read.device) < self._unknown_share
            read = read.masked_fill(hidden, self.network.unknown)
        features, after = self.network(read, self._before(step, carried))
        if is_there.all():  # as mostly: choosing all of them would copy them for nothing
            features, wanted = features.flatten(0, 1), calls.flatten()
        else:
            features, wanted = features[is_there], calls[is_there]
        logits = self.network.logits(features)
        loss = functional.cross_entropy(logits, wanted)
        return Learned(loss, len(wanted), len(wanted), _n_right(logits, wanted), after)

    def judge(self) -> Judged:
        device = next(self.network.parameters()).device
        carried = torch.zeros(0, device=device)
        loss, right, n_calls = 0.0, 0, 0
        for step in chunks_of(self._judged.lengths, JUDGED_AT_ONCE, JUDGED_CALLS):
            read, calls, is_there = self._tensors(self._judged, step, device)
            features, carried = self.network(read, self._before(step, carried))
            # A call that the network has no number for is one it cannot be judged by.
            is_there &= calls >= 0
            wanted = calls[is_there]
            logits = self.network.logits(features[is_there])
            loss += float(functional.cross_entropy(logits, wanted, reduction="sum"))
            right += int(_n_right(logits, wanted))
            n_calls += len(wanted)
        return Judged(loss / max(1, n_calls), right / max(1, n_calls))

    def _before(self, step: Chunk, carried: Tensor) -> Tensor:
        """What is remembered of a step's pieces: they stand first in the step before."""
        n_pieces = len(step.pieces)
        if not step.first:
            return self.network.fresh(n_pieces)
        if carried.shape[1:] != (self.network.n_state,) or len(carried) < n_pieces:
            raise ModelError("the memory of what was read is of another shape")
        return carried[:n_pieces]

    @staticmethod
    def _tensors(
        pieces: Pieces, step: Chunk, device: torch.device
    ) -> tuple[Tensor, Tensor, Tensor]:
        read, calls, is_there = (
            torch.from_numpy(column).to(device) for column in pieces.chunk(step)
        )
        return read, calls, is_there


def _n_right(logits: Tensor, wanted: Tensor) -> Tensor:
    """() int64: how often what was wanted is the likeliest."""
    logits = logits.detach()
    # Several times quicker than argmax, and the same but for ties.
    return (logits.gather(1, wanted[:, None])[:, 0] >= logits.amax(dim=1)).sum()
