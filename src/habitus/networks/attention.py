"""A causal transformer that reads system calls: every layer looks back at the last of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from habitus.networks.dropout import Dropout
from habitus.networks.language import LanguageNetwork

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import Tensor

SLOWEST = 1000.0
"""Times slower than the quickest, the slowest pair of numbers turns with the distance."""
QUICK_STATE = 4096
"""Numbers remembered of a trace above which moving them at every step costs more than it saves."""


class AttentionNetwork(LanguageNetwork):
    """Embedding -> layers of attention and dense layers, each added to what it reads.

    A layer attends to the last ``window`` calls. Of where they are it knows how long ago they were
    and nothing else, so that a trace may be cut anywhere. What is remembered of a trace: which of
    the ``window - 1`` calls before the next one there are, and every layer's keys and values of
    them.

    Sources: A. Vaswani et al., "Attention is all you need", 2017; norms stand before each part as
    in R. Xiong et al., "On layer normalization in the transformer architecture", 2020; distances
    are turns, J. Su et al., "RoFormer", 2021.

    Args:
        n_symbols: calls of the vocabulary.
        width: numbers that stand for a call; a multiple of twice the heads.
        heads: of attention in each layer.
        layers: one above another.
        window: calls a layer attends to, the present one among them.
        dropout: share of numbers that training sets to zero.

    Attributes:
        reach: calls that a guess depends on, at most.
    """

    def __init__(
        self, n_symbols: int, *, width: int, heads: int, layers: int, window: int, dropout: float
    ) -> None:
        super().__init__(n_symbols)
        self.embedding = nn.Embedding(n_symbols + 2, width)
        self.layers = nn.ModuleList(_Layer(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, n_symbols)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.dropout = Dropout(dropout)
        self.past, self.width, self.heads = window - 1, width, heads
        self.n_features = width
        self.n_state = self.past * (1 + 2 * layers * width)
        self.reach = 1 + layers * self.past
        self.steps_are_quick = self.n_state <= QUICK_STATE

    def forward(self, symbols: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        n_traces, length = symbols.shape
        there, rest = state[:, : self.past], state[:, self.past :]
        memories = rest.reshape(n_traces, 2 * len(self.layers), self.past, self.width).unbind(1)
        there = torch.cat([there, there.new_ones(n_traces, length)], dim=1)
        bias, turns = self._bias(length, there), self._turns(self.past + length)
        x, states = self.dropout(self.embedding(symbols)), [there[:, -self.past :]]  # (B, T, width)
        for number, layer in enumerate(self.layers):
            keys, values = memories[2 * number : 2 * number + 2]
            x, keys, values = layer(x, keys, values, bias, turns)
            states += [part[:, -self.past :].flatten(1) for part in (keys, values)]
        return self.norm(x), torch.cat(states, dim=1)

    def logits(self, features: Tensor) -> Tensor:
        logits: Tensor = self.output(features)
        return logits

    def step_graph(self) -> ModelProto:
        from habitus.networks.attention_step import step_graph

        return step_graph(self)

    def _bias(self, length: int, there: Tensor) -> Tensor:
        """(B, 1, T, past + T): 0 where a call attends to another, else minus infinity."""
        places = torch.arange(self.past + length, device=there.device)
        distance = places[self.past :, None] - places
        sees = (distance >= 0) & (distance <= self.past) & (there[:, None] > 0)
        return torch.zeros(sees.shape, device=there.device).masked_fill(~sees, -torch.inf)[:, None]

    def _turns(self, n_places: int) -> tuple[Tensor, Tensor]:
        """(n_places, width / heads / 2) cosines and sines of the angles at each place."""
        weight = self.embedding.weight
        half = self.width // self.heads // 2
        speeds = SLOWEST ** (-torch.arange(half, device=weight.device) / half)
        angles = torch.arange(n_places, device=weight.device)[:, None] * speeds
        return angles.cos(), angles.sin()


class _Layer(nn.Module):
    """Attention, then two dense layers."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention, self.norm_dense = nn.LayerNorm(width), nn.LayerNorm(width)
        self.into, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = Dropout(dropout)

    def forward(
        self, x: Tensor, keys: Tensor, values: Tensor, bias: Tensor, turns: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        queries, new_keys, new_values = self.into(self.norm_attention(x)).chunk(3, dim=-1)
        keys, values = torch.cat([keys, new_keys], dim=1), torch.cat([values, new_values], dim=1)
        cos, sin = turns
        length = x.shape[1]
        seen = functional.scaled_dot_product_attention(
            _turned(self._by_head(queries), cos[-length:], sin[-length:]),
            _turned(self._by_head(keys), cos, sin),
            self._by_head(values),
            bias,
        )  # (B, heads, T, width / heads)
        x = x + self.dropout(self.out(seen.transpose(1, 2).flatten(2)))
        wide = functional.gelu(self.wide(self.norm_dense(x)), approximate="tanh")
        return x + self.dropout(self.narrow(wide)), keys, values

    def _by_head(self, x: Tensor) -> Tensor:
        """(B, T, width) as (B, heads, T, width / heads)."""
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Pairs of numbers, each turned by the angle of its place."""
    left, right = x.chunk(2, dim=-1)
    return torch.cat([left * cos - right * sin, left * sin + right * cos], dim=-1)
