"""sysdig's text read slowly and plainly, line by line: what the fast loop must equal."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from habitus.syscalls import family_of
from habitus.traces.formats.sysdig_layout import EVENTS
from habitus.traces.formats.sysdig_stamp_kernels import CLOCK, DATE, NANOSECONDS, SECONDS

if TYPE_CHECKING:
    from habitus.traces.formats.sysdig_layout import Layout

NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]{0,63}")
BRACKETED = re.compile(rb"\((\d{1,18})(?::\d{1,18})?\)")
BARE = re.compile(rb"(\d{1,18})")
NOBODY = re.compile(rb"-1.*|<NA.+|\((-1.*|<NA.+)\)", re.DOTALL)
HOURS = re.compile(rb"(\d\d):(\d\d):(\d\d)(?:\.(\d{0,9}))?(Z|[+-]\d\d:?\d\d)?")
DAY = re.compile(rb"(\d{4})-(\d\d)-(\d\d)(?:T(.+))?")
DAY_NS = 86_400 * 10**9
ALIASES = {"pread": "pread64", "pwrite": "pwrite64", "prlimit": "prlimit64", "llseek": "_llseek"}


@dataclass
class Thread:
    """A thread's name and columns."""

    name: str
    pid: int
    waits: bool = False
    calls: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)


def parse(
    data: bytes, layout: Layout, file: str = "file"
) -> tuple[list[Thread], Counter[str], list[int]]:
    """Threads in order of their first call, notes, and the numbers of the broken lines."""
    reading = _Reading(layout, file)
    for number, raw in enumerate(data.split(b"\n"), start=1):
        tokens = [t for t in re.split(rb"[ \t]+", raw.removesuffix(b"\r")) if t][:64]
        if tokens:
            reading.line(number, tokens, raw.removesuffix(b"\r"))
    if layout.thread == 0:
        reading.notes["files without thread ids, read as one trace each"] += 1
    return reading.threads, reading.notes, reading.broken


class _Reading:
    def __init__(self, layout: Layout, file: str) -> None:
        self.layout = layout
        self.file = file
        self.threads: list[Thread] = []
        self.live: dict[int, Thread] = {}
        self.lives: Counter[int] = Counter()
        self.notes: Counter[str] = Counter()
        self.broken: list[int] = []
        self.known: set[bytes] = set()
        self.latest = self.days = 0

    def line(self, number: int, tokens: list[bytes], line: bytes) -> None:
        found = find(tokens, self.layout)
        if found is None:
            self.broken.append(number)
            return
        place, pid = found
        name = tokens[place + self.layout.name]
        if name in EVENTS:
            kind = "marks of lost events" if name == b"drop" else f"{name.decode()} events"
            self.notes[kind] += 1
            if name == b"procexit" and self.layout.thread:
                self.live.pop(pid, None)
            return
        last = place + self.layout.name == len(tokens) - 1 and line.endswith(name)
        if name not in self.known:
            if last and not self.layout.ends_lines and family_of(name.decode()) == "unknown":
                self.broken.append(number)
                return
            self.known.add(name)
        if pid < 0:
            self.broken.append(number)
        elif (tokens[place] == b">") != self.layout.exits:
            self.call(number, pid, name.decode(), tokens)
        else:
            self.other_end(pid, name, tokens[place])

    def call(self, number: int, pid: int, name: str, tokens: list[bytes]) -> None:
        if pid not in self.live:
            self.lives[pid] += 1
            suffix = f"#{pid}" * (pid != 0) + f".{self.lives[pid]}" * (self.lives[pid] > 1)
            self.live[pid] = Thread(self.file + suffix, pid or -1)
            self.threads.append(self.live[pid])
        thread = self.live[pid]
        thread.waits = True
        thread.calls.append(ALIASES.get(name, name))
        thread.lines.append(number)
        thread.times.append(self.time(tokens))
        if name in {"exit", "exit_group"} and self.layout.thread:
            del self.live[pid]

    def other_end(self, pid: int, name: bytes, direction: bytes) -> None:
        thread = self.live.get(pid)
        if direction == b">" or (thread is not None and thread.waits):
            self.notes["exits of calls"] += 1
            if thread is not None:
                thread.waits = False
        elif thread is None and name in {b"clone", b"clone3", b"fork", b"vfork"}:
            self.notes["first returns of new threads"] += 1
        else:
            self.notes["calls that began before the recording"] += 1

    def time(self, tokens: list[bytes]) -> int:
        time = time_of(tokens, self.layout)
        if self.layout.stamp != CLOCK or time < 0:
            return time
        if time < self.latest - DAY_NS // 2:
            self.days += 1
        elif time > self.latest + DAY_NS // 2 and self.days:
            self.days -= 1
        self.latest = time
        return time + self.days * DAY_NS


