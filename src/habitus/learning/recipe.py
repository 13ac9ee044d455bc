"""`Recipe`: how a network is trained, and the optimiser and learning rates it means."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn
    from torch.optim import Optimizer

OptimiserName = Literal["adam", "adamw", "rmsprop", "sgd"]
Decay = Literal["cosine", "none"]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: passes over the traces, at most.
        calls: calls read in training, at most; 0 sets no limit.
        patience: epochs without a better held-out loss after which training stops; 0: never.
        rate: the highest learning rate.
        warm_up: updates over which the rate rises to it.
        decay: ``cosine`` lets it fall to a fiftieth at the end.
        clip: the largest norm that a gradient may have; 0 sets no limit.
        weight_decay: of the optimiser, on matrices only.
        average: what each update leaves of the running mean of the weights, which is what is
            judged and kept; 0: the weights themselves are.
    """

    epochs: int
    calls: int
    patience: int
    optimiser: OptimiserName
    rate: float
    warm_up: int
    decay: Decay
    clip: float
    weight_decay: float
    average: float


LAST_SHARE = 0.02
"""Of the highest rate, what is left at the end of a cosine decay."""


def optimiser_of(recipe: Recipe, network: nn.Module) -> Optimizer:
    """The optimiser a recipe asks for."""
    makers: dict[str, Any] = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "rmsprop": torch.optim.RMSprop,
        "sgd": torch.optim.SGD,
    }
    # Biases and norms are no matrices: shrinking them would not simplify what is learned.
    trained = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    # Fused: one pass over all weights, where each is quick and calling it is what takes time.
    options = {"alpha": 0.9} if recipe.optimiser == "rmsprop" else {"fused": True}
    made: Optimizer = makers[recipe.optimiser](groups, lr=recipe.rate, **options)
    return made


def rate_at(recipe: Recipe, update: int, done: float) -> float:
    """The learning rate of an update.

    Args:
        update: its number, from 0.
        done: the share of the training's calls that were read before it.
    """
    rate = recipe.rate * min(1.0, (update + 1) / max(1, recipe.warm_up))
    if recipe.decay == "cosine":
        rate *= LAST_SHARE + (1 - LAST_SHARE) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return rate


def set_rate(optimiser: Optimizer, rate: float) -> None:
    """Give every group of an optimiser this learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def gradient_is_usable(parameters: Sequence[torch.Tensor], clip: float) -> bool:
    """Clip a gradient's norm, unless ``clip`` is 0; False if it is not a number: do not use it."""
    norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    if clip:
        torch.nn.utils.clip_grads_with_norm_(parameters, clip, norm)
    return bool(torch.isfinite(norm))
