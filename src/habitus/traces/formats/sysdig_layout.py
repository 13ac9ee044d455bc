"""Where sysdig's text keeps what a trace needs: inferred from the first lines of a file.

``sysdig -p`` prints whatever fields a user asked for. One of them can be known without knowing the
rest: ``%evt.dir``, a ``>`` or ``<`` that stands alone. The others are found as offsets from it, in
tokens, so that a process name with blanks in it moves nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from habitus.syscalls import family_of
from habitus.traces.formats.sysdig_kernels import MAX_TOKENS
from habitus.traces.formats.sysdig_stamp_kernels import (
    CLOCK,
    DATE,
    NANOSECONDS,
    NO_STAMP,
    SECONDS,
)
from habitus.traces.text_kernels import MAX_PID

if TYPE_CHECKING:
    from collections.abc import Sequence

EVENTS = frozenset(
    b"asyncevent container cpu_hotplug drop fdinfo group_added group_deleted infra k8s mesos "
    b"mesos_state notification page_fault pluginevent procexit procinfo scapevent signaldeliver "
    b"switch sysdigevent tracer user_added user_deleted".split()
)
"""Types of events that sysdig and Falco report and that are no system calls."""

HEAD_LINES = 64
LINE_BYTES = 512
MAX_DIRECTIONS = 4
NEAR = 8
NO_TIME_TOKEN = -1

_DIRECTIONS = (b">", b"<")
_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]{0,63}")
_BRACKETED = re.compile(rb"\((\d{1,7})(?::\d{1,7})?\)")
_BARE = re.compile(rb"(\d{1,7})")
_STAMPS = (
    (NANOSECONDS, re.compile(rb"[1-4]\d{18}")),
    (SECONDS, re.compile(rb"\d{1,10}\.\d{1,9}")),
    (CLOCK, re.compile(rb"\d\d:\d\d:\d\d(\.\d{1,9})?")),
    (DATE, re.compile(rb"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d\S{0,16})?")),
)


@dataclass(frozen=True)
class Layout:
    """Places in a line, in tokens between blanks.

    Attributes:
        name: where the event's type stands, counted from the direction.
        thread: where the thread's id stands, counted from the direction; 0 if there is none.
        time: where the time stands, counted from the line's beginning; `NO_TIME_TOKEN` if nowhere.
        stamp: how the time is written (`NANOSECONDS`, `SECONDS`, `CLOCK`, `DATE`, `NO_STAMP`).
        exits: whether exits are the calls, because enter events are not recorded.
        ends_lines: whether the event's type may be the last of a line.
        before: how many tokens stand before the direction, where process names have no blanks.
        bracketed: whether the id stands in parentheses.
    """

    name: int
    thread: int
    time: int
    stamp: int
    exits: bool
    ends_lines: bool
    before: int
    bracketed: bool

    @property
    def arguments(self) -> tuple[int, int, int, int, bool]:
        """What the compiled loop needs of it."""
        return self.name, self.thread, self.time, self.stamp, self.exits


def infer_layout(head: bytes) -> Layout | None:
    """The layout of a text whose beginning is ``head``; None if it is no text of sysdig.

    Only the first `HEAD_LINES` lines count, and the first `LINE_BYTES` of each.
    """
    if not any(direction in head for direction in _DIRECTIONS):  # quickly past many small files
        return None
    lines = [line for raw in head.split(b"\n", 2 * HEAD_LINES) if (line := _Line.of(raw)).tokens]
    if len(lines) > 1 and not head.endswith(b"\n"):
        lines.pop()  # the head may end within a line
    lines = lines[:HEAD_LINES]
    name = _name_offset(lines)
    if name == 0:
        return None
    events = [event for line in lines if (event := _event(line, name)) is not None]
    calls = [event for event in events if _is_call(event.at(name))]
    if not calls or 2 * len(events) < len(lines):
        return None
    thread, bracketed = _thread_offset(calls, name)
    time, stamp = _time(events)
    return Layout(
        name=name,
        thread=thread,
        time=time,
        stamp=stamp,
        exits=all(event.at(0) == b"<" for event in calls),
        ends_lines=any(event.line.touches_end(event.place + name) for event in events),
        before=min(event.place for event in events),
        bracketed=bracketed,
    )


@dataclass(frozen=True)
class _Line:
    """A line's tokens, and whether a blank follows the last of them."""

    tokens: list[bytes]
    ends_blank: bool

    @classmethod
    def of(cls, raw: bytes) -> _Line:
        text = raw[:LINE_BYTES].rstrip(b"\r").replace(b"\t", b" ")
        tokens = [part for part in text.split(b" ") if part]
        return cls(tokens[:MAX_TOKENS], text.endswith(b" "))

    def at(self, place: int) -> bytes:
        return self.tokens[place] if 0 <= place < len(self.tokens) else b""

    def directions(self) -> list[int]:
        return [i for i, token in enumerate(self.tokens) if token in _DIRECTIONS][:MAX_DIRECTIONS]

    def touches_end(self, place: int) -> bool:
        return place == len(self.tokens) - 1 and not self.ends_blank


