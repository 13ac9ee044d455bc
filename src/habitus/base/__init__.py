"""Models that ship with Habitus, learned from its corpus: what `base` stands for as a model.

Their folders stand beside this file; `python -m corpus.base_models` makes them.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

SHIPPED: Mapping[str, str] = MappingProxyType(
    {
        "base": "n-gram counts of the corpus",
        "base-lstm": "a small network that learned the corpus",
    }
)
"""Names that stand for a shipped model wherever a model's folder is asked for, and what it is."""

_HERE = Path(__file__).parent


def is_shipped(path: str | os.PathLike[str]) -> bool:
    """Whether a model is asked for by the name of a shipped one: ``base``, but not ``./base``."""
    return str(path) in SHIPPED


def folder_of(path: str | os.PathLike[str]) -> Path:
    """Where a model stands: the shipped one's folder for its name, else the path itself.

    >>> folder_of("models/mine").as_posix()
    'models/mine'
    """
    return _HERE / str(path) if is_shipped(path) else Path(path)


def model_path(text: str) -> Path:
    """What a user says of a model, as a path: `base` is the shipped one, `./base` a folder.

    A path forgets that it began with ``./``, so that one is told in full which would be mistaken.

    >>> model_path("base").as_posix(), model_path("./base").is_absolute()
    ('base', True)
    """
    path = Path(text)
    return path.absolute() if is_shipped(path) and not is_shipped(text) else path
