"""Protocols: which traces are learned, which are judged, and what must be said about it.

A protocol's name begins with the name of the data set it is for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.datasets.home import DEMO
from habitus.errors import ProtocolError, UsageError
from habitus.evaluation.protocols import adfa_ld, folder, lid_ds, unm
from habitus.evaluation.protocols.base import TEST, TRAINING, VALIDATION, Protocol, splits_of
from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from habitus.traces.traceset import TraceSet

__all__ = [
    "PROTOCOLS",
    "TRAINING",
    "Protocol",
    "default_protocol",
    "get_protocol",
    "held_out_part",
    "test_part",
    "training_part",
]

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        *adfa_ld.PROTOCOLS,
        *folder.PROTOCOLS,
        *lid_ds.PROTOCOLS,
        *unm.PROTOCOLS,
    )
}


def get_protocol(name: str) -> Protocol:
    """The protocol of this name.

    Raises:
        UsageError: if there is none; the message lists those there are.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"no protocol is called {name!r}; there are: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def default_protocol(traces: TraceSet, data: str) -> Protocol | None:
    """The protocol that fits data by what is in it; None if there is nothing to judge.

    Raises:
        ProtocolError: if several would fit, one for each program in it.
    """
    if data == DEMO:
        return PROTOCOLS[DEMO]
    splits = splits_of(traces)
    if {TRAINING, VALIDATION, "attack"} <= splits:
        return PROTOCOLS["adfa-ld"]
    if not {Label.NORMAL, Label.ATTACK} <= set(traces.labels.tolist()):
        return None
    programs = unm.judgeable_programs(traces)
    if len(programs) > 1:
        names = " or ".join(f"--protocol {unm.name_of(program)}" for program in programs)
        raise ProtocolError(
            f"{data}: holds traces of several programs, whose call numbers mean different things; "
            f"say {names}"
        )
    if programs:
        return PROTOCOLS[unm.name_of(programs[0])]
    knows_when = any(info.attack_ns >= 0 for info in traces.infos)
    return PROTOCOLS["lid-ds" if knows_when or {TRAINING, TEST} <= splits else "folder"]


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
                f"all {traces.n_traces} traces are labelled attacks (by their folder, or by ground "
                "truth beside them); a detector learns from normal traces"
            )
        return traces.select(learnable), Protocol.NO_SPLIT
    mask = protocol.training(traces)
    if not mask.any():
        raise ProtocolError(f"{protocol.name}: nothing to learn from: is this its data set?")
    return traces.select(mask), protocol.name


def held_out_part(traces: TraceSet, protocol: Protocol | None) -> TraceSet | None:
    """The normal traces that thresholds are to be set on; None if the data have no such part."""
    if protocol is None or protocol.held_out is None:
        return None
    mask = protocol.held_out(traces)
    return traces.select(mask) if mask.any() else None


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
