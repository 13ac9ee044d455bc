"""Flows as other programs wrote them: a format for each file, and one table of all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from habitus.errors import InputError
from habitus.files.damage import files_until_damage, until_damage
from habitus.files.inputs import input_bytes, open_inputs
from habitus.files.report import StrictError
from habitus.flows.formats import flow_format_names, get_flow_format
from habitus.flows.formats.base import record_schema
from habitus.flows.record_report import FlowReport
from habitus.packets.capture import is_capture
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from habitus.files.inputfile import InputFile

_CAPTURE = "is a capture of packets; make flows of it first: habitus flows extract"


def read_flow_records(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 - the word users know from --format
    strict: bool = False,
    progress: Progress = SILENT,
    report: FlowReport | None = None,
) -> pl.DataFrame:
    """All flows of a file, a folder, an archive or ``-`` for standard input, as one table.

    Args:
        format: the name of a format; by default each file is recognised by its content.
        strict: make the first broken row or unrecognised file an error.
        progress: hears how many bytes have been read.
        report: filled while reading.

    Returns:
        (n,) with the columns of `record_schema`; what a program does not tell is null.

    Raises:
        UsageError: if there is no such format.
        InputError: if the path cannot be read or is damaged, if no format or more than one
            recognises it, if a file lacks columns, or if nothing in it is a flow.
    """
    tables = list(
        flow_record_tables(path, format=format, strict=strict, progress=progress, report=report)
    )
    return pl.concat(tables) if tables else pl.DataFrame(schema=record_schema())


def flow_record_tables(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002
    strict: bool = False,
    progress: Progress = SILENT,
    report: FlowReport | None = None,
) -> Iterator[pl.DataFrame]:
    """The same in tables of about 50,000 flows, in bounded memory.

    Of a damaged file or archive, what stands before the damage comes first, and then the error; in
    a folder the file is counted as left out, and reading goes on.
    """
    found = FlowReport() if report is None else report
    found.strict = strict
    chosen = None if format is None else get_flow_format(format).name
    return _Reading(path, chosen, found, progress).tables()


class _Reading:
    """One reading of a path."""

    def __init__(
        self, path: str | os.PathLike[str], chosen: str | None, report: FlowReport,
        progress: Progress,
    ) -> None:  # fmt: skip
        self._path = path
        self._chosen = chosen
        self._report = report
        self._progress = progress
        self._goes_on = str(path) != "-" and Path(path).is_dir() and not report.strict
        self._damage: list[InputError] = []

    def tables(self) -> Iterator[pl.DataFrame]:
        """All tables; damage is raised last."""
        self._progress.stage(f"reading {self._path}", input_bytes(self._path))
        opened = open_inputs(
            self._path, on_skip=self._report.add_skipped, on_bytes=self._progress.advance
        )
        for file in files_until_damage(opened, self._damage.append):
            yield from self._tables_of(file)
        if self._damage:
            raise self._damage[0]
        if not self._report.n_flows:
            raise InputError(*self._nothing_read())

    def _tables_of(self, file: InputFile) -> Iterator[pl.DataFrame]:
        sound = until_damage(file, lambda error: self._tell(file, error))
        try:
            name = self._choose(sound)
            if name is None:
                return
            self._report.n_files += 1
            self._report.formats[name] += 1
            yield from get_flow_format(name).read(iter([sound]), self._report)
        except StrictError:
            raise
        except InputError as error:
            if self._report.strict:
                raise
            self._tell(file, error)

    def _choose(self, file: InputFile) -> str | None:
        """The format of a file; None if it is empty."""
        head = file.head()
        if not head:
            self._report.add_skipped(file.source, "empty")
            return None
        if is_capture(head):
            raise InputError(f"{file.source}: {_CAPTURE}")
        return self._chosen or recognise(head, file)

    def _tell(self, file: InputFile, error: InputError) -> None:
        """Of one file of a folder it is counted; elsewhere it ends the reading, last of all."""
        if self._goes_on:
            self._report.add_skipped(file.source, error.args[0].removeprefix(f"{file.source}: "))
        elif not self._damage:
            self._damage.append(error)

    def _nothing_read(self) -> list[str]:
        lines = [f"{self._path}: no flow could be read", *self._report.warnings()]
        if len(lines) == 1:
            noted = ", ".join(f"{kind} ({n:,})" for kind, n in self._report.notes.items())
            lines.append(f"nothing in it is a flow: {noted}" if noted else "there is no row in it")
        return [*lines, known_formats()]


def recognise(head: bytes, file: InputFile) -> str:
    """The name of the one format that is surest of a file.

    Raises:
        InputError: if none knows it, or two are equally sure.
    """
    sure = {name: get_flow_format(name).sniff(head, file.name) for name in flow_format_names()}
    best = max(sure.values(), default=0)
    if best <= 0:
        raise InputError(f"{file.source}: no format recognises it", known_formats())
    names = [name for name, sureness in sure.items() if sureness == best]
    if len(names) > 1:
        choices = " or ".join(f"--format {name} ({get_flow_format(name).title})" for name in names)
        raise InputError(f"{file.source}: this could be more than one format; say {choices}")
    return names[0]


def known_formats() -> str:
    """All formats, by name and title."""
    told = ", ".join(f"{name} ({get_flow_format(name).title})" for name in flow_format_names())
    return f"formats of flows (--format): {told}"
