"""`Session`: where long training keeps itself, whether it goes on, and what it runs on."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from habitus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch

    from habitus.learning.history import Epoch


class TrainingWarning(UserWarning):
    """Something about a training that goes on, which its user should know now."""


@dataclass(frozen=True)
class Session:
    """The surroundings of a training; none of them changes what is learned, but for rounding.

    Attributes:
        checkpoints: the folder to keep checkpoints in; None keeps none.
        resume: go on from the checkpoint there.
        device: ``cpu``, ``cuda`` or ``cuda:1``.
        every_seconds: between checkpoints.
        keeps_interrupted: the first Ctrl-C ends training in good order, with the best weights until
            then; otherwise it is a `KeyboardInterrupt` as everywhere.
        watch: hears of every epoch, and can ask for the detector as it would be if training ended
            there: with the best weights until then. What it raises ends training, and nothing
            is kept.
    """

    checkpoints: Path | None = None
    resume: bool = False
    device: str = "cpu"
    every_seconds: float = 60.0
    keeps_interrupted: bool = False
    watch: Callable[[Epoch, Callable[[], Any]], None] | None = None

    def check(self) -> None:
        """Refuse before long work what could not be done.

        Raises:
            UsageError: if the device is not there, an unfinished training is in the way, or there
                is none to go on with.
        """
        # Asked for by name: PyTorch takes a second to load.
        if self.device != "cpu":
            self.torch_device()
        if self.resume and self.checkpoints is None:
            raise UsageError("there is no folder of checkpoints to resume from: name one")
        if self.checkpoints is None:
            return
        is_there = self.checkpoints.is_symlink() or self.checkpoints.exists()
        if is_there and not self.resume:
            told = (
                "an unfinished training stands here: add --resume to go on with it, or take the "
                "folder away to start anew"
                if self._is_checkpoint()
                else "checkpoints would be kept here, and this is none: take it away, or name "
                "another output"
            )
            raise UsageError(f"{self.checkpoints}: {told}")
        if self.resume and not is_there:
            raise UsageError(
                f"{self.checkpoints}: there is no unfinished training here to resume: leave "
                "--resume out to begin one"
            )

    def clear(self) -> None:
        """Take away the checkpoints of a training that is done with; nothing else that is there."""
        folder = self.checkpoints
        if folder is None or not self._is_checkpoint():
            return
        shutil.rmtree(folder)
        for path in folder.parent.iterdir():  # what a kill left of a checkpoint half-written
            if path.name.startswith(f".{folder.name}.") and path.suffix in {".partial", ".old"}:
                shutil.rmtree(path, ignore_errors=True)

    def _is_checkpoint(self) -> bool:
        from habitus.learning.checkpoint import is_checkpoint

        folder = self.checkpoints
        return folder is not None and folder.is_dir() and is_checkpoint(folder)

    def beside(self) -> Session:
        """For a training that serves this one: on the same device, and nothing of it is kept."""
        return replace(self, checkpoints=None, resume=False, keeps_interrupted=False, watch=None)

    def torch_device(self) -> torch.device:
        """The device, if it is there.

        Raises:
            UsageError: if it is not.
        """
        import torch

        # PyTorch itself would take cuda:256 for cuda:0.
        if not re.fullmatch(r"cpu|cuda(:\d{1,2})?", self.device):
            raise UsageError(f"no device is called {self.device!r}: say cpu, cuda or cuda:1")
        device = torch.device(self.device)
        if device.type == "cpu":
            return device
        n_found = torch.cuda.device_count()
        if (device.index or 0) >= n_found:
            raise UsageError(
                f"the device {self.device!r} is not there: this PyTorch ({torch.__version__}) "
                f"finds {n_found or 'no'} CUDA device{'' if n_found == 1 else 's'}; train without "
                "--device, or install a PyTorch built for it"
            )
        return device


HERE = Session()
"""This machine's processor, nothing kept."""
