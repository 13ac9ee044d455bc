"""Decisions: when a score is an alert, and on what that was settled."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from habitus.decisions.budget import Budget  # noqa: TC001 - pydantic needs it at run time
from habitus.decisions.forecast import CENTRAL, TailRate, told
from habitus.decisions.population import Method, Population  # noqa: TC001 - likewise
from habitus.decisions.rule import Rule
from habitus.decisions.threshold import Choice, choose_threshold, finest_share
from habitus.errors import UsageError

MAX_COUNT = 1 << 48
"""Traces and alarms that there may be."""
NonNegative = Annotated[float, Field(ge=0)]
FEW_RECORDINGS = 10
"""Fewer recordings than this make a rate by the day a guess."""
ALIKE = 1.05
"""Of a greater design effect a user should hear when a budget is too fine."""


class ExtrapolatedTail(BaseModel):
    """The fitted tail by which a threshold goes beyond the scores; see `threshold.Tail`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    start: float
    n_exceedances: int = Field(ge=1)
    shape: float
    scale: float


class AlarmsADay(BaseModel):
    """What a threshold gives by the day.

    Attributes:
        expected: alarms a day; ``interval`` its 95 % interval, None for a single recording.
        seen: alarms above the threshold while ``hours`` of ``recordings`` were watched.
        merge_seconds: alarms of one recording this close count once.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    expected: float = Field(ge=0)
    interval: tuple[NonNegative, NonNegative] | None
    seen: int = Field(ge=0, le=MAX_COUNT)
    hours: float = Field(gt=0)
    recordings: int = Field(ge=1, le=MAX_COUNT)
    merge_seconds: float = Field(ge=0)

    def interval_in(self, days: float) -> tuple[int, int] | None:
        """(low, high) alarms in so many days to come, 95 %; None for a single recording.

        The ends of the rate's interval, and what chance (Poisson) makes of them in that time.
        """
        from scipy.stats import poisson

        if self.interval is None:
            return None
        tail = (1 - CENTRAL) / 2
        low = poisson.ppf(tail, self.interval[0] * days) if self.interval[0] * days else 0.0
        high = poisson.ppf(1 - tail, self.interval[1] * days) if self.interval[1] * days else 0.0
        return int(low), int(high)


class Calibration(BaseModel):
    """What a threshold was set on.

    Attributes:
        method: ``held-out``: on normal traces that training did not see; ``cross-fitting``: every
            training trace was scored by a detector that had not seen its sequence (approximate:
            those detectors learned a little less); ``other programs``: the same of a model that
            ships with Habitus, by one that had learned nothing of the trace's program; ``other
            traces``: named by the user later; ``training traces``: the detector's own, because
            there was only one sequence.
        budget: what was asked for.
        keeps_budget: whether these traces are enough to show so small a rate.
        n_traces, n_unscoreable: how many normals the threshold was set on, and how many more had no
            score.
        n_over, n_tied: how many of them lie above it, and how many exactly on it.
        design_effect: how many of them count as one, because equal traces fall together.
        folds: parts of the cross-fitting; 0 without.
        data_sha256: the content the traces came from.
        alarms_a_day: where the traces carry time; else None.
        tail: by what the threshold was extrapolated; else None.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    method: Method
    budget: Budget
    keeps_budget: bool
    n_traces: int = Field(ge=1, le=MAX_COUNT)
    n_unscoreable: int = Field(ge=0, le=MAX_COUNT)
    n_over: int = Field(ge=0, le=MAX_COUNT)
    n_tied: int = Field(ge=0, le=MAX_COUNT)
    design_effect: float = Field(ge=1)
    folds: int = Field(ge=0)
    data_sha256: str = ""
    alarms_a_day: AlarmsADay | None = None
    tail: ExtrapolatedTail | None = None

    @property
    def rate(self) -> TailRate:
        """What is known of the share of normal traces above the threshold."""
        return TailRate(self.n_traces, self.n_over, self.n_tied, self.design_effect)

    @property
    def is_exact(self) -> bool:
        """Whether forecasts hold exactly for traces drawn like these, not approximately."""
        return self.method == "held-out" and self.design_effect < 1 + 1e-9 and self.tail is None

    def warnings(self) -> list[str]:
        """What a user should hear about this calibration; empty if nothing."""
        lines = []
        if self.method == "training traces":
            lines.append(
                "all traces are one and the same sequence, so that the threshold had to be set on "
                "what the model learned: expect false alarms; train on more, or set it on other "
                "traces with `habitus model threshold`"
            )
        elif not self.keeps_budget:
            lines.append(self._too_fine())
        elif self.budget.per == "trace" and self.budget.confidence is None and not self.tail:
            allowed = math.floor(self.budget.alarms * (self.n_traces + 1)) - 1
            if 2 * self.n_over < allowed:
                lines.append(
                    f"many of the {self.n_traces} normal traces are alike: {self.n_over} of them "
                    f"lie above the threshold, not the {allowed} that the budget allows, so that "
                    "it may be higher than it need be; record different runs"
                )
        if self.tail is not None:
            lines.append(
                f"the threshold is an extrapolation: {self.n_traces} normal traces cannot show "
                f"{self.budget.alarms * 100:g} %, and it goes by a tail (generalised Pareto, shape "
                f"{self.tail.shape:.2f}) fitted to the {self.tail.n_exceedances} highest scores; "
                "nothing guarantees that normal traces to come follow it"
            )
        rate = self.alarms_a_day
        if self.budget.per == "day" and rate is not None and rate.recordings < FEW_RECORDINGS:
            lines.append(
                f"{told(rate.hours)} hours in {rate.recordings} recordings are few to tell a rate "
                "by the day from: the interval is too narrow"
            )
        return lines

    def _too_fine(self) -> str:
        """That the budget is finer than the traces can show."""
        if self.budget.per == "day":
            rate = self.alarms_a_day
            days = rate.hours / 24 if rate is not None else 0.0
            return (
                f"{told(days * 24)} hours of normal recordings cannot show a rate of "
                f"{self.budget.alarms:g} alarms a day"
                + (f": the finest is {told(1 / days)} a day" if days else "")
                + "; the threshold is the highest score"
            )
        finest = finest_share(self.n_traces, self.budget.confidence, self.design_effect)
        sure = self.budget.confidence
        how = "on average" if sure is None else f"with {sure * 100:g} % confidence"
        alike = ""
        if self.design_effect >= self.n_traces > 1:
            alike = ", so alike that they count as one,"
        elif self.design_effect >= ALIKE:
            alike = f", so alike that {told(self.design_effect)} of them count as one,"
        traces = "trace" if self.n_traces == 1 else "traces"
        return (
            f"{self.n_traces} normal {traces}{alike} cannot show a false-alarm rate of "
            f"{self.budget.alarms * 100:g} % {how}: the threshold is the highest of their scores, "
            f"and the finest rate they can show is {finest * 100:.3g} %"
        )


