"""Examining data: reading what a user names, dividing it into parts, running every check."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import InputError
from habitus.evaluation.doctor.call_list import find_call_list
from habitus.evaluation.doctor.checkup import Against, Checkup, checkup_of, findings_of
from habitus.evaluation.doctor.examined import Examined, Part
from habitus.evaluation.doctor.parts import only_parts, parts_of, protocol_parts
from habitus.progress import SILENT, Progress
from habitus.traces.traceset import Label, join

if TYPE_CHECKING:
    from habitus.datasets.source import Source
    from habitus.evaluation.doctor.findings import Finding
    from habitus.evaluation.protocols import Protocol
    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceSet

_NUMBERS = {"adfa": "i386", "plain": None}
"""Formats that read call numbers, and whose numbers they take them for unless told."""


def check_data(
    traces: TraceSet,
    source: Source,
    *,
    protocol: Protocol | None = None,
    against: TraceSet | None = None,
    against_source: Source | None = None,
    abi: str | None = None,
    report: ReadReport | None = None,
    progress: Progress = SILENT,
) -> Checkup:
    """Check traces that were read from ``source``.

    Args:
        protocol: whose parts to check; by default split and labels give them.
        against: other traces to take as the learned part, read from ``against_source``.
        abi: what the user said that the numbers are.
        report: of the reading of ``traces``.

    Raises:
        ProtocolError: if the protocol does not fit the traces.
        InputError: if there is no trace to check.
    """
    examined = examined_of(
        traces, protocol=protocol, against=against, abi=abi, report=report,
        against_name="" if against_source is None else against_source.name,
    )  # fmt: skip
    if examined.abi is not None:
        examined = replace(examined, call_list=find_call_list(source.path))
    return checkup_of(
        examined,
        name=source.name,
        sha256=source.sha256,
        protocol=None if protocol is None else protocol.name,
        against=None
        if against_source is None
        else Against(name=against_source.name, sha256=against_source.sha256),
        progress=progress,
    )


def grave_findings(
    traces: TraceSet, protocol: Protocol, report: ReadReport | None, *, abi: str | None = None
) -> tuple[Finding, ...]:
    """The warnings and serious findings that touch an evaluation; arguments as for `check_data`."""
    examined = examined_of(traces, protocol=protocol, abi=abi, report=report)
    return tuple(finding for finding in findings_of(examined) if finding.severity != "note")


def examined_of(
    traces: TraceSet,
    *,
    protocol: Protocol | None = None,
    against: TraceSet | None = None,
    against_name: str = "",
    abi: str | None = None,
    report: ReadReport | None = None,
) -> Examined:
    """Traces divided into parts, without those in none; arguments as for `check_data`."""
    if not traces.n_traces:
        raise InputError("there is no trace to check")
    n_read = traces.n_traces
    if protocol is None:
        parts = parts_of(traces, has_other_learned=against is not None)
    else:
        # What a protocol neither learns nor judges, as another program's traces, touches no number.
        traces, parts = only_parts(traces, protocol_parts(traces, protocol))
    n_own = traces.n_traces
    if against is not None:
        traces, parts = _with_other_learned(traces, parts, against, against_name)
    formats = list(report.formats) if report is not None else []
    only_format = formats[0] if len(formats) == 1 else ""
    return Examined(
        traces=traces,
        parts=parts,
        n_own=n_own,
        in_no_part=n_read - n_own,
        report=report,
        abi=abi or _NUMBERS[only_format] if only_format in _NUMBERS else None,
        is_adfa=only_format == "adfa" and any(info.split for info in traces.infos),
    )


def _with_other_learned(
    traces: TraceSet, parts: tuple[Part, ...], other: TraceSet, name: str
) -> tuple[TraceSet, tuple[Part, ...]]:
    """Traces and their parts with other data, without its attacks, as the learned part."""
    other = other.select(other.labels != Label.ATTACK)
    parts = tuple(
        replace(part, role="normal") if part.role == "learned" else part for part in parts
    )
    if other.n_traces:
        learned = np.arange(traces.n_traces, traces.n_traces + other.n_traces)
        parts = (Part(f"other ({name})", "learned", learned), *parts)
    # Both may hold a recording of one name.
    infos = tuple(
        replace(info, name=f"{name}/{info.name}", group=f"{name}/{info.group}")
        for info in other.infos
    )
    return join([traces, replace(other, infos=infos)]), parts
