"""Training: fit a detector on normal traces and set its threshold by cross-fitting."""

from __future__ import annotations

import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from habitus.detectors import get_detector
from habitus.errors import UsageError
from habitus.models.decision import Method, check_budget, decide
from habitus.models.model import Memory, Model, Provenance
from habitus.models.scores import aggregation_of, trace_scores
from habitus.progress import SILENT, Progress
from habitus.traces.traceset import Label
from habitus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.detectors.base import SequenceDetector
    from habitus.models.aggregation import Aggregation
    from habitus.traces.traceset import TraceSet

DEFAULT_FALSE_ALARMS = 0.01
DEFAULT_FOLDS = 5


def fit_model(
    detector: str,
    normal: TraceSet,
    *,
    settings: Mapping[str, object] | None = None,
    aggregation: str | None = None,
    false_alarms: float = DEFAULT_FALSE_ALARMS,
    folds: int = DEFAULT_FOLDS,
    seed: int = 1,
    progress: Progress = SILENT,
    data: str = "memory",
    data_sha256: str = "",
    part: str = "all",
) -> Model:
    """Fit ``detector`` on all of ``normal`` and set its threshold for a false-alarm budget.

    The threshold comes from cross-fitting: the traces are divided into ``folds`` parts, identical
    sequences never apart, and each part is scored by a detector fitted on the others. Those
    have learned a little less than the final one, so the threshold errs on the quiet side.

    Args:
        settings: the detector's settings by name.
        aggregation: how a trace's surprises become its score; by default their mean, or ``whole``
            for a detector that knows only whole traces.
        false_alarms: the budget, a share of normal traces.
        seed: makes every random choice.
        data, data_sha256, part: what the traces are, for the model's provenance.

    Raises:
        UsageError: if there is nothing to learn from, or a trace is labelled an attack.
    """
    made = get_detector(detector).with_settings(settings or {})
    chosen = aggregation_of(made, aggregation)
    check_budget(false_alarms)
    if folds < 2:
        raise UsageError(f"cross-fitting needs at least 2 folds, not {folds}")
    n_attacks = int(np.sum(normal.labels == Label.ATTACK))
    if n_attacks:
        raise UsageError(
            f"{n_attacks} of the {normal.n_traces} traces are labelled attacks; a detector learns "
            "from normal traces alone"
        )
    if not normal.n_calls:
        raise UsageError("there is no call to learn from")

    started = time.perf_counter()
    made.fit(normal, None, progress, seed=seed)
    trained = time.perf_counter()
    sequences = normal.sequence_ids()
    n_sequences = int(sequences.max()) + 1
    if n_sequences > 1:
        scores, folds = cross_fitted_scores(made, normal, sequences, chosen, folds, seed, progress)
        method: Method = "cross-fitting"
    else:
        scores, folds = trace_scores(made, normal, chosen), 0
        method = "training traces"
    decision = decide(
        scores, chosen, false_alarms,
        method=method, folds=folds, data_sha256=data_sha256,
    )  # fmt: skip
    return Model(
        detector=made,
        decisions=(decision,),
        provenance=Provenance(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=versions(),
            seed=seed,
            data=data,
            data_sha256=data_sha256,
            part=part,
            n_traces=normal.n_traces,
            n_calls=normal.n_calls,
            n_sequences=n_sequences,
            folds=folds,
            train_seconds=round(trained - started, 4),
            calibrate_seconds=round(time.perf_counter() - trained, 4),
        ),
        memory=Memory.of(normal, made, scores),
    )


def cross_fitted_scores(
    fitted: SequenceDetector,
    normal: TraceSet,
    sequences: NDArray[np.int64],
    aggregation: Aggregation,
    folds: int,
    seed: int,
    progress: Progress = SILENT,
) -> tuple[NDArray[np.float64], int]:
    """Score every trace by a detector that has not seen its sequence.

    Args:
        fitted: a detector whose kind and settings the others take over.
        sequences: (n_traces,) int64, from `TraceSet.sequence_ids`.

    Returns:
        (n_traces,) float64 scores, and the number of folds: no more than there are sequences.
    """
    n_sequences = int(sequences.max()) + 1
    folds = min(folds, n_sequences)
    shuffled = np.random.default_rng(seed).permutation(n_sequences)
    fold_of = (shuffled % folds)[sequences]
    scores = np.empty(normal.n_traces)
    for fold in range(folds):
        judged = fold_of == fold
        detector = type(fitted)(fitted.settings)
        detector.fit(normal.select(~judged), None, progress, seed=seed)
        held_out = normal.select(judged)
        scores[judged] = trace_scores(detector, held_out, aggregation)
    return scores, folds


def versions() -> dict[str, str]:
    """The versions that a model's numbers depend on."""
    libraries = {name: version(name) for name in ("numba", "numpy")}
    return {"habitus": __version__, "python": platform.python_version(), **libraries}
