"""`History`: what training went through, epoch by epoch, and why it ended."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, field, fields
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Stopped(IntEnum):
    """Why training ended."""

    EPOCHS = 0
    CALLS = 1
    PATIENCE = 2
    INTERRUPTED = 3
    NOT_A_NUMBER = 4
    LEARNED = 5

    @property
    def told(self) -> str:
        """The reason for people."""
        return _TOLD[self]


_TOLD = {
    Stopped.EPOCHS: "all epochs were done",
    Stopped.CALLS: "as many calls were read as allowed",
    Stopped.PATIENCE: "the held-out loss fell no more",
    Stopped.INTERRUPTED: "it was interrupted",
    Stopped.NOT_A_NUMBER: "the loss was no longer a number",
    Stopped.LEARNED: "nothing was left to learn",
}
_TOO_EARLY = {
    Stopped.INTERRUPTED: "",
    Stopped.NOT_A_NUMBER: ": a lower learning rate, or a smaller clip, may help",
}
"""Ends that nobody planned, and what else is to be said of them."""


@dataclass(frozen=True)
class Epoch:
    """One pass over the traces, or the part of one that was done.

    Attributes:
        epoch: its number, from 1.
        calls: read in training so far, all epochs together.
        rate: the learning rate at its end.
        loss, accuracy: mean over its calls, while they were learned.
        held_out_loss, held_out_accuracy: of the held-out traces after it.
    """

    epoch: int
    calls: int
    rate: float
    loss: float
    accuracy: float
    held_out_loss: float
    held_out_accuracy: float

    @property
    def perplexity(self) -> float:
        """exp of the held-out loss: among how many calls it seems to choose."""
        if math.isnan(self.held_out_loss):
            return math.nan
        return math.exp(min(700.0, self.held_out_loss))


COLUMNS = tuple(column.name for column in fields(Epoch))
MAX_EPOCHS = 100_000


@dataclass
class History:
    """All epochs of a training.

    Attributes:
        epochs: in order.
        best: index of the epoch whose weights are kept; -1 before there is one.
        stopped: why it ended.
        n_parameters: numbers that were trained.
        n_held_out: traces that the held-out loss is of; 0 if it is that of the learned ones.
    """

    epochs: list[Epoch] = field(default_factory=list)
    best: int = -1
    stopped: Stopped = Stopped.EPOCHS
    n_parameters: int = 0
    n_held_out: int = 0

    @property
    def kept(self) -> Epoch:
        """The epoch whose weights are kept."""
        return self.epochs[self.best]

    def warnings(self) -> list[str]:
        """What a user should hear before relying on what was learned."""
        if self.stopped not in _TOO_EARLY:
            return []
        kept = f"the weights after epoch {self.kept.epoch} are kept"
        return [f"training ended early: {self.stopped.told}; {kept}{_TOO_EARLY[self.stopped]}"]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Two arrays that `from_arrays` reads."""
        rows = np.array([astuple(epoch) for epoch in self.epochs], dtype=np.float64)
        facts = [self.best, self.stopped, self.n_parameters, self.n_held_out]
        return {
            "history": rows.reshape(len(self.epochs), len(COLUMNS)),
            "history_facts": np.array(facts, dtype=np.int64),
        }

    @classmethod
    def from_arrays(
        cls, rows: NDArray[np.generic] | None, facts: NDArray[np.generic] | None
    ) -> History:
        """The history whose arrays these are.

        Raises:
            ModelError: if they are none.
        """
        sound = (
            rows is not None
            and facts is not None
            and rows.dtype == np.float64
            and rows.ndim == 2
            and rows.shape[1] == len(COLUMNS)
            and rows.shape[0] <= MAX_EPOCHS
            and facts.dtype == np.int64
            and facts.shape == (4,)
        )
        if not sound or rows is None or facts is None:
            raise ModelError("the history of its training is missing or of another shape")
        numbers = rows.astype(np.float64)
        best, stopped, n_parameters, n_held_out = (int(fact) for fact in facts.astype(np.int64))
        counts = numbers[:, :2]
        if (
            not -1 <= best < len(numbers)
            or stopped not in set(Stopped)
            or n_parameters < 0
            or n_held_out < 0
            or not np.all((counts >= 0) & (counts < 2**53))
        ):
            raise ModelError("the history of its training holds what no training leaves")
        epochs = [Epoch(int(row[0]), int(row[1]), *row[2:].tolist()) for row in numbers]
        return cls(epochs, best, Stopped(stopped), n_parameters, n_held_out)
