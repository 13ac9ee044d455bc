"""Logs whose lines are parsed one by one in Python: JSON and other lines that have no fast loop.

A format gives a function that parses one line; reading, threads, segments and counting are here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.traces import lines
from habitus.traces.interning import NameTable
from habitus.traces.recording import Recording, together
from habitus.traces.text_kernels import MAX_PID, NO_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from habitus.traces.inputfile import InputFile
    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceSet

    Event = tuple[bytes, int, int]
    """A call: its name, the thread that made it (0: unknown), when (nanoseconds, or `NO_TIME`)."""
    Parse = Callable[[bytes], Event | str | None]
    """An event; the kind of a line that is none and is counted as a note; None for nothing."""

TAKEN_EVENTS = 1 << 16
MAX_TIME_NS = (1 << 63) - 1
_ENDS = frozenset({b"exit", b"exit_group"})


class BrokenLine(Exception):
    """What a line should have been; the place is added by who reads the file."""


def read_events(
    files: Iterator[InputFile],
    report: ReadReport,
    resolve: Callable[[bytes], str | None],
    parser_of: Callable[[InputFile], Parse],
) -> Iterator[TraceSet]:
    """Read files of events, a trace a thread.

    Args:
        resolve: the canonical name of a call; None if it names none, which is a broken line.
        parser_of: makes the parser of a file's lines, which may remember what earlier lines said.
            A parser raises `BrokenLine` for what it cannot understand.
    """
    names = NameTable(resolve)
    yield from together(
        (names, batch)
        for file in files
        for batch in _EventFile(file, names, report, parser_of(file)).batches()
    )


class _EventFile:
    def __init__(self, file: InputFile, names: NameTable, report: ReadReport, parse: Parse) -> None:
        self._recording = Recording(file, names, report)
        self._report = report
        self._parse = parse
        self._threads: dict[int, int] = {}
        self._empty()

    def _empty(self) -> None:
        self._columns: tuple[list[int], list[int], list[int], list[int]] = ([], [], [], [])

    def batches(self) -> Iterator[TraceSet]:
        recording = self._recording
        blocks = lines.line_blocks(recording.file, lambda: recording.overlong(lines.OVERLONG))
        for block in blocks:
            for line in block[:-1].split(b"\n"):
                try:
                    event = self._parse(line)
                    if isinstance(event, str):
                        self._report.notes[event] += 1
                    elif event is not None and not self._add(event):
                        self._take()
                        yield from recording.make_room_for_threads()
                        self._add(event)
                except BrokenLine as error:
                    recording.broken(str(error))
                recording.line += 1
            if len(self._columns[0]) >= TAKEN_EVENTS:
                self._take()
            if recording.full:
                yield from recording.flush()
        self._take()
        yield from recording.finish()

    def _add(self, event: Event) -> bool:
        """Keep a call; False if there is no room for its thread yet."""
        name, pid, time_ns = event
        number = self._recording.names.number(name)
        if number < 0:
            raise BrokenLine(f"{_shown(name)} is no call")
        thread = self._threads.get(pid)
        if thread is None:
            if not 0 <= pid <= MAX_PID:
                raise BrokenLine(f"{pid} is no thread id: Linux's largest is {MAX_PID:,}")
            if self._recording.threads.full:
                return False
            thread = self._threads[pid] = self._recording.threads.add(pid)
        calls, threads, places, times = self._columns
        calls.append(number)
        threads.append(thread)
        places.append(self._recording.line)
        times.append(time_ns if 0 <= time_ns <= MAX_TIME_NS else NO_TIME)
        if pid and name in _ENDS:  # the id may come back, as another thread's
            self._recording.threads.ended[thread] = 1
            del self._threads[pid]
        return True

    def _take(self) -> None:
        calls, threads, places, times = self._columns
        self._recording.take(
            (
                np.array(calls, dtype=np.int32),
                np.array(threads, dtype=np.int32),
                np.array(places, dtype=np.int64),
                np.array(times, dtype=np.int64),
            )
        )
        self._empty()


def _shown(name: bytes) -> str:
    return repr(name[:40].decode("utf-8", "backslashreplace"))
