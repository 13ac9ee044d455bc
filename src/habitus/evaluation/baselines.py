"""Trivial baselines: what anyone can do by counting, shown beside every detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.doctor.examined import Examined
from habitus.evaluation.judged import judged_of
from habitus.evaluation.metrics import roc
from habitus.evaluation.results import Baseline
from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from habitus.evaluation.protocols import Protocol
    from habitus.traces.traceset import TraceSet


def trivial_baselines(test: TraceSet, protocol: Protocol) -> tuple[Baseline, ...]:
    """Trivial statistics as scores, each in its better direction."""
    nothing = np.zeros(test.n_traces, dtype=bool)
    baselines = []
    distinct = Examined(test, parts=()).distinct_calls  # as the doctor's alarm counts them
    for name, values in (("distinct calls", distinct), ("calls", test.lengths)):
        areas = {}
        for stranger, sign in (("fewer", -1), ("more", 1)):
            judged = judged_of(test, sign * values.astype(np.float64), nothing, protocol)
            areas[stranger] = roc(
                judged.of(Label.NORMAL).scores, judged.of(Label.ATTACK).scores
            ).auc
        best = max(areas, key=lambda stranger: areas[stranger])
        baselines.append(Baseline(name=name, stranger=best, auc=areas[best]))  # type: ignore[arg-type]
    return tuple(baselines)
