"""Dropout that costs little on a processor, where drawing is what makes it slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 1 << 16
"""Shares are multiples of one in so many."""
LOWEST = -(1 << 63)


class Dropout(nn.Module):
    """Sets a share of numbers to zero in training, and makes the others larger by as much.

    What `torch.nn.Dropout` does, with fewer draws: there every number costs one, and a quarter of
    the time in which a small LSTM learns; here 64 random bits decide about four numbers.

    Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", JMLR 15, 2014.

    Args:
        share: of the numbers, from 0 to less than 1; rounded to a multiple of 1 / `STEPS`.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = min(round(share * STEPS), STEPS - 1) / STEPS

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.share:
            return x
        if x.device.type != "cpu":
            return functional.dropout(x, self.share)
        drawn = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(LOWEST, None)
        decides = drawn.view(torch.int16)[: x.numel()].view(x.shape)
        kept = (decides >= round(self.share * STEPS) - STEPS // 2).to(x.dtype)
        return x * kept.mul_(1 / (1 - self.share))
