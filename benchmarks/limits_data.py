"""What the limits of ADFA-LD are measured on: its development half, and which of it is distinct."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from common import test_data
from numpy.typing import NDArray

from habitus import Label, TraceSet, get_detector
from habitus.datasets.source import find_source
from habitus.decisions.scores import aggregation_of, trace_scores
from habitus.detectors.base import SequenceDetector
from habitus.evaluation.bootstrap import area_interval
from habitus.evaluation.judged import numbered
from habitus.evaluation.metrics import Roc, roc
from habitus.evaluation.protocols import get_protocol

SEED = 1
RATES = (0.01, 0.05)
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Dev:
    """ADFA-LD's training traces and what `adfa-ld/dev` judges.

    Attributes:
        training: one of each distinct training trace.
        n_training: how many there are with their copies.
        judged: all traces of `adfa-ld/dev`, normals and attacks.
        distinct: (n_judged,) of the normals, the first of each sequence that no training trace is.
        clusters: (n_judged,) int64: a folder of attacks, or a distinct normal.
    """

    training: TraceSet
    n_training: int
    judged: TraceSet
    distinct: Mask
    clusters: NDArray[np.int64]

    @property
    def attack(self) -> Mask:
        """(n_judged,) which are attacks."""
        return np.asarray(self.judged.labels == Label.ATTACK)

    @property
    def types(self) -> tuple[str, ...]:
        """The types of attack."""
        return tuple(sorted({info.attack for info in self.judged.infos} - {""}))

    def of_type(self, attack: str) -> Mask:
        """(n_judged,) which are attacks of a type."""
        return np.array([info.attack == attack for info in self.judged.infos])

    @cached_property
    def processes(self) -> NDArray[np.int64]:
        """(n_judged,) int64: the number at the end of an attack file's name; -1 of normals."""
        found = np.full(self.judged.n_traces, -1)
        for i in np.flatnonzero(self.attack):
            number = re.search(r"(\d+)\.txt$", self.judged.infos[i].name)
            if number is None:
                raise SystemExit(f"{self.judged.infos[i].name}: no number: is this ADFA-LD?")
            found[i] = int(number[1])
        return found

    @cached_property
    def n_types(self) -> NDArray[np.int64]:
        """(n_judged,) int64: in how many types of attack an attack's process number stands."""
        kinds: dict[int, set[str]] = {}
        for number, info in zip(self.processes.tolist(), self.judged.infos, strict=True):
            kinds.setdefault(number, set()).add(info.attack)
        return np.array([len(kinds[n]) if n >= 0 else 0 for n in self.processes.tolist()])

    def roc(self, scores: Floats, normals: Mask) -> Roc:
        """All attacks against some normals; what has no score raises no alarm."""
        scores = alarmless(scores)
        return roc(scores[normals & ~self.attack], scores[self.attack])

    def interval(self, scores: Floats, normals: Mask) -> tuple[float, float]:
        """Of that area: whole folders of attacks and whole sequences of normals drawn anew."""
        scores, normals = alarmless(scores), normals & ~self.attack
        clusters = [
            np.unique(self.clusters[side], return_inverse=True)[1]
            for side in (normals, self.attack)
        ]  # numbered anew: the bootstrap draws every number from 0 to the highest
        found = area_interval(scores[normals], scores[self.attack], *clusters, seed=SEED)
        if found is None:
            raise SystemExit("one cluster alone: is this ADFA-LD?")
        return found


@cache
def adfa() -> TraceSet:
    """All of ADFA-LD."""
    return find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip")).read()


@cache
def dev() -> Dev:
    """The development half; nothing else of the test is looked at."""
    traces = adfa()
    half, distinct = get_protocol("adfa-ld/dev"), get_protocol("adfa-ld/distinct")
    training = traces.select(half.training(traces))
    first = np.sort(np.unique(training.sequence_ids(), return_index=True)[1])
    test = half.test(traces)
    judged = traces.select(test)
    attack = judged.labels == Label.ATTACK
    folders = numbered([info.group for info in judged.infos])[1]
    clusters = np.where(attack, folders, folders.max() + 1 + judged.sequence_ids())
    return Dev(
        training=training.select(first),
        n_training=training.n_traces,
        judged=judged,
        distinct=distinct.test(traces)[test] & ~attack,
        clusters=clusters,
    )


def fitted(detector: str, settings: Mapping[str, object], learned: TraceSet) -> SequenceDetector:
    """A detector that learned all of some traces."""
    made: SequenceDetector = get_detector(detector).with_settings(settings)
    made.fit(learned, seed=SEED)
    return made


def scores_of(detector: SequenceDetector, traces: TraceSet) -> Floats:
    """(n_traces,) float64: of whole traces, as the detector aggregates them."""
    return trace_scores(detector, traces, aggregation_of(detector))


def alarmless(scores: Floats) -> Floats:
    """A trace without a score raises no alarm, and so lies below all that have one."""
    scored = np.isfinite(scores)
    return scores if scored.all() else np.where(scored, scores, scores[scored].min() - 1.0)
