"""`tracee`: Tracee's events in JSON, a trace a thread."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import Raw, Struct, field

from habitus.syscalls import ABIS, name_of, names_by_number
from habitus.traces.events import (
    MAX_PENDING,
    BrokenLine,
    canonical,
    canonical_or_numbered,
    is_blank,
    read_events,
)
from habitus.traces.json_lines import JsonLines, time_ns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.files.inputfile import InputFile
    from habitus.traces.events import Event
    from habitus.traces.formats.base import ReadOptions
    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceSet

_NONE = Raw(b"[]")


class _Value(Struct, gc=False):
    value: int = 0


class _Thread(Struct, gc=False, rename="camel"):
    """A thread; keys are written in either of two styles."""

    host_tid: int | None = None
    host_tid_: int | None = field(name="host_tid", default=None)
    tid: int | _Value | None = None


class _Process(Struct, gc=False):
    thread: _Thread | None = None
    pid: int | _Value | None = None


class _Workload(Struct, gc=False):
    process: _Process | None = None


class _Stamp(Struct, gc=False):
    seconds: int | str = 0
    nanos: int = 0


class _Event(Struct, gc=False, rename="camel"):
    """An event of either schema, or a message of Tracee's own log."""

    timestamp: int | str | _Stamp | None = None
    event_name: str | None = None
    host_thread_id: int = 0
    thread_id: int = 0
    args: Raw = _NONE
    name: str | None = None
    workload: _Workload | None = None
    data: Raw = _NONE
    level: str | None = None
    msg: str | None = None


class _Argument(Struct):
    name: str = ""
    value: Any = None
    int32: Any = None
    text: Any = field(name="str", default=None)


_LINES = JsonLines(
    _Event,
    "an event of Tracee",
    ("eventName", "hostThreadId", "threadId", "workload", "hostTid", "host_tid"),
)
_ARGUMENTS = msgspec.json.Decoder(list[_Argument])


class TraceeFormat:
    """What ``tracee --output json`` writes, in the flat schema and in the nested one.

    A call is an event named as a system call. ``sys_enter`` counts, too; the event of the call that
    follows it in its thread is then the same call.
    """

    name: ClassVar[str] = "tracee"
    title: ClassVar[str] = "Tracee's events in JSON, a trace a thread"
    sample: ClassVar[str] = (
        '{"timestamp":1700000000000100000,"processorId":0,"processId":7,"threadId":7,'
        '"hostProcessId":412,"hostThreadId":412,"processName":"cat","eventId":"257",'
        '"eventName":"openat","args":[],"returnValue":3,"syscall":"openat"}\n'
        '{"timestamp":"2023-11-14T22:13:20.000200Z","id":"read","name":"read","workload":'
        '{"process":{"pid":7,"hostPid":412,"thread":{"tid":7,"hostTid":412,"name":"cat"}}},'
        '"data":[]}\n'
    )

    def sniff(self, head: bytes, name: str, options: ReadOptions) -> int:  # noqa: ARG002
        if head.lstrip()[:1] != b"{":
            return 0
        found = [line is not None and _is_event(line) for line in _LINES.sniffed(head)]
        return 90 if sum(found) >= 0.5 * len(found) and any(found) else 0

    def read(
        self, files: Iterator[InputFile], options: ReadOptions, report: ReadReport
    ) -> Iterator[TraceSet]:
        abi = options.abi or "x86_64"
        return read_events(files, report, canonical_or_numbered, lambda _: _Parser(abi).parse)


class _Parser:
    def __init__(self, abi: str) -> None:
        self._abi = abi
        self._calls = _calls()
        self._entered: dict[int, str] = {}

    def parse(self, line: bytes) -> Event | str | None:
        if is_blank(line):
            return None
        told = _LINES.decode(line)
        name = told.event_name
        thread = told.host_thread_id or told.thread_id
        arguments = told.args
        if name is None:
            if told.name is None or told.workload is None:
                return _message(told)
            name, arguments = told.name, told.data
            thread = _thread_of(told.workload)
        if name in self._calls:
            if self._entered and self._entered.pop(thread, None) == name:
                return "calls told a second time"
        elif name == "sys_enter":
            name = self._entered_call(arguments)
            if len(self._entered) >= MAX_PENDING:  # of threads whose ends are never told
                self._entered.clear()
            self._entered[thread] = name
        else:
            return "events that are no system calls"
        return name.encode(), thread, _time_of(told.timestamp)

    def _entered_call(self, arguments: Raw) -> str:
        with suppress(msgspec.DecodeError, RecursionError):
            for argument in _ARGUMENTS.decode(arguments):
                if argument.name != "syscall":
                    continue
                for call in (argument.value, argument.int32, argument.text):
                    if isinstance(call, str) and canonical(call.encode()):
                        return call
                    if type(call) is int and 0 <= call < 1 << 31:
                        return name_of(self._abi, call)
        raise BrokenLine("a sys_enter that does not tell its call (argument 'syscall')")


def _is_event(line: _Event) -> bool:
    nested = line.name is not None and line.workload is not None
    return line.timestamp is not None and (nested or line.event_name is not None)


def _message(told: _Event) -> str:
    if told.level is None or told.msg is None:
        raise BrokenLine("no event of Tracee: neither eventName nor name and workload")
    lost = told.msg.startswith("Lost ")
    return "marks of lost events" if lost else "messages of Tracee's own log"


def _thread_of(workload: _Workload) -> int:
    process = workload.process
    thread = process.thread if process is not None else None
    if process is None or thread is None:
        return 0
    seen = thread.tid if thread.tid is not None else process.pid
    inner = seen.value if isinstance(seen, _Value) else seen
    return thread.host_tid or thread.host_tid_ or inner or 0


def _time_of(told: int | str | _Stamp | None) -> int:
    if not isinstance(told, _Stamp):
        return time_ns(told)
    seconds = str(told.seconds)
    if not (seconds.isascii() and seconds.isdecimal() and len(seconds) <= 10):
        return -1
    return int(seconds) * 1_000_000_000 + told.nanos


@cache
def _calls() -> frozenset[str]:
    """The names of system calls on any ABI."""
    return frozenset(name for abi in ABIS for name in names_by_number(abi).values())


FORMAT = TraceeFormat()
