"""From splits to judged flows: learn one side, score the other, fold after fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping  # noqa: TC003 - the classes are made at run time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from habitus.detectors.flow import get_flow_detector
from habitus.errors import UsageError
from habitus.evaluation.flows.one_feature import ONE_FEATURE, OneFeature
from habitus.flows.labelled import equal_weights
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from numpy.typing import NDArray

    from habitus.detectors.flow.base import FlowDetector
    from habitus.evaluation.flows.splits import Split
    from habitus.flows.labelled import LabelledFlows

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]
    Indices = NDArray[np.int64]

BUDGET = 0.01
"""A detector without a probability takes the score that so many of its normal flows reach."""


@dataclass(frozen=True)
class Contender:
    """A detector to judge.

    Attributes:
        detector: its name, or `ONE_FEATURE`; ``settings`` those that are not the default.
    """

    detector: str
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class JudgedFlows:
    """Scores of flows that were held out.

    Attributes:
        scores: (n,) float64, higher = more suspicious.
        malicious, alerts: (n,) bool: the label, and the decision: a probability of .5 or more; of
            other scores, more than all but `BUDGET` of the normal flows that were learned.
        files: (n,) int64, the file of each.
        rows: (n,) int64, which flow of the set each is.
        models: (n,) int64, by which split's detector each was judged.
        is_probability: whether scores are probabilities of malicious.
        n_unscoreable: flows that do not tell what the model asks for; they are in no rate.
        warnings: what detectors said of how they were fitted, each once.
    """

    scores: Floats
    malicious: Mask
    alerts: Mask
    files: Indices
    rows: Indices
    models: Indices
    is_probability: bool
    n_unscoreable: int = 0
    warnings: tuple[str, ...] = ()


def judged(
    flows: LabelledFlows,
    splits: Sequence[Split],
    contender: Contender,
    *,
    seed: int = 1,
    progress: Progress = SILENT,
) -> JudgedFlows:
    """Judge each split's test flows by a detector that learned its training flows.

    Of detectors that learn normal flows alone, the benign ones of training are learned.

    Raises:
        UsageError: if the detector or a setting is unknown, or a training side lacks a class.
    """
    parts: list[tuple[Floats, Mask, Indices, Indices]] = []
    told: dict[str, None] = {}
    n_unscoreable, is_probability = 0, False
    progress.stage(f"judging {contender.detector}", len(splits))
    for number, split in enumerate(splits):
        learned = learned_of(contender, flows.select(split.train), seed=seed)
        told.update(dict.fromkeys(learned.warnings))
        is_probability = learned.is_probability
        rows = np.flatnonzero(split.test)
        scores, can = learned.scored(flows.flows[rows])
        n_unscoreable += int((~can).sum())
        by = np.full(len(scores), number, dtype=np.int64)
        parts.append((scores, learned.alerts(scores), rows[can], by))
        progress.advance(1)
    scores, alerts, rows, models = (np.concatenate(part) for part in zip(*parts, strict=True))
    return JudgedFlows(
        scores=scores,
        malicious=flows.malicious[rows],
        alerts=alerts,
        files=flows.file_of[rows],
        rows=rows,
        models=models,
        is_probability=is_probability,
        n_unscoreable=n_unscoreable,
        warnings=tuple(told),
    )


@dataclass(frozen=True, eq=False)
class Learned:
    """What came of a split's training flows.

    Attributes:
        scored: of a table, the scores of the flows that can be scored, and which these are.
        threshold: from which on there is an alert of a probability, above which of other scores.
        is_probability: whether scores are probabilities of malicious.
        warnings: what was said of the fit.
    """

    scored: Callable[[pl.DataFrame], tuple[Floats, Mask]]
    threshold: float
    is_probability: bool
    warnings: tuple[str, ...] = ()

    def alerts(self, scores: Floats) -> Mask:
        """(n,) which scores are alerts."""
        found = scores >= self.threshold if self.is_probability else scores > self.threshold
        return np.asarray(found, dtype=np.bool_)


def learned_of(contender: Contender, train: LabelledFlows, *, seed: int) -> Learned:
    """Fit a detector, or choose the one feature, on labelled flows.

    Raises:
        UsageError: if the detector or a setting is unknown, or the flows lack a class.
    """
    if contender.detector == ONE_FEATURE:
        one = OneFeature(train)
        normal = train.select(~train.malicious)
        scores, can = one.score(normal.flows)
        told = f"{one.feature}, {one.side} is malicious"
        return Learned(one.score, _threshold(scores, normal.file_of[can]), False, (told,))
    detector = get_flow_detector(contender.detector).with_settings(contender.settings)
    threshold = fitted(detector, train, seed=seed)

    def scored(table: pl.DataFrame) -> tuple[Floats, Mask]:
        matrix, can = detector.inputs.told(table)
        return detector.score_matrix(np.asfortranarray(matrix[can])), can

    return Learned(
        scored, threshold, detector.score_unit == "probability", tuple(detector.warnings())
    )


def fitted(detector: FlowDetector, train: LabelledFlows, *, seed: int) -> float:
    """Fit a detector on labelled flows; the score from which on, or above which, it alerts."""
    if detector.needs_labels:
        detector.fit(train.flows, train.malicious, train.file_names.astype(str), seed=seed)
        return 0.5
    normal = train.select(~train.malicious)
    if not len(normal):
        raise UsageError(f"{detector.name}: there is no benign flow to learn from")
    detector.fit(normal.flows, seed=seed)
    return _threshold(detector.score(normal.flows), normal.file_of)


def _threshold(scores: Floats, files: Indices) -> float:
    """What all but `BUDGET` of benign flows do not exceed, files weighed equally."""
    return weighted_quantile(scores, equal_weights(files), 1 - BUDGET)


def weighted_quantile(values: Floats, weights: Floats, share: float) -> float:
    """The least value that at least this share of the weight does not exceed."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) >= share * weights.sum() - 1e-12
    return float(values[order][int(np.argmax(reached))])
