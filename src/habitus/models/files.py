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
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from habitus.decisions.decision import Decision  # noqa: TC001 - pydantic needs it at run time
from habitus.decisions.rule import Rule
from habitus.decisions.scores import rules_of
from habitus.detectors import get_detector
from habitus.errors import HabitusError, ModelError, UsageError
from habitus.models.model import Memory, Model, Provenance
from habitus.models.population_arrays import (
    PopulationFile,
    population_arrays,
    population_file,
    population_from,
)
from habitus.sealed import MANIFEST_FILE as MANIFEST_FILE  # noqa: PLC0414 - part of a model too
from habitus.sealed import arrays_of, is_sealed_folder, read_sealed, write_sealed
from habitus.traces.traceset import DIGEST_BYTES
from habitus.traces.vocabulary import Vocabulary

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.detectors.base import SequenceDetector

    Arrays = Mapping[str, NDArray[np.generic]]

_Scalar = TypeVar("_Scalar", bound=np.generic)

MODEL_FILE, WEIGHTS_FILE = "model.json", "weights.safetensors"
_MAX_BYTES = {MODEL_FILE: 64 << 20, WEIGHTS_FILE: 8 << 30}
_DETECTOR, _MEMORY = "detector.", "memory."
_MEMORY_ARRAYS = {_MEMORY + name for name in ("symbols", "offsets", "names", "digests")}


class ModelFile(BaseModel):
    """The content of ``model.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    schema_version: Literal[1]
    detector: str
    settings: dict[str, bool | int | float | str | None]
    vocabulary: tuple[str, ...]
    decisions: tuple[Decision, ...]
    population: PopulationFile
    provenance: Provenance


def save_model(model: Model, path: str | os.PathLike[str]) -> Model:
    """Write a model's folder, which appears whole or not at all; an older model there is replaced.

    Returns:
        The model with its digest.

    Raises:
        UsageError: if other files stand there.
    """
    from safetensors.numpy import save

    described = ModelFile(
        schema_version=1,
        detector=model.detector.name,
        settings=model.detector.settings.model_dump(mode="json"),
        vocabulary=model.detector.vocabulary.names,
        decisions=model.decisions,
        population=population_file(model.population),
        provenance=model.provenance,
    )
    memory = model.memory
    arrays = {_DETECTOR + name: array for name, array in model.detector.state().items()}
    arrays |= {
        _MEMORY + "symbols": memory.symbols,
        _MEMORY + "offsets": memory.offsets,
        _MEMORY + "names": np.frombuffer(json.dumps(memory.names).encode(), dtype=np.uint8),
        _MEMORY + "digests": np.frombuffer(memory.digests.tobytes(), dtype=np.uint8),
        **population_arrays(model.population),
    }
    contents = {
        MODEL_FILE: (json.dumps(described.model_dump(mode="json"), indent=1) + "\n").encode(),
        WEIGHTS_FILE: save({name: np.ascontiguousarray(a) for name, a in sorted(arrays.items())}),
    }
    manifest = write_sealed(path, contents, may_replace=_is_model_folder)
    return replace(model, digest=hashlib.sha256(manifest).hexdigest())


def load_model(path: str | os.PathLike[str], *, digest: str | None = None) -> Model:
    """Read a model's folder; nothing in it is believed before it is checked.

    Args:
        digest: if given, the SHA-256 that the model must have.

    Raises:
        ModelError: if a file is missing, added, altered, too large or not what it should be.
    """
    folder = Path(path)
    contents = read_sealed(folder, _MAX_BYTES)
    found = hashlib.sha256(contents[MANIFEST_FILE]).hexdigest()
    if digest is not None and digest.lower() != found:
        raise ModelError(f"{folder}: this is another model: its digest is {found}, not {digest}")
    try:
        described = ModelFile.model_validate_json(contents[MODEL_FILE])
        arrays = arrays_of(contents[WEIGHTS_FILE], WEIGHTS_FILE)
        detector = get_detector(described.detector).with_settings(described.settings)
        detector.vocabulary = Vocabulary(described.vocabulary)
        state = {n.removeprefix(_DETECTOR): a for n, a in arrays.items() if n.startswith(_DETECTOR)}
        detector.restore(state)
        memory = _memory(arrays, len(described.vocabulary))
        rules = _checked_rules(described.decisions, detector)
        population = population_from(arrays, described.population, rules)
        _refuse_other_arrays(arrays, detector.state(), population_arrays(population))
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise ModelError(
            f"{folder / MODEL_FILE}: {place}: {problem['msg']}; it was made by another version of "
            "Habitus, or by hand: train it again"
        ) from None
    except HabitusError as error:
        raise ModelError(f"{folder}: {error}") from error
    return Model(
        detector, described.decisions, described.provenance, memory, population, found
    )  # fmt: skip


def verify_model(path: str | os.PathLike[str], *, digest: str | None = None) -> str:
    """Check a model's folder as `load_model` does, and return its digest."""
    return load_model(path, digest=digest).digest


