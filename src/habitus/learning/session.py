"""`Session`: where long training keeps itself, whether it goes on, and what it runs on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from habitus.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import torch


@dataclass(frozen=True)
class Session:
    """The surroundings of a training; none of them changes what is learned, but for rounding.

    Attributes:
        checkpoints: the folder to keep checkpoints in; None keeps none.
        resume: go on from the checkpoint there.
        device: ``cpu``, ``cuda`` or ``cuda:1``.
        every_seconds: between checkpoints within an epoch.
    """

    checkpoints: Path | None = None
    resume: bool = False
    device: str = "cpu"
    every_seconds: float = 60.0

    def torch_device(self) -> torch.device:
        """The device, if it is there.

        Raises:
            UsageError: if it is not.
        """
        import torch

        try:
            device = torch.device(self.device)
        except RuntimeError:
            raise UsageError(f"no device is called {self.device!r}: say cpu, cuda or cuda:1") from (
                None
            )
        if device.type == "cpu":
            return device
        n_found = torch.cuda.device_count() if device.type == "cuda" else 0
        if (device.index or 0) >= n_found:
            raise UsageError(
                f"the device {self.device!r} is not there: this PyTorch ({torch.__version__}) "
                f"finds {n_found or 'no'} CUDA device{'' if n_found == 1 else 's'}; train without "
                "--device, or install a PyTorch built for it"
            )
        return device


HERE = Session()
"""This machine's processor, nothing kept."""
