"""A model of traces on disk: what ``model.json`` tells of it, and its arrays, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from habitus.decisions.decision import Decision  # noqa: TC001 - pydantic needs it at run time
from habitus.decisions.rule import Rule
from habitus.decisions.scores import rules_of
from habitus.detectors import get_detector
from habitus.errors import ModelError
from habitus.models.memory import Memory
from habitus.models.model import Model, Provenance
from habitus.models.population_arrays import (
    PopulationFile,
    population_arrays,
    population_file,
    population_from,
)
from habitus.syscalls import danger_of
from habitus.traces.traceset import DIGEST_BYTES
from habitus.traces.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.detectors.base import SequenceDetector

    Arrays = Mapping[str, NDArray[np.generic]]

_Scalar = TypeVar("_Scalar", bound=np.generic)

_DETECTOR, _MEMORY = "detector.", "memory."
_MEMORY_ARRAYS = {_MEMORY + name for name in ("symbols", "offsets", "names", "digests")}


class ModelFile(BaseModel):
    """The content of ``model.json`` of a model of traces."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    schema_version: Literal[1]
    detector: str
    settings: dict[str, bool | int | float | str | None]
    vocabulary: tuple[str, ...]
    kin: dict[str, str] = {}  # none in models that know of no kin: they score as they did
    decisions: tuple[Decision, ...]
    population: PopulationFile
    provenance: Provenance


def described_model(model: Model) -> tuple[ModelFile, dict[str, NDArray[np.generic]]]:
    """What ``model.json`` tells of a model of traces, and its arrays by name."""
    described = ModelFile(
        schema_version=1,
        detector=model.detector.name,
        settings=model.detector.settings.model_dump(mode="json"),
        vocabulary=model.detector.vocabulary.names,
        kin=dict(model.detector.vocabulary.kin),
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
    return described, arrays


def model_of(described: ModelFile, arrays: Arrays, digest: str) -> Model:
    """The model that `described_model` told of; nothing is believed before it is checked.

    Raises:
        HabitusError: if there is no such detector, or the arrays make none.
    """
    detector = get_detector(described.detector).with_settings(described.settings)
    detector.vocabulary = Vocabulary(described.vocabulary, _checked_kin(described.kin))
    state = {n.removeprefix(_DETECTOR): a for n, a in arrays.items() if n.startswith(_DETECTOR)}
    detector.restore(state)
    memory = _memory(arrays, len(described.vocabulary))
    rules = _checked_rules(described.decisions, detector)
    population = population_from(arrays, described.population, rules)
    _refuse_other_arrays(arrays, detector.state(), population_arrays(population))
    return Model(
        detector, described.decisions, described.provenance, memory, population, digest
    )  # fmt: skip


def _refuse_other_arrays(arrays: Arrays, state: Arrays, population: Arrays) -> None:
    other = set(arrays) - _MEMORY_ARRAYS - {_DETECTOR + name for name in state} - set(population)
    if other:
        raise ModelError(
            f"weights.safetensors: holds what no model does: {', '.join(sorted(other))}"
        )


def _checked_kin(kin: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Kin that no dangerous call has or is."""
    for pair in kin.items():
        for name in pair:
            if reason := danger_of(name):
                raise ModelError(
                    f"it reads {pair[0]!r} as {pair[1]!r}, but {name!r} {reason} and is no other "
                    "call's kin: train it anew"
                )
    return tuple(kin.items())


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
