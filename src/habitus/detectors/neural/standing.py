"""`Standing`: how far traces are read that a network follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Places = NDArray[np.int64]


@dataclass
class Standing:
    """How far a reader is in some traces.

    Attributes:
        states: (n, n_state) float32, what is remembered of all calls but the last.
        last: (n,) int64, the last call; what stands before the first, if there is none yet.
    """

    states: Floats
    last: Places

    def of(self, rows: Places) -> Standing:
        """Some of them, in any order."""
        return Standing(self.states[rows], self.last[rows])

    def put(self, rows: Places, others: Standing) -> None:
        """Set some of them to others, one for each row."""
        self.states[rows], self.last[rows] = others.states, others.last

    @classmethod
    def joined(cls, parts: Sequence[Standing]) -> Standing:
        """Several, one after another."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.states for part in parts]),
            np.concatenate([part.last for part in parts]),
        )
