"""`Checkpoint`: all that a training needs to go on as if it had never stopped.

A sealed folder, as a model is: ``checkpoint.json`` says whose it is and where it stands,
``arrays.safetensors`` holds weights, the optimiser's memory and the state of chance.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from habitus.errors import ModelError, UsageError
from habitus.learning.history import History
from habitus.sealed import arrays_of, is_sealed_folder, read_sealed, write_sealed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor, nn
    from torch.optim import Optimizer

    from habitus.learning.averaging import RunningAverage

    Arrays = dict[str, NDArray[np.generic]]

STATE_FILE, ARRAYS_FILE = "checkpoint.json", "arrays.safetensors"
_MAX_BYTES = {STATE_FILE: 1 << 20, ARRAYS_FILE: 32 << 30}
_WEIGHTS, _BEST, _AVERAGE, _OPTIMISER = "weights.", "best.", "average.", "optimiser."
_RANDOM, _CUDA_RANDOM, _CARRIED = "random", "random_cuda", "carried"
_COUNT = Field(ge=0, le=1 << 53)


class Position(BaseModel):
    """How far training is.

    Attributes:
        epoch: whole epochs done; ``step`` are the steps done of the next one's plan.
        updates: of the weights, in all epochs; ``calls`` likewise the calls they learned.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    epoch: int = _COUNT
    step: int = _COUNT
    updates: int = _COUNT
    calls: int = _COUNT

    @classmethod
    def beginning(cls) -> Position:
        """Nothing is done."""
        return cls(epoch=0, step=0, updates=0, calls=0)

    def advance(self, n_calls: int) -> None:
        """One update is done."""
        self.step += 1
        self.updates += 1
        self.calls += n_calls

    def next_epoch(self) -> None:
        """An epoch is done."""
        self.epoch += 1
        self.step = 0


class Sums(BaseModel):
    """Of the calls learned in an epoch so far.

    Attributes:
        loss, right: sums over ``calls``; ``seconds`` were spent on them.
    """

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    loss: float = 0.0
    right: float = 0.0
    calls: Annotated[int, Field(ge=0)] = 0
    seconds: float = 0.0


