"""Trivial baselines: what anyone can do by counting, shown beside every detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.judged import judged_of
from habitus.evaluation.metrics import roc
from habitus.evaluation.results import Baseline
from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from habitus.evaluation.protocols import Protocol
    from habitus.traces.traceset import TraceSet


def trivial_baselines(test: TraceSet, protocol: Protocol) -> tuple[Baseline, ...]:
    """Trivial statistics as scores, each in its better direction."""
    distinct = np.array(
        [
            len(np.unique(test.calls[begin:end]))
            for begin, end in zip(test.offsets[:-1], test.offsets[1:], strict=True)
        ],
        dtype=np.float64,
    )
    nothing = np.zeros(test.n_traces, dtype=bool)
    baselines = []
    for name, values in (("distinct calls", distinct), ("calls", test.lengths.astype(np.float64))):
        areas = {}
        for stranger, sign in (("fewer", -1), ("more", 1)):
            judged = judged_of(test, sign * values, nothing, protocol)
            areas[stranger] = roc(
                judged.of(Label.NORMAL).scores, judged.of(Label.ATTACK).scores
            ).auc
        best = max(areas, key=lambda stranger: areas[stranger])
        baselines.append(Baseline(name=name, stranger=best, auc=areas[best]))  # type: ignore[arg-type]
    return tuple(baselines)
