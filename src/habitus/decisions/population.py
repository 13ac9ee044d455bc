"""`Population`: the normal traces that thresholds are set on, as a detector sees them.

A detector that has not learned them: that is what traces to come will be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from habitus.decisions.forecast import TailRate, design_effects
from habitus.traces.traceset import DIGEST_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.decisions.alarms import AlarmRate
    from habitus.decisions.rule import Rule

    Floats = NDArray[np.float64]

Method = Literal["held-out", "cross-fitting", "other programs", "other traces", "training traces"]


@dataclass(frozen=True, eq=False)
class Population:
    """Distinct normal sequences, what each scores by every rule, and how new each is.

    Attributes:
        method, folds, data_sha256: see `Calibration`.
        rules: how scores are made; one decision each.
        digests: (n,) 16 bytes, of each sequence; ``counts`` (n,) int64, traces that make it.
        n_calls: (n,) int64.
        scores: (n_rules, n) float64; of a rolling rule, the highest score in the trace; NaN where
            there is none.
        novel: (n,) float64, the share of calls that the detector did not know.
        unseen: (n,) float64, the share of windows that it had not learned; NaN where there is none.
        alarm_rates: one a rule, alarms by the day; None where traces carry no time.
    """

    method: Method
    rules: tuple[Rule, ...]
    digests: NDArray[np.void]
    counts: NDArray[np.int64]
    n_calls: NDArray[np.int64]
    scores: Floats
    novel: Floats
    unseen: Floats
    alarm_rates: tuple[AlarmRate | None, ...]
    folds: int = 0
    data_sha256: str = ""

    @classmethod
    def nothing(cls) -> Population:
        """No population at all."""
        none = np.zeros(0)
        return cls(
            "other traces", (), np.zeros(0, f"V{DIGEST_BYTES}"), none.astype(np.int64),
            none.astype(np.int64), np.zeros((0, 0)), none, none, (),
        )  # fmt: skip

    @property
    def n_traces(self) -> int:
        """Traces, equal ones counted as often as they stand."""
        return int(self.counts.sum())

    def n_as_strange(self, row: int, score: float) -> int:
        """How many normal traces score at least this high by a rule."""
        return int(self.counts[self._scores(row) >= score].sum())

    def n_scored(self, row: int) -> int:
        """How many normal traces have a score by a rule."""
        return int(self.counts[np.isfinite(self._scores(row))].sum())

    def share_as_strange(self, row: int, score: float) -> float:
        """How often a normal trace scores at least this high: an upper estimate.

        ``(1 + normals at or above it) / (1 + normals)``, the conformal p-value of V. Vovk et al.,
        *Algorithmic Learning in a Random World*, 2005.
        """
        return (1 + self.n_as_strange(row, score)) / (1 + self.n_scored(row))

    def _scores(self, row: int) -> Floats:
        """One rule's; none where there is no population."""
        return self.scores[row] if len(self.counts) else np.zeros(0)

    def tail_rate(self, row: int, threshold: float) -> TailRate:
        """What is known of the share of normal traces above any threshold."""
        scored = np.isfinite(self.scores[row])
        scores, counts = self.scores[row][scored], self.counts[scored]
        values, places = np.unique(scores, return_inverse=True)
        effects = design_effects(places, counts)
        place = min(int(np.searchsorted(values, threshold)), len(values) - 1)
        return TailRate(
            n_traces=int(counts.sum()),
            n_over=int(counts[scores > threshold].sum()),
            n_tied=int(counts[scores == threshold].sum()),
            design_effect=float(effects[place]),
        )

    def index_of(self, digests: NDArray[np.void]) -> NDArray[np.int64]:
        """(n,) int64: which of the sequences each digest is, or -1."""
        index = {bytes(digest): i for i, digest in enumerate(self.digests)}
        return np.array([index.get(bytes(digest), -1) for digest in digests], dtype=np.int64)
