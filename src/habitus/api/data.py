"""Reading, checking, converting and sampling data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from habitus.datasets.source import find_source, input_path
from habitus.evaluation.doctor.examination import check_data
from habitus.evaluation.protocols import get_protocol
from habitus.files.named import refuse_output_in_input
from habitus.progress import SILENT, Progress
from habitus.traces.converting import (
    SAMPLE_CALLS,
    SAMPLE_TRACES,
    Written,
    sample_of,
    target_of,
    write_traces,
)
from habitus.traces.reading import TraceReader
from habitus.traces.report import ReadReport

if TYPE_CHECKING:
    from habitus.api.options import FileOptions, Place
    from habitus.evaluation.doctor.checkup import Checkup
    from habitus.traces.traceset import TraceSet


def read_data(
    data: str,
    *,
    progress: Progress = SILENT,
    report: ReadReport | None = None,
    **files: Unpack[FileOptions],
) -> TraceSet:
    """All traces of ``data``, labelled as `train` and `evaluate` see them.

    Args:
        data: the name of a data set, or a path; `read_traces` reads paths alone.
        report: filled with what was read and what was left out.
        files: how to read files (`FileOptions`).

    Raises:
        HabitusError: if there is no such data set or path, or it cannot be read.
    """
    return find_source(data).read(progress=progress, report=report, **files)


def check(
    data: str,
    *,
    against: str | None = None,
    protocol: str | None = None,
    progress: Progress = SILENT,
    report: ReadReport | None = None,
    against_report: ReadReport | None = None,
    **files: Unpack[FileOptions],
) -> Checkup:
    """Look for what in ``data`` makes results on it better, or worse, than they are.

    Args:
        data: the name of a data set, or a path.
        against: other data, to be taken as what is learned.
        protocol: whose parts to check; by default split and labels give the parts.
        format, abi, strict, report: as for `train`; the first three hold for both data.
        against_report: filled with what was read of ``against``, and what was left out.

    Raises:
        HabitusError: if something cannot be read, or the protocol does not fit.
    """
    chosen = None if protocol is None else get_protocol(protocol)
    report = ReadReport() if report is None else report
    source = find_source(data)
    other = None if against is None else find_source(against)
    traces = source.read(progress=progress, report=report, **files)
    return check_data(
        traces,
        source,
        protocol=chosen,
        against=None
        if other is None
        else other.read(progress=progress, report=against_report, **files),
        against_source=other,
        abi=files.get("abi"),
        report=report,
        progress=progress,
    )


def convert(
    path: Place,
    output: Place,
    *,
    to: str | None = None,
    progress: Progress = SILENT,
    report: ReadReport | None = None,
    **files: Unpack[FileOptions],
) -> Written:
    """Turn traces of any format into Habitus's own file, or into plain text, in bounded memory.

    Args:
        path: a file, a folder, an archive, a data set's name, or ``-`` for standard input.
        output: a new file, which appears whole or not at all.
        to: ``native`` or ``plain``; by default plain where ``output`` ends in ``.txt``.

    Raises:
        HabitusError: if the input cannot be read, or holds names that plain text cannot.
    """
    target = target_of(output, to)
    found = input_path(path)
    refuse_output_in_input(found, output)
    reader = TraceReader(found, progress=progress, report=report, **files)
    return write_traces(output, reader, target)


def sample(
    data: str,
    output: Place,
    *,
    n_traces: int = SAMPLE_TRACES,
    max_calls: int = SAMPLE_CALLS,
    to: str | None = None,
    seed: int = 1,
    progress: Progress = SILENT,
    report: ReadReport | None = None,
    **files: Unpack[FileOptions],
) -> Written:
    """Write a small sample to share: names of calls and labels alone (`sample_of`).

    Raises:
        HabitusError: if the data cannot be read, or hold too little.
    """
    target = target_of(output, to)
    source = find_source(data)
    refuse_output_in_input(source.path, output)
    traces = source.read(progress=progress, report=report, **files)
    drawn = sample_of(traces, n_traces=n_traces, max_calls=max_calls, seed=seed)
    return write_traces(output, [drawn], target)
