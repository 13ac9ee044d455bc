"""`Rule`: what a decision judges, a whole trace or each stretch of its last calls, and by what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from habitus.decisions.aggregation import WHOLE, Aggregation
from habitus.decisions.rolling import RollingScore
from habitus.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_WINDOW = 100_000
"""Calls of the longest rolling window: that many surprises are kept of every open trace."""

_ROLLING = re.compile(r"rolling:(\d{1,9})(?::(.+))?")


@dataclass(frozen=True)
class Rule:
    """How scores are made of surprises.

    Attributes:
        aggregation: how several surprises become a score.
        window: of how many calls, the last ones, a score is made after every call; None where one
            score is made of a whole trace.
    """

    aggregation: Aggregation
    window: int | None = None

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read ``trace``, ``trace:median``, ``rolling:200`` or ``rolling:200:quantile:0.9``.

        >>> str(Rule.parse("rolling:200:median"))
        'rolling:200:median'

        Raises:
            UsageError: if it is none of these.
        """
        text = text.strip()
        if text == "trace":
            return cls(Aggregation("mean"))
        if text.startswith("trace:"):
            return cls(Aggregation.parse(text.removeprefix("trace:")))
        match = _ROLLING.fullmatch(text)
        if match is None:
            raise UsageError(
                f"no decision is called {text!r}; there are trace, trace:AGGREGATION, rolling:W "
                "and rolling:W:AGGREGATION (W calls; the aggregation is mean, median or quantile:Q)"
            )
        window, aggregation = int(match[1]), Aggregation.parse(match[2] or "mean")
        if not 1 <= window <= MAX_WINDOW:
            raise UsageError(f"{text}: a rolling window is 1 to {MAX_WINDOW:,} calls")
        if aggregation.kind == "worst":
            raise UsageError(
                f"{text}: the worst stretch of a rolling window is itself a rolling window: say "
                f"rolling:{int(aggregation.parameter)}"
            )
        if aggregation.kind == WHOLE:
            raise UsageError(
                f"{text}: a detector that knows only whole traces has no rolling score"
            )
        return cls(aggregation, window)

    @property
    def quantile(self) -> float | None:
        """Which quantile the score is; None if it is none."""
        return self.aggregation.parameter if self.aggregation.kind == "quantile" else None

    def __str__(self) -> str:
        if self.window is None:
            return f"trace:{self.aggregation}"
        kind = "" if self.aggregation.kind == "mean" else f":{self.aggregation}"
        return f"rolling:{self.window}{kind}"


def rolling_scores(
    surprise: NDArray[np.float32], offsets: NDArray[np.int64], rule: Rule
) -> NDArray[np.float64]:
    """(n_calls,) float64: the score after each call of whole traces; NaN where there is none."""
    if rule.window is None:
        raise ValueError(f"{rule} has no window")
    scores = np.empty(len(surprise))
    for begin, end in pairwise(offsets.tolist()):
        one = RollingScore(min(rule.window, max(1, end - begin)), rule.quantile)
        scores[begin:end] = one.add(surprise[begin:end])
    return scores


def highest_of(scores: NDArray[np.float64], offsets: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n_traces,) float64: the highest rolling score of each trace; NaN where it has none."""
    highest = np.full(len(offsets) - 1, np.nan)
    filled = np.diff(offsets) > 0
    if filled.any():
        highest[filled] = np.fmax.reduceat(scores, offsets[:-1][filled])
    return highest
