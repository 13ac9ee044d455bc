"""An autoencoder of windows of calls: through a narrow code and back."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

Target = Literal["calls", "embedding"]


class WindowAutoencoder(nn.Module):
    """Embedding -> layers that narrow to a code -> their mirror image -> the window again.

    Symbols from 0 are the calls of a vocabulary; `n_symbols` stands for every other call.

    Args:
        n_symbols: calls of the vocabulary.
        length: calls of a window.
        embedding: numbers a call is embedded in.
        hidden: width of the layers on each side; ``layers`` of them are as wide, one is half.
        code: numbers that all of a window must pass through.
        target: what is to be got back: the ``calls`` themselves, or their ``embedding``, which is
            trained, too.
    """

    begun_norm: Tensor
    """(1,) float32: the embedding's norm before training."""

    def __init__(
        self,
        n_symbols: int,
        *,
        length: int,
        embedding: int,
        hidden: int,
        layers: int,
        code: int,
        target: Target,
    ) -> None:
        super().__init__()
        self.n_symbols, self.length, self.target = n_symbols, length, target
        self.embedding = nn.Embedding(n_symbols + 1, embedding)
        widths = [length * embedding, *[hidden] * layers, max(1, hidden // 2), code]
        self.encoder = _stack(widths)
        self.decoder = _stack(widths[::-1])
        # One projection for all positions: a decoder that made logits at each of them would be
        # `length` times as large, and no better at telling calls apart.
        self.output = nn.Linear(embedding, max(1, n_symbols)) if target == "calls" else None
        self.register_buffer("begun_norm", self.norm.detach().clone()[None])

    @property
    def norm(self) -> Tensor:
        """() float32: the mean Euclidean norm of a call's embedding."""
        norms: Tensor = torch.linalg.vector_norm(self.embedding.weight, dim=1)
        return norms.mean()

    def forward(self, windows: Tensor) -> Tensor:
        """(B, length) int64 -> (B, length, embedding) float32: what comes out again."""
        return self._rebuilt(self.embedding(windows))

    def logits(self, rebuilt: Tensor) -> Tensor:
        """(B, length, n_symbols) float32: from what came out, how likely each call stood there.

        With the target ``embedding`` the likeliest call is the one whose embedding lies nearest.
        """
        if self.output is not None:
            logits: Tensor = self.output(rebuilt)
            return logits
        known = self.embedding.weight[: max(1, self.n_symbols)]
        return functional.linear(rebuilt, known, -known.square().sum(dim=1) / 2)

    def squared_error(self, rebuilt: Tensor, windows: Tensor) -> Tensor:
        """(B, length) float32: mean squared error of the embedding of each call of the windows.

        The gradient goes into the embedding from both sides: it learns to be easy to rebuild.
        """
        return _squared_error(rebuilt, self.embedding(windows))

    def passed_through(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """What comes out again, and its `squared_error`, of windows that are embedded once."""
        embedded = self.embedding(windows)
        rebuilt = self._rebuilt(embedded)
        return rebuilt, _squared_error(rebuilt, embedded)

    def _rebuilt(self, embedded: Tensor) -> Tensor:
        code = self.encoder(embedded.flatten(1))  # (B, code)
        out: Tensor = self.decoder(code)  # (B, length * embedding)
        return out.view(embedded.shape)


def _squared_error(rebuilt: Tensor, embedded: Tensor) -> Tensor:
    return (rebuilt - embedded).square().mean(dim=-1)


def _stack(widths: Sequence[int]) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
