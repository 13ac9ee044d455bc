"""LID-DS: recordings of attacked services, in its own parts or, for 2019, in halves.

Source: M. Grimmer and others, "A modern and sophisticated host based intrusion detection data set",
2019, and LID-DS 2021.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.protocols.base import (
    TEST,
    TRAINING,
    VALIDATION,
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


def _training(traces: TraceSet) -> Mask:
    """The training part; where there is none, half of the normal recordings."""
    if TRAINING in splits_of(traces):
        return np.asarray(in_split(traces, TRAINING) & normals(traces))
    return half_of_recordings(traces, normals(traces) & ~in_split(traces, VALIDATION))


def _test(traces: TraceSet) -> Mask:
    """The test part, and every attack; where there is none, the other normal recordings."""
    if TEST in splits_of(traces):
        judged = in_split(traces, TEST) & normals(traces)
    else:
        judged = normals(traces) & ~in_split(traces, VALIDATION) & ~_training(traces)
    return np.asarray(judged | attacks(traces))


def _held_out(traces: TraceSet) -> Mask:
    return np.asarray(in_split(traces, VALIDATION) & normals(traces))


PROTOCOLS = (
    Protocol(
        "lid-ds",
        "LID-DS: learns the training part, sets thresholds on the validation part, judges the "
        "recordings of the test part and all attacks; without parts (2019) learns half of the "
        "normal recordings",
        _training,
        _test,
        unit="recording",
        normal_clusters="group",
        held_out=_held_out,
        caution="a recording of an attack counts as found by an alarm anywhere in it, also one "
        "before the attack began; validation recordings are not judged; the longer "
        "a recording, the more chances it has of an alarm",
    ),
)
