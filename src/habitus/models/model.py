"""`Model`: a fitted detector, its decisions, where it came from, and the normals it remembers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from habitus.errors import UsageError
from habitus.models.aggregation import Aggregation
from habitus.models.decision import Decision, Method, decide
from habitus.models.scores import max_score, trace_scores
from habitus.storage import readable
from habitus.traces.traceset import DIGEST_BYTES, TraceSet, offsets_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.detectors.base import SequenceDetector

FileText = Annotated[str, AfterValidator(readable)]
"""Text that may name files, whose names may be bytes that no JSON holds."""

MAX_REMEMBERED_CALLS = 4_000_000
"""Beyond this many calls a model remembers only the first of its distinct training traces."""


class Provenance(BaseModel):
    """Where a model came from.

    Attributes:
        created: UTC, ISO 8601.
        versions: Python's and the libraries' that the numbers depend on.
        data: what the user named; ``data_sha256`` is its content.
        part: which part of it was learned: a protocol's training part, or ``all``.
        folds: parts of the cross-fitting that scored the training traces; 0 if they are all one
            sequence, which the fitted detector itself scored.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    created: str
    versions: dict[str, str]
    seed: int
    data: FileText
    data_sha256: str
    part: str
    n_traces: int = Field(ge=0, le=1 << 48)
    n_calls: int = Field(ge=0)
    n_sequences: int = Field(ge=0)
    folds: int = Field(ge=0)
    train_seconds: float = Field(ge=0)
    calibrate_seconds: float = Field(ge=0)


@dataclass(frozen=True, eq=False)
class Memory:
    """The distinct normal traces a model has learned from: the measure of what is near to normal.

    Attributes:
        symbols: (n_calls,) uint16 in the detector's vocabulary; ``offsets`` (n + 1,) int64.
        names: one a remembered trace.
        digests: (n_sequences,) 16 bytes, of every distinct training trace, remembered or not.
        scores: (n_sequences,) float64, each one's score by a detector that had not seen it.
        multiplicity: (n_sequences,) int64, how often each stood in the training data.
    """

    symbols: NDArray[np.uint16]
    offsets: NDArray[np.int64]
    names: tuple[str, ...]
    digests: NDArray[np.void]
    scores: NDArray[np.float64]
    multiplicity: NDArray[np.int64]

    @classmethod
    def of(
        cls, traces: TraceSet, detector: SequenceDetector, scores: NDArray[np.float64]
    ) -> Memory:
        """What to remember of training traces, whose cross-fitted scores are given."""
        digests, firsts, counts = np.unique(
            traces.sequence_digests(), return_index=True, return_counts=True
        )
        kept = np.sort(firsts)
        fits = np.cumsum(traces.lengths[kept]) <= MAX_REMEMBERED_CALLS
        remembered = traces.select(kept[fits])
        return cls(
            symbols=detector.vocabulary.encode(remembered),
            offsets=remembered.offsets,
            names=remembered.names,
            digests=digests,
            scores=scores[firsts],
            multiplicity=counts,
        )

    @classmethod
    def nothing(cls) -> Memory:
        """No memory at all."""
        return cls(
            np.zeros(0, np.uint16), offsets_of([]), (), np.zeros(0, f"V{DIGEST_BYTES}"),
            np.zeros(0), np.zeros(0, np.int64),
        )  # fmt: skip

    def known(self, traces: TraceSet) -> NDArray[np.int64]:
        """(n_traces,) int64: each trace's sequence among those trained on, or -1."""
        index = {bytes(digest): i for i, digest in enumerate(self.digests)}
        return np.array(
            [index.get(bytes(digest), -1) for digest in traces.sequence_digests()], dtype=np.int64
        )


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted detector ready for use.

    Attributes:
        detector: gives every call its surprise.
        decisions: at least one; the first judges whole traces.
        provenance: where it came from.
        memory: the normal traces it has learned from.
        digest: SHA-256 of the manifest of the folder it was loaded from or saved to; empty before.
    """

    detector: SequenceDetector
    decisions: tuple[Decision, ...]
    provenance: Provenance
    memory: Memory = field(default_factory=Memory.nothing)
    digest: str = ""

    @property
    def decision(self) -> Decision:
        """The decision about whole traces."""
        return self.decisions[0]

    @property
    def aggregation(self) -> Aggregation:
        """How that decision's scores are made."""
        return Aggregation.parse(self.decision.aggregation)

    def scores(
        self, traces: TraceSet, aggregation: Aggregation | None = None
    ) -> NDArray[np.float64]:
        """(n_traces,) float64: the score of each whole trace; NaN where it cannot be scored."""
        return trace_scores(self.detector, traces, aggregation or self.aggregation)

    def warnings(self) -> list[str]:
        """What a user should hear before relying on this model; empty if nothing."""
        lines = self.decision.calibration.warnings()
        highest = max_score(self.detector)
        if highest is not None and self.decision.threshold >= highest:
            lines.append(
                f"the threshold is {highest:g}, which no score exceeds: this model can never raise "
                "an alert; choose other settings (for stide a smaller n) or more false alarms"
            )
        return lines

    def with_budget(
        self, false_alarms: float, normal: TraceSet | None = None, data_sha256: str = ""
    ) -> tuple[Model, int]:
        """This model with its threshold set anew, without training.

        Args:
            false_alarms: the budget, a share of normal traces.
            normal: normal traces to set it on; by default the training traces' cross-fitted scores
                serve again. A trace the model was trained on keeps its cross-fitted score: its own
                would be too low to judge others by.

        Returns:
            The model, and how many of the given traces it had been trained on.

        Raises:
            UsageError: if there is no trace with a score to set it on.
        """
        if normal is None:
            if not len(self.memory.scores):
                raise UsageError("this model keeps no scores of normal traces: give some (--data)")
            scores, counts = self.memory.scores, self.memory.multiplicity
            n_known, n_others = int(counts.sum()), 0
            data_sha256 = self.provenance.data_sha256
        else:
            known = self.memory.known(normal)
            scores, counts = self.scores(normal), np.ones(len(known), dtype=np.int64)
            scores[known >= 0] = self.memory.scores[known[known >= 0]]
            n_known, n_others = int(np.sum(known >= 0)), int(np.sum(known < 0))
        folds = 0 if n_others else self.provenance.folds
        own: Method = "cross-fitting" if folds else "training traces"
        decision = decide(
            scores, self.aggregation, false_alarms,
            method="other traces" if n_others else own, counts=counts, folds=folds,
            data_sha256=data_sha256,
        )  # fmt: skip
        return replace(self, decisions=(decision, *self.decisions[1:]), digest=""), n_known
