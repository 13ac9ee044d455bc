"""What the tests of logs of events share: calls that were written, and a check that they are read.

A test writes lines and says of each call its thread, name, line and time; here that is put together
slowly and plainly, and compared with what a format reads in one block and in many.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from reading import batches_of, column, pieces, read, rows

from habitus.traces.traceset import join

if TYPE_CHECKING:
    from collections import Counter

    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceSet

    Threads = dict[str, list[tuple[str, int, int]]]

ENDS = ("exit", "exit_group")


class Call(NamedTuple):
    """A call as it was written; ``who`` is its thread as a trace's name tells it, ``#412``."""

    who: str
    name: str
    line: int
    time_ns: int


def threads_of(traces: TraceSet) -> Threads:
    """Per trace: its calls with their lines and times (-1 where there are none)."""
    times = column(traces, "times_ns") or [[-1] * len(row) for row in rows(traces)]
    lines = column(traces, "positions") or []
    return {
        name: list(zip(*columns, strict=True))
        for name, *columns in zip(traces.names, rows(traces), lines, times, strict=True)
    }


def expected(calls: list[Call], ends: tuple[str, ...] = ENDS) -> Threads:
    """The traces that calls are of; an id that comes back after its thread's end is another's."""
    lives: dict[str, int] = {}
    live: dict[str, str] = {}
    threads: Threads = {}
    for who, name, line, time_ns in calls:
        if who not in live:
            lives[who] = lives.get(who, 0) + 1
            live[who] = f"file{who}" + (f".{lives[who]}" if lives[who] > 1 else "")
        threads.setdefault(live[who], []).append((name, line, time_ns))
        if name in ends and re.search(r"[#:]\d+$", who):  # threads without ids never end
            del live[who]
    return threads


def assert_reads(
    kind: str,
    data: bytes,
    calls: list[Call],
    notes: Counter[str],
    *,
    ends: tuple[str, ...] = ENDS,
    sizes: tuple[int, int] = (100, 3),
) -> None:
    """A log gives these traces and notes and nothing broken, whole and in pieces of these sizes."""

    def check(traces: TraceSet, report: ReadReport) -> None:
        assert report.broken == []
        assert report.notes == notes
        assert threads_of(traces) == expected(calls, ends)
        assert list(traces.names) == list(expected(calls, ends))

    check(*read(kind, data))
    with pieces(block_bytes=sizes[0], batch_calls=sizes[1]):
        batches, report = batches_of(kind, data)
        check(join(batches), report)
