"""`FlowClassifier`: what classifiers share: two classes, their weights, and a calibration."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from pydantic import Field

from habitus.detectors.flow.base import FlowDetector, FlowSettings
from habitus.detectors.flow.calibration import (
    MIN_FLOWS,
    Calibration,
    CalibrationName,
    calibrated,
)
from habitus.detectors.flow.folds import held_out_folds
from habitus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.detectors.base import State
    from habitus.progress import Progress


CLASS_WEIGHT = r"^(balanced|none|[0-9]{0,6}\.?[0-9]{1,6}:[0-9]{0,6}\.?[0-9]{1,6})$"


class ClassifierSettings(FlowSettings):
    """Settings that classifiers share."""

    class_weight: str = Field(
        "balanced", pattern=CLASS_WEIGHT,
        description="balanced: both classes weigh the same; none: all flows do; or "
        "benign:malicious such as 1:99",
    )  # fmt: skip
    calibrate: CalibrationName = Field(
        "sigmoid", description="how log-odds become a probability: sigmoid, isotonic or none"
    )
    folds: int = Field(5, ge=2, le=20, description="parts held out in turn to calibrate, at most")

    def weights(self) -> str | dict[bool, float] | None:
        """As scikit-learn takes them."""
        if ":" not in self.class_weight:
            return None if self.class_weight == "none" else self.class_weight
        benign, malicious = map(float, self.class_weight.split(":"))
        if not (benign > 0 and malicious > 0):
            raise UsageError(f"class_weight={self.class_weight}: wanted two numbers above 0")
        return {False: benign, True: malicious}


class Scorer(Protocol):
    """Log-odds of rows of a matrix, and what each column adds to them."""

    @property
    def base(self) -> float:
        """Log-odds before any column adds to them."""
        ...

    def log_odds(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) of a matrix (n, p)."""
        ...

    def terms(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, p)."""
        ...

    def state(self) -> State:
        """Its arrays."""
        ...


class FlowClassifier(FlowDetector):
    """Learns benign and malicious flows; the score is the calibrated probability of malicious.

    Calibrated are log-odds of flows that were held out, by models fitted on the others; files stay
    whole. The model itself is then fitted on all flows.

    Fails: where labels follow something else than behaviour, such as the capture: it learns that,
    and its probabilities are as sure as they are wrong. Judge it by files and sources held out.
    """

    needs_labels: ClassVar[bool] = True
    score_unit: ClassVar[str] = "probability"
    unit: ClassVar[str] = "log-odds"
    Settings: ClassVar[type[FlowSettings]] = ClassifierSettings

    def use(self, scorer: Scorer, calibration: Calibration, told: list[str]) -> None:
        """Take what was learned elsewhere; ``inputs`` are set."""
        self._scorer, self.calibration, self._told = scorer, calibration, told

    def _learn(
        self, matrix: NDArray[np.float64], labels: NDArray[np.bool_] | None,
        groups: NDArray[Any] | None, progress: Progress, seed: int,
    ) -> None:  # fmt: skip
        assert labels is not None  # noqa: S101 - `fit` has asked
        n_malicious = int(labels.sum())
        if n_malicious in {0, len(labels)}:
            which = "malicious" if n_malicious else "benign"
            raise UsageError(
                f"{self.name}: all {len(labels):,} flows are {which}, and it learns to tell two "
                "classes apart; add flows of the other, or learn normal flows by flow-outlier"
            )
        progress.stage("fitting", 1)
        self._scorer = self._fitted(matrix, labels, seed, self._told)
        progress.advance(1)
        self.calibration = self._calibration(matrix, labels, groups, progress, seed)

    def _calibration(
        self, matrix: NDArray[np.float64], labels: NDArray[np.bool_],
        groups: NDArray[Any] | None, progress: Progress, seed: int,
    ) -> Calibration:  # fmt: skip
        kind: CalibrationName = self.settings.calibrate
        if kind == "none":
            return Calibration.none()
        fewest = int(min(labels.sum(), (~labels).sum()))
        if fewest < MIN_FLOWS:
            self._told.append(
                f"probabilities are not calibrated: one class has {fewest} flows, and {MIN_FLOWS} "
                "are needed"
            )
            return Calibration.none()
        folds, warning = held_out_folds(labels, groups, self.settings.folds, seed)
        if warning:
            self._told.append(warning)
        progress.stage("calibrating", len(folds))
        parts = []
        for learned, held_out in folds:
            told: list[str] = []  # what is wrong with a part is no news after the whole
            scorer = self._fitted(matrix[learned], labels[learned], seed, told)
            parts.append((scorer.log_odds(matrix[held_out]), labels[held_out]))
            progress.advance(1)
        log_odds, truth = (np.concatenate(part) for part in zip(*parts, strict=True))
        found = calibrated(kind, log_odds, truth)
        if found is None:
            self._told.append(
                "probabilities are not calibrated: of files held out, flows with a higher score "
                "were not more often malicious, so do not rely on this model"
            )
            return Calibration.none()
        return found

    @abstractmethod
    def _fitted(
        self, matrix: NDArray[np.float64], labels: NDArray[np.bool_], seed: int, told: list[str]
    ) -> Scorer:
        """A scorer of these rows, both classes among them; warnings are appended to ``told``."""

    @abstractmethod
    def _restored(self, state: Mapping[str, NDArray[np.generic]]) -> Scorer:
        """The scorer whose arrays these are; raises ModelError."""

    def _raw(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._scorer.log_odds(matrix)

    def _terms(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._scorer.terms(matrix)

    def _base(self) -> float:
        return self._scorer.base

    def calibrated(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.calibration.probabilities(raw)

    def _learned(self) -> State:
        return {**self._scorer.state(), **self.calibration.state()}

    def _relearn(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        self._scorer = self._restored(state)
        self.calibration = Calibration.restored(state)
