"""`LabelledFlows`: flows of which it is known whether they are malicious, and what each is of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from habitus.flows.tracker import TrackSettings


@dataclass(frozen=True, eq=False)
class LabelledFlows:
    """Flows to learn from, or to judge a model by.

    Attributes:
        flows: (n,) with columns of `habitus.flows.formats.base.record_schema`.
        malicious: (n,) bool.
        groups: (n,) object, the file or source that each is of, as text.
        benign_labels, malicious_labels: what the data call either; none where the data say nothing
            and all flows are taken as benign.
        name: what the user named; ``sha256`` is its content.
        n_left_out: flows without a label, which are not among these.
        extraction: how packets became flows; None where these are another program's.
        notes: what a user should hear of how the labels were read.
    """

    flows: pl.DataFrame
    malicious: NDArray[np.bool_]
    groups: NDArray[np.object_]
    benign_labels: tuple[str, ...]
    malicious_labels: tuple[str, ...]
    name: str = "memory"
    sha256: str = ""
    n_left_out: int = 0
    extraction: TrackSettings | None = None
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.flows)

    @property
    def n_malicious(self) -> int:
        """How many are malicious."""
        return int(self.malicious.sum())

    @property
    def n_benign(self) -> int:
        """How many are not."""
        return len(self) - self.n_malicious

    def select(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> LabelledFlows:
        """Some of them, by a mask or by their rows."""
        rows = np.flatnonzero(which) if which.dtype == np.bool_ else which
        return LabelledFlows(
            self.flows[rows], self.malicious[rows], self.groups[rows], self.benign_labels,
            self.malicious_labels, self.name, self.sha256, self.n_left_out, self.extraction,
            self.notes,
        )  # fmt: skip
