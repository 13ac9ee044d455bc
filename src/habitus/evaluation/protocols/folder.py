"""One's own folders of recordings, and those that Habitus ships."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.datasets.home import DEMO
from habitus.evaluation.protocols.base import (
    TRAINING,
    Protocol,
    attacks,
    half_of_recordings,
    in_split,
    normals,
    splits_of,
)

if TYPE_CHECKING:
    from habitus.evaluation.protocols.base import Mask
    from habitus.traces.traceset import TraceSet

DEMO_TRAINING_RUNS = 10


def _folder_training(traces: TraceSet) -> Mask:
    """``train/`` if there is one; else half of the normal recordings, by their paths' hashes."""
    if TRAINING in splits_of(traces):
        return np.asarray(in_split(traces, TRAINING) & normals(traces))
    return half_of_recordings(traces, normals(traces))


def _folder_test(traces: TraceSet) -> Mask:
    judged = normals(traces) | attacks(traces)
    return np.asarray(judged & ~in_split(traces, TRAINING))


def _demo_training(traces: TraceSet) -> Mask:
    """The first ten normal runs of each program; the other six are for the test."""
    runs = [info.group.rpartition("-")[2].removesuffix(".strace") for info in traces.infos]
    early = np.array([run.isdigit() and int(run) <= DEMO_TRAINING_RUNS for run in runs], dtype=bool)
    return np.asarray(normals(traces) & early)


def _demo_test(traces: TraceSet) -> Mask:
    return _folder_test(traces) & ~_demo_training(traces)


PROTOCOLS = (
    Protocol(
        "folder",
        "one's own normal/ and attack/ (and train/): learns train/ or half of the recordings",
        _folder_training,
        _folder_test,
        unit="recording",
        leaves_out_known=True,
        normal_clusters="group",
    ),
    Protocol(
        DEMO,
        "the shipped recordings: learns 10 normal runs of each program, judges all others",
        _demo_training,
        _demo_test,
        unit="recording",
        leaves_out_known=True,
        normal_clusters="group",
        caution="self-made intrusions on one machine: a demonstration, not a benchmark",
    ),
)
