"""Flows as other programs wrote them: a format for each file, and one table of all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from habitus.errors import InputError
from habitus.files.named import all_named, refuse_missing
from habitus.files.reading import GIVEN_UP, Reading, surest
from habitus.files.report import nothing_read
from habitus.flows.formats import flow_format_names, get_flow_format
from habitus.flows.formats.flowmeter_twins import twins_merged
from habitus.flows.record_report import FlowReport
from habitus.packets.capture import is_capture
from habitus.progress import SILENT, Progress
from habitus.storage import readable

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from habitus.files.inputfile import InputFile
    from habitus.files.listing import Entry
    from habitus.files.named import Named

EMPTY_FOLDER = "a folder without a file in it"
EMPTY_ARCHIVE = "an archive without a file in it"
UNKNOWN = "no format recognises it"
CAPTURE = "a capture of packets; make flows of it first: habitus flows extract"


def read_flow_records(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 - the word users know from --format
    strict: bool = False,
    merge_twins: bool = True,
    progress: Progress = SILENT,
    report: FlowReport | None = None,
) -> pl.DataFrame:
    """All flows of a file, a folder, an archive or ``-`` for standard input, as one table.

    Args:
        format: the name of a format; by default each file is recognised by its content.
        strict: make the first broken row or unrecognised file an error.
        merge_twins: join rows of FlowMeter that are the two directions of one flow.
        progress: hears how many bytes have been read.
        report: filled while reading.

    Returns:
        (n,) with the columns of `record_schema`; what a program does not tell is null.

    Raises:
        UsageError: if there is no such format.
        InputError: if the path cannot be read or is damaged, if no format or more than one
            recognises it, if a file lacks columns, or if nothing in it is a flow. Of a folder's
            files those are counted, and the others are read.
    """
    found = FlowReport() if report is None else report
    found.strict = strict
    chosen = None if format is None else get_flow_format(format).name
    reading = _Records(Reading(path, found, progress), found, chosen, merge_twins=merge_twins)
    tables = list(reading.tables())
    _refuse_nothing(str(path), found)
    return pl.concat(tables)


def flow_record_tables(
    paths: Named,
    *,
    format: str | None = None,  # noqa: A002
    strict: bool = False,
    merge_twins: bool = True,
    progress: Progress = SILENT,
    report: FlowReport | None = None,
) -> Iterator[pl.DataFrame]:
    """The same of all that is named, in tables of about 50,000 flows and in bounded memory.

    Of a damaged file or archive what stands before the damage is read, and the damage is counted;
    so is a file that no format recognises.

    Raises:
        UsageError: if there is no such format.
        InputError: at once if something named is not there; while reading if nothing in all of it
            is a flow, and where reading is strict at the first thing that is wrong.
    """
    named = all_named(paths)
    refuse_missing(named)
    found = FlowReport() if report is None else report
    found.strict = strict
    chosen = None if format is None else get_flow_format(format).name

    def tables() -> Iterator[pl.DataFrame]:
        for path in named:
            yield from tables_of_one(
                path, found, format=chosen, merge_twins=merge_twins, progress=progress
            )
        refuse_no_flows(named, found)

    return tables()


def tables_of_one(
    path: str | os.PathLike[str],
    report: FlowReport,
    *,
    format: str | None,  # noqa: A002
    merge_twins: bool,
    progress: Progress = SILENT,
    entries: Sequence[Entry] | None = None,
) -> Iterator[pl.DataFrame]:
    """The tables of one of the things that are named; that there are none is no error.

    Args:
        entries: of a folder, what is read of it; by default all.

    Raises:
        UsageError, InputError: as `flow_record_tables`.
    """
    chosen = None if format is None else get_flow_format(format).name
    reading = Reading(path, report, progress, is_of_many=True, entries=entries)
    return _Records(
        reading, report, chosen, merge_twins=merge_twins, is_part=bool(entries)
    ).tables()


def refuse_no_flows(named: Sequence[str | os.PathLike[str]], report: FlowReport) -> None:
    """Refuse inputs among which there is no flow.

    Raises:
        InputError: if so.
    """
    _refuse_nothing(str(named[0]) if len(named) == 1 else "what was named", report)


class _Records:
    """The flows in the files of one reading."""

    def __init__(
        self, reading: Reading, report: FlowReport, chosen: str | None, *, merge_twins: bool,
        is_part: bool = False,
    ) -> None:  # fmt: skip
        self._reading = reading
        self._report = report
        self._chosen = chosen
        self._merges_twins = merge_twins
        self._is_part = is_part

    def tables(self) -> Iterator[pl.DataFrame]:
        """All tables; what is damaged and all that was asked for is raised last."""
        n_files, n_skipped = 0, self._report.n_skipped
        for file in self._reading.files():
            n_files += 1
            for table in self._tables_of(file):
                self._report.see(table)
                yield table
        self._reading.finish()
        if not n_files and not self._is_part and self._report.n_skipped == n_skipped:
            path = self._reading.path
            why = EMPTY_FOLDER if Path(path).is_dir() else EMPTY_ARCHIVE
            self._report.add_skipped(readable(str(path)), why)

    def _tables_of(self, file: InputFile) -> Iterator[pl.DataFrame]:
        try:
            name = self._choose(file)
            if name is None:
                return
            self._report.n_files += 1
            self._report.formats[name] += 1
            tables = get_flow_format(name).read(iter([file]), self._report)
            if name == "flowmeter" and self._merges_twins:
                tables = twins_merged(tables, self._report)
            yield from tables
        except InputError as error:
            if self._report.strict:
                raise
            self._reading.tell(file.source, error, GIVEN_UP)

    def _choose(self, file: InputFile) -> str | None:
        """The format of a file; None if it is left out."""
        head = self._reading.head_of(file)
        if not head:
            return None
        if is_capture(head):
            why = f"is {CAPTURE}"
            self._reading.leave_out(file, why, lambda: [why])
            return None
        try:
            name = self._chosen or recognise(head, file)
        except InputError as error:
            if self._report.strict:
                raise
            self._reading.tell(file.source, error)
            return None
        if name is None:
            self._reading.leave_out(file, UNKNOWN, lambda: [UNKNOWN, known_formats()])
        return name


def recognise(head: bytes, file: InputFile) -> str | None:
    """The name of the one format that is surest of a file, or None if none knows it.

    Raises:
        InputError: if two are equally sure.
    """
    sure = {name: get_flow_format(name).sniff(head, file.name) for name in flow_format_names()}
    return surest(file.source, sure, lambda name: get_flow_format(name).title)


def _refuse_nothing(where: str, report: FlowReport) -> None:
    if report.n_flows:
        return
    if report.n_broken + report.n_skipped == 1:
        (told,) = [*report.broken, *report.skipped]
        raise InputError(told, *([known_formats()] if told.endswith(UNKNOWN) else []))
    raise InputError(*nothing_read(where, "flow", "flow", report), known_formats())


def known_formats() -> str:
    """All formats, by name."""
    return f"formats of flows (--format): {', '.join(flow_format_names())}"
