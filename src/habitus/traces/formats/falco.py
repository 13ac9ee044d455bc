"""`falco`: alerts of Falco and events of sysdig, both as JSON, a trace a thread."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct, field

from habitus.traces.events import (
    MAX_PENDING,
    BrokenLine,
    canonical,
    check_thread,
    is_blank,
    read_events,
)
from habitus.traces.formats.sysdig_layout import EVENTS
from habitus.traces.json_lines import JsonLines, time_ns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.files.inputfile import InputFile
    from habitus.traces.events import Event, Thread
    from habitus.traces.formats.base import ReadOptions
    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceSet

_LOST = "marks of lost events"
_DROPS = "Falco internal: syscall event drop"
_NO_CALLS = frozenset(event.decode() for event in EVENTS - {b"drop"})
_LOG_LINE = re.compile(
    rb"[A-Z][a-z]{2} [A-Z][a-z]{2} {1,2}\d{1,2} [\d:]{8} \d{4}: "
    rb"|\d{4}-\d\d-\d\dT[\d:]{8}[+-]\d{4}: "
    rb"|Events detected: \d|Rule counts by severity:|Triggered rules by rule name:"
    rb"|Syscall event drop monitoring:|   "
)


class _Fields(Struct, gc=False):
    """The fields of an event that are read, under sysdig's names."""

    type: str | None = field(name="evt.type", default=None)
    direction: str | None = field(name="evt.dir", default=None)
    tid: int | str | None = field(name="thread.tid", default=None)
    pid: int | str | None = field(name="proc.pid", default=None)
    raw_time: int | str | None = field(name="evt.rawtime", default=None)
    time_: int | str | None = field(name="evt.time", default=None)
    iso_time: int | str | None = field(name="evt.time.iso8601", default=None)
    output_time: int | str | None = field(name="evt.outputtime", default=None)


class _Line(_Fields, gc=False):
    """An alert, whose event is below it, or an event of sysdig."""

    output_fields: _Fields | None = None
    rule: str | None = None
    source: str | None = None
    hostname: str | None = None
    time: str | None = None


_LINES = JsonLines(
    _Line, "a line of Falco or sysdig", ("output_fields", "evt.type", "thread.tid", "evt.dir")
)


class FalcoFormat:
    """Falco's alerts (``json_output: true``), and what ``sysdig -j`` writes.

    A call is an event of a system call. Where an event tells its direction, the exit that answers
    an enter of the same thread is not another call; an exit alone is one.
    """

    name: ClassVar[str] = "falco"
    title: ClassVar[str] = "Falco's alerts and sysdig's events in JSON, a trace a thread"
    sample: ClassVar[str] = (
        '{"hostname":"web-1","output":"File opened","output_fields":{"evt.rawtime":'
        '1700000000000100000,"evt.type":"openat","thread.tid":412},"priority":"Notice",'
        '"rule":"Any call","source":"syscall","time":"2023-11-14T22:13:20.000100000Z"}\n'
        '{"hostname":"web-1","output":"File read","output_fields":{"evt.rawtime":'
        '1700000000000200000,"evt.type":"read","thread.tid":412},"priority":"Notice",'
        '"rule":"Any call","source":"syscall","time":"2023-11-14T22:13:20.000200000Z"}\n'
    )

    def sniff(self, head: bytes, name: str, options: ReadOptions) -> int:  # noqa: ARG002
        if head.lstrip()[:1] != b"{" and not _LOG_LINE.match(head):
            return 0
        found = [line is not None and _is_event(line) for line in _LINES.sniffed(head)]
        return 90 if sum(found) >= 0.5 * len(found) and any(found) else 0

    def read(
        self,
        files: Iterator[InputFile],
        options: ReadOptions,  # noqa: ARG002 - events tell names, not numbers
        report: ReadReport,
    ) -> Iterator[TraceSet]:
        return read_events(files, report, canonical, lambda _: _Parser().parse)


class _Parser:
    def __init__(self) -> None:
        self._pending: dict[Thread, bytes] = {}

    def parse(self, line: bytes) -> Event | str | None:
        if line[:1] != b"{":
            if is_blank(line):
                return None
            if _LOG_LINE.match(line):
                return "log lines of Falco"
        told = _LINES.decode(line)
        fields = told if told.output_fields is None else told.output_fields
        if (note := _note(told, fields)) is not None:
            return note
        pid = _thread_id(fields.tid) or _thread_id(fields.pid)
        thread: Thread = (told.hostname, pid) if told.hostname else pid
        name = (fields.type or "").encode()
        if fields.direction is not None and self._answers(thread, name, fields.direction):
            return "ends of calls"
        return name, thread, _time_of(told, fields)

    def _answers(self, thread: Thread, name: bytes, direction: str) -> bool:
        """Whether this is the end of a call that was counted when it began."""
        if direction == ">":
            check_thread(thread)
            if len(self._pending) >= MAX_PENDING:  # of threads whose ends are never told
                self._pending.clear()
            if canonical(name) is not None:  # others are broken, and may be as long as a line
                self._pending[thread] = name
            return False
        return self._pending.pop(thread, None) == name


def _is_event(line: _Line) -> bool:
    return line.type is not None or (line.rule is not None and line.output_fields is not None)


def _note(told: _Line, fields: _Fields) -> str | None:
    """What an alert or event is that is no call."""
    if told.rule is not None and told.rule.startswith("Falco internal"):
        return _LOST if told.rule == _DROPS else "alerts of Falco about itself"
    if told.source is not None and told.source != "syscall":
        return "alerts of other sources"
    if fields.type in _NO_CALLS:
        return "events that are no system calls"
    if fields.type is None:
        if told.rule is None:
            raise BrokenLine("neither an alert of Falco nor an event of sysdig")
        return "alerts that name no call"
    return _LOST if fields.type == "drop" else None


def _time_of(told: _Line, fields: _Fields) -> int:
    for time in (fields.raw_time, fields.time_, fields.output_time, fields.iso_time):
        if isinstance(time, int):
            return time
    return time_ns(told.time or fields.iso_time or fields.time_ or fields.output_time)


def _thread_id(told: int | str | None) -> int:
    """A thread's id; 0 where an event tells none, as Falco's -1 and ``<NA>`` do."""
    if isinstance(told, str):
        return int(told) if told.isdecimal() and told.isascii() and len(told) < 16 else 0
    return max(told or 0, 0)


FORMAT = FalcoFormat()
