"""`Checkpoint`: all that a training needs to go on as if it had never stopped.

A sealed folder, as a model is: ``checkpoint.json`` says whose it is and where it stands,
``arrays.safetensors`` holds weights, the optimiser's memory and the state of chance.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from habitus.errors import ModelError, UsageError
from habitus.learning.history import History
from habitus.learning.optimiser_memory import memory_of, put_memory_back
from habitus.learning.position import Position, Sums  # noqa: TC001 - pydantic needs them at run time
from habitus.sealed import arrays_of, is_sealed_folder, read_sealed, write_sealed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor, nn
    from torch.optim import Optimizer

    from habitus.learning.averaging import RunningAverage

    Arrays = dict[str, NDArray[np.generic]]

STATE_FILE, ARRAYS_FILE = "checkpoint.json", "arrays.safetensors"
_MAX_BYTES = {STATE_FILE: 1 << 20, ARRAYS_FILE: 8 << 30}
_WEIGHTS, _BEST, _AVERAGE, _OPTIMISER = "weights.", "best.", "average.", "optimiser."
_RANDOM, _CUDA_RANDOM, _CARRIED = "random", "random_cuda", "carried"


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
        random = {_RANDOM: torch.get_rng_state().numpy()}
        if carried.device.type == "cuda":
            random[_CUDA_RANDOM] = torch.cuda.get_rng_state(carried.device).numpy()
        return cls(
            weights=_numpy(network.state_dict()),
            best=_numpy(best or {}),
            average=_numpy(average.means),
            optimiser=memory_of(optimiser),
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
        put_memory_back(optimiser, self.optimiser)
        network.load_state_dict(fitting(self.weights, network))
        average.put_back({n: torch.from_numpy(a.copy()) for n, a in self.average.items()})
        self._put_back_chance(device)

    def _put_back_chance(self, device: torch.device) -> None:
        try:
            torch.set_rng_state(torch.from_numpy(self.random[_RANDOM].copy()))
            if device.type == "cuda" and _CUDA_RANDOM in self.random:
                state = torch.from_numpy(self.random[_CUDA_RANDOM].copy())
                torch.cuda.set_rng_state(state, device)
        except (KeyError, RuntimeError, TypeError) as error:
            raise ModelError(f"the state of chance is damaged ({error})") from None

    def save(self, folder: Path, identity: Mapping[str, str]) -> None:
        """Write the folder, which appears whole or not at all; an older one is replaced.

        Raises:
            UsageError: if other files stand there, or it would be too large to be read again.
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
        # Not ascontiguousarray, which makes a column of the single number that counts updates.
        contents = {
            STATE_FILE: (json.dumps(described.model_dump(mode="json"), indent=1) + "\n").encode(),
            ARRAYS_FILE: save({n: np.asarray(a, order="C") for n, a in sorted(arrays.items())}),
        }
        if len(contents[ARRAYS_FILE]) > _MAX_BYTES[ARRAYS_FILE]:
            raise UsageError(
                f"{folder}: a checkpoint of so large a network could not be read again"
            )
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
        with naming(folder):
            return cls._from(described, arrays_of(contents[ARRAYS_FILE], ARRAYS_FILE))

    @classmethod
    def _from(cls, described: _StateFile, arrays: Arrays) -> Checkpoint:
        """What files hold, if it belongs together."""
        history = History.from_arrays(
            arrays.pop("history", None), arrays.pop("history_facts", None)
        )
        names = [name for name in (_RANDOM, _CUDA_RANDOM) if name in arrays]
        random = {name: arrays.pop(name) for name in names}
        carried = arrays.pop(_CARRIED, np.zeros(0))
        for name, array in {**arrays, _CARRIED: carried}.items():
            if array.dtype != np.float32 or not np.all(np.isfinite(array)):
                raise ModelError(f"the array {name!r} is missing, or no float32 numbers")
        parts: dict[str, Arrays] = {_WEIGHTS: {}, _BEST: {}, _AVERAGE: {}, _OPTIMISER: {}}
        for name, array in arrays.items():
            prefix, dot, rest = name.partition(".")
            if prefix + dot not in parts:
                raise ModelError(f"the array {name!r} is none of a checkpoint's")
            parts[prefix + dot][rest] = array
        if len(history.epochs) != described.position.epoch or (history.best < 0) == bool(
            parts[_BEST]
        ):
            raise ModelError("its history is not of as many epochs as it has done")
        return cls(
            weights=parts[_WEIGHTS],
            best=parts[_BEST],
            average=parts[_AVERAGE],
            optimiser=parts[_OPTIMISER],
            random=random,
            carried=carried.astype(np.float32),
            position=described.position,
            sums=described.sums,
            history=history,
        )


@contextmanager
def naming(folder: Path | None) -> Iterator[None]:
    """Let an error about a checkpoint's content name its folder, if there is one."""
    try:
        yield
    except ModelError as error:
        raise ModelError(
            f"{folder}: {error}; it is damaged or made by hand: take it away to start anew"
        ) from None


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
            before = found.get(name, "not told")
            raise UsageError(
                f"{folder}: was left by another training ({name}: {before[:20]} there, "
                f"{value[:20]} now): give the same command and --resume, or take the folder away "
                "to start anew"
            )
