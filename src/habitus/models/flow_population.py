"""`FlowPopulation`: what a detector makes of labelled flows that it has not learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from habitus.decisions.forecast import TailRate
from habitus.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[np.generic]]

Unit = Literal["file", "flow"]
FlowMethod = Literal["cross-fitting", "other flows", "none"]

PREFIX = "population."
MAX_FLOWS = 4_000_000
"""Of more flows than this, that many drawn at random are kept."""


class FlowPopulationFile(BaseModel):
    """What ``model.json`` tells of a population of flows; the rest are arrays."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    method: FlowMethod
    unit: Unit
    folds: int = Field(ge=0, le=10_000)
    data_sha256: str


@dataclass(frozen=True, eq=False)
class FlowPopulation:
    """Flows whose truth is known, scored by a detector that has not learned them.

    Attributes:
        scores: (n,) float64, finite.
        malicious: (n,) bool.
        groups: (n,) int32, which file or source each is of, from 0.
        method: ``cross-fitting``: each was scored by a detector that was fitted without it;
            ``other flows``: named by the user later; ``none``: there is no population.
        unit: what was held out together: whole files, or single flows, which are judged more
            kindly than files to come will be.
        folds: parts of the cross-fitting; 0 without.
        data_sha256: the content that the flows came from.
    """

    scores: NDArray[np.float64]
    malicious: NDArray[np.bool_]
    groups: NDArray[np.int32]
    method: FlowMethod = "none"
    unit: Unit = "flow"
    folds: int = 0
    data_sha256: str = ""

    @classmethod
    def nothing(cls) -> FlowPopulation:
        """No population at all."""
        return cls(np.zeros(0), np.zeros(0, dtype=np.bool_), np.zeros(0, dtype=np.int32))

    @property
    def benign(self) -> NDArray[np.float64]:
        """(n,) the scores of benign flows."""
        return self.scores[~self.malicious]

    @property
    def n_groups(self) -> int:
        """Files or sources that benign flows are of."""
        return len(np.unique(self.groups[~self.malicious]))

    def kept(self, seed: int) -> FlowPopulation:
        """This, or `MAX_FLOWS` of it drawn at random."""
        if len(self.scores) <= MAX_FLOWS:
            return self
        drawn = np.random.default_rng(seed).permutation(len(self.scores))[:MAX_FLOWS]
        chosen = np.sort(drawn)
        return FlowPopulation(
            self.scores[chosen], self.malicious[chosen], self.groups[chosen], self.method,
            self.unit, self.folds, self.data_sha256,
        )  # fmt: skip

    def rate(self, threshold: float) -> TailRate:
        """What is known of the share of benign flows above a threshold."""
        above = self.benign > threshold
        return TailRate(
            n_traces=len(above),
            n_over=int(above.sum()),
            n_tied=int((self.benign == threshold).sum()),
            design_effect=self._design_effect(above),
        )

    def detection(self, threshold: float) -> tuple[int, int]:
        """(how many malicious flows lie above a threshold, how many there are)."""
        return int((self.scores[self.malicious] > threshold).sum()), int(self.malicious.sum())

    def share_as_high(self, score: float) -> float | None:
        """How often a benign flow scores at least this high: an upper estimate, a conformal
        p-value as `habitus.decisions.population.Population.share_as_strange`; None of no flows.
        """
        benign = self.benign
        if not len(benign):
            return None
        return (1 + int((benign >= score).sum())) / (1 + len(benign))

    def _design_effect(self, above: NDArray[np.bool_]) -> float:
        """How many flows count as one, because those of one file are alike; at least 1.

        The variance of the share when whole files are drawn, against that of single flows: the
        ratio estimator of L. Kish, *Survey Sampling*, 1965, section 6.3. Where no flow lies above,
        or all do, files tell no spread, and one counts as the mean flow of a file does at worst.
        """
        codes = np.unique(self.groups[~self.malicious], return_inverse=True)[1]
        sizes = np.bincount(codes).astype(np.float64)
        n, k = len(above), len(sizes)
        if self.unit == "flow" or n == 0:
            return 1.0
        share = float(above.mean())
        if k < 2 or share in {0.0, 1.0}:
            return max(1.0, float((sizes**2).sum() / n))
        apart = np.bincount(codes, above) - share * sizes
        clustered = k / (k - 1) * float((apart**2).sum())
        return float(np.clip(clustered / (n * share * (1 - share)), 1.0, (sizes**2).sum() / n))

    def told(self) -> FlowPopulationFile:
        """What is not in the arrays."""
        return FlowPopulationFile(
            method=self.method, unit=self.unit, folds=self.folds, data_sha256=self.data_sha256
        )

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The arrays, by name."""
        return {
            f"{PREFIX}scores": self.scores,
            f"{PREFIX}malicious": self.malicious,
            f"{PREFIX}groups": self.groups,
        }

    @classmethod
    def restored(cls, arrays: Arrays, told: FlowPopulationFile) -> FlowPopulation:
        """The population that `arrays` and `told` gave.

        Raises:
            ModelError: if the arrays are missing, of other types, or do not fit together.
        """

        def column(name: str, kind: type[np.generic]) -> NDArray[np.generic]:
            array = arrays.get(PREFIX + name)
            if array is None or array.dtype != kind or array.ndim != 1:
                raise ModelError(f"the array {PREFIX + name!r} is missing or of another type")
            return array

        scores = np.asarray(column("scores", np.float64), dtype=np.float64)
        malicious = np.asarray(column("malicious", np.bool_), dtype=np.bool_)
        groups = np.asarray(column("groups", np.int32), dtype=np.int32)
        sound = (
            len(scores) == len(malicious) == len(groups) <= MAX_FLOWS
            and bool(np.isfinite(scores).all())
            and bool(((groups >= 0) & (groups <= MAX_FLOWS)).all())
            and (len(scores) == 0) == (told.method == "none")
        )
        if not sound:
            raise ModelError("the columns of the model's scored flows do not fit together")
        return cls(
            scores, malicious, groups, told.method, told.unit, told.folds, told.data_sha256
        )  # fmt: skip
