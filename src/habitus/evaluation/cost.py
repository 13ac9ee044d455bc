"""What judging costs in memory."""

from __future__ import annotations

import hashlib
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.result_parts import Memory

if TYPE_CHECKING:
    from habitus.models.model import Model

_MAX_MANIFEST_BYTES = 1 << 10


def peak_rss_bytes() -> int:
    """The most memory that this process has had so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # elsewhere it counts KiB


def memory_of(name: str, model: Model) -> Memory:
    """What a model takes up.

    Args:
        name: what the user calls it: its folder, if it was read from one.
    """
    kept = [value for value in vars(model.memory).values() if isinstance(value, np.ndarray)]
    return Memory(
        detector=sum(array.nbytes for array in model.detector.state().values()),
        remembered=sum(array.nbytes for array in kept),
        disk=_bytes_on_disk(Path(name), model.digest),
    )


def _bytes_on_disk(folder: Path, digest: str) -> int | None:
    """The size of the model's folder, if that is what this is."""
    from habitus.models.files import MANIFEST_FILE

    try:
        with (folder / MANIFEST_FILE).open("rb") as file:
            manifest = file.read(_MAX_MANIFEST_BYTES)
        if hashlib.sha256(manifest).hexdigest() != digest:
            return None
        return sum(path.stat().st_size for path in folder.iterdir())
    except (OSError, ValueError):  # a name with a null byte is no path
        return None
