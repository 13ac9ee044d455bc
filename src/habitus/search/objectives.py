"""Objectives: what configurations are ranked by.

None compares losses that mean something else in another configuration: the error of a trained
embedding falls as the embedding shrinks, and the loss of a window depends on its length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from habitus.decisions.scores import aggregation_of, trace_scores
from habitus.detectors.backoff import BackoffDetector
from habitus.detectors.whole import TraceDetector
from habitus.errors import UsageError
from habitus.evaluation.metrics import roc
from habitus.search.anomalies import KINDS
from habitus.search.parts import ANOMALIES, ATTACKS, CHOOSE, JUDGED, LEARNED, REPORT, in_half

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from habitus.detectors.base import SequenceDetector
    from habitus.traces.traceset import TraceSet

    Parts = Mapping[str, TraceSet]


@dataclass(frozen=True)
class Measured:
    """What came of a configuration.

    Attributes:
        value: what it is ranked by.
        beside: what is worth knowing besides, by name.
    """

    value: float
    beside: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Objective:
    """What configurations are ranked by.

    Attributes:
        summary: for people.
        direction: whether the least or the largest value is the best.
        parts: of the data, that it wants besides what is learned.
        is_supervised: whether it looks at labelled attacks.
        unit: of the value.
        measure: of a fitted detector.
    """

    name: str
    summary: str
    direction: Literal["minimize", "maximize"]
    parts: tuple[str, ...]
    measure: Callable[[SequenceDetector, Parts, str | None], Measured]
    is_supervised: bool = False
    unit: str = ""


def nats_a_call(
    detector: SequenceDetector, parts: Parts, aggregation: str | None = None
) -> Measured:
    """Mean -log P of the calls of held-out normals, whatever else a detector's surprise is made of.

    Every configuration is judged on the same calls: one that it says nothing of (a window's first
    ones) costs as much as a guess among all known calls and the unknown one.

    Raises:
        UsageError: if what the detector gives are no probabilities.
    """
    del aggregation
    traces = parts[JUDGED]
    surprise = _plain(detector).surprise(traces).astype(np.float64)
    guess = math.log(len(detector.vocabulary) + 1)
    is_told = np.isfinite(surprise)
    mean = float(np.where(is_told, surprise, guess).mean())
    return Measured(
        mean, {"perplexity": math.exp(min(700.0, mean)), "share_guessed": float(is_told.mean())}
    )


def _plain(detector: SequenceDetector) -> SequenceDetector:
    """The detector with surprises that are nothing but -log P."""
    if isinstance(detector, BackoffDetector):
        floor, least = detector.settings.floor, len(detector.vocabulary) + 1
        if floor < least:
            raise UsageError(
                f"floor={floor:g} is less than the {least} calls there are (the unknown one among "
                "them), so that chances add up to more than 1 and cannot be compared"
            )
    if not getattr(detector.settings, "baseline", 0):
        return detector
    plain = type(detector)(detector.settings.model_copy(update={"baseline": 0.0}))
    plain.vocabulary = detector.vocabulary
    plain.restore(detector.state())
    return plain


def synthetic_auc(
    detector: SequenceDetector, parts: Parts, aggregation: str | None = None
) -> Measured:
    """Mean over the kinds of anomalies of the area under held-out normals against them."""
    anomalies = parts[ANOMALIES]
    normal = _scores(detector, parts[JUDGED], aggregation)
    strange = _scores(detector, anomalies, aggregation)
    kinds = np.array([info.attack for info in anomalies.infos])
    areas = {
        f"auc_{kind}": area_of(normal, strange[kinds == kind]) for kind in KINDS if kind in kinds
    }
    return Measured(float(np.mean(list(areas.values()))), areas)


def attack_auc(
    detector: SequenceDetector, parts: Parts, aggregation: str | None = None
) -> Measured:
    """The area of half of the attacks' recordings; beside it, that of the other half."""
    areas = {}
    for half in (CHOOSE, REPORT):
        normal = _scores(detector, in_half(parts[JUDGED], half), aggregation)
        attack = _scores(detector, in_half(parts[ATTACKS], half), aggregation)
        areas[half] = area_of(normal, attack)
    return Measured(areas[CHOOSE], {"auc_reported": areas[REPORT]})


def source_ratio(
    detector: SequenceDetector, parts: Parts, aggregation: str | None = None
) -> Measured:
    """Mean loss of attacks over mean loss of held-out normals, call by call, as its source has it.

    Both fall as an embedding shrinks, and their ratio knows no false alarm: it is here to be
    compared with.
    """
    means = {}
    for half in (CHOOSE, REPORT):
        normal, attack = (
            float(np.nanmean(detector.surprise(in_half(parts[name], half)).astype(np.float64)))
            for name in (JUDGED, ATTACKS)
        )
        means[half] = attack / normal if normal else math.nan
    measured = attack_auc(detector, parts, aggregation)
    return Measured(means[CHOOSE], {"ratio_reported": means[REPORT], **measured.beside})


def _scores(
    detector: SequenceDetector, traces: TraceSet, aggregation: str | None
) -> NDArray[np.float64]:
    return trace_scores(detector, traces, aggregation_of(detector, aggregation))


def area_of(normal: NDArray[np.float64], attack: NDArray[np.float64]) -> float:
    """The area of normals against attacks.

    Of all of them: one that has no score raises no alarm, and so lies below all that have one.
    """
    every = np.concatenate([normal, attack])
    told = np.isfinite(every)
    if not told.any():
        return 0.5
    every = np.where(told, every, every[told].min() - 1.0)
    return roc(every[: len(normal)], every[len(normal) :]).auc


FOLD_AUC: Literal["fold-auc"] = "fold-auc"
"""Of detectors of flows: `habitus.search.flow_folds`."""

OBJECTIVES = {
    objective.name: objective
    for objective in (
        Objective(
            "nll", "nats a call of held-out normal traces", "minimize", (LEARNED, JUDGED),
            nats_a_call, unit="nats",
        ),
        Objective(
            "synthetic-auc", "AUC of held-out normal traces against synthetic anomalies",
            "maximize", (LEARNED, JUDGED, ANOMALIES), synthetic_auc,
        ),
        Objective(
            "attack-auc", "AUC of held-out normal traces against half of the labelled attacks",
            "maximize", (LEARNED, JUDGED, ATTACKS), attack_auc, is_supervised=True,
        ),
        Objective(
            "source-ratio", "mean loss of labelled attacks over that of held-out normal traces",
            "maximize", (LEARNED, JUDGED, ATTACKS), source_ratio, is_supervised=True,
        ),
    )
}  # fmt: skip
"""Of detectors of system calls, by name."""


def is_likelihood(detector: type[SequenceDetector]) -> bool:
    """Whether a detector's score is how likely calls are, so that its nats can be compared."""
    from habitus.detectors.base import SequenceDetector

    gives_chances = detector.predictor is not SequenceDetector.predictor
    return gives_chances and not issubclass(detector, TraceDetector)


def as_json(measured: Measured) -> dict[str, Any]:
    """What a trial sends back; what is no number is none there."""
    beside = {name: value for name, value in measured.beside.items() if math.isfinite(value)}
    return {"value": measured.value, "measures": beside}
