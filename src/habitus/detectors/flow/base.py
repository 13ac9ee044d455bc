"""The seam of flow detectors: fit on flows, then a score for each and what each feature adds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from habitus.detectors.base import DetectorSettings
from habitus.detectors.flow.feature_sets import DEFAULT, features_named
from habitus.detectors.flow.matrix import FlowInputs, blocks
from habitus.detectors.flow.ranges import NormalRange, ranges_of, restored_ranges
from habitus.detectors.flow.read_features import ReadFeatures
from habitus.detectors.settings import checked_settings
from habitus.errors import InputError, ModelError, UsageError
from habitus.flows.layout import MAX_FIRST
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    import polars as pl
    from numpy.typing import NDArray

    from habitus.detectors.base import State

SCORED_FLOWS = 1 << 14
"""Of a table so many flows are scored at a time: their matrix stays near the processor."""


class FlowSettings(DetectorSettings):
    """Settings that all detectors of flows have."""

    features: str = Field(
        DEFAULT,
        description="sets (default, all, flowmeter, volume, sizes, gaps, ...) and features, commas "
        "between them; one with - before it is taken out",
    )
    first_packets: int = Field(
        0, ge=0, le=MAX_FIRST,
        description="size, direction and gap of so many first packets are features, too",
    )  # fmt: skip


@dataclass(frozen=True)
class Contributions:
    """What each feature adds to the score of each flow.

    Attributes:
        features: (n_features,) their names.
        values: (n, n_features) float64, in ``unit``; below 0: takes away from it.
        base: the score of a flow to which no feature adds anything.
        unit: ``log-odds`` or ``nats``.
    """

    features: tuple[str, ...]
    values: NDArray[np.float64]
    base: float
    unit: str

    def totals(self) -> NDArray[np.float64]:
        """(n,) the uncalibrated scores, `FlowDetector.uncalibrated` but for rounding."""
        totals: NDArray[np.float64] = self.base + self.values.sum(axis=1)
        return totals


class FlowDetector(ABC):
    """Learns flows and gives every flow a score, higher = more suspicious, finite always.

    A subclass sets `name`, `summary`, `Settings`, `needs_labels` and the units, and implements
    what computes with the matrix. Scoring never changes a detector, and a flow's score does not
    depend on the flows that are scored with it.

    Attributes:
        needs_labels: whether it learns from benign and malicious flows, or from normal ones alone.
        score_unit: ``probability``: of malicious, calibrated; or ``nats``, of surprise.
        unit: of contributions and of the uncalibrated score.
        settings: checked settings.
        inputs: what it computes with, once fitted.
        ranges: the normal range of each input; empty where no benign flows are known, as with
            parameters that were imported.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    needs_labels: ClassVar[bool]
    score_unit: ClassVar[str]
    unit: ClassVar[str]
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = MappingProxyType({})
    Settings: ClassVar[type[FlowSettings]] = FlowSettings

    def __init__(self, settings: FlowSettings | None = None) -> None:
        self.settings: Any = self.Settings.model_validate({}) if settings is None else settings
        self.ranges: tuple[NormalRange, ...] = ()
        self._told: list[str] = []

    @classmethod
    def with_settings(cls, settings: Mapping[str, object]) -> Self:
        """An unfitted detector with settings given by name, as `SequenceDetector.with_settings`.

        Raises:
            UsageError: if a setting or preset is unknown or a value is not allowed.
        """
        made = checked_settings(cls.name, cls.Settings, cls.presets, settings)
        features_named(made.features, made.first_packets)
        return cls(made)

    def fit(
        self,
        flows: pl.DataFrame,
        labels: NDArray[np.bool_] | None = None,
        groups: NDArray[Any] | None = None,
        progress: Progress = SILENT,
        *,
        seed: int = 1,
    ) -> None:
        """Learn from flows.

        Args:
            flows: (n,) with columns of `habitus.flows.flowtable.schema`, or of FlowMeter's CSV.
            labels: (n,) whether each is malicious.
            groups: (n,) the file or source that each is of: what is held out to calibrate is held
                out by whole groups.
            progress: hears how far it is.
            seed: makes every random choice.

        Raises:
            UsageError: if there are no flows, labels are missing, of another length or of one class
                where two are needed, or no feature tells one flow from another.
            InputError: if a column holds no numbers.
        """
        self._check(len(flows), labels, groups)
        self.fit_read(self.read(flows), labels, groups, progress, seed=seed)

    def read(self, flows: pl.DataFrame) -> ReadFeatures:
        """What its features say of flows: detectors of the same features may learn from it.

        Raises:
            InputError: if a column holds no numbers.
        """
        names = features_named(self.settings.features, self.settings.first_packets)
        return ReadFeatures.of(flows, names)

    def fit_read(
        self,
        read: ReadFeatures,
        labels: NDArray[np.bool_] | None = None,
        groups: NDArray[Any] | None = None,
        progress: Progress = SILENT,
        *,
        seed: int = 1,
    ) -> None:
        """Learn from flows of which `read` was made; all else as `fit`."""
        self._check(len(read.values), labels, groups)
        self.inputs, matrix, self._told = FlowInputs.chosen_of(read)
        benign = matrix if labels is None else matrix[~labels]
        self.ranges = ranges_of(self.inputs.inputs, benign)
        self._learn(matrix, labels, groups, progress, seed)

    def _check(
        self, n_flows: int, labels: NDArray[np.bool_] | None, groups: NDArray[Any] | None
    ) -> None:
        if not n_flows:
            raise UsageError(f"{self.name}: there are no flows to learn from")
        if labels is None and self.needs_labels:
            raise UsageError(
                f"{self.name} learns from flows labelled benign and malicious, and there are no "
                "labels; flow-outlier learns from normal flows alone"
            )
        for what, given in (("labels", labels), ("groups", groups)):
            if given is not None and np.shape(given) != (n_flows,):
                raise UsageError(f"{what}: wanted one for each of {n_flows:,} flows")
        if labels is not None and labels.dtype != np.bool_:
            raise UsageError("labels: wanted booleans, true where a flow is malicious")

    def score(self, flows: pl.DataFrame) -> NDArray[np.float64]:
        """(n,) float64: each flow's score.

        Raises:
            InputError: if the table lacks columns, a column holds no numbers, or a flow does not
                tell what every flow of training told; `FlowInputs.scoreable` finds those.
        """
        if len(flows) <= SCORED_FLOWS:
            return self.score_matrix(self.inputs.matrix(flows))
        scores = np.empty(len(flows))
        try:
            for begin, end in blocks(len(flows), SCORED_FLOWS):
                matrix = self.inputs.matrix(flows[begin:end])
                scores[begin:end] = self.score_matrix(matrix)
        except InputError:
            self.inputs.matrix(flows)  # which tells of all flows what is wrong
            raise
        return scores

    def score_matrix(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) float64: the scores of rows of `FlowInputs.matrix`."""
        return self.calibrated(self._raw(matrix))

    def uncalibrated_matrix(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) float64: `uncalibrated` of rows of `FlowInputs.matrix`."""
        return self._raw(matrix)

    def uncalibrated(self, flows: pl.DataFrame) -> NDArray[np.float64]:
        """(n,) float64: what `contributions` add up to: log-odds of a classifier, surprise."""
        return self._raw(self.inputs.matrix(flows))

    def calibrated(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) float64: the scores of uncalibrated ones; it rises with them."""
        return raw

    def contributions(self, flows: pl.DataFrame) -> Contributions:
        """What each feature adds to each flow's uncalibrated score."""
        matrix = self.inputs.matrix(flows)
        features = tuple(dict.fromkeys(one.feature for one in self.inputs.inputs))
        place = {feature: column for column, feature in enumerate(features)}
        values = np.zeros((len(matrix), len(features)))
        terms = self._terms(matrix)
        for column, one in enumerate(self.inputs.inputs):
            values[:, place[one.feature]] += terms[:, column]
        return Contributions(features, values, self._base(), self.unit)

    def warnings(self) -> list[str]:
        """What a user should hear of how it was fitted; empty if nothing, or if it was restored."""
        return list(self._told)

    def unfitted(self) -> Self:
        """Another of the same settings, to be fitted on other flows."""
        return type(self)(self.settings)

    def state(self) -> State:
        """Every array the fitted detector needs, by name."""
        numbers = np.array([one.numbers for one in self.ranges]).reshape(len(self.ranges), 4)
        return {"ranges": numbers, **self.inputs.state(), **self._learned()}

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Become the fitted detector whose `state` this is; settings are set.

        Raises:
            ModelError: if the arrays do not make one: they come from a file anyone may have made.
        """
        self.inputs = FlowInputs.restored(state)
        self.ranges = restored_ranges(self.inputs.inputs, state)
        self._relearn(state)
        unknown = sorted(set(state) - set(self.state()))
        if unknown:
            raise ModelError(f"the model holds an array that none of its kind has: {unknown[0]!r}")

    @abstractmethod
    def _learn(
        self, matrix: NDArray[np.float64], labels: NDArray[np.bool_] | None,
        groups: NDArray[Any] | None, progress: Progress, seed: int,
    ) -> None:  # fmt: skip
        """Fit on a matrix; what a user should hear is appended to ``self._told``."""

    @abstractmethod
    def _raw(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) uncalibrated scores of rows."""

    @abstractmethod
    def _terms(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, p) what each input adds to them."""

    @abstractmethod
    def _base(self) -> float:
        """The uncalibrated score before any input adds to it."""

    @abstractmethod
    def _learned(self) -> State:
        """The arrays of `state` that are this detector's own."""

    @abstractmethod
    def _relearn(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take them back; raises ModelError."""
