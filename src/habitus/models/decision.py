"""Decisions: when a score is an alert, and on what that was settled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from habitus.errors import UsageError
from habitus.models.aggregation import Aggregation

if TYPE_CHECKING:
    from numpy.typing import NDArray


_HAIR = 1e-9
"""Added to shares of whole traces: .29 * 100 is 28.999999999999996."""

MAX_HIGHEST = 256
"""How many calibration scores a model keeps: the tail is where alerts lie."""

Method = Literal["cross-fitting", "other traces", "training traces"]


class Calibration(BaseModel):
    """What a threshold was set on.

    Attributes:
        method: ``cross-fitting``: every training trace was scored by a detector that had not seen
            its sequence; ``other traces``: traces named by the user; ``training traces``: the
            fitted detector's own, because there was only one sequence to learn from.
        false_alarms: the budget asked for, as a share of normal traces.
        n_traces, n_unscoreable: how many normals the threshold was set on, and how many more had
            no score.
        n_over: how many of them would have raised an alarm.
        folds: parts of the cross-fitting; 0 without.
        data_sha256: the content the traces came from.
        highest_scores: the `MAX_HIGHEST` highest scores among them, highest first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Method
    false_alarms: float = Field(ge=0, lt=1)
    n_traces: int = Field(ge=0)
    n_unscoreable: int = Field(ge=0)
    n_over: int = Field(ge=0)
    folds: int = Field(ge=0)
    data_sha256: str = ""
    highest_scores: tuple[float, ...] = Field(min_length=1, max_length=MAX_HIGHEST)

    def n_as_strange(self, score: float) -> int | None:
        """How many of these normals score at least this high; None if all kept ones do."""
        n_kept = len(self.highest_scores)
        above = sum(kept >= score for kept in self.highest_scores)
        return None if above == n_kept < self.n_traces else above

    def share_as_strange(self, score: float) -> float | None:
        """How often a normal trace scores at least this high: an upper estimate, or None.

        ``(1 + normals at or above it) / (1 + normals)``, the conformal p-value of V. Vovk et al.,
        *Algorithmic Learning in a Random World*, 2005.
        """
        above = self.n_as_strange(score)
        return None if above is None else (1 + above) / (1 + self.n_traces)

    @property
    def is_fine_enough(self) -> bool:
        """Whether the traces were enough for so small a budget: at least one may raise an alarm."""
        return self.false_alarms * self.n_traces >= 1 - _HAIR

    def warnings(self) -> list[str]:
        """What a user should hear about this calibration; empty if nothing."""
        lines = []
        if self.method == "training traces":
            lines.append(
                "all traces are one and the same sequence, so that the threshold had to be set on "
                "what the model learned: expect false alarms; train on more, or set it on other "
                "traces with `habitus model threshold`"
            )
        elif not self.is_fine_enough:
            lines.append(
                f"{self.n_traces} normal traces cannot show a false-alarm rate of "
                f"{self.false_alarms * 100:g} %: the threshold is the highest of their scores; the "
                f"finest rate they can show is {100 / max(1, self.n_traces):.3g} %"
            )
        elif 2 * self.n_over < (allowed := math.floor(self.false_alarms * self.n_traces + _HAIR)):
            lines.append(
                f"many of the {self.n_traces} normal traces are alike: {self.n_over} of them lie "
                f"above the threshold, not the {allowed} that the budget allows, so that it may be "
                "higher than it need be; record different runs"
            )
        return lines


class Decision(BaseModel):
    """An alert is a score above the threshold.

    Attributes:
        scope: what is judged: a whole trace.
        aggregation: how a trace's surprises become its score.
        threshold: in the unit of the detector's surprise.
        calibration: what the threshold was set on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    scope: Literal["trace"] = "trace"
    aggregation: str
    threshold: float
    calibration: Calibration

    @field_validator("aggregation")
    @classmethod
    def _known_aggregation(cls, text: str) -> str:
        try:
            return str(Aggregation.parse(text))
        except UsageError as error:
            raise ValueError(str(error)) from None

    def is_alert(self, score: float) -> bool:
        """Whether a score raises an alert; NaN, a trace that cannot be scored, does not."""
        return score > self.threshold


def decide(
    scores: NDArray[np.float64],
    aggregation: Aggregation,
    false_alarms: float,
    *,
    method: Method,
    counts: NDArray[np.int64] | None = None,
    folds: int = 0,
    data_sha256: str = "",
) -> Decision:
    """The lowest threshold at which at most ``false_alarms`` of these normals raise an alarm.

    Args:
        scores: (n,) float64, one a normal trace; NaN for those that cannot be scored.
        counts: (n,) int64, how many traces have each of these scores; by default one.
        false_alarms: the budget, a share from 0 (no alarm among them) to below 1.

    Raises:
        UsageError: if the budget is no such share, or no trace has a score.
    """
    check_budget(false_alarms)
    counts = np.ones(len(scores), dtype=np.int64) if counts is None else counts
    scored = np.isfinite(scores)
    strangest_first = np.flatnonzero(scored)[np.argsort(-scores[scored], kind="stable")]
    so_far = np.cumsum(counts[strangest_first])
    if not len(so_far):
        raise UsageError(
            f"none of the {counts.sum()} normal traces can be scored (are they shorter than the "
            "detector's window?), so that no threshold can be set"
        )
    n_traces = int(so_far[-1])
    # An alert is a score *above* the threshold, so that ties with it stay silent and the budget
    # holds.
    allowed = math.floor(false_alarms * n_traces + _HAIR)
    place = int(np.searchsorted(so_far, min(allowed, n_traces - 1), side="right"))
    threshold = float(scores[strangest_first[place]])
    return Decision(
        aggregation=str(aggregation),
        threshold=threshold,
        calibration=Calibration(
            method=method,
            false_alarms=false_alarms,
            n_traces=n_traces,
            n_unscoreable=int(counts[~scored].sum()),
            n_over=int(counts[scored & (scores > threshold)].sum()),
            folds=folds,
            data_sha256=data_sha256,
            highest_scores=tuple(_highest(scores, counts, strangest_first)),
        ),
    )


def _highest(
    scores: NDArray[np.float64], counts: NDArray[np.int64], strangest_first: NDArray[np.int64]
) -> list[float]:
    """The highest scores, each as often as it occurs."""
    first = strangest_first[:MAX_HIGHEST]
    repeated = np.repeat(scores[first], np.minimum(counts[first], MAX_HIGHEST))
    return [float(score) for score in repeated[:MAX_HIGHEST]]


def check_budget(false_alarms: float) -> None:
    """Raise `UsageError` unless a false-alarm budget is a share from 0 to below 1."""
    if not 0 <= false_alarms < 1:
        raise UsageError(f"a false-alarm budget is a share from 0 to below 1, not {false_alarms}")
