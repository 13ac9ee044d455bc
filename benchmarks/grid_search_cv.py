"""The grid of logistic regressions by scikit-learn alone: the peer for speed."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from habitus.detectors.flow import get_flow_detector
from habitus.detectors.flow.folds import held_out_folds
from habitus.detectors.flow.matrix import FlowInputs
from habitus.flows.labelled_reading import read_labelled_flows
from habitus.search.plan import SearchPlan

SOLVERS: dict[str, dict[str, Any]] = {
    "l2": {"solver": ["lbfgs"], "l1_ratio": [0.0]},
    "l2 to its minimum": {"solver": ["newton-cholesky"], "tol": [1e-6], "l1_ratio": [0.0]},
    "l1": {"solver": ["liblinear"], "l1_ratio": [1.0]},
}
"""The default solver stops where the loss is up to a tenth above its minimum; the second one comes
to it; and as neither knows l1, the quickest that does."""
PEER_STEPS = 1000


class Peer:
    """Flows as scikit-learn takes them, in the folds that the search has."""

    def __init__(self, data: Path, plan: SearchPlan) -> None:
        labelled = read_labelled_flows(data)
        detector = get_flow_detector("logistic").with_settings(plan.file.settings)
        self.plan, self.labels = plan, np.array(labelled.malicious)
        self.matrix = FlowInputs.chosen_of(detector.read(labelled.flows))[1].copy(order="C")
        names = np.array([str(name) for name in labelled.file_names], dtype=object)
        self.folds = held_out_folds(self.labels, names, plan.file.judging.folds, 0)[0]

    def search(self, penalties: Sequence[str]) -> tuple[float, dict[str, float]]:
        """Seconds, and the mean area of each point."""
        # As our detector reads them: undefined values count as the mean, and have columns of their
        # own that say that they are.
        values = make_pipeline(StandardScaler(), SimpleImputer(strategy="constant", fill_value=0.0))
        nulls = make_pipeline(MissingIndicator(error_on_new=False), StandardScaler())
        columns = make_pipeline(make_union(values, nulls), LogisticRegression(max_iter=PEER_STEPS))
        grids = [
            {
                **{f"logisticregression__{name}": of for name, of in SOLVERS[penalty].items()},
                "logisticregression__C": self._values("c"),
                "logisticregression__fit_intercept": self._values("intercept"),
                "logisticregression__class_weight": [*map(_weights, self._values("class_weight"))],
            }
            for penalty in penalties
        ]
        made = GridSearchCV(columns, grids, scoring="roc_auc", n_jobs=2, cv=self.folds, refit=False)
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made.fit(self.matrix, self.labels)
        seconds = time.perf_counter() - started
        results = made.cv_results_
        areas = [float(area) for area in results["mean_test_score"]]
        return seconds, dict(zip(map(_point, results["params"]), areas, strict=True))

    def _values(self, name: str) -> list[Any]:
        return list(self.plan.space.parameters[name].values())


def point_of(settings: dict[str, Any]) -> str:
    """A point of the grid, by a name that both sides have for it."""
    weights = _weights(settings["class_weight"])
    return f"{settings['penalty']} {settings['c']} {settings['intercept']} {weights}"


def _point(params: dict[str, Any]) -> str:
    given = {name.removeprefix("logisticregression__"): value for name, value in params.items()}
    penalty = "l1" if given["l1_ratio"] else "l2"
    return f"{penalty} {given['C']} {given['fit_intercept']} {given['class_weight']}"


def _weights(text: str) -> str | dict[bool, float]:
    if ":" not in text:
        return text
    benign, malicious = map(float, text.split(":"))
    return {False: benign, True: malicious}
