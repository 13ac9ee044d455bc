"""What an optimiser remembers, as arrays that may come from anyone's file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from habitus.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch.optim import Optimizer

    Arrays = dict[str, NDArray[np.generic]]
    Memory = dict[int, dict[str, torch.Tensor]]


def memory_of(optimiser: Optimizer) -> Arrays:
    """Copies of all that it remembers, by ``parameter.name``."""
    return {
        f"{parameter}.{name}": torch.as_tensor(value).detach().cpu().numpy().copy()
        for parameter, values in optimiser.state_dict()["state"].items()
        for name, value in values.items()
        if value is not None
    }


def put_memory_back(optimiser: Optimizer, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Let an optimiser that has done nothing yet remember this; weights must be set after it.

    Raises:
        ModelError: if an optimiser of this kind remembers other things of these weights.
    """
    memory: Memory = {}
    for name, array in arrays.items():
        number, _, kind = name.partition(".")
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            raise ModelError(f"the optimiser remembers nothing called {name!r}")
        memory.setdefault(int(number), {})[kind] = torch.from_numpy(np.array(array))
    wanted = _first_memory(optimiser)
    if missing := wanted.keys() - memory.keys():
        raise ModelError(f"what the optimiser remembers of weight {min(missing)} is missing")
    for parameter, values in memory.items():
        if _shapes(values) != _shapes(wanted.get(parameter, {})):
            told = ", ".join(sorted(values))
            raise ModelError(f"the optimiser does not remember {told} of weight {parameter} so")
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": memory, "param_groups": groups})


def _first_memory(optimiser: Optimizer) -> Memory:
    """What it remembers after a step that teaches nothing: only by one can names be learned."""
    rates = [group["lr"] for group in optimiser.param_groups]
    for group in optimiser.param_groups:
        group["lr"] = 0.0
        for weight in group["params"]:
            weight.grad = torch.zeros_like(weight)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    for group, rate in zip(optimiser.param_groups, rates, strict=True):
        group["lr"] = rate
    memory: Memory = optimiser.state_dict()["state"]
    return memory


def _shapes(values: Mapping[str, object]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    tensors = {name: torch.as_tensor(value) for name, value in values.items() if value is not None}
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
