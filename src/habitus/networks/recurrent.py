"""A recurrent network that reads system calls: LSTM or GRU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from habitus.networks.dropout import Dropout
from habitus.networks.language import LanguageNetwork

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import ModelProto
    from torch import Tensor


class RecurrentNetwork(LanguageNetwork):
    """Embedding -> recurrent layers -> what comes next, with dropout between all of them.

    Source: W. Zaremba, I. Sutskever, O. Vinyals, "Recurrent neural network regularization", 2014,
    for where dropout stands: on everything but what a layer hands on to its own next step.

    Args:
        n_symbols: calls of the vocabulary.
        kind: ``lstm`` or ``gru``.
        cells: of each layer.
        embedding: numbers a call is embedded in; 0 reads it as one-hot.
        tied: the output layer's weights are the embedding's, which must be as wide as the last
            layer.
        dropout: share of numbers that training sets to zero.
        dropout_input: the same between embedding and first layer.
    """

    def __init__(
        self,
        n_symbols: int,
        *,
        kind: str,
        cells: Sequence[int],
        embedding: int,
        tied: bool,
        dropout: float,
        dropout_input: float,
    ) -> None:
        super().__init__(n_symbols)
        n_inputs = n_symbols + 2
        if embedding:
            self.embedding = nn.Embedding(n_inputs, embedding)
        else:
            self.embedding = nn.Embedding(n_inputs, n_inputs)
            self.embedding.weight = nn.Parameter(torch.eye(n_inputs), requires_grad=False)
        widths = [embedding or n_inputs, *cells]
        layer = nn.LSTM if kind == "lstm" else nn.GRU
        self.layers = nn.ModuleList(
            layer(width, n_cells, batch_first=True)
            for width, n_cells in zip(widths, cells, strict=False)
        )
        # Tied: the rows of known calls; those of `unknown` and `start` are only read.
        self.output = None if tied else nn.Linear(cells[-1], n_symbols)
        self.output_bias = nn.Parameter(torch.zeros(n_symbols)) if tied else None
        self.kind = kind
        self.cells = tuple(cells)
        self.dropout = Dropout(dropout)
        self.dropout_input = Dropout(dropout_input)
        self.n_features = cells[-1]
        self.n_state = sum(cells) * (2 if kind == "lstm" else 1)

    def forward(self, symbols: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        x = self.dropout_input(self.embedding(symbols))  # (B, T, embedding)
        states = []
        for layer, before in zip(self.layers, self._split(state), strict=True):
            x, after = layer(x, before)  # (B, T, cells)
            states += [*after] if self.kind == "lstm" else [after]
            x = self.dropout(x)
        return x, torch.cat([part[0] for part in states], dim=1)

    def logits(self, features: Tensor) -> Tensor:
        if self.output is not None:
            logits: Tensor = self.output(features)
            return logits
        weight = self.embedding.weight[: self.n_symbols]
        return functional.linear(features, weight, self.output_bias)

    def step_graph(self) -> ModelProto:
        from habitus.networks.recurrent_step import step_graph

        return step_graph(self)

    def _split(self, state: Tensor) -> list[Tensor | tuple[Tensor, Tensor]]:
        """Each layer's part of the state, as that layer wants it: (1, B, cells), for an LSTM two.

        Every layer's hidden state stands before its cell state.
        """
        if self.kind == "gru":
            return [part[None].contiguous() for part in torch.split(state, list(self.cells), dim=1)]
        sizes = [cells for cells in self.cells for _ in range(2)]
        parts = [part[None].contiguous() for part in torch.split(state, sizes, dim=1)]
        return list(zip(parts[::2], parts[1::2], strict=True))