def find(tokens: list[bytes], layout: Layout) -> tuple[int, int] | None:
    """The place of the first direction that fits, and its thread's id (-2: nobody's)."""
    for i, token in enumerate(tokens):
        places = (i + layout.name, i + layout.thread)
        if token not in {b">", b"<"} or min(places) < 0 or max(places) >= len(tokens):
            continue
        if NAME.fullmatch(tokens[places[0]]) is None:
            continue
        if layout.thread == 0:
            return i, 0
        written = tokens[places[1]]
        if NOBODY.fullmatch(written):
            return i, -2
        shown = BRACKETED.fullmatch(written) or BARE.fullmatch(written)
        if shown and int(shown[1]) <= 4_194_304:
            return i, int(shown[1])
    return None


def time_of(tokens: list[bytes], layout: Layout) -> int:
    """Nanoseconds; -1 where the line tells no time."""
    if not 0 <= layout.time < len(tokens):
        return -1
    token = tokens[layout.time]
    following = b"".join(tokens[layout.time + 1 : layout.time + 2])
    told = {
        NANOSECONDS: lambda: int(token) if re.fullmatch(rb"\d{1,18}|[0-8]\d{18}", token) else None,
        SECONDS: lambda: seconds_of(token),
        CLOCK: lambda: None if re.search(rb"[Z+-]", token) else clock_of(token),
        DATE: lambda: date_of(token, following),
    }[layout.stamp]()
    return -1 if told is None else max(told, -1)


def seconds_of(token: bytes) -> int | None:
    """Nanoseconds of ``12.5``."""
    parts = re.fullmatch(rb"(\d{1,18})(?:\.(\d{0,9}))?", token)
    if parts is None or int(parts[1]) > 9_000_000_000:
        return None
    return int(parts[1]) * 10**9 + int((parts[2] or b"0").ljust(9, b"0"))


def date_of(token: bytes, following: bytes) -> int | None:
    """Nanoseconds since 1970 of a date and a time, in one token or two."""
    day = DAY.fullmatch(token)
    if day is None or not 1970 <= int(day[1]) <= 2200 or not 1 <= int(day[2]) <= 12:
        return None
    clock = clock_of(day[4] or following)
    if clock is None or not 1 <= int(day[3]) <= 31:
        return None
    date = datetime(int(day[1]), int(day[2]), 1, tzinfo=UTC) + timedelta(days=int(day[3]) - 1)
    return int(date.timestamp()) * 10**9 + clock


def clock_of(token: bytes) -> int | None:
    """Nanoseconds since midnight, in UTC if the token tells its zone; None if it is no clock's."""
    parts = HOURS.fullmatch(token)
    if parts is None:
        return None
    hours, minutes, seconds = (int(part) for part in parts.groups()[:3])
    if hours > 23 or minutes > 60 or seconds > 60:
        return None
    time = (hours * 3600 + minutes * 60 + seconds) * 10**9
    time += int((parts[4] or b"0").ljust(9, b"0"))
    if parts[5] and parts[5] != b"Z":
        away = (int(parts[5][1:3]) * 60 + int(parts[5][-2:])) * 60 * 10**9
        time += away if parts[5][:1] == b"-" else -away
    return time