class _StateFile(BaseModel):
    """The content of ``checkpoint.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    schema_version: Literal[1]
    identity: dict[str, str]
    position: Position
    sums: Sums


@dataclass(frozen=True)
class Checkpoint:
    """A training between two updates.

    Attributes:
        weights, best: the network's arrays now, and those of its best epoch; empty before it.
        average: the running means of its weights; empty if none are made.
        optimiser: its memory, ``parameter.name``.
        random: states of PyTorch's generators.
        carried: what the next step goes on from.
        history: the epochs done.
    """

    weights: Arrays
    best: Arrays
    average: Arrays
    optimiser: Arrays
    random: Arrays
    carried: NDArray[np.float32]
    position: Position
    sums: Sums
    history: History

    @classmethod
    def of(
        cls,
        network: nn.Module,
        optimiser: Optimizer,
        average: RunningAverage,
        best: Mapping[str, Tensor] | None,
        carried: Tensor,
        position: Position,
        sums: Sums,
        history: History,
    ) -> Checkpoint:
        """What must be kept of a training."""
        memory = optimiser.state_dict()["state"]
        random = {_RANDOM: torch.get_rng_state().numpy()}
        if carried.device.type == "cuda":
            random[_CUDA_RANDOM] = torch.cuda.get_rng_state(carried.device).numpy()
        return cls(
            weights=_numpy(network.state_dict()),
            best=_numpy(best or {}),
            average=_numpy(average.means),
            optimiser={
                f"{parameter}.{name}": _numpy({"": torch.as_tensor(value)})[""]
                for parameter, values in memory.items()
                for name, value in values.items()
                if value is not None
            },
            random=random,
            carried=carried.cpu().numpy(),
            position=position,
            sums=sums,
            history=history,
        )

    def put_back(
        self,
        network: nn.Module,
        optimiser: Optimizer,
        average: RunningAverage,
        device: torch.device,
    ) -> None:
        """Give a network, an optimiser and chance the state they were in.

        Raises:
            ModelError: if the arrays do not fit.
        """
        network.load_state_dict(fitting(self.weights, network))
        average.put_back({n: torch.from_numpy(a.copy()) for n, a in self.average.items()})
        memory: dict[int, dict[str, Tensor]] = {}
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        for name, array in self.optimiser.items():
            number, _, kind = name.partition(".")
            if not number.isdigit() or int(number) >= len(parameters) or not kind:
                raise ModelError(f"{ARRAYS_FILE}: the optimiser has no {name!r}")
            wanted = parameters[int(number)].shape
            if array.shape not in {(), tuple(wanted)} or array.dtype != np.float32:
                raise ModelError(f"{ARRAYS_FILE}: the optimiser's {name!r} is of another shape")
            memory.setdefault(int(number), {})[kind] = torch.from_numpy(array.copy())
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": memory, "param_groups": groups})
        self._put_back_chance(device)

    def _put_back_chance(self, device: torch.device) -> None:
        try:
            torch.set_rng_state(torch.from_numpy(self.random[_RANDOM].copy()))
            if device.type == "cuda" and _CUDA_RANDOM in self.random:
                state = torch.from_numpy(self.random[_CUDA_RANDOM].copy())
                torch.cuda.set_rng_state(state, device)
        except (KeyError, RuntimeError, TypeError) as error:
            raise ModelError(f"{ARRAYS_FILE}: the state of chance is damaged ({error})") from None

    def save(self, folder: Path, identity: Mapping[str, str]) -> None:
        """Write the folder, which appears whole or not at all; an older one is replaced.

        Raises:
            UsageError: if other files stand there.
        """
        from safetensors.numpy import save

        described = _StateFile(
            schema_version=1, identity=dict(identity), position=self.position, sums=self.sums
        )
        arrays = {
            **{_WEIGHTS + name: array for name, array in self.weights.items()},
            **{_BEST + name: array for name, array in self.best.items()},
            **{_AVERAGE + name: array for name, array in self.average.items()},
            **{_OPTIMISER + name: array for name, array in self.optimiser.items()},
            **self.random,
            _CARRIED: self.carried,
            **self.history.arrays(),
        }
        contents = {
            STATE_FILE: (json.dumps(described.model_dump(mode="json"), indent=1) + "\n").encode(),
            ARRAYS_FILE: save({n: np.ascontiguousarray(a) for n, a in sorted(arrays.items())}),
        }
        write_sealed(folder, contents, may_replace=is_checkpoint)

    @classmethod
    def load(cls, folder: Path, identity: Mapping[str, str]) -> Checkpoint:
        """Read a folder; nothing in it is believed before it is checked.

        Args:
            identity: of the training that is to go on; it must be the one that left this.

        Raises:
            ModelError: if a file is missing, added, altered, too large or not what it should be.
            UsageError: if another training left it.
        """
        contents = read_sealed(folder, _MAX_BYTES, what="checkpoint")
        try:
            described = _StateFile.model_validate_json(contents[STATE_FILE])
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(map(str, problem["loc"]))
            raise ModelError(
                f"{folder / STATE_FILE}: {place}: {problem['msg']}; it was left by another version "
                "of Habitus, or made by hand: start anew without --resume"
            ) from None
        _refuse_another(folder, described.identity, identity)
        arrays = arrays_of(contents[ARRAYS_FILE], ARRAYS_FILE)

        def part(prefix: str) -> Arrays:
            return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}

        carried = arrays.get(_CARRIED)
        if carried is None or carried.dtype != np.float32:
            raise ModelError(f"{ARRAYS_FILE}: {_CARRIED!r} is missing or not float32")
        return cls(
            weights=part(_WEIGHTS),
            best=part(_BEST),
            average=part(_AVERAGE),
            optimiser=part(_OPTIMISER),
            random={name: arrays[name] for name in (_RANDOM, _CUDA_RANDOM) if name in arrays},
            carried=carried.astype(np.float32),
            position=described.position,
            sums=described.sums,
            history=History.from_arrays(arrays.get("history"), arrays.get("history_facts")),
        )


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder holds a checkpoint, or what is left of one, and nothing else."""
    return is_sealed_folder(folder, _MAX_BYTES, known_by=STATE_FILE)


def fitting(arrays: Mapping[str, NDArray[np.generic]], network: nn.Module) -> dict[str, Tensor]:
    """Arrays as a network's weights.

    Raises:
        ModelError: if they are not its names, shapes and types, or hold what is no number.
    """
    wanted = network.state_dict()
    if set(arrays) != set(wanted):
        other = ", ".join(sorted(set(arrays) ^ set(wanted))[:5])
        raise ModelError(f"the network's arrays are others than its settings ask for ({other})")
    made = {}
    for name, weight in wanted.items():
        array = arrays[name]
        if array.shape != tuple(weight.shape) or array.dtype != np.float32:
            raise ModelError(
                f"the network's array {name!r} is {array.shape} {array.dtype}, not "
                f"{tuple(weight.shape)} float32"
            )
        if not np.all(np.isfinite(array)):
            raise ModelError(f"the network's array {name!r} holds what is no number")
        made[name] = torch.from_numpy(array.astype(np.float32))
    return made


def _numpy(tensors: Mapping[str, Tensor]) -> Arrays:
    """Copies of tensors."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in tensors.items()}


def _refuse_another(folder: Path, found: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    for name, value in wanted.items():
        if found.get(name) != value:
            raise UsageError(
                f"{folder}: was left by another training: its {name} was "
                f"{found.get(name, 'not told')}, now it is {value}; give the same command with "
                "--resume, or take the folder away to start anew"
            )
