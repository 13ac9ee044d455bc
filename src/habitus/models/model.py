"""`Model`: a fitted detector, its decisions, where it came from, and the normals it remembers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from habitus.decisions.aggregation import Aggregation
from habitus.decisions.decision import Decision, decide
from habitus.decisions.population import Population
from habitus.decisions.rule import Rule, rolling_scores
from habitus.decisions.scores import max_score, trace_scores
from habitus.errors import UsageError
from habitus.models.calibrating import population_of
from habitus.models.memory import Memory
from habitus.models.observing import Observation
from habitus.storage import readable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.decisions.budget import Budget
    from habitus.detectors.base import SequenceDetector
    from habitus.traces.traceset import TraceSet

FileText = Annotated[str, AfterValidator(readable)]
"""Text that may name files, whose names may be bytes that no JSON holds."""


class Provenance(BaseModel):
    """Where a model came from.

    Attributes:
        created: UTC, ISO 8601.
        versions: Python's and the libraries' that the numbers depend on.
        data: what the user named; ``data_sha256`` is its content.
        part: which part of it was learned: a protocol's training part, or ``all``.
        base: the model that it started from, as the user named it; ``base_digest`` is that model's.
            Empty where it started from nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    created: str
    versions: dict[str, str]
    seed: int = Field(ge=0)
    data: FileText
    data_sha256: str
    part: str
    n_traces: int = Field(ge=0, le=1 << 48)
    n_calls: int = Field(ge=0)
    n_sequences: int = Field(ge=0)
    train_seconds: float = Field(ge=0)
    calibrate_seconds: float = Field(ge=0)
    base: FileText = ""
    base_digest: str = ""

    @classmethod
    def now(
        cls,
        normal: TraceSet,
        *,
        versions: dict[str, str],
        seed: int,
        data: str,
        data_sha256: str,
        part: str,
        started: float,
        trained: float,
    ) -> Provenance:
        """Of a model that is ready at this moment, made of these normal traces.

        Args:
            started, trained: when it began, and when only thresholds were left to set
                (`time.perf_counter`).
        """
        return cls(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=versions,
            seed=seed,
            data=data,
            data_sha256=data_sha256,
            part=part,
            n_traces=normal.n_traces,
            n_calls=normal.n_calls,
            n_sequences=len(np.unique(normal.sequence_ids())),
            train_seconds=round(trained - started, 4),
            calibrate_seconds=round(time.perf_counter() - trained, 4),
        )


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted detector ready for use.

    Attributes:
        detector: gives every call its surprise.
        decisions: at least one; the first judges whole traces.
        provenance: where it came from.
        memory: the normal traces it has learned from.
        population: the normal traces its thresholds are set on, a row of scores for each decision.
        digest: SHA-256 of the manifest of the folder it was loaded from or saved to; empty before.
    """

    detector: SequenceDetector
    decisions: tuple[Decision, ...]
    provenance: Provenance
    memory: Memory = field(default_factory=Memory.nothing)
    population: Population = field(default_factory=Population.nothing)
    digest: str = ""

    @property
    def decision(self) -> Decision:
        """The decision about whole traces."""
        return self.decisions[0]

    @property
    def aggregation(self) -> Aggregation:
        """How that decision's scores are made."""
        return Aggregation.parse(self.decision.aggregation)

    def row_of(self, decision: str | None) -> int:
        """Which decision is called this: ``trace``, or ``rolling:200``; None is the first.

        Raises:
            UsageError: if there is none; the message lists those there are.
        """
        if decision in {None, "trace"}:
            return 0
        rules = [d.rule for d in self.decisions]
        try:
            return rules.index(str(Rule.parse(str(decision))))
        except (UsageError, ValueError):
            raise UsageError(
                f"this model makes no decision called {decision!r}; it makes {', '.join(rules)} "
                "(`habitus train --rolling W` makes more)"
            ) from None

    def scores(
        self, traces: TraceSet, aggregation: Aggregation | None = None
    ) -> NDArray[np.float64]:
        """(n_traces,) float64: the score of each whole trace; NaN where it cannot be scored."""
        return trace_scores(self.detector, traces, aggregation or self.aggregation)

    def rolling_scores(self, traces: TraceSet, decision: str | None = None) -> NDArray[np.float64]:
        """(n_calls,) float64: the score after each call of whole traces, as while they run.

        NaN where there is none: the window is not full before as many calls as it holds. Of a trace
        with fewer calls there is one score, at its last.

        Args:
            decision: which rolling decision's; by default the first of them.

        Raises:
            UsageError: if the model makes no such decision, or it judges whole traces.
        """
        rules = [Rule.parse(made.rule) for made in self.decisions]
        rule = next((r for r in rules if r.window), rules[0])
        if decision is not None:
            rule = rules[self.row_of(decision)]
        if rule.window is None:
            raise UsageError(
                f"{rule} judges whole traces and makes no score along them: "
                "`habitus train --rolling W` (in Python `rolling`) makes decisions that do"
            )
        return rolling_scores(self.detector.surprise(traces), traces.offsets, rule)

    def warnings(self) -> list[str]:
        """What a user should hear before relying on this model; empty if nothing."""
        lines = self.detector.warnings()
        for decision in self.decisions:
            highest = max_score(self.detector, decision.rule)
            told = decision.calibration.warnings()
            if highest is not None and decision.threshold >= highest:
                told.append(
                    f"the threshold is {highest:g}, which no score exceeds: this model can never "
                    "raise an alert; choose other settings (for stide a smaller n) or more false "
                    "alarms"
                )
            which = f"{decision.rule}: " if len(self.decisions) > 1 else ""
            lines += [f"{which}{line}" for line in told]
        return lines

    def with_budget(self, budget: Budget, decision: str | None = None) -> Model:
        """This model with thresholds set anew on the same normal traces, without training.

        Args:
            decision: which one's; by default all.

        Raises:
            UsageError: if the budget cannot be set on them, or there is no such decision.
        """
        if not len(self.population.digests):
            raise UsageError("this model keeps no scores of normal traces: give some (--data)")
        chosen = None if decision is None else self.row_of(decision)
        seed = self.provenance.seed
        return replace(
            self,
            decisions=tuple(
                decide(self.population, row, budget, seed=seed, margin=self.detector.stream_error)
                if chosen in {None, row}
                else old
                for row, old in enumerate(self.decisions)
            ),
            digest="",
        )

    def calibrated_on(
        self, normal: TraceSet, budget: Budget, data_sha256: str = ""
    ) -> tuple[Model, int]:
        """This model with all thresholds set on other normal traces, without training.

        A trace that the model has learned says too little against it: it is left out, or keeps the
        score of a detector that had not learned it, where cross-fitting made one.

        Returns:
            The model, and how many of the given traces it had learned.

        Raises:
            UsageError: if there is no trace with a score to set thresholds on.
        """
        known = self.memory.knows(normal)
        own = self.population.index_of(normal.sequence_digests())
        usable = ~known | (own >= 0)
        if not usable.any():
            raise UsageError(
                f"all {normal.n_traces} traces were learned by this model, so that they tell "
                "nothing of new ones: give others"
            )
        rules = tuple(Rule.parse(decision.rule) for decision in self.decisions)
        some, own, known = normal.select(usable), own[usable], known[usable]
        if any(rule.window is not None for rule in rules):
            if known.all() and budget.per == "day":
                raise UsageError(
                    "these traces were learned by this model, and of such it keeps no rolling "
                    "scores to count alarms by the day with: give others, or train again"
                )
            some = _without_times(some, known)
        observed = Observation.of(some, rules)
        learned = self.memory.traces(self.detector.vocabulary.names)
        observed.observe(self.detector, learned, np.ones(some.n_traces, dtype=bool))
        for column in ("scores", "novel", "unseen"):
            values = getattr(self.population, column)
            getattr(observed, column)[..., known] = values[..., own[known]]
        # Where all of them are the traces of the cross-fitting, that is what they still are.
        all_own = bool(known.all())
        population = population_of(
            observed, self.population.method if all_own else "other traces", budget.merge_seconds,
            folds=self.population.folds if all_own else 0, data_sha256=data_sha256,
        )  # fmt: skip
        seed = self.provenance.seed
        margin = self.detector.stream_error
        decisions = tuple(
            decide(population, row, budget, seed=seed, margin=margin) for row in range(len(rules))
        )
        changed = replace(self, decisions=decisions, population=population, digest="")
        return changed, int(np.sum(self.memory.knows(normal)))


def _without_times(traces: TraceSet, which: NDArray[np.bool_]) -> TraceSet:
    """Traces of which some carry no time, so that neither their hours count nor their alarms."""
    if traces.times_ns is None:
        return traces
    return replace(traces, times_ns=np.where(np.repeat(which, traces.lengths), -1, traces.times_ns))
