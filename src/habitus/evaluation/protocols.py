"""Protocols: which traces are learned, which are judged, and what must be said about it.

A protocol's name begins with the name of the data set it is for.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from habitus.datasets.home import DEMO
from habitus.errors import ProtocolError, UsageError
from habitus.syscalls import number_of
from habitus.traces.traceset import Label, TraceSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

TRAINING, VALIDATION = "training", "validation"
DEMO_TRAINING_RUNS = 10


@dataclass(frozen=True)
class Protocol:
    """A fixed way to evaluate.

    Attributes:
        name, title: what it is called and what it is.
        training: (n_traces,) mask of what a detector learns from.
        test: (n_traces,) mask of what it is judged on, normals and attacks.
        unit: what is judged: a ``trace``, or a ``recording``, as strange as its strangest thread.
        leaves_out_known: whether normals equal to a training trace are left out of the test.
        normal_clusters: what one independent normal observation is: a distinct ``sequence``, or a
            ``group`` (a recording); attacks are always clustered by group.
        caution: what to remember when reading its numbers.
        is_final: whether it may be scored only once a release.
    """

    name: str
    title: str
    training: Callable[[TraceSet], Mask]
    test: Callable[[TraceSet], Mask]
    unit: Literal["trace", "recording"] = "trace"
    leaves_out_known: bool = False
    normal_clusters: Literal["sequence", "group"] = "sequence"
    caution: str = ""
    is_final: bool = False

    NO_SPLIT: ClassVar[str] = "all"


def get_protocol(name: str) -> Protocol:
    """The protocol of this name.

    Raises:
        UsageError: if there is none; the message lists those there are.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"no protocol is called {name!r}; there are: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def default_protocol(traces: TraceSet, data: str) -> Protocol | None:
    """The protocol that fits data by what is in it; None if there is nothing to judge."""
    if data == DEMO:
        return PROTOCOLS[DEMO]
    if {TRAINING, VALIDATION, "attack"} <= _splits(traces):
        return PROTOCOLS["adfa-ld"]
    if {Label.NORMAL, Label.ATTACK} <= set(traces.labels.tolist()):
        return PROTOCOLS["folder"]
    return None


def training_part(traces: TraceSet, protocol: Protocol | None) -> tuple[TraceSet, str]:
    """The traces to learn from, and what they are called.

    Without a protocol, everything that is not labelled an attack.

    Raises:
        ProtocolError: if the protocol finds nothing to learn from.
    """
    if protocol is None:
        learnable = traces.labels != Label.ATTACK
        if not learnable.any():
            raise ProtocolError(
                f"all {traces.n_traces} traces are labelled attacks by the folder they lie in; a "
                "detector learns from normal traces"
            )
        return traces.select(learnable), Protocol.NO_SPLIT
    mask = protocol.training(traces)
    if not mask.any():
        raise ProtocolError(f"{protocol.name}: nothing to learn from: is this its data set?")
    return traces.select(mask), protocol.name


def test_part(traces: TraceSet, protocol: Protocol) -> TraceSet:
    """The traces to judge.

    Raises:
        ProtocolError: if it lacks normals or attacks.
    """
    test = traces.select(protocol.test(traces))
    counts = {label: int(np.sum(test.labels == label)) for label in (Label.NORMAL, Label.ATTACK)}
    if not all(counts.values()):
        raise ProtocolError(
            f"{protocol.name}: needs normal and attack traces to judge, and found "
            f"{counts[Label.NORMAL]} and {counts[Label.ATTACK]}"
        )
    return test


def _splits(traces: TraceSet) -> set[str]:
    return {info.split for info in traces.infos}


def _in_split(traces: TraceSet, split: str) -> Mask:
    return np.array([info.split == split for info in traces.infos], dtype=bool)


def _attacks(traces: TraceSet) -> Mask:
    return np.asarray(traces.labels == Label.ATTACK)


def _adfa_training(traces: TraceSet) -> Mask:
    return _in_split(traces, TRAINING)


def _adfa_test(traces: TraceSet) -> Mask:
    return _in_split(traces, VALIDATION) | _attacks(traces)


def _adfa_distinct(traces: TraceSet) -> Mask:
    """Attacks, and the first of each distinct validation normal that is no training trace."""
    sequences = traces.sequence_ids()
    validation = np.flatnonzero(_in_split(traces, VALIDATION))
    unknown = validation[~np.isin(sequences[validation], sequences[_adfa_training(traces)])]
    _, firsts = np.unique(sequences[unknown], return_index=True)
    mask = _attacks(traces)
    mask[unknown[firsts]] = True
    return mask


def _adfa_half(traces: TraceSet, *, development: bool) -> Mask:
    """One half of the test: attack folders 1-5 or 6-10, normals by a hash of their numbers."""
    mask = np.zeros(traces.n_traces, dtype=bool)
    for i in np.flatnonzero(_attacks(traces)):
        folder = traces.infos[i].group.rpartition("_")[2]
        if not folder.isdigit():
            raise ProtocolError(f"{traces.infos[i].source}: not in a numbered attack folder")
        mask[i] = (int(folder) <= 5) == development
    numbers = [str(number_of("i386", name)) for name in traces.alphabet]
    for i in np.flatnonzero(_in_split(traces, VALIDATION)):
        row = traces.calls[traces.offsets[i] : traces.offsets[i + 1]]
        digest = hashlib.sha256(" ".join(numbers[call] for call in row).encode()).hexdigest()
        mask[i] = (int(digest[-1], 16) % 2 == 0) == development
    return mask


def _folder_training(traces: TraceSet) -> Mask:
    """``train/`` if there is one; else half of the normal recordings, by their paths' hashes."""
    normal = traces.labels == Label.NORMAL
    if TRAINING in _splits(traces):
        return np.asarray(_in_split(traces, TRAINING) & normal)
    groups = sorted(
        {traces.infos[i].group for i in np.flatnonzero(normal)},
        key=lambda group: hashlib.sha256(group.encode("utf-8", "surrogateescape")).digest(),
    )
    learned = set(groups[: (len(groups) + 1) // 2])
    return np.asarray(normal & np.array([info.group in learned for info in traces.infos]))


def _folder_test(traces: TraceSet) -> Mask:
    judged = (traces.labels == Label.NORMAL) | _attacks(traces)
    return np.asarray(judged & ~_in_split(traces, TRAINING))


def _demo_training(traces: TraceSet) -> Mask:
    """The first ten normal runs of each program; the other six are for the test."""
    runs = [info.group.rpartition("-")[2].removesuffix(".strace") for info in traces.infos]
    early = np.array([run.isdigit() and int(run) <= DEMO_TRAINING_RUNS for run in runs], dtype=bool)
    return np.asarray((traces.labels == Label.NORMAL) & early)


def _demo_test(traces: TraceSet) -> Mask:
    return _folder_test(traces) & ~_demo_training(traces)


_SEEN_BY_ALL = "everybody has looked at this test set, and so have we"

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "adfa-ld",
            "ADFA-LD as in the literature: 833 traces to learn; 4372 normals, 746 attacks to judge",
            _adfa_training,
            _adfa_test,
            caution=f"{_SEEN_BY_ALL}; 422 of its normals equal a training trace",
        ),
        Protocol(
            "adfa-ld/distinct",
            "as adfa-ld, but normals are distinct and not in training (2342)",
            _adfa_training,
            _adfa_distinct,
            caution=_SEEN_BY_ALL,
        ),
        Protocol(
            "adfa-ld/dev",
            "attack folders 1-5 and half of the normals: for development and choosing defaults",
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
}
