"""A model on disk: a folder of three files, and no pickle in any of them.

``model.json`` holds what a person may want to read, ``weights.safetensors`` every array,
``MANIFEST.sha256`` the SHA-256 of both. The manifest detects corruption and partial edits; whoever
can rewrite the folder can rewrite it too, so pin a model you trust by its digest
(`habitus model verify --digest`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from pydantic import ValidationError

from habitus.base import folder_of, is_shipped
from habitus.errors import HabitusError, ModelError, UsageError
from habitus.sealed import MANIFEST_FILE as MANIFEST_FILE  # noqa: PLC0414 - part of a model too
from habitus.sealed import arrays_of, is_sealed_folder, read_sealed, write_sealed

if TYPE_CHECKING:
    import os

    from habitus.models.flow_model import FlowModel
    from habitus.models.model import Model

    AnyModel = TypeVar("AnyModel", Model, FlowModel)

MODEL_FILE, WEIGHTS_FILE = "model.json", "weights.safetensors"
_MAX_BYTES = {MODEL_FILE: 64 << 20, WEIGHTS_FILE: 8 << 30}


def save_model(model: AnyModel, path: str | os.PathLike[str]) -> AnyModel:
    """Write a model's folder, which appears whole or not at all; an older model there is replaced.

    Returns:
        The model with its digest.

    Raises:
        UsageError: if other files stand there, or it is the name of a shipped model.
    """
    from safetensors.numpy import save

    from habitus.models.flow_files import described_flow_model
    from habitus.models.flow_model import FlowModel
    from habitus.models.trace_files import described_model

    _refuse_shipped(path)
    described, arrays = (
        described_flow_model(model) if isinstance(model, FlowModel) else described_model(model)
    )
    contents = {
        MODEL_FILE: (json.dumps(described.model_dump(mode="json"), indent=1) + "\n").encode(),
        WEIGHTS_FILE: save({name: np.ascontiguousarray(a) for name, a in sorted(arrays.items())}),
    }
    manifest = write_sealed(path, contents, may_replace=_is_model_folder)
    return replace(model, digest=hashlib.sha256(manifest).hexdigest())


def load_model(path: str | os.PathLike[str], *, digest: str | None = None) -> Model | FlowModel:
    """Read a model's folder, of either kind; nothing in it is believed before it is checked.

    Args:
        path: a folder, or the name of a shipped model, as `base` (a folder of that name is told as
            `./base`).
        digest: if given, the SHA-256 that the model must have.

    Returns:
        A `Model` of traces, or a `FlowModel`.

    Raises:
        ModelError: if a file is missing, added, altered, too large or not what it should be.
    """
    folder = folder_of(path)
    contents = read_sealed(folder, _MAX_BYTES)
    found = hashlib.sha256(contents[MANIFEST_FILE]).hexdigest()
    if digest is not None and digest.lower() != found:
        raise ModelError(f"{folder}: this is another model: its digest is {found}, not {digest}")
    try:
        if _tells_of_flows(contents[MODEL_FILE]):
            from habitus.models.flow_files import FlowModelFile, flow_model_of

            of_flows = FlowModelFile.model_validate_json(contents[MODEL_FILE])
            return flow_model_of(of_flows, arrays_of(contents[WEIGHTS_FILE], WEIGHTS_FILE), found)
        from habitus.models.trace_files import ModelFile, model_of

        described = ModelFile.model_validate_json(contents[MODEL_FILE])
        return model_of(described, arrays_of(contents[WEIGHTS_FILE], WEIGHTS_FILE), found)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise ModelError(
            f"{folder / MODEL_FILE}: {place}: {problem['msg']}; it was made by another version of "
            "Habitus, or by hand: train it again"
        ) from None
    except HabitusError as error:
        raise ModelError(f"{folder}: {error}") from error


def load_trace_model(path: str | os.PathLike[str], *, digest: str | None = None) -> Model:
    """Read a model of traces, as `load_model` does.

    Raises:
        ModelError: as `load_model`, and if it is a model of flows.
    """
    from habitus.models.flow_model import FlowModel

    loaded = load_model(path, digest=digest)
    if isinstance(loaded, FlowModel):
        raise ModelError(
            f"{path}: a model of network flows ({loaded.detector.name}); this is for models of "
            "traces of system calls",
            "flows are judged by habitus detect, explain and evaluate",
        )
    return loaded


def load_flow_model(path: str | os.PathLike[str], *, digest: str | None = None) -> FlowModel:
    """Read a model of flows, as `load_model` does.

    Raises:
        ModelError: as `load_model`, and if it is a model of traces.
    """
    from habitus.models.flow_model import FlowModel

    loaded = load_model(path, digest=digest)
    if not isinstance(loaded, FlowModel):
        raise ModelError(
            f"{path}: a model of traces of system calls ({loaded.detector.name}); this is for "
            "models of network flows",
            "habitus train logistic, boosting or flow-outlier makes one",
        )
    return loaded


def _tells_of_flows(content: bytes) -> bool:
    """Whether a ``model.json`` says that its model is of flows; other mistakes are told later."""
    try:
        told: Any = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and told.get("kind") == "flows"


def verify_model(path: str | os.PathLike[str], *, digest: str | None = None) -> str:
    """Check a model's folder as `load_model` does, and return its digest."""
    return load_model(path, digest=digest).digest


def _is_model_folder(folder: Path) -> bool:
    """Whether a folder holds a model, or what is left of one, and nothing else."""
    return is_sealed_folder(folder, _MAX_BYTES, known_by=MODEL_FILE)


def holds_model(folder: Path) -> bool:
    """Whether a model stands there, sound or damaged: any file that models are made of."""
    return any((folder / name).is_file() for name in (*_MAX_BYTES, MANIFEST_FILE))


def refuse_unusable_place(path: str | os.PathLike[str]) -> None:
    """Raise `UsageError` before long work whose result could not be written to ``path``."""
    _refuse_shipped(path)
    folder = Path(path)
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"{folder}: is not a folder; name another place")
    if folder.is_dir() and any(folder.iterdir()) and not _is_model_folder(folder):
        raise UsageError(f"{folder}: holds other files, which would be lost; name another folder")


def _refuse_shipped(path: str | os.PathLike[str]) -> None:
    """A model in a folder of such a name would be hidden by the shipped one."""
    if is_shipped(path):
        raise UsageError(
            f"{path}: is the name of a model that ships with Habitus and stays as it is; name "
            f"another folder (-o), or say ./{path}"
        )
