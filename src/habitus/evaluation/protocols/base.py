"""`Protocol`: which traces are learned, which are judged, and what must be said about it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceSet

    Mask = NDArray[np.bool_]

TRAINING, VALIDATION, TEST = "training", "validation", "test"


@dataclass(frozen=True)
class Protocol:
    """A fixed way to evaluate.

    Attributes:
        name, title: what it is called and what it is.
        training: (n_traces,) mask of what a detector learns from.
        test: (n_traces,) mask of what it is judged on, normals and attacks.
        held_out: (n_traces,) mask of the normals that thresholds are set on; None where the data
            have no part for that.
        unit: what is judged: a ``trace``, or a ``recording``, as strange as its strangest thread.
        leaves_out_known: whether normals equal to a training trace are left out of the test.
        normal_clusters: what one independent normal observation is: a distinct ``sequence``, or a
            ``group`` (a recording).
        attack_clusters: what one independent attack is, likewise.
        caution: what to remember when reading its numbers.
        is_final: whether it may be scored only once a release.
        development: the protocol whose test part is for trying things out, where the test part of
            this one holds more than that.
    """

    name: str
    title: str
    training: Callable[[TraceSet], Mask]
    test: Callable[[TraceSet], Mask]
    unit: Literal["trace", "recording"] = "trace"
    leaves_out_known: bool = False
    normal_clusters: Literal["sequence", "group"] = "sequence"
    attack_clusters: Literal["sequence", "group"] = "group"
    held_out: Callable[[TraceSet], Mask] | None = None
    caution: str = ""
    is_final: bool = False
    development: str = ""

    NO_SPLIT: ClassVar[str] = "all"


def splits_of(traces: TraceSet) -> set[str]:
    """The splits that the traces were told to be in."""
    return {info.split for info in traces.infos}


def in_split(traces: TraceSet, split: str) -> Mask:
    """(n_traces,) mask of the traces of a split."""
    return np.array([info.split == split for info in traces.infos], dtype=bool)


def normals(traces: TraceSet) -> Mask:
    """(n_traces,) mask of the normal traces."""
    return np.asarray(traces.labels == Label.NORMAL)


def attacks(traces: TraceSet) -> Mask:
    """(n_traces,) mask of the attacks."""
    return np.asarray(traces.labels == Label.ATTACK)


def count_unlabelled(traces: TraceSet, report: ReadReport) -> None:
    """Count the traces that a protocol can make nothing of, because no folder labels them."""
    for info in traces.infos:
        if info.label is Label.UNKNOWN:
            report.add_skipped(info.name, "lies in no folder named normal, attack or train")


def half_of_recordings(traces: TraceSet, among: Mask) -> Mask:
    """Half of the recordings among some traces, by the hashes of their paths."""
    groups = sorted(
        {traces.infos[i].group for i in np.flatnonzero(among)},
        key=lambda group: hashlib.sha256(group.encode("utf-8", "surrogateescape")).digest(),
    )
    chosen = set(groups[: (len(groups) + 1) // 2])
    return np.asarray(among & np.array([info.group in chosen for info in traces.infos], dtype=bool))
