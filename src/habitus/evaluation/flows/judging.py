"""From splits to judged flows: learn one side, score the other, fold after fold."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the plan is made at run time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from habitus.detectors.flow import get_flow_detector
from habitus.errors import UsageError
from habitus.flows.labelled import equal_weights
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        detector: its name; ``settings`` those that are not the default.
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
        is_probability: whether scores are probabilities of malicious.
        n_unscoreable: flows that do not tell what the model asks for; they are in no rate.
        warnings: what detectors said of how they were fitted, each once.
    """

    scores: Floats
    malicious: Mask
    alerts: Mask
    files: Indices
    rows: Indices
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
    parts: list[tuple[Floats, Mask, Indices]] = []
    told: dict[str, None] = {}
    n_unscoreable, is_probability = 0, False
    progress.stage(f"judging {contender.detector}", len(splits))
    for split in splits:
        detector = get_flow_detector(contender.detector).with_settings(contender.settings)
        threshold = fitted(detector, flows.select(split.train), seed=seed)
        told.update(dict.fromkeys(detector.warnings()))
        is_probability = detector.score_unit == "probability"
        rows = np.flatnonzero(split.test)
        table = flows.flows[rows]
        can = detector.inputs.scoreable(table)
        n_unscoreable += int((~can).sum())
        scores = detector.score(table.filter(can))
        alerts = scores >= threshold if is_probability else scores > threshold
        parts.append((scores, alerts, rows[can]))
        progress.advance(1)
    scores, alerts, rows = (np.concatenate(part) for part in zip(*parts, strict=True))
    return JudgedFlows(
        scores=scores,
        malicious=flows.malicious[rows],
        alerts=alerts,
        files=flows.file_of[rows],
        rows=rows,
        is_probability=is_probability,
        n_unscoreable=n_unscoreable,
        warnings=tuple(told),
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
    return weighted_quantile(
        detector.score(normal.flows), equal_weights(normal.file_of), 1 - BUDGET
    )


def weighted_quantile(values: Floats, weights: Floats, share: float) -> float:
    """The least value that at least this share of the weight does not exceed."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) >= share * weights.sum() - 1e-12
    return float(values[order][int(np.argmax(reached))])
