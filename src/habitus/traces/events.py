"""Logs whose lines are parsed one by one in Python: JSON and other lines that have no fast loop.

A format gives a function that parses one line; reading, threads, segments and counting are here.
"""

from __future__ import annotations

import re
from array import array
from typing import TYPE_CHECKING

import numpy as np

from habitus.files import lines
from habitus.traces.interning import NameTable
from habitus.traces.merging import together
from habitus.traces.recording import Recording
from habitus.traces.text_kernels import MAX_PID, NO_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from habitus.files.inputfile import InputFile
    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceSet

    Thread = int | tuple[str, int]
    """A thread's id (0: unknown), in logs of more than one host with the host before it."""
    Event = tuple[bytes, Thread, int]
    """A call: its name, the thread that made it, when (nanoseconds, or `NO_TIME`)."""
    Parse = Callable[[bytes], Event | str | None]
    """An event; the kind of a line that is none and is counted as a note; None for nothing."""

TAKEN_EVENTS = 1 << 16
MAX_PENDING = 1 << 17
"""Threads of which a parser may remember a call whose end is to come."""
MAX_TIME_NS = (1 << 63) - 1
ENDS_OF_THREADS = frozenset({b"exit", b"exit_group"})
ENDS_OF_PROCESSES = frozenset({b"exit_group"})
_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]{0,63}")
_STAND_IN = re.compile(rb"[a-z][a-z0-9_-]{1,15}:\d{1,10}")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,252}")


class BrokenLine(Exception):
    """What a line should have been; the place is added by who reads the file."""


def is_blank(line: bytes) -> bool:
    """Whether nothing stands in a line."""
    return not line.removesuffix(b"\r").strip(b" \t")


def canonical(token: bytes) -> str | None:
    """A call's name as logs write it; others may come from hostile files, and name no call."""
    return token.decode() if _NAME.fullmatch(token) else None


def canonical_or_numbered(token: bytes) -> str | None:
    """Likewise, where a parser also gives `habitus.syscalls.name_of` of numbers: ``i386:999``."""
    return token.decode() if _STAND_IN.fullmatch(token) else canonical(token)


def read_events(
    files: Iterator[InputFile],
    report: ReadReport,
    resolve: Callable[[bytes], str | None],
    parser_of: Callable[[InputFile], Parse],
    ends: frozenset[bytes] = ENDS_OF_THREADS,
) -> Iterator[TraceSet]:
    """Read files of events, a trace a thread.

    Args:
        resolve: the canonical name of a call; None if it names none, which is a broken line.
        parser_of: makes the parser of a file's lines, which may remember what earlier lines said.
            A parser raises `BrokenLine` for what it cannot understand.
        ends: the calls after which a thread's id may come back as another's.
    """
    names = NameTable(resolve)
    yield from together(
        (names, batch)
        for file in files
        for batch in _EventFile(file, names, report, parser_of(file), ends).batches()
    )


class _EventFile:
    def __init__(
        self,
        file: InputFile,
        names: NameTable,
        report: ReadReport,
        parse: Parse,
        ends: frozenset[bytes],
    ) -> None:
        self._recording = Recording(file, names, report)
        self._report = report
        self._parse = parse
        self._ends = ends
        self._numbers: dict[bytes, int] = {}
        self._threads: dict[Thread, int] = {}
        self._columns = (array("i"), array("i"), array("q"), array("q"))

    def batches(self) -> Iterator[TraceSet]:
        recording = self._recording
        blocks = lines.line_blocks(recording.file, lambda: recording.overlong(lines.OVERLONG))
        for block in blocks:
            yield from self._read(block)
            if len(self._columns[0]) >= TAKEN_EVENTS:
                self._take()
            if recording.full:
                yield from recording.flush()
        self._take()
        yield from recording.finish()

    def _read(self, block: bytes) -> Iterator[TraceSet]:
        """Keep the calls of a block's lines; a batch if room must be made for their threads."""
        # All that a line needs is looked up once a block.
        recording, notes, parse, ends = self._recording, self._report.notes, self._parse, self._ends
        numbers, threads = self._numbers, self._threads
        add_call, add_thread, add_place, add_time = (column.append for column in self._columns)
        for place, line in enumerate(block[:-1].split(b"\n"), recording.line):
            recording.line = place
            try:
                event = parse(line)
                if isinstance(event, tuple):
                    name, key, time_ns = event
                    number = numbers.get(name)
                    if number is None:
                        number = self._new_name(name)
                    thread = threads.get(key)
                    if thread is None:
                        check_thread(key)
                        if recording.threads.full:
                            self._take()
                            yield from recording.make_room_for_threads()
                        thread = self._new_thread(key)
                    add_call(number)
                    add_thread(thread)
                    add_place(place)
                    add_time(time_ns if 0 <= time_ns <= MAX_TIME_NS else NO_TIME)
                    if name in ends:
                        self._end(thread, key)
                elif event is not None:
                    notes[event] += 1
            except BrokenLine as error:
                recording.broken(str(error))
        recording.line += 1

    def _new_name(self, name: bytes) -> int:
        number = self._recording.names.number(name)
        if number < 0:
            raise BrokenLine(f"{lines.shown(name, 40)} is no call")
        self._numbers[name] = number
        return number

    def _new_thread(self, key: Thread) -> int:
        host, pid = key if isinstance(key, tuple) else ("", key)
        thread = self._threads[key] = self._recording.threads.add(pid)
        if host:
            self._recording.hosts[thread] = host
        return thread

    def _end(self, thread: int, key: Thread) -> None:
        """End a thread, whose id may come back as another's; what tells no id never ends."""
        if self._recording.threads.pid_of[thread]:
            self._recording.threads.ended[thread] = 1
            del self._threads[key]

    def _take(self) -> None:
        calls, threads, places, times = map(np.array, self._columns)
        self._recording.take((calls, threads, places, times))
        for column in self._columns:
            del column[:]


def check_thread(key: Thread) -> None:
    """Refuse what can be no thread; a parser that remembers one asks before it does.

    Raises:
        BrokenLine: if its id or its host's name is none.
    """
    host, pid = key if isinstance(key, tuple) else ("", key)
    if not 0 <= pid <= MAX_PID:
        raise BrokenLine(f"{pid} is no thread id: Linux's largest is {MAX_PID:,}")
    if host and not _HOST.fullmatch(host):
        raise BrokenLine(f"{host[:40]!r} is no name of a host")