@dataclass(frozen=True)
class _Event:
    """A line and the place of its direction."""

    line: _Line
    place: int

    def at(self, offset: int) -> bytes:
        return self.line.at(self.place + offset)


def _event(line: _Line, name: int) -> _Event | None:
    """The line's event, by its first direction that has a name at this offset."""
    for place in line.directions():
        if _is_known(line.at(place + name)):
            return _Event(line, place)
    return None


def _is_call(token: bytes) -> bool:
    return _NAME.fullmatch(token) is not None and family_of(token.decode()) != "unknown"


def _is_known(token: bytes) -> bool:
    return token in EVENTS or _is_call(token)


def _name_offset(lines: Sequence[_Line]) -> int:
    """The offset at which most lines hold the name of a call or an event; the nearest of these."""
    votes: Counter[int] = Counter()
    for line in lines:
        places = line.directions()
        for offset in (*range(-NEAR, 0), *range(1, NEAR + 1)):
            votes[offset] += any(_is_known(line.at(place + offset)) for place in places)
    best = min(votes, key=lambda offset: (-votes[offset], abs(offset), -offset), default=0)
    return best if votes[best] else 0


def _thread_offset(calls: Sequence[_Event], name: int) -> tuple[int, bool]:
    """The offset of the thread's id, 0 if there is none, and whether it stands in parentheses.

    In parentheses rather than bare, before the direction rather than behind, near rather than far.
    """
    nearby = [o for o in (*range(-1, -NEAR - 1, -1), *range(1, NEAR + 1)) if o != name]
    for offset in nearby:
        if 2 * len(_ids(calls, offset, _BRACKETED)) >= len(calls):
            return offset, True
    for offset in nearby:
        ids = _ids(calls, offset, _BARE)
        if len(ids) >= 0.9 * len(calls) and _are_threads(ids):
            return offset, False
    return 0, False


def _ids(calls: Sequence[_Event], offset: int, shape: re.Pattern[bytes]) -> list[int]:
    found = (shape.fullmatch(call.at(offset)) for call in calls)
    values = (int(match[1]) for match in found if match is not None)
    return [value for value in values if value <= MAX_PID]


def _are_threads(ids: Sequence[int]) -> bool:
    """Whether bare numbers can be ids of threads that make calls.

    Thread 0 makes none, while a processor and a user are often 0; and a number that only grows is
    the event's.
    """
    grows = len(ids) > 2 and all(a < b for a, b in pairwise(ids))
    return min(ids) > 0 and not grows


def _time(events: Sequence[_Event]) -> tuple[int, int]:
    """Which token is the time, and how it is written."""
    for place in range(min(event.place for event in events)):
        tokens = [event.line.at(place) for event in events]
        for stamp, shape in _STAMPS:
            fitting = [token for token in tokens if shape.fullmatch(token)]
            if len(fitting) < 0.9 * len(tokens):
                continue
            if stamp == SECONDS and not _goes_on(fitting):
                continue
            return place, stamp
    return NO_TIME_TOKEN, NO_STAMP


def _goes_on(tokens: Sequence[bytes]) -> bool:
    """Whether seconds are a time and no differences of times (``-t d``, ``-t D``)."""
    values = [float(token) for token in tokens]
    return min(values) >= 1e8 or values == sorted(values)
