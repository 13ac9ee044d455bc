"""`UnitScores`: every thing that was to be judged, and the score that each model gave it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.judged import judged_of, numbered
from habitus.storage import readable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from habitus.evaluation.protocols import Protocol
    from habitus.traces.traceset import TraceSet


@dataclass(frozen=True, eq=False)
class UnitScores:
    """The traces or recordings of a protocol's test part, in its order, whatever a model did.

    Two evaluations of one protocol on the same data have the same units, so that their scores can
    be held against each other one by one.

    Attributes:
        names: (n_units,) what each is called; need not differ.
        labels: (n_units,) int8, normal or attack; ``attacks`` (n_units,) the type, or empty.
        clusters: (n_units,) int64; what one independent observation is for the bootstrap.
        scores: by model, (n_units,) float64; NaN where it has none, because the unit is too short
            or is one that the model learned.
    """

    names: tuple[str, ...]
    labels: NDArray[np.int8]
    attacks: tuple[str, ...]
    clusters: NDArray[np.int64]
    scores: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def n_units(self) -> int:
        """How many traces or recordings there are."""
        return len(self.names)


class ScoreKeeper:
    """Gathers the scores of one evaluation, model by model.

    Args:
        test: the protocol's test part, before anything is left out.
    """

    def __init__(self, test: TraceSet, protocol: Protocol) -> None:
        n_traces = test.n_traces
        every = judged_of(test, np.zeros(n_traces), np.zeros(n_traces, dtype=bool), protocol)
        names: Iterable[str] = test.names
        self._units = np.arange(n_traces)
        if protocol.unit == "recording":
            names, self._units = numbered([info.group for info in test.infos])
        self.kept = UnitScores(
            names=tuple(readable(str(name)) for name in names),
            labels=every.labels,
            attacks=tuple(readable(str(attack)) for attack in every.attacks),
            clusters=np.unique(every.clusters, return_inverse=True)[1].astype(np.int64),
        )

    def add(
        self, model: str, scores: NDArray[np.float64], is_judged: NDArray[np.bool_] | None = None
    ) -> None:
        """Keep a model's scores of traces; a recording is as strange as its strangest thread.

        Args:
            scores: (n_judged,) float64.
            is_judged: (n_traces,) bool, where the model judged only some; ``scores`` are theirs.
        """
        of_traces = np.full(len(self._units), np.nan)
        of_traces[slice(None) if is_judged is None else is_judged] = scores
        of_units = np.full(self.kept.n_units, np.nan)
        np.fmax.at(of_units, self._units, np.where(np.isfinite(of_traces), of_traces, np.nan))
        self.kept.scores[readable(model)] = of_units
