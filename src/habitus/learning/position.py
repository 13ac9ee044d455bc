"""How far a training is, in whole numbers and sums that a checkpoint keeps exactly."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_COUNT = Field(ge=0, le=1 << 53)


class Position(BaseModel):
    """How far training is.

    Attributes:
        epoch: whole epochs done; ``step`` are the steps done of the next one's plan.
        updates: of the weights, in all epochs; ``calls`` likewise the calls they learned.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    epoch: int = _COUNT
    step: int = _COUNT
    updates: int = _COUNT
    calls: int = _COUNT

    @classmethod
    def beginning(cls) -> Position:
        """Nothing is done."""
        return cls(epoch=0, step=0, updates=0, calls=0)

    def advance(self, n_calls: int) -> None:
        """One update is done."""
        self.step += 1
        self.updates += 1
        self.calls += n_calls

    def next_epoch(self) -> None:
        """An epoch is done."""
        self.epoch += 1
        self.step = 0


class Sums(BaseModel):
    """Of the calls learned in an epoch so far.

    Attributes:
        loss: a sum over ``calls``; ``seconds`` were spent on them.
        right: a sum over ``looked`` of them, of which it was seen.
        rate: the last update's learning rate.
    """

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    loss: float = 0.0
    right: float = 0.0
    calls: Annotated[int, Field(ge=0)] = 0
    looked: Annotated[int, Field(ge=0)] = 0
    seconds: float = 0.0
    rate: float = 0.0
