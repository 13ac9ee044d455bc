"""How an evaluation comes by the scores of its traces: here, or wherever else they are made."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

import numpy as np

from habitus.decisions.scores import rule_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.decisions.rule import Rule
    from habitus.models.model import Model
    from habitus.traces.traceset import TraceSet

    Scores = NDArray[np.float64]

_TIMED_SECONDS = 0.5
_MAX_TIMED_RUNS = 5


class Scoring(Protocol):
    """Scores the traces of a protocol's test part by one model after the other."""

    def begin(self, test: TraceSet) -> None:
        """Take the traces that models are to score; once, before any does."""
        ...

    def scores(
        self, name: str, model: Model, chosen: NDArray[np.int64], rule: Rule
    ) -> tuple[Scores, float]:
        """(n_chosen,) float64: a score for each of the traces, and the seconds that took.

        Args:
            name: what the user calls the model.
            chosen: (n_chosen,) which traces, in their order.
        """
        ...


class ScoringHere:
    """Scores in this process, and measures how long it takes: a short run's median when warm."""

    def begin(self, test: TraceSet) -> None:
        self._test = test

    def scores(
        self,
        name: str,  # noqa: ARG002 - where scores are made elsewhere, an error tells it
        model: Model,
        chosen: NDArray[np.int64],
        rule: Rule,
    ) -> tuple[Scores, float]:
        is_all = len(chosen) == self._test.n_traces
        test = self._test if is_all else self._test.select(chosen)
        rule_scores(model.detector, test.select([0] if test.n_traces else []), rule)
        times: list[float] = []
        while not times or (sum(times) < _TIMED_SECONDS and len(times) < _MAX_TIMED_RUNS):
            started = time.perf_counter()
            scores = rule_scores(model.detector, test, rule)
            times.append(time.perf_counter() - started)
        return scores, float(np.median(times))
