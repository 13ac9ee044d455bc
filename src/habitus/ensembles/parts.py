"""What each member of an ensemble makes of one trace: the explanation of its score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.decisions.aggregation import worst_stretch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.ensembles.ensemble import Ensemble
    from habitus.traces.traceset import TraceSet


@dataclass(frozen=True)
class MemberPart:
    """One member's part in a trace's score.

    Attributes:
        member, digest: what the member was called, and the SHA-256 of the model that it was.
        score: what it scores, in ``unit``; None where it has no score.
        added: what it adds to the ensemble's score, before the mean over the members is taken.
        share: of all that members add above 0; None where none does, 0 of a member whose group
            another outdoes (``combine=largest``).
        first_call, mean_surprise: its own strangest stretch: its first call, from 0, and the mean
            of its surprise there, in ``surprise_unit``; None where that is not known: of traces
            that were read in segments, and where its surprise is undefined.
    """

    member: str
    digest: str
    detector: str
    score: float | None
    unit: str
    added: float | None
    share: float | None
    first_call: int | None
    mean_surprise: float | None
    surprise_unit: str


def parts_of(
    ensemble: Ensemble,
    scores: NDArray[np.float64],
    trace: TraceSet | None = None,
    stretch_calls: int = 0,
) -> tuple[MemberPart, ...]:
    """Each member's part in a trace, in the members' order.

    Args:
        scores: (n_members,) float64, what the members score.
        trace: the one trace, where it is at hand as a whole; ``stretch_calls`` long a stretch is.
    """
    added = ensemble.combination.parts(scores[None, :])[0]
    decides = ensemble.combination.deciding(scores[None, :])[0]
    counted = np.where(decides, np.maximum(added, 0), 0.0)
    total = float(np.nansum(counted))
    parts = []
    for member, score, one, counts in zip(
        ensemble.members, scores.tolist(), added.tolist(), counted.tolist(), strict=True
    ):
        begin, mean = None, np.nan
        if trace is not None and trace.n_calls:
            begin, mean = worst_stretch(member.detector.surprise(trace), stretch_calls)
        parts.append(
            MemberPart(
                member=member.name,
                digest=member.digest,
                detector=member.detector.name,
                score=_finite(score),
                unit=member.unit,
                added=_finite(one),
                share=_finite(counts / total) if total else None,
                first_call=None if np.isnan(mean) else begin,
                mean_surprise=_finite(float(mean)),
                surprise_unit=member.detector.unit,
            )
        )
    return tuple(parts)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