class Decision(BaseModel):
    """An alert is a score above the threshold.

    Attributes:
        rule: what is judged, and how its score is made: ``trace:mean``, ``rolling:200`` ...
        threshold: in the unit of the detector's surprise, or of its score.
        calibration: what the threshold was set on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    rule: str
    threshold: float
    calibration: Calibration

    @field_validator("rule")
    @classmethod
    def _known_rule(cls, text: str) -> str:
        try:
            return str(Rule.parse(text))
        except UsageError as error:
            raise ValueError(str(error)) from None

    @property
    def scope(self) -> Literal["trace", "rolling"]:
        """What is judged: whole traces, or each stretch of the last calls."""
        return "trace" if Rule.parse(self.rule).window is None else "rolling"

    @property
    def aggregation(self) -> str:
        """How surprises become a score."""
        return str(Rule.parse(self.rule).aggregation)

    def is_alert(self, score: float) -> bool:
        """Whether a score raises an alert; NaN, what cannot be scored, does not."""
        return score > self.threshold


def decide(
    population: Population, row: int, budget: Budget, *, seed: int, margin: float = 0.0
) -> Decision:
    """The lowest threshold that keeps a budget on a population of normal traces.

    Args:
        row: which of the population's rules.
        seed: of the bootstrap over recordings.
        margin: put on top of the threshold, which stands at a normal trace's score: so much the
            same score may differ elsewhere, by rounding alone.

    Raises:
        UsageError: if no trace has a score, or the budget is by the day and traces carry no time.
    """
    scores, counts = population.scores[row], population.counts
    scored = np.isfinite(scores)
    if not scored.any():
        raise UsageError(
            f"none of the {population.n_traces} normal traces can be scored (are they shorter than "
            "the detector's window?), so that no threshold can be set"
        )
    rate = population.alarm_rates[row]
    if budget.per == "day":
        if rate is None:
            raise UsageError(
                "a budget by the day needs normal traces that carry time, over more than a moment; "
                "these do not: give a share of traces, such as 1%"
            )
        if rate.merge_seconds != budget.merge_seconds:
            raise UsageError(
                f"this model's alarms were merged within {rate.merge_seconds:g} seconds, not "
                f"{budget.merge_seconds:g}: give normal traces (--data), or train again"
            )
    if budget.per == "day" and rate is not None:
        highest = float(np.max(scores[scored]))
        threshold, keeps = rate.choose(budget, highest)
        choice = Choice(threshold, population.tail_rate(row, threshold), keeps)
    else:
        choice = choose_threshold(scores[scored], counts[scored], budget)
    tail = choice.tail
    return Decision(
        rule=str(population.rules[row]),
        threshold=choice.threshold + margin,
        calibration=Calibration(
            method=population.method,
            budget=budget,
            keeps_budget=choice.keeps_budget,
            n_traces=choice.rate.n_traces,
            n_unscoreable=int(counts[~scored].sum()),
            n_over=choice.rate.n_over,
            n_tied=choice.rate.n_tied,
            design_effect=choice.rate.design_effect,
            folds=population.folds,
            data_sha256=population.data_sha256,
            alarms_a_day=None
            if rate is None
            else AlarmsADay(
                expected=rate.per_day(choice.threshold),
                interval=rate.interval(choice.threshold, seed=seed),
                seen=rate.count(choice.threshold),
                hours=rate.days * 24,
                recordings=len(rate.seconds),
                merge_seconds=rate.merge_seconds,
            ),
            tail=None
            if tail is None
            else ExtrapolatedTail(
                start=tail.start, n_exceedances=tail.n_exceedances, shape=tail.shape,
                scale=tail.scale,
            ),
        ),
    )  # fmt: skip
