"""Examined traces from a few lists of calls, for the tests of the doctor's checks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from habitus.evaluation.doctor.examination import examined_of
from habitus.traces.report import ReadReport
from habitus.traces.traceset import Label, TraceInfo, TraceSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from habitus.evaluation.doctor.examined import Examined
    from habitus.evaluation.doctor.findings import Finding
    from habitus.evaluation.doctor.registry import Check

_PLACES = {
    "learned": (Label.NORMAL, "training"),
    "normal": (Label.NORMAL, ""),
    "attack": (Label.ATTACK, ""),
    "unlabelled": (Label.UNKNOWN, ""),
}


def examined(
    formats: Sequence[str] = (), abi: str | None = None, **parts: Sequence[str | list[str]]
) -> Examined:
    """Traces as texts of calls, by the role of their part; each is a recording of its own."""
    return examined_of(traces_of(**parts), report=report_of(*formats), abi=abi)


def report_of(*formats: str, **counts: Any) -> ReadReport:
    report = ReadReport(**counts)
    report.formats.update(formats)
    return report


def traces_of(**parts: Sequence[str | list[str]]) -> TraceSet:
    rows, infos = [], []
    for role, traces in parts.items():
        label, split = _PLACES[role]
        for i, trace in enumerate(traces):
            name = f"{role}/{i}"
            rows.append(trace.split() if isinstance(trace, str) else trace)
            infos.append(TraceInfo(name, name, label, group=name, split=split))
    return TraceSet.from_names(rows, infos=infos)


def with_infos(traces: TraceSet, **columns: Sequence[Any]) -> TraceSet:
    """The same traces with some of what is known of them replaced, an entry a trace."""
    rows: Iterator[dict[str, Any]] = (
        dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
    )
    infos = [replace(info, **row) for info, row in zip(traces.infos, rows, strict=True)]
    return replace(traces, infos=tuple(infos))


def timed(traces: TraceSet, times: Sequence[int]) -> TraceSet:
    """The same traces with the times of their calls, in seconds after a day in 2023; -1: none."""
    start = 1_700_000_000
    seconds = np.array([-1 if t < 0 else (start + t) * 10**9 for t in times], dtype=np.int64)
    return replace(traces, times_ns=seconds)


def only(check: Check, data: Examined) -> Finding:
    """The one thing that a check finds."""
    (finding,) = check(data)
    return finding


def nothing(check: Check, data: Examined) -> bool:
    return not list(check(data))
