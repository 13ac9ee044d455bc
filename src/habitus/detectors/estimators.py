"""The outlier estimators that `outlier` can use: scikit-learn's, and PyOD's where it is installed.

Each is a function of the rows it was fitted on and a seed alone, so that a model can keep the rows
and fit it again instead of keeping a pickle of it.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from habitus.detectors.extras import extra_module
from habitus.errors import UsageError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray
    from threadpoolctl import ThreadpoolController

EstimatorName = Literal[
    "isolation-forest", "local-outlier-factor", "one-class-svm", "ecod", "copod", "hbos", "knn",
    "pca",
]  # fmt: skip

_PYOD = {"ecod": "ECOD", "copod": "COPOD", "hbos": "HBOS", "knn": "KNN", "pca": "PCA"}
_JOINT = {"ecod", "copod"}
"""PyOD scores these among the rows given with them: a trace is then judged by its company."""
BLOCK_ROWS = 1024
"""Rows are dense here: so many are scored at a time."""
_ASKED_ROWS = 16


class Estimator:
    """A fitted estimator; higher = stranger, whatever the library has it mean.

    Args:
        name: which one.
        rows: (n_rows, n_columns) float64, two at least.
        seed: makes its random choices.

    Raises:
        MissingLibrary: if its library is not installed.
        UsageError: if the rows are too much alike for it.
    """

    def __init__(self, name: EstimatorName, rows: NDArray[np.float64], seed: int) -> None:
        self._name = name
        self._made = _unfitted(name, len(rows), seed % (1 << 32))
        try:
            with np.errstate(divide="ignore", invalid="ignore"):  # what comes of it is asked below
                self._made.fit(rows)
                finite = bool(np.isfinite(self.scores(rows[:_ASKED_ROWS])).all())
        except ValueError:  # a library's own way to say so; numpy's LinAlgError is one, too
            finite = False
        if not finite:
            raise UsageError(
                f"{name} finds no scale in these {len(rows)} training traces, which are too much "
                "alike; choose another estimator"
            )

    def scores(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n_rows,) float64: each row's score, to the precision of float32.

        Sums of many numbers differ in their last digits by how many rows are scored together;
        rounded, a trace scores alike in any company.
        """
        if self._name in _JOINT:
            found = np.array([self._raw(rows[i : i + 1])[0] for i in range(len(rows))])
        else:
            found = self._raw(rows) if len(rows) else np.zeros(0)
        return found.astype(np.float32).astype(np.float64)

    def _raw(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._name in _PYOD:
            return np.asarray(self._made.decision_function(rows), dtype=np.float64)
        # scikit-learn's mean the opposite: the higher, the more normal.
        scores = -np.asarray(self._made.score_samples(rows), dtype=np.float64)
        if self._name == "one-class-svm":
            # A sum over all that it was fitted on: cross-fitting fits fewer, and sets the threshold
            # for the scores of more.
            scores /= self._made.dual_coef_.sum()
        return scores


def _unfitted(name: EstimatorName, n_rows: int, seed: int) -> Any:
    """The library's estimator as its authors set it, but for what few rows do not allow."""
    if name in _PYOD:
        module = extra_module(f"pyod.models.{name}", "outlier", f"the estimator {name}")
        options: dict[str, Any] = {}
        if name == "knn":
            options = {"n_neighbors": min(5, n_rows - 1)}
        elif name == "pca":
            # A share of the variance: else directions in which nothing varies decide alone.
            options = {"n_components": 0.99, "random_state": seed}
        return getattr(module, _PYOD[name])(**options)
    if name == "isolation-forest":
        from sklearn.ensemble import IsolationForest

        return IsolationForest(random_state=seed, n_jobs=1)
    if name == "local-outlier-factor":
        from sklearn.neighbors import LocalOutlierFactor

        return LocalOutlierFactor(min(20, n_rows - 1), novelty=True, n_jobs=1)
    from sklearn.svm import OneClassSVM

    return OneClassSVM()


def one_thread() -> AbstractContextManager[Any]:
    """Keep linear algebra to one thread, so that sums do not depend on how many there are.

    On a busy machine it is quicker, too: the matrices are small, and threads wait for each other.
    """
    limit: AbstractContextManager[Any] = _thread_pools().limit(limits=1)
    return limit


@cache
def _thread_pools() -> ThreadpoolController:
    import scipy.linalg  # noqa: F401 - a library's threads are known once it is loaded
    import sklearn  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def library_versions(name: EstimatorName) -> dict[str, str]:
    """The versions of the libraries that this estimator's scores depend on."""
    libraries = ["numpy", "scipy", "scikit-learn", *(["pyod"] if name in _PYOD else [])]
    found = {}
    for library in libraries:
        with suppress(PackageNotFoundError):  # an extra, perhaps, that too few rows did not ask for
            found[library] = version(library)
    return found
