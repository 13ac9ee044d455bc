"""`RunningAverage`: the mean of a network's weights over its last updates, judged and kept.

Source: B. Polyak, A. Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J.
Control Optim. 30, 1992. The mean is steadier than the weights, which chance throws about as long as
the learning rate is high.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from habitus.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor, nn

FIRST_UPDATES = 10
"""Early on the mean forgets faster, by so many updates: it begins with weights of pure chance."""


class RunningAverage:
    """An exponential mean of a network's trained weights.

    Args:
        network: whose weights are averaged.
        decay: what each update leaves of the mean; 0 keeps none, and the weights stand as they are.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay = decay
        self._weights = {
            name: weight
            for name, weight in network.named_parameters()
            if decay and weight.requires_grad
        }
        self.means = {name: weight.detach().clone() for name, weight in self._weights.items()}

    def update(self, updates: int) -> None:
        """Take the weights in, after so many updates."""
        kept = min(self._decay, (1 + updates) / (FIRST_UPDATES + updates))
        with torch.no_grad():
            for name, mean in self.means.items():
                mean.lerp_(self._weights[name], 1 - kept)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the network have the means for its weights for a while."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def put_back(self, means: Mapping[str, Tensor]) -> None:
        """Go on from means that were kept.

        Raises:
            ModelError: if they are others than the network's.
        """
        fits = means.keys() == self.means.keys() and all(
            means[name].shape == mean.shape for name, mean in self.means.items()
        )
        if not fits:
            raise ModelError("the kept means of the weights are not this network's")
        for name, mean in self.means.items():
            mean.copy_(means[name])

    def _swap(self) -> None:
        for name, weight in self._weights.items():
            weight.data, self.means[name] = self.means[name], weight.data
