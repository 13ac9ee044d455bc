"""Dilated convolutions that read system calls: what was tried beside the transformer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import Field
from torch import nn

from habitus.detectors.neural.language_model import LanguageModel, LanguageSettings
from habitus.networks.dropout import Dropout
from habitus.networks.language import LanguageNetwork

if TYPE_CHECKING:
    from torch import Tensor


class DilatedNetwork(LanguageNetwork):
    """Embedding -> gated causal convolutions, each added to what it reads -> what comes next.

    Layer ``i`` reads ``kernel`` places, ``2 ** i`` calls apart, the last of them the present one.
    What it must remember of a trace is what it read at the last ``(kernel - 1) * 2 ** i`` places,
    and no call moves what comes more than ``reach`` calls after it.

    Sources: S. Bai, J. Z. Kolter, V. Koltun, "An empirical evaluation of generic convolutional and
    recurrent networks for sequence modeling", 2018; the gates are those of A. van den Oord et al.,
    "WaveNet: a generative model for raw audio", 2016.

    Args:
        n_symbols: calls of the vocabulary.
        channels: numbers that stand for a call between layers, and that it is embedded in.
        kernel: places that a layer reads.
        layers: one above another.
        dropout: share of numbers that training sets to zero.

    Attributes:
        reach: calls it sees, the present one among them.
    """

    steps_are_quick = False

    def __init__(
        self, n_symbols: int, *, channels: int, kernel: int, layers: int, dropout: float
    ) -> None:
        super().__init__(n_symbols)
        self.embedding = nn.Embedding(n_symbols + 2, channels)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(layers))
        self.layers = nn.ModuleList(
            nn.Conv1d(channels, 2 * channels, kernel, dilation=2**i) for i in range(layers)
        )
        self.norm = nn.LayerNorm(channels)
        self.output = nn.Linear(channels, n_symbols)
        self.dropout = Dropout(dropout)
        self.pasts = tuple((kernel - 1) * 2**i for i in range(layers))
        self.channels, self.kernel = channels, kernel
        self.n_features = channels
        self.n_state = sum(self.pasts) * channels
        self.reach = 1 + sum(self.pasts)

    def forward(self, symbols: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        x = self.dropout(self.embedding(symbols))  # (B, T, C)
        pasts, states = self._split(state), []
        for norm, layer, past in zip(self.norms, self.layers, pasts, strict=True):
            read = torch.cat([past, norm(x)], dim=1)  # (B, past + T, C)
            states.append(read[:, -past.shape[1] :].flatten(1))
            gates = layer(read.transpose(1, 2)).transpose(1, 2)  # (B, T, 2 C)
            proposed, opened = gates.chunk(2, dim=-1)
            x = x + self.dropout(torch.tanh(proposed) * torch.sigmoid(opened))
        return self.dropout(self.norm(x)), torch.cat(states, dim=1)

    def logits(self, features: Tensor) -> Tensor:
        logits: Tensor = self.output(features)
        return logits

    def _split(self, state: Tensor) -> list[Tensor]:
        """(B, past, C) each: what every layer read last, the oldest first."""
        parts = torch.split(state, [past * self.channels for past in self.pasts], dim=1)
        return [part.reshape(len(part), -1, self.channels) for part in parts]


class TcnSettings(LanguageSettings):
    """Settings of `Tcn`."""

    layers: int = Field(3, ge=1, description="each looking twice as far back as the last")
    kernel: int = Field(3, ge=2, description="places that a convolution reads")
    channels: int = Field(128, ge=1, description="numbers that stand for a call")
    dropout: float = Field(0.3, ge=0, le=0.95, description="share set to zero in training")


class Tcn(LanguageModel):
    """Surprise of a call is -log P(call | the calls before it), in nats."""

    name: ClassVar[str] = "tcn"
    summary: ClassVar[str] = "dilated convolutions as language model"
    Settings: ClassVar[type[LanguageSettings]] = TcnSettings

    def _new_network(self, n_symbols: int) -> DilatedNetwork:
        names = ("channels", "kernel", "layers", "dropout")
        return DilatedNetwork(n_symbols, **{name: getattr(self.settings, name) for name in names})