def _refuse_other_arrays(arrays: Arrays, state: Arrays, population: Arrays) -> None:
    other = set(arrays) - _MEMORY_ARRAYS - {_DETECTOR + name for name in state} - set(population)
    if other:
        raise ModelError(f"{WEIGHTS_FILE}: holds what no model does: {', '.join(sorted(other))}")


def _checked_rules(decisions: tuple[Decision, ...], detector: SequenceDetector) -> tuple[Rule, ...]:
    """The rules of decisions that a model of this detector may have."""
    if not decisions:
        raise ModelError("it makes no decision")
    if decisions[0].scope != "trace":
        raise ModelError("its first decision is not about whole traces")
    rules = tuple(Rule.parse(decision.rule) for decision in decisions)
    if any(rule.window is None for rule in rules[1:]):
        raise ModelError("it makes more than one decision about a trace")
    # Refused if they do not fit the detector, or one stands twice.
    return rules_of(
        detector,
        str(rules[0].aggregation),
        [str(rule).removeprefix("rolling:") for rule in rules[1:]],
    )


def _memory(arrays: Arrays, n_symbols: int) -> Memory:
    def column(name: str, dtype: type[_Scalar]) -> NDArray[_Scalar]:
        array = arrays.get(_MEMORY + name)
        if array is None or array.dtype != dtype or array.ndim != 1:
            raise ModelError(f"the array {_MEMORY + name!r} is missing or of another type")
        return array.astype(dtype, copy=False)

    symbols = column("symbols", np.uint16)
    offsets = column("offsets", np.int64)
    digests = column("digests", np.uint8).tobytes()
    try:
        names = json.loads(column("names", np.uint8).tobytes())
    except (ValueError, RecursionError) as error:
        raise ModelError(f"the remembered traces' names are damaged ({error})") from error
    sound = (
        isinstance(names, list)
        and all(isinstance(name, str) for name in names)
        and len(offsets) == len(names) + 1
        and offsets[0] == 0
        and offsets[-1] == len(symbols)
        and bool(np.all(np.diff(offsets) >= 0))
        and (not len(symbols) or int(symbols.max()) < n_symbols)
        and len(digests) % DIGEST_BYTES == 0
    )
    if not sound:
        raise ModelError("the remembered traces' columns do not fit together")
    return Memory(
        symbols, offsets, tuple(names), np.frombuffer(digests, dtype=f"V{DIGEST_BYTES}")
    )  # fmt: skip


def _is_model_folder(folder: Path) -> bool:
    """Whether a folder holds a model, or what is left of one, and nothing else."""
    return is_sealed_folder(folder, _MAX_BYTES, known_by=MODEL_FILE)


def refuse_unusable_place(path: str | os.PathLike[str]) -> None:
    """Raise `UsageError` before long work whose result could not be written to ``path``."""
    folder = Path(path)
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"{folder}: is not a folder; name another place")
    if folder.is_dir() and any(folder.iterdir()) and not _is_model_folder(folder):
        raise UsageError(f"{folder}: holds other files, which would be lost; name another folder")
