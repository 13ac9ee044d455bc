"""What a protocol judges: traces, or recordings by their strangest thread, each with one score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from habitus.evaluation.protocols import Protocol
    from habitus.traces.traceset import TraceSet


@dataclass(frozen=True)
class Judged:
    """Traces or recordings, with their scores; those without are counted and gone.

    Attributes:
        scores: (n,) float64, finite.
        labels: (n,) int8; ``attacks`` (n,) str objects, the attack's type, or empty.
        clusters: (n,) int64; what one independent observation is for the bootstrap.
        sequences: (n,) int64; equal for equal sequences.
        novel: (n,) bool, whether it holds a call that the detector never saw.
        traces: (n,) int64, which trace of the test it is, or gave the recording its score.
        n_unscoreable, n_unscoreable_attack: those without a score.
    """

    scores: NDArray[np.float64]
    labels: NDArray[np.int8]
    attacks: NDArray[np.object_]
    clusters: NDArray[np.int64]
    sequences: NDArray[np.int64]
    novel: NDArray[np.bool_]
    traces: NDArray[np.int64]
    n_unscoreable: int = 0
    n_unscoreable_attack: int = 0

    def of(self, label: Label) -> Judged:
        """Those of one label, with clusters numbered from 0."""
        mask = self.labels == label
        clusters = np.unique(self.clusters[mask], return_inverse=True)[1]
        return Judged(
            self.scores[mask], self.labels[mask], self.attacks[mask], clusters,
            self.sequences[mask], self.novel[mask], self.traces[mask],
        )  # fmt: skip


def judged_of(
    test: TraceSet, scores: NDArray[np.float64], novel: NDArray[np.bool_], protocol: Protocol
) -> Judged:
    """The things that are judged: traces, or recordings as strange as their strangest thread."""
    _, groups = numbered([info.group for info in test.infos])
    sequences = test.sequence_ids()
    attacks = np.array([info.attack for info in test.infos], dtype=object)
    is_attack = test.labels == Label.ATTACK
    by_sequence = np.where(
        is_attack, protocol.attack_clusters == "sequence", protocol.normal_clusters == "sequence"
    )
    clusters = np.where(by_sequence, groups.max() + 1 + sequences, groups)
    traces = np.arange(test.n_traces)
    if protocol.unit == "recording":
        traces = _strangest_by(groups, scores)
        scores = scores[traces]
        novel = np.bincount(groups, weights=novel) > 0
        # Where threads are labelled one by one, a recording is an attack if one of them is.
        attacks_first = np.argsort(~is_attack, kind="stable")
        firsts = attacks_first[np.unique(groups[attacks_first], return_index=True)[1]]
        labels, attacks = test.labels[firsts], attacks[firsts]
        clusters, sequences = clusters[firsts], np.arange(len(firsts))
    else:
        labels = test.labels
    scored = np.isfinite(scores)
    return Judged(
        scores[scored], labels[scored], attacks[scored], clusters[scored], sequences[scored],
        novel[scored], traces[scored], int(np.sum(~scored)),
        int(np.sum(~scored & (labels == Label.ATTACK))),
    )  # fmt: skip


def numbered(names: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The different names, sorted, and (n,) int64 which of them each is.

    numpy's own way gives every name the room of the longest, which whoever made the data chose.
    """
    different = sorted(set(names))
    number = {name: i for i, name in enumerate(different)}
    return different, np.array([number[name] for name in names], dtype=np.int64)


def _strangest_by(groups: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n_groups,) int64: where the largest defined score of each group is, the first if several."""
    comparable = np.where(np.isfinite(scores), scores, -np.inf)
    strangest_first = np.lexsort((np.arange(len(scores)), -comparable, groups))
    return strangest_first[np.unique(groups[strangest_first], return_index=True)[1]]


def n_units(test: TraceSet, protocol: Protocol) -> int:
    """How many traces or recordings there are to judge."""
    if protocol.unit == "trace":
        return test.n_traces
    return len({info.group for info in test.infos})
