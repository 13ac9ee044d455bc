"""`FlowModel`: a fitted detector of flows, when its score is an alert, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from habitus.decisions.budget import Budget  # noqa: TC001 - pydantic needs it at run time
from habitus.decisions.threshold import choose_threshold, finest_share
from habitus.detectors.flow.base import SCORED_FLOWS
from habitus.detectors.flow.matrix import blocks
from habitus.errors import UsageError
from habitus.flows.tracker import TrackSettings  # noqa: TC001 - likewise
from habitus.models.flow_population import FlowPopulation
from habitus.storage import readable

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from habitus.detectors.flow.base import FlowDetector

FileText = Annotated[str, AfterValidator(readable)]
Count = Annotated[int, Field(ge=0, le=1 << 48)]

HALF = 0.5
"""The probability above which a classifier's flow is an alert, unless a budget is set."""
FEW_FILES = 10
"""Of fewer files than this a rate of false alarms is a guess."""


class LearnedFile(BaseModel):
    """A file or source of training, and how many of its flows were learned."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: FileText
    n_benign: Count
    n_malicious: Count


class FlowProvenance(BaseModel):
    """Where a model of flows came from.

    Attributes:
        created: UTC, ISO 8601.
        versions: Python's and the libraries' that the numbers depend on.
        data: what the user named; ``data_sha256`` is its content.
        n_left_out: flows that were not learned: without a label, or not told enough of.
        benign, malicious: the labels that count as either.
        files: the first thousand of them; the population's groups are their numbers.
        extraction: how packets became flows, so that others are made alike; None where the flows
            were another program's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    created: str
    versions: dict[str, str]
    seed: int = Field(ge=0)
    data: FileText
    data_sha256: str
    n_benign: Count
    n_malicious: Count
    n_left_out: Count
    benign: tuple[FileText, ...]
    malicious: tuple[FileText, ...]
    n_files: Count
    files: tuple[LearnedFile, ...]
    extraction: TrackSettings | None
    train_seconds: float = Field(ge=0)
    calibrate_seconds: float = Field(ge=0)

    @property
    def n_flows(self) -> int:
        """Flows that were learned."""
        return self.n_benign + self.n_malicious


class FlowDecision(BaseModel):
    """An alert is a score above the threshold.

    Attributes:
        threshold: in the unit of the detector's score.
        budget: what it was set for; None: a probability of .5, or what the user named.
        keeps_budget: whether the flows are enough to show so small a rate.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    threshold: float
    budget: Budget | None = None
    keeps_budget: bool = True

    def is_alert(self, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(n,) whether each score raises an alert; NaN, what cannot be scored, does not."""
        return np.greater(scores, self.threshold)


@dataclass(frozen=True, eq=False)
class FlowModel:
    """A fitted detector of flows ready for use.

    Attributes:
        detector: gives every flow its score, and says what each feature adds to it.
        decision: when a score is an alert.
        provenance: where it came from.
        population: flows that it had not learned, with their scores: what is to be expected.
        notes: what was said when it was trained.
        digest: SHA-256 of the manifest of the folder it was loaded from or saved to; empty before.
    """

    detector: FlowDetector
    decision: FlowDecision
    provenance: FlowProvenance
    population: FlowPopulation = field(default_factory=FlowPopulation.nothing)
    notes: tuple[str, ...] = ()
    digest: str = ""

    def scores(self, flows: pl.DataFrame) -> NDArray[np.float64]:
        """(n,) float64: each flow's score; NaN of one that does not tell what it must.

        Raises:
            InputError: if the table lacks columns, or a column holds no numbers.
        """
        parts = [
            self.scores_of(*self.detector.inputs.told(flows[begin:end]))
            for begin, end in blocks(max(len(flows), 1), SCORED_FLOWS)
        ]
        return np.concatenate(parts)

    def scores_of(
        self, matrix: NDArray[np.float64], sound: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """(n,) float64: the same of what `FlowInputs.told` gives."""
        if bool(sound.all()):
            return self.detector.score_matrix(matrix)
        scores = np.full(len(matrix), np.nan)
        scores[sound] = self.detector.score_matrix(np.asfortranarray(matrix[sound]))
        return scores

    def warnings(self) -> list[str]:
        """What a user should hear before relying on this model; empty if nothing."""
        return [*self.notes, *decision_warnings(self.decision, self.population)]

    def with_budget(self, budget: Budget, population: FlowPopulation | None = None) -> FlowModel:
        """This model with a threshold for a budget, without training.

        Args:
            population: scored flows to set it on; by default the model's own.

        Raises:
            UsageError: if there are no scores of benign flows, or it is no share of flows.
        """
        chosen = self.population if population is None else population
        return replace(self, decision=decided(chosen, budget), population=chosen, digest="")


def decided(population: FlowPopulation, budget: Budget) -> FlowDecision:
    """The lowest threshold that keeps a budget on flows that were not learned.

    Raises:
        UsageError: if there are no benign flows with a score, or the budget is by the day.
    """
    if budget.per == "day":
        raise UsageError(
            "a budget of alarms by the day is for traces; of flows a share is wanted, such as 1% "
            "of benign flows"
        )
    benign = population.benign
    if not len(benign):
        raise UsageError(
            "this model keeps no scores of benign flows to set a threshold on: give some (--data)"
        )
    choice = choose_threshold(benign, np.ones(len(benign), dtype=np.int64), budget)
    return FlowDecision(threshold=choice.threshold, budget=budget, keeps_budget=choice.keeps_budget)


def decision_warnings(decision: FlowDecision, population: FlowPopulation) -> list[str]:
    """What a user should hear about a threshold; empty if nothing."""
    n = len(population.benign)
    if not n:
        return []
    lines = []
    if population.unit == "flow":
        lines.append(
            "what to expect is told by single flows held out, not by whole files: it holds for "
            "flows of the same files, and may be far too good for others"
        )
    elif population.n_groups < FEW_FILES:
        files = "file" if population.n_groups == 1 else "files"
        lines.append(
            f"benign flows of {population.n_groups} {files} are few to tell a rate of false alarms "
            "from: expect another rate of files to come"
        )
    budget = decision.budget
    if budget is not None and not decision.keeps_budget:
        finest = finest_share(n, budget.confidence)
        lines.append(
            f"{n:,} benign flows cannot show a false-alarm rate of {budget.alarms * 100:g} %: the "
            f"threshold is the highest of their scores, and the finest rate they can show is "
            f"{finest * 100:.3g} %"
        )
    return lines
