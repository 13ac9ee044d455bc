"""`Task`: what the training loop must know of a network and the traces that it learns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from torch import Tensor, nn


@dataclass(frozen=True)
class Learned:
    """What one update is made of.

    Attributes:
        loss: () float32, the mean over its calls; carries the gradient.
        n_calls: how many those are.
        n_looked: of how many of them it was seen which call was the likeliest; what costs more than
            the learning itself may be seen of some only.
        n_right: () int64 or float32, how many of those it was.
        carried: (B, n) float32, what the next step of the plan goes on from.
    """

    loss: Tensor
    n_calls: int
    n_looked: int
    n_right: Tensor
    carried: Tensor


@dataclass(frozen=True)
class Judged:
    """What a network makes of held-out traces: mean loss, and the share it had right."""

    loss: float
    accuracy: float


class Task(ABC):
    """A network and its traces.

    Attributes:
        network: what learns.
        n_calls: calls in one epoch.
        n_held_out: traces that `judge` looks at; 0 if it looks at the learned ones.
        enough: a held-out loss below which there is nothing left to learn.
    """

    network: nn.Module
    n_calls: int
    n_held_out: int
    enough: float = 1e-4

    @abstractmethod
    def plan(self, random: np.random.Generator) -> Sequence[object]:
        """The steps of an epoch; the same for the same generator."""

    @abstractmethod
    def learn(self, step: object, carried: Tensor) -> Learned:
        """The loss of a step.

        Args:
            carried: what the step before it left; of no size at the beginning of an epoch.
        """

    @abstractmethod
    def judge(self) -> Judged:
        """The loss on the held-out traces; the network is in evaluation mode."""
