"""ADFA-LD: as in the literature, without flattery, and its two halves."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import ProtocolError
from habitus.evaluation.protocols.base import TRAINING, VALIDATION, Protocol, attacks, in_split
from habitus.syscalls import number_of

if TYPE_CHECKING:
    from habitus.evaluation.protocols.base import Mask
    from habitus.traces.traceset import TraceSet


def _adfa_training(traces: TraceSet) -> Mask:
    return in_split(traces, TRAINING)


def _adfa_test(traces: TraceSet) -> Mask:
    return in_split(traces, VALIDATION) | attacks(traces)


def _adfa_distinct(traces: TraceSet) -> Mask:
    """Attacks, and the first of each distinct validation normal that is no training trace."""
    sequences = traces.sequence_ids()
    validation = np.flatnonzero(in_split(traces, VALIDATION))
    unknown = validation[~np.isin(sequences[validation], sequences[_adfa_training(traces)])]
    _, firsts = np.unique(sequences[unknown], return_index=True)
    mask = attacks(traces)
    mask[unknown[firsts]] = True
    return mask


def _adfa_half(traces: TraceSet, *, development: bool) -> Mask:
    """One half of the test: attack folders 1-5 or 6-10, normals by a hash of their numbers."""
    mask = np.zeros(traces.n_traces, dtype=bool)
    for i in np.flatnonzero(attacks(traces)):
        folder = traces.infos[i].group.rpartition("_")[2]
        if not folder.isdigit():
            raise ProtocolError(f"{traces.infos[i].source}: not in a numbered attack folder")
        mask[i] = (int(folder) <= 5) == development
    numbers = [str(number_of("i386", name)) for name in traces.alphabet]
    for i in np.flatnonzero(in_split(traces, VALIDATION)):
        row = traces.calls[traces.offsets[i] : traces.offsets[i + 1]]
        digest = hashlib.sha256(" ".join(numbers[call] for call in row).encode()).hexdigest()
        mask[i] = (int(digest[-1], 16) % 2 == 0) == development
    return mask


_DEVELOPMENT = "adfa-ld/dev"
_SEEN_BY_ALL = "everybody has looked at this test set, and so have we"

PROTOCOLS = (
    Protocol(
        "adfa-ld",
        "ADFA-LD as in the literature: 833 traces to learn; 4372 normals, 746 attacks to judge",
        _adfa_training,
        _adfa_test,
        caution=f"{_SEEN_BY_ALL}; 422 of its normals equal a training trace",
        development=_DEVELOPMENT,
    ),
    Protocol(
        "adfa-ld/distinct",
        "as adfa-ld, but normals are distinct and not in training (2342)",
        _adfa_training,
        _adfa_distinct,
        caution=_SEEN_BY_ALL,
        development=_DEVELOPMENT,
    ),
    Protocol(
        _DEVELOPMENT,
        "attack folders 1-5 and half of the different normals, 38 % of all: for development and "
        "choosing defaults",
        _adfa_training,
        lambda traces: _adfa_half(traces, development=True),
        caution="for development: numbers chosen on it are not evidence",
    ),
    Protocol(
        "adfa-ld/final",
        "attack folders 6-10 and the other normals: scored once a release",
        _adfa_training,
        lambda traces: _adfa_half(traces, development=False),
        caution="scored once a release, every run recorded; 7 attacks of dev recur as 5 here",
        is_final=True,
    ),
)
