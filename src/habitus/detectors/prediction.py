"""What comes next: the seam of detectors that say how likely each call is, and drawing by it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import ModelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from habitus.detectors.base import SequenceDetector

MAX_TEMPERATURE = 100.0


class Predictor(ABC):
    """Follows one trace from its beginning, and says what may come next.

    A call of the chance p costs -log p nats. Reading a call, and saying what comes next, takes as
    long however many calls came before.

    Attributes:
        needs_calls: it must have read so many before it can say anything.
    """

    needs_calls: int = 0

    @abstractmethod
    def observe(self, symbols: NDArray[np.uint16]) -> None:
        """Read the trace's next calls."""

    @abstractmethod
    def chances(self) -> NDArray[np.float64]:
        """(n_known,) float64: of each known call to be the next.

        What they lack of 1 is left for calls never seen.
        """


@dataclass(frozen=True)
class Drawn:
    """A call that was drawn.

    Attributes:
        symbol: in the detector's vocabulary.
        chance: what the detector gave it, whatever the temperature.
        nats: -log of that.
    """

    symbol: int
    chance: float
    nats: float


def predictor_after(detector: SequenceDetector, symbols: NDArray[np.uint16]) -> Predictor:
    """The detector's predictor, once it has read the first calls of a trace.

    Raises:
        UsageError: if it has none, knows no call, or must read more calls before it says anything.
    """
    predictor = detector.predictor()
    if predictor is None:
        raise UsageError(
            f"a model of {detector.name} gives calls no chances, so that none can be drawn by it; "
            f"models of {', '.join(predicting_detectors())} do"
        )
    if not len(detector.vocabulary):
        raise UsageError("this model has learned no call at all, so that none can be drawn")
    if len(symbols) < predictor.needs_calls:
        raise UsageError(
            f"this model goes by the {predictor.needs_calls:,} calls before each, and "
            f"{len(symbols):,} were given: give more (--after, --after-calls)"
        )
    predictor.observe(symbols)
    return predictor


def predicting_detectors() -> tuple[str, ...]:
    """The names of the detectors that have a predictor."""
    from habitus.detectors import detector_names, get_detector
    from habitus.detectors.base import SequenceDetector

    return tuple(
        name
        for name in detector_names()
        if get_detector(name).predictor is not SequenceDetector.predictor
    )


def drawn_calls(
    predictor: Predictor, temperature: float = 1.0, *, seed: int = 1
) -> Iterator[Drawn]:
    """Go on with a trace without end, each call drawn by the chances it has after those before.

    Args:
        temperature: chances are taken to the power of 1 / temperature: below 1 the likely becomes
            likelier, and at 0 nothing but the likeliest call is drawn; above 1 all become alike.

    Raises:
        UsageError: if the temperature is not from 0 to 100.
        ModelError: once a chance is no number, as it is where weights are beyond all measure.
    """
    if not 0 <= temperature <= MAX_TEMPERATURE:
        raise UsageError(
            f"a temperature is a number from 0 to {MAX_TEMPERATURE:g}, not {temperature:g}"
        )
    return _drawn(predictor, temperature, np.random.default_rng(seed))


def _drawn(
    predictor: Predictor, temperature: float, random: np.random.Generator
) -> Iterator[Drawn]:
    while True:
        chances = predictor.chances()
        if not np.isfinite(chances).all():
            raise ModelError("the model gives calls chances that are no numbers: it is damaged")
        symbol = _draw(chances, temperature, random.random())
        chance = min(1.0, float(chances[symbol]))
        yield Drawn(symbol, chance, abs(float(np.log(chance))))  # a sure one: 0, not -0
        predictor.observe(np.array([symbol], dtype=np.uint16))


def _draw(chances: NDArray[np.float64], temperature: float, place: float) -> int:
    """The call at a place from 0 to 1, where calls lie side by side, as wide as their chances."""
    if temperature == 0:
        return int(np.argmax(chances))
    # By the likeliest, so that no power is lost to nothing.
    weights = (chances / chances.max()) ** (1 / temperature)
    ends = np.cumsum(weights)
    return int(min(np.searchsorted(ends, place * ends[-1], side="right"), len(ends) - 1))
