"""The seam of networks that read calls one after another and say what comes next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import Tensor


class LanguageNetwork(nn.Module, ABC):
    """Reads the calls of many traces side by side; all it remembers of one is a row of numbers.

    Symbols from 0 are the calls of a vocabulary; `unknown` stands for every other call, and
    `start` is read before a trace's first call.

    Attributes:
        n_symbols: calls it can expect.
        n_state: float32 numbers that it remembers of a trace.
        n_features: width of what its output layer reads.
        steps_are_quick: whether many traces are read more quickly step by step, by its graph, than
            in stretches by PyTorch.
    """

    n_state: int
    n_features: int
    steps_are_quick: bool = True

    def __init__(self, n_symbols: int) -> None:
        super().__init__()
        self.n_symbols = n_symbols

    @property
    def unknown(self) -> int:
        """The symbol of calls outside the vocabulary."""
        return self.n_symbols

    @property
    def start(self) -> int:
        """The symbol that stands before a trace's first call."""
        return self.n_symbols + 1

    def fresh(self, n_traces: int) -> Tensor:
        """(n_traces, n_state) float32: what is remembered of traces that have not begun."""
        weight = next(self.parameters())
        return weight.new_zeros(n_traces, self.n_state)

    @abstractmethod
    def forward(self, symbols: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Read on.

        Args:
            symbols: (B, T) int64, the next calls of B traces.
            state: (B, n_state) what is remembered of them.

        Returns:
            (B, T, n_features) float32, what it makes of each call and those before, and (B,
            n_state) what it remembers then.
        """

    @abstractmethod
    def logits(self, features: Tensor) -> Tensor:
        """(..., n_symbols) float32: from features, how likely each call is next."""

    def step_graph(self) -> ModelProto | None:
        """One step as an ONNX graph made of the weights; None: PyTorch takes single steps, too.

        Inputs: ``symbols`` (B,) int64 and ``state`` (B, n_state) float32. Outputs: ``chances`` (B,
        n_symbols) float32 of the next call, and ``next_state`` (B, n_state).
        """
        return None
