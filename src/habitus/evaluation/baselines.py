"""Trivial baselines: what anyone can do by counting, shown beside every detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.curves import roc_curve
from habitus.evaluation.doctor.examined import Examined
from habitus.evaluation.judged import judged_of
from habitus.evaluation.metrics import roc
from habitus.evaluation.results import Baseline
from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from habitus.evaluation.protocols import Protocol
    from habitus.traces.traceset import TraceSet


def trivial_baselines(
    test: TraceSet, protocol: Protocol, rates: tuple[float, ...]
) -> tuple[Baseline, ...]:
    """Trivial statistics as scores, each in its better direction.

    Args:
        rates: of false alarms, to tell the detection at.
    """
    nothing = np.zeros(test.n_traces, dtype=bool)
    baselines = []
    distinct = Examined(test, parts=()).distinct_calls  # as the doctor's alarm counts them
    for name, values in (("distinct calls", distinct), ("calls", test.lengths)):
        curves = {}
        for stranger, sign in (("fewer", -1), ("more", 1)):
            judged = judged_of(test, sign * values.astype(np.float64), nothing, protocol)
            curves[stranger] = roc(judged.of(Label.NORMAL).scores, judged.of(Label.ATTACK).scores)
        best = max(curves, key=lambda stranger: curves[stranger].auc)
        baselines.append(
            Baseline(
                name=name,
                stranger=best,  # type: ignore[arg-type]
                auc=curves[best].auc,
                dr_at_fpr={f"{rate:g}": curves[best].detection_at(rate)[0] for rate in rates},
                roc=roc_curve(curves[best]),
            )
        )
    return tuple(baselines)
