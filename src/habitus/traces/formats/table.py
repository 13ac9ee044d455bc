"""`table`: CSV and TSV tables whose header names a time and a call, a trace a thread."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from habitus.errors import InputError
from habitus.syscalls import family_of
from habitus.traces.events import (
    ENDS_OF_PROCESSES,
    ENDS_OF_THREADS,
    BrokenLine,
    canonical_or_numbered,
    read_events,
)
from habitus.traces.formats.adfa import call_name_of_number
from habitus.traces.formats.table_columns import (
    BYTE_ORDER_MARK,
    CALLS,
    TIMES,
    VAGUE_CALLS,
    Clock,
    Columns,
    attack_of,
    columns_of,
    thread_of,
)
from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.files.inputfile import InputFile
    from habitus.traces.events import Event, Parse
    from habitus.traces.formats.base import ReadOptions
    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceInfo, TraceSet

    Says = dict[str, str | None]
    """Per trace: the type of the attack in it, ``""`` for none, None where no row told."""

HEADER_NOTE = "headers"
_SNIFFED_ROWS = 50


class TableFormat:
    """Rows of calls; threads, processes and labels are used where columns of such names are."""

    name: ClassVar[str] = "table"
    title: ClassVar[str] = "CSV or TSV with a header that names a time and a call"
    sample: ClassVar[str] = (
        "time,pid,tid,syscall,label\n"
        "1700000000.000100,412,412,openat,normal\n"
        "1700000000.000200,412,413,read,normal\n"
        "1700000000.000250,412,412,close,normal\n"
    )

    def sniff(self, head: bytes, name: str, options: ReadOptions) -> int:  # noqa: ARG002
        columns = columns_of(head)
        if columns is None:
            return 0
        calls = _first_calls(head, columns)
        if columns.call_name not in VAGUE_CALLS:
            return 80 if not calls or any(map(_may_be_call, calls)) else 0
        known = sum(call.isdigit() or family_of(call) != "unknown" for call in calls)
        return 70 if known and 2 * known >= len(calls) else 0

    def read(
        self, files: Iterator[InputFile], options: ReadOptions, report: ReadReport
    ) -> Iterator[TraceSet]:
        says: Says = {}

        def parser_of(file: InputFile) -> Parse:
            return _Rows(file, _columns(file, options.abi), options.abi, says).parse

        # Where a trace is a process, the end of one thread does not end it.
        for ends, run in itertools.groupby(files, lambda file: _ends_of(columns_of(file.head()))):
            for batch in read_events(run, report, canonical_or_numbered, parser_of, ends):
                infos = (_labelled(info, says) if says else info for info in batch.infos)
                yield replace(batch, infos=tuple(infos))


class _Rows:
    """The parser of one table's lines.

    Args:
        says: filled with what rows say of their traces, by the names that these will have.
    """

    def __init__(self, file: InputFile, columns: Columns, abi: str | None, says: Says) -> None:
        self._file = file.name
        self._columns = columns
        self._abi = abi
        self._clock = Clock(columns.time_name)
        self._calls: dict[str, bytes] = {}
        self._ends = _ends_of(columns)
        self._lives: dict[int, int] = {}
        self._says = says

    def parse(self, line: bytes) -> Event | str | None:
        line = line.removesuffix(b"\r")
        if not line.strip(b" \t"):
            return None
        columns = self._columns
        if line.removeprefix(BYTE_ORDER_MARK).lstrip(b" \t") == columns.header:
            return HEADER_NOTE
        cells = columns.cells(line)
        thread = thread_of(cells[columns.thread].strip()) if columns.thread >= 0 else 0
        time_ns = self._clock.time_ns(cells[columns.time].strip())
        name = self._name(cells[columns.call].strip())
        if columns.label >= 0:
            self._hear(thread, attack_of(cells[columns.label].strip()))
        if thread and name in self._ends:  # its id may come back as another's
            self._lives[thread] = self._lives.get(thread, 1) + 1
        return name, thread, time_ns

    def _name(self, cell: str) -> bytes:
        name = self._calls.get(cell)
        if name is None:
            name = cell.encode()
            if name.isdigit():
                named = call_name_of_number(name, self._abi) if self._abi else None
                name = b"" if named is None else named.encode()
            if canonical_or_numbered(name) is None:
                hint = "; say whose number it is: --abi" * (cell.isdigit() and not self._abi)
                raise BrokenLine(f"{cell[:40]!r} is no call{hint}")
            self._calls[cell] = name
        return name

    def _hear(self, thread: int, attack: str | None) -> None:
        """Keep what a row says of its trace: one attack makes all of it one."""
        life = self._lives.get(thread, 1)
        trace = self._file + (f"#{thread}" if thread else "") + (f".{life}" if life > 1 else "")
        told = self._says.get(trace)
        self._says[trace] = attack if told is None else told or attack or ""


def _labelled(info: TraceInfo, says: Says) -> TraceInfo:
    """What is known of a trace, with what its rows have said so far.

    Labels are of traces, and a file may hold both kinds: each trace is a recording of its own.
    """
    if info.name not in says:
        return info
    attack = says.pop(info.name) if info.ends else says[info.name]
    label = Label.UNKNOWN if attack is None else Label.ATTACK if attack else Label.NORMAL
    return replace(info, label=label, attack=attack or "", group=info.name)


def _ends_of(columns: Columns | None) -> frozenset[bytes]:
    """The calls that end a trace of a table, which is a thread, or else a process."""
    is_thread = columns is not None and columns.trace_is_thread
    return ENDS_OF_THREADS if is_thread else ENDS_OF_PROCESSES


def _columns(file: InputFile, abi: str | None) -> Columns:
    """A file's columns.

    Raises:
        InputError: if it has no header that names them, or its calls are numbers of nobody knows.
    """
    head = file.head()
    columns = columns_of(head)
    if columns is None:
        raise InputError(
            f"{file.source}: its first line is no header with a column for the time "
            f"({', '.join(TIMES)}) and one for the call ({', '.join(CALLS)})"
        )
    calls = _first_calls(head, columns)
    if abi is None and calls and all(call.isdigit() for call in calls):
        raise InputError(
            f"{file.source}: these are call numbers, and a number means another call on "
            "each kind of machine; say whose they are: --abi i386, x86_64 or aarch64"
        )
    return columns


def _first_calls(head: bytes, columns: Columns) -> list[str]:
    """The calls of the first rows; those that are cut off or broken are left out."""
    lines = head.replace(b"\r\n", b"\n").split(b"\n", _SNIFFED_ROWS)
    calls = []
    for line in lines[: _SNIFFED_ROWS if head.endswith(b"\n") else -1] or lines:
        try:
            if columns.header not in line:
                calls.append(columns.cells(line)[columns.call].strip())
        except BrokenLine:
            continue
    return calls


def _may_be_call(cell: str) -> bool:
    return cell.isdigit() or canonical_or_numbered(cell.encode()) is not None


FORMAT = TableFormat()
