"""Models where jobs are: their files are shared, and each process loads them once."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from habitus.base import folder_of
from habitus.errors import ModelError
from habitus.models.files import MANIFEST_FILE, MODEL_FILE, WEIGHTS_FILE, load_model

if TYPE_CHECKING:
    import os

    from habitus.engines.base import Context, Engine
    from habitus.models.flow_model import FlowModel
    from habitus.models.model import Model

_FILES = (MODEL_FILE, WEIGHTS_FILE, MANIFEST_FILE)
_loaded: WeakKeyDictionary[Any, dict[str, Model | FlowModel]] = WeakKeyDictionary()
"""What a process has loaded already, as long as its context lives."""


def share_model(engine: Engine, folder: str | os.PathLike[str], name: str = "model") -> None:
    """Let all jobs of an engine know a model's files; before the first job."""
    for file in _FILES:
        engine.share(f"{name}/{file}", folder_of(folder) / file)


def shared_model(context: Context, digest: str, name: str = "model") -> Any:
    """The model that was shared under a name.

    Args:
        digest: that it had when the work began.

    Raises:
        ModelError: if its files have been altered since.
    """
    held = _loaded.setdefault(context, {})
    if name not in held:
        # Through a folder, so that it is checked as any other model is.
        with TemporaryDirectory(prefix="habitus-model-") as folder:
            for file in _FILES:
                (Path(folder) / file).write_bytes(context.shared(f"{name}/{file}").to_pybytes())
            try:
                held[name] = load_model(folder, digest=digest)
            except ModelError as error:
                said = "the model was altered while work with it began: begin again"
                raise ModelError(said, *error.args) from error
    return held[name]
