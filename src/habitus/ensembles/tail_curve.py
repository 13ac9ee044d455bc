"""`TailCurve`: how improbable a score is among normal traces, in nats, beyond the highest too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MAX_KNOTS = 1024
"""Points that the curve is kept by; of more normal scores, as many evenly spread ones."""
TAIL_SHARE = 0.1
MIN_TAIL = 20
"""Scores that a tail is fitted to: the highest tenth, and so many where half of all allow it."""
_LEAST_SCALE = 1e-3
_NO_SPREAD = 0.01


@dataclass(frozen=True, eq=False)
class TailCurve:
    """Minus the log of the share of normal traces that score as high: nats, strictly increasing.

    In the body it is the normals' own distribution, interpolated between their scores. Above the
    highest tenth it is a generalised Pareto tail, so that of two scores that no normal reached the
    higher one stays the stranger. Its shape is never below 0: a tail that ended would make every
    score beyond its end equally, and infinitely, strange.

    Source: J. Pickands, "Statistical inference using extreme order statistics", Annals of
    Statistics 3, 1975; fitted by the probability-weighted moments of J. Hosking and J. Wallis,
    Technometrics 29, 1987, which need no search and never fail to converge.

    Attributes:
        values: (n,) float64, ascending scores; ``nats`` (n,) float64, ascending, at each of them.
        fall: how quickly nats go to 0 below the lowest score, in the scores' unit.
        shape, scale: of the tail, which begins at the last of ``values``.
    """

    values: Floats
    nats: Floats
    fall: float
    shape: float
    scale: float

    @classmethod
    def of(cls, scores: Floats) -> TailCurve:
        """The curve of normal traces' scores.

        Args:
            scores: (n,) float64; undefined ones (NaN) are left out.
        """
        known = np.sort(scores[np.isfinite(scores)])
        if not len(known):
            known = np.zeros(1)
        n = len(known)
        n_tail = max(round(TAIL_SHARE * n), min(MIN_TAIL, n // 2))
        start = float(known[n - n_tail - 1])
        values, counts = np.unique(known, return_counts=True)
        above = n - np.cumsum(counts)
        # Of ties half lie above: a score that most normals share is as normal as can be.
        nats = -np.log((above + (counts + 1) / 2) / (n + 1))
        body = np.flatnonzero(values <= start)
        if len(body) > MAX_KNOTS:
            body = body[np.unique(np.linspace(0, len(body) - 1, MAX_KNOTS).astype(np.int64))]
        spread = float(values[-1] - values[0])
        shape, scale = _fitted(known[known > start] - start)
        least = _LEAST_SCALE * spread if spread else max(_NO_SPREAD, abs(start) / 10)
        fall = float(values[body[-1]] - values[0]) / 2
        return cls(values[body], nats[body], fall or max(spread, least), shape, max(scale, least))

    def at(self, scores: Floats) -> Floats:
        """The nats at any scores, in their shape; NaN where there is no score."""
        first, last = self.values[0], self.values[-1]
        found = np.interp(scores, self.values, self.nats)
        below = np.minimum(scores - first, 0) / self.fall
        beyond = np.maximum(scores - last, 0) / self.scale
        if self.shape > 0:
            beyond = np.log1p(self.shape * beyond) / self.shape
        curve: Floats = found * np.exp(below) + beyond
        return curve

    @property
    def steepest(self) -> float:
        """Nats that a score's unit makes in the tail, where thresholds lie, at most."""
        return 1 / self.scale

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Its arrays, by name."""
        numbers = np.array([self.fall, self.shape, self.scale])
        return {"values": self.values, "nats": self.nats, "numbers": numbers}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[np.generic]]) -> TailCurve:
        """The curve whose `state` this is.

        Raises:
            ModelError: if the arrays make none.
        """
        columns = [state.get(name) for name in ("values", "nats", "numbers")]
        sound = [
            column.astype(np.float64, copy=False)
            for column in columns
            if column is not None
            and column.dtype == np.float64
            and column.ndim == 1
            and np.isfinite(column).all()
        ]
        if len(sound) < len(columns):
            raise ModelError("a curve of its normal scores is missing or damaged")
        values, nats, numbers = sound
        if (
            not 1 <= len(values) == len(nats) <= MAX_KNOTS
            or np.any(np.diff(values) <= 0)
            or np.any(np.diff(nats) <= 0)
            or nats[0] < 0
            or len(numbers) != 3
            or not (numbers[0] > 0 and 0 <= numbers[1] < 1 and numbers[2] > 0)
        ):
            raise ModelError("a curve of its normal scores does not rise, or has no tail")
        return cls(values, nats, *numbers.tolist())


def _fitted(beyond: Floats) -> tuple[float, float]:
    """(shape, scale) of the tail of what lies beyond its start, (m,) float64, ascending."""
    m = len(beyond)
    if not m:
        return 0.0, 0.0
    mean = float(beyond.mean())
    if m < MIN_TAIL:
        return 0.0, mean  # an exponential tail: of so few no shape can be told
    share_above = 1 - (np.arange(1, m + 1) - 0.35) / m
    weighted = float(np.mean(beyond * share_above))
    shape = 2 - mean / (mean - 2 * weighted) if mean > 2 * weighted else 0.0
    if shape <= 0:
        return 0.0, mean
    return min(shape, 0.95), 2 * mean * weighted / (mean - 2 * weighted)
