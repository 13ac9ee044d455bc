"""`logistic`: logistic regression on standardised features, whose every parameter can be read."""

from __future__ import annotations

import warnings
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from habitus.detectors.estimators import one_thread
from habitus.detectors.flow.classifier import ClassifierSettings, FlowClassifier
from habitus.detectors.flow.linear import Linear
from habitus.detectors.flow.penalised import fit_penalised

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.detectors.flow.base import FlowSettings

_SOLVERS: dict[str, dict[str, Any]] = {
    # Exact and quick, where the penalty keeps its equations solvable.
    "l2": {"solver": "newton-cholesky", "tol": 1e-6},
    "none": {"solver": "lbfgs", "tol": 1e-6},
}
"""Of scikit-learn. For l1 and elastic its solvers took three to twenty times as long as ours and
came less far: see `habitus.detectors.flow.penalised`."""


class LogisticSettings(ClassifierSettings):
    """Settings of `Logistic`."""

    penalty: Literal["l2", "l1", "elastic", "none"] = Field(
        "l2", description="on large weights: l1 makes many of them 0, elastic is between"
    )
    l1_ratio: float = Field(0.5, ge=0, le=1, description="of elastic: the share of l1")
    c: float = Field(
        1.0, gt=0, le=1e6, description="C: the less, the stronger the penalty (none has none)"
    )
    intercept: bool = Field(True, description="whether log-odds have a constant part")
    scale: Literal["log", "plain"] = Field(
        "log", description="log: of counts, sizes and times ln(1 + x) is standardised, not x itself"
    )
    iterations: int = Field(1000, ge=1, le=100_000, description="steps of the solver, at most")


class Logistic(FlowClassifier):
    """Log-odds are a weighted sum of standardised features.

    Counts, sizes and times have tails so long that a few flows would stretch the scale for all
    others: of them the logarithm is taken. Undefined values count as the mean, and whether a value
    is undefined is one more column, which contributions add to its feature.

    Fails: where malice is a combination, such as many packets *and* small ones; compare `boosting`.
    """

    name: ClassVar[str] = "logistic"
    summary: ClassVar[str] = "logistic regression on standardised features, calibrated"
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = MappingProxyType(
        {"flowmeter": {"features": "flowmeter", "scale": "plain", "calibrate": "none"}}
    )
    Settings: ClassVar[type[FlowSettings]] = LogisticSettings
    _scorer: Linear

    def parameters(self) -> dict[str, Any]:
        """All of the model as plain JSON: the log-odds of a flow are

        ``intercept + sum of weight * (x - mean) / std + null_weight * (is_null - null_mean) /
        null_std``, x being ln(1 + value) where ``transform`` is ``log1p``, and the first of the two
        terms 0 where the value is null.
        """
        return {
            "intercept": self._scorer.base,
            "inputs": self._scorer.parameters(self.inputs.names),
            "calibration": self.calibration.parameters(),
        }

    def _fitted(
        self, matrix: NDArray[np.float64], labels: NDArray[np.bool_], seed: int, told: list[str]
    ) -> Linear:
        is_log = self._is_log()
        told_values = np.where(is_log, np.copysign(np.log(1 + np.abs(matrix)), matrix), matrix)
        is_null = np.isnan(told_values)
        n_told = np.maximum(len(matrix) - is_null.sum(axis=0), 1)
        mean = np.where(is_null, 0, told_values).sum(axis=0) / n_told
        apart = np.where(is_null, 0, told_values - mean)
        std = np.sqrt((apart * apart).sum(axis=0) / n_told)
        # What does not vary here says nothing here, whatever it says of other flows.
        flat = std <= 1e-12 * np.maximum(np.abs(mean), 1)
        std[flat] = 1.0
        null_mean = is_null.mean(axis=0)
        null_std = np.sqrt(null_mean * (1 - null_mean))
        has_nulls = null_std > 0
        null_std[~has_nulls] = 1.0
        design = np.hstack(
            [(apart / std)[:, ~flat], ((is_null - null_mean) / null_std)[:, has_nulls]]
        )
        weights, base = self._solved(design, labels, seed, told)
        weight, null_weight = np.zeros(len(mean)), np.zeros(len(mean))
        n_values = int((~flat).sum())
        weight[~flat], null_weight[has_nulls] = weights[:n_values], weights[n_values:]
        return Linear(is_log, mean, std, weight, null_mean, null_std, null_weight, base)

    def _is_log(self) -> NDArray[np.bool_]:
        amounts = [one.is_amount for one in self.inputs.inputs]
        return np.array(amounts) if self.settings.scale == "log" else np.zeros(len(amounts), bool)

    def _solved(
        self, design: NDArray[np.float64], labels: NDArray[np.bool_], seed: int, told: list[str]
    ) -> tuple[NDArray[np.float64], float]:
        """Weights and intercept; a warning if the solver came to no end."""
        set_as = self.settings
        if set_as.penalty in _SOLVERS:
            weights, base, is_minimum = self._by_scikit_learn(design, labels, seed)
        else:
            from sklearn.utils.class_weight import compute_sample_weight

            with one_thread():
                found = fit_penalised(
                    design, labels, compute_sample_weight(set_as.weights(), labels),
                    c=set_as.c, l1_ratio=1.0 if set_as.penalty == "l1" else set_as.l1_ratio,
                    intercept=set_as.intercept, max_steps=set_as.iterations,
                )  # fmt: skip
            weights, base, is_minimum = found.weights, found.intercept, found.converged
        if not is_minimum:
            told.append(
                f"the solver did not converge in {set_as.iterations} steps: its weights are not "
                "the best ones; set more iterations or a smaller c"
            )
        return weights, base

    def _by_scikit_learn(
        self, design: NDArray[np.float64], labels: NDArray[np.bool_], seed: int
    ) -> tuple[NDArray[np.float64], float, bool]:
        from sklearn.linear_model import LogisticRegression

        set_as = self.settings
        made = LogisticRegression(
            C=np.inf if set_as.penalty == "none" else set_as.c, l1_ratio=0.0,
            fit_intercept=set_as.intercept, class_weight=set_as.weights(),
            max_iter=set_as.iterations, random_state=seed % (1 << 32), **_SOLVERS[set_as.penalty],
        )  # fmt: skip
        with warnings.catch_warnings(), one_thread():
            warnings.simplefilter("ignore")  # what matters is told by the caller
            made.fit(design, labels)
        is_minimum = int(made.n_iter_[0]) < set_as.iterations
        return made.coef_[0].astype(np.float64), float(np.ravel(made.intercept_)[0]), is_minimum

    def _restored(self, state: Mapping[str, NDArray[np.generic]]) -> Linear:
        return Linear.restored(state, len(self.inputs.names))
