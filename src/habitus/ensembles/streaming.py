"""An ensemble of traces that arrive in segments: every member remembers what it needs of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.decisions.scores import running_score
from habitus.detectors.base import SurpriseStream
from habitus.detectors.whole import NamedRunningTrace, RunningTrace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.ensembles.ensemble import Ensemble
    from habitus.traces.traceset import TraceSet


class EnsembleStream(SurpriseStream):
    """The members' streams side by side."""

    def __init__(self, ensemble: Ensemble) -> None:
        self._ensemble = ensemble
        self._streams = [member.detector.stream() for member in ensemble.speaking]

    def push(self, batch: TraceSet) -> NDArray[np.float32]:
        return self._ensemble.joined([stream.push(batch) for stream in self._streams])


class RunningEnsemble(NamedRunningTrace):
    """The members' running scores of one trace side by side."""

    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__(ensemble)
        self.ensemble = ensemble
        self._members = [
            (
                member,
                None if member.is_whole else member.detector.stream(),
                running_score(member.detector, member.aggregation),
            )
            for member in ensemble.members
        ]

    def take(self, segment: TraceSet) -> None:
        names = np.array(segment.alphabet, dtype=object)[segment.calls]
        for member, stream, running in self._members:
            if isinstance(running, RunningTrace):
                own = member.detector.vocabulary.encode(segment)
                running.add_named(names, own)
            elif stream is not None:
                running.add(stream.push(segment))

    @property
    def member_scores(self) -> NDArray[np.float64]:
        """(n_members,) float64: what each member scores so far."""
        return np.array([running.score for _, _, running in self._members])

    @property
    def score(self) -> float:
        return float(self.ensemble.combination.scores(self.member_scores[None, :])[0])
