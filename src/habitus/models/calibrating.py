"""Calibrating: normal traces that a detector has not learned, scored to set thresholds on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from habitus.decisions.population import Method, Population
from habitus.errors import UsageError
from habitus.models.observing import Observation
from habitus.progress import SILENT, Progress
from habitus.traces.holding_out import parts_kept_together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.decisions.rule import Rule
    from habitus.detectors.base import SequenceDetector
    from habitus.traces.traceset import TraceSet

DEFAULT_FOLDS = 5
DEFAULT_HELD_OUT = 0.2
_TEXT = re.compile(r"(cross-fitting)(?::(\d{1,4}))?|(held-out)(?::([0-9.]+)(%?))?")


@dataclass(frozen=True)
class Plan:
    """How the traces that a threshold is set on are kept from training.

    Attributes:
        method: ``cross-fitting`` learns all of them and scores each by a detector that was fitted
            without it; ``held-out`` keeps some from training.
        folds: parts of the cross-fitting.
        share: of the traces, to be held out.
    """

    method: Literal["cross-fitting", "held-out"]
    folds: int = DEFAULT_FOLDS
    share: float = DEFAULT_HELD_OUT

    @classmethod
    def parse(cls, text: str) -> Plan:
        """Read ``cross-fitting``, ``cross-fitting:10``, ``held-out`` or ``held-out:30%``.

        Raises:
            UsageError: if it is none of these.
        """
        match = _TEXT.fullmatch(text.strip())
        try:
            if match is not None and match[1]:
                folds = int(match[2] or DEFAULT_FOLDS)
                if folds >= 2:
                    return cls("cross-fitting", folds=folds)
            elif match is not None:
                share = float(match[4] or DEFAULT_HELD_OUT) / (100 if match[5] else 1)
                if 0 < share < 1:
                    return cls("held-out", share=share)
        except ValueError:
            pass
        raise UsageError(
            f"thresholds are set by cross-fitting, cross-fitting:FOLDS (2 or more), held-out or "
            f"held-out:SHARE (between 0 and 1), not {text!r}"
        )


def held_out_population(
    detector: SequenceDetector,
    learned: TraceSet,
    normal: TraceSet,
    rules: Sequence[Rule],
    merge_seconds: float,
    *,
    method: Method = "held-out",
    data_sha256: str = "",
) -> Population:
    """What a fitted detector makes of normal traces that it has not learned."""
    observed = Observation.of(normal, rules)
    observed.observe(detector, learned, np.ones(normal.n_traces, dtype=bool))
    return population_of(observed, method, merge_seconds, data_sha256=data_sha256)


def cross_fitted_population(
    detector: SequenceDetector,
    normal: TraceSet,
    rules: Sequence[Rule],
    merge_seconds: float,
    *,
    folds: int,
    seed: int,
    progress: Progress = SILENT,
    data_sha256: str = "",
) -> Population:
    """What detectors of this kind and settings make of the traces that they were not fitted on.

    Traces that are all one sequence cannot be divided: the fitted detector's own scores stand then,
    and the method says so.
    """
    parts = parts_kept_together(normal, n_wanted=2 * folds)
    n_parts = int(parts.max()) + 1
    folds = min(folds, n_parts)
    observed = Observation.of(normal, rules)
    if n_parts == 1:
        observed.observe(detector, normal, np.ones(normal.n_traces, dtype=bool))
        return population_of(observed, "training traces", merge_seconds, data_sha256=data_sha256)
    fold_of = (np.random.default_rng(seed).permutation(n_parts) % folds)[parts]
    for fold in range(folds):
        judged = fold_of == fold
        one = detector.unfitted()
        learned = normal.select(~judged)
        one.fit(learned, None, progress, seed=seed)
        observed.observe(one, learned, judged)
    return population_of(
        observed, "cross-fitting", merge_seconds, folds=folds, data_sha256=data_sha256
    )


def population_of(
    observed: Observation,
    method: Method,
    merge_seconds: float,
    *,
    folds: int = 0,
    data_sha256: str = "",
) -> Population:
    """The distinct sequences of what was observed."""
    digests, firsts, counts = np.unique(
        observed.traces.sequence_digests(), return_index=True, return_counts=True
    )
    return Population(
        method=method,
        rules=observed.rules,
        digests=digests,
        counts=counts.astype(np.int64),
        n_calls=observed.traces.lengths[firsts],
        scores=observed.scores[:, firsts],
        novel=observed.novel[firsts],
        unseen=observed.unseen[firsts],
        alarm_rates=observed.alarm_rates(merge_seconds),
        folds=folds,
        data_sha256=data_sha256,
    )
