"""A model of flows on disk: the same three files as a model of traces, ``kind`` tells which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from habitus.detectors.flow import get_flow_detector
from habitus.errors import ModelError
from habitus.models.flow_model import FlowDecision, FlowModel, FlowProvenance
from habitus.models.flow_population import FlowPopulation, FlowPopulationFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[np.generic]]

_DETECTOR = "detector."
_MAX_NOTES = 1000


class FlowModelFile(BaseModel):
    """The content of ``model.json`` of a model of flows."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    schema_version: Literal[1]
    kind: Literal["flows"]
    detector: str
    settings: dict[str, bool | int | float | str | None]
    decision: FlowDecision
    population: FlowPopulationFile
    provenance: FlowProvenance
    notes: tuple[str, ...] = Field(max_length=_MAX_NOTES)


def described_flow_model(model: FlowModel) -> tuple[FlowModelFile, dict[str, NDArray[np.generic]]]:
    """What ``model.json`` tells of a model, and its arrays by name."""
    described = FlowModelFile(
        schema_version=1,
        kind="flows",
        detector=model.detector.name,
        settings=model.detector.settings.model_dump(mode="json"),
        decision=model.decision,
        population=model.population.told(),
        provenance=model.provenance,
        notes=model.notes[:_MAX_NOTES],
    )
    arrays = {_DETECTOR + name: array for name, array in model.detector.state().items()}
    return described, arrays | model.population.arrays()


def flow_model_of(described: FlowModelFile, arrays: Arrays, digest: str) -> FlowModel:
    """The model that `described_flow_model` told of; nothing is believed before it is checked.

    Raises:
        HabitusError: if there is no such detector, or the arrays make none.
    """
    detector = get_flow_detector(described.detector).with_settings(described.settings)
    state = {n.removeprefix(_DETECTOR): a for n, a in arrays.items() if n.startswith(_DETECTOR)}
    detector.restore(state)
    population = FlowPopulation.restored(arrays, described.population)
    known = {_DETECTOR + name for name in detector.state()} | set(population.arrays())
    if other := set(arrays) - known:
        raise ModelError(f"weights.safetensors: holds what no model does: {min(other)}")
    return FlowModel(
        detector, described.decision, described.provenance, population, described.notes, digest
    )
