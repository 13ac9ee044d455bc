"""`Curve`: how a trial's network learned, epoch by epoch, few enough of them to be kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from habitus.search.told import number_of, whole_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.learning.history import Epoch

MAX_POINTS = 64
"""Epochs of a trial that are kept: a search of thousands of trials is still a file to read."""
_DIGITS = 6


@dataclass(frozen=True)
class Curve:
    """The losses of a training, a point an epoch.

    Attributes:
        epochs: their numbers, from 1; of many, evenly spaced ones, the kept one and the last.
        loss: while the epoch's calls were learned, in the unit of the detector's loss; None where
            it was no number.
        held_out_loss: after the epoch, of traces that it did not learn.
    """

    epochs: tuple[int, ...]
    loss: tuple[float | None, ...]
    held_out_loss: tuple[float | None, ...]

    @classmethod
    def of(cls, told: Any) -> Curve | None:
        """What `curve_of` made, read back; None of None.

        Raises:
            ValueError, TypeError, KeyError: if it is something else.
        """
        if told is None:
            return None
        epochs, *losses = (list(told[key]) for key in ("epochs", "loss", "held_out_loss"))
        if len({len(epochs), *map(len, losses)}) > 1:
            raise ValueError("a curve of uneven length")
        loss, held_out = (tuple(None if v is None else number_of(v) for v in of) for of in losses)
        return cls(tuple(whole_of(epoch) for epoch in epochs), loss, held_out)


def curve_of(epochs: Sequence[Epoch], kept: int | None = None) -> dict[str, Any] | None:
    """The losses of a training as JSON; None if it has no epoch.

    Args:
        epochs: all that were trained.
        kept: the number of the one whose weights were measured, which stays whatever else goes.
    """
    if not epochs:
        return None
    last = len(epochs) - 1
    places = {round(i * last / (MAX_POINTS - 2)) for i in range(MAX_POINTS - 1)}
    if last < MAX_POINTS:
        places = set(range(len(epochs)))
    places |= {i for i, epoch in enumerate(epochs) if epoch.epoch == kept}
    shown = [epochs[i] for i in sorted(places)]
    return {
        "epochs": [epoch.epoch for epoch in shown],
        "loss": [_short(epoch.loss) for epoch in shown],
        "held_out_loss": [_short(epoch.held_out_loss) for epoch in shown],
    }


def _short(value: float) -> float | None:
    """A loss in few digits, as it is drawn and not calculated with."""
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
