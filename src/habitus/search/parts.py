"""What trials are given: the traces to learn and to judge by, put once where all of them read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from habitus.datasets.source import demo_path
from habitus.errors import ProtocolError, UsageError
from habitus.evaluation.protocols import (
    default_protocol,
    get_protocol,
    test_part,
    training_part,
)
from habitus.evaluation.protocols.base import half_of_recordings
from habitus.search.anomalies import synthetic_anomalies
from habitus.traces.formats.native import map_native, write_native
from habitus.traces.holding_out import held_out_part
from habitus.traces.reading import read_traces
from habitus.traces.traceset import Label, TraceSet, join

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from habitus.evaluation.protocols import Protocol
    from habitus.search.search_file import Judging

LEARNED, JUDGED, ANOMALIES, ATTACKS = "learned", "judged", "anomalies", "attacks"
BESIDE = "beside"
CHOOSE, REPORT = "choose", "report"
"""The halves, as `TraceInfo.split`, of what a supervised search judges: what configurations are
ranked by, and what nothing is chosen by."""
RECORDING = "recording"
"""As `TraceInfo.split` of what is looked at beside, where a protocol judges whole recordings."""


def protocol_of(
    traces: TraceSet, data: str, name: str | None, *, sees_attacks: bool
) -> Protocol | None:
    """The protocol of this name; without one, what fits the data, and for trying out attacks.

    Many trials that see attacks are development: where a protocol keeps some of them for a last
    judgement, these are not looked at unless the protocol is named.

    Raises:
        UsageError, ProtocolError: as `get_protocol` and `default_protocol`.
    """
    if name is not None:
        return get_protocol(name)
    fitting = default_protocol(traces, data)
    if sees_attacks and fitting is not None and fitting.development:
        return get_protocol(fitting.development)
    return fitting


def parts_of(
    traces: TraceSet, protocol: Protocol | None, judging: Judging, seed: int, *, supervised: bool
) -> dict[str, TraceSet]:
    """The parts of a search's data, by name.

    Args:
        traces: all of the data; what is learned and judged comes of the protocol's training part
            alone, and attacks, where they may be looked at, of its test part.

    Raises:
        UsageError: if there is too little of something.
        ProtocolError: if the protocol does not fit, or may not be looked at.
    """
    normal, _ = training_part(traces, protocol)
    normal = _bare(normal)
    kept_out = held_out_part(normal, judging.held_out, seed)
    learned, judged = normal.select(~kept_out), normal.select(kept_out)
    if not learned.n_calls:
        raise UsageError("there is no call left to learn from: hold out less (judging.held_out)")
    parts = {LEARNED: learned}
    if supervised:
        parts[ATTACKS] = _halves(_attacks(traces, protocol))
        judged = _halves(judged)
    parts[JUDGED] = judged
    return parts


def with_anomalies(parts: dict[str, TraceSet], judging: Judging, seed: int) -> dict[str, TraceSet]:
    """The parts, and anomalies made of those that are judged."""
    made = synthetic_anomalies(
        parts[JUDGED], parts[LEARNED], read_traces(demo_path()), n_each=judging.anomalies, seed=seed
    )
    return {**parts, ANOMALIES: made}


def with_beside(
    parts: dict[str, TraceSet], traces: TraceSet, protocol: Protocol | None
) -> dict[str, TraceSet]:
    """The parts, and the labelled traces of the protocol's test part, by which nothing is chosen.

    Raises:
        UsageError: if nothing says which traces these are.
        ProtocolError: if there are none, or they may not be looked at.
    """
    if protocol is None:
        raise UsageError("there are no labelled attacks, which --beside-attacks looks at")
    if protocol.is_final:
        raise ProtocolError(
            f"{protocol.name}: its test part may be scored only once a release, and not by every "
            "trial of a search; name another protocol"
        )
    test = test_part(traces, protocol)
    chosen = (test.labels == Label.NORMAL) | (test.labels == Label.ATTACK)
    if protocol.leaves_out_known:
        known = {bytes(d) for name in (LEARNED, JUDGED) for d in parts[name].sequence_digests()}
        is_known = np.array([bytes(d) in known for d in test.sequence_digests()], dtype=bool)
        chosen &= ~(is_known & (test.labels == Label.NORMAL))
    test = _bare(test.select(chosen))
    if not (test.labels == Label.NORMAL).any():
        raise ProtocolError(
            f"{protocol.name}: every normal trace of its test part equals one of the training part"
        )
    infos = [
        replace(info, split=protocol.unit, group=info.group or info.name) for info in test.infos
    ]
    return {**parts, BESIDE: replace(test, infos=tuple(infos))}


def write_parts(parts: dict[str, TraceSet], folder: Path) -> dict[str, Path]:
    """A file for each part."""
    paths = {name: folder / f"{name}.arrow" for name in parts}
    for name, path in paths.items():
        write_native(path, [parts[name]])
    return paths


def read_part(buffer: pa.Buffer) -> TraceSet:
    """The traces of a file that was mapped into memory."""
    return map_native(buffer)


def in_half(traces: TraceSet, half: str) -> TraceSet:
    """The traces of one of the halves."""
    return traces.select(np.array([info.split == half for info in traces.infos], dtype=bool))


def _attacks(traces: TraceSet, protocol: Protocol | None) -> TraceSet:
    if protocol is not None and protocol.is_final:
        raise ProtocolError(f"{protocol.name}: its attacks may choose nothing; name another one")
    mask = traces.labels == Label.ATTACK
    if protocol is not None:
        mask &= protocol.test(traces)
    if not mask.any():
        raise UsageError("there are no labelled attacks, which --supervised chooses by")
    return _bare(traces.select(mask))


def _halves(traces: TraceSet) -> TraceSet:
    """Traces, each in the half that its recording is in."""
    every = np.ones(traces.n_traces, dtype=bool)
    named = replace(
        traces, infos=tuple(replace(info, group=info.group or info.name) for info in traces.infos)
    )
    choose = half_of_recordings(named, every)
    if choose.all():
        raise UsageError(
            "all attacks (or all held-out normals) are of one recording, so that none is left to "
            "report on what was chosen by them"
        )
    infos = [
        replace(info, split=CHOOSE if chosen else REPORT)
        for info, chosen in zip(named.infos, choose, strict=True)
    ]
    return replace(named, infos=tuple(infos))


def _bare(traces: TraceSet) -> TraceSet:
    """Whole traces without where and when their calls were, which no detector reads."""
    bare = replace(traces, positions=None, times_ns=None)
    return bare if all(info.whole for info in bare.infos) else join([bare])
