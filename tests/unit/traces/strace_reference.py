"""strace text read slowly and plainly, by regular expressions: what the fast loop must equal."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

PREFIX = re.compile(
    r"\s*(?:\[pid +(?P<bracketed>\d+)\] +|(?P<pid>\d+) +)?"
    r"(?:(?P<clock>\d\d:\d\d:\d\d)(?P<part>\.\d{6})? +"
    r"|(?P<since>\d{9,10})\.(?P<micro>\d{6}) +"
    r"|\d{1,6}\.\d{6} +)?"
    r"(?:\[[ \d?]+\] )?(?:\[[\da-f?]+\] )?"
)
CALL = re.compile(r"(\w+)\((?:.*\) += .*|.*(<unfinished \.\.\.>|<detached \.\.\.>))")


@dataclass
class Thread:
    """A thread's name and columns."""

    name: str
    pid: int
    calls: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)


def parse(  # noqa: PLR0912 - one branch for each kind of line
    text: str, file: str = "file"
) -> tuple[list[Thread], Counter[str]]:
    """The threads of a well-formed recording, in order of their first call, and the notes."""
    threads: list[Thread] = []
    live: dict[int, Thread] = {}
    lives: Counter[int] = Counter()
    unfinished: set[int] = set()
    notes: Counter[str] = Counter()
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.removesuffix("\r")
        if not line.strip():
            continue
        prefix = PREFIX.match(line)
        assert prefix
        pid = int(prefix["bracketed"] or prefix["pid"] or 0)
        body = line[prefix.end() :]
        if re.match(r"<\.\.\. \w+ resumed", body):
            known = pid in unfinished
            notes["calls resumed" if known else "calls that began before the recording"] += 1
            unfinished.discard(pid)
        elif body.startswith("--- "):
            notes["signals"] += 1
        elif body.startswith("+++ "):
            notes["ends of threads"] += 1
            live.pop(pid, None)
            unfinished.discard(pid)
        elif body.startswith("> "):
            notes["stack lines"] += 1
        elif body.startswith("????"):
            notes["calls that strace could not read"] += 1
        elif width := re.search(r"\[ Process PID=\d+ runs in (\d+) bit mode", body):
            notes[f"marks of {width[1]}-bit mode"] += 1
        elif body.startswith("strace: "):
            notes["remarks of strace"] += 1
        else:
            call = CALL.fullmatch(body)
            assert call, body
            if pid not in live:
                lives[pid] += 1
                suffix = f"#{pid}" * (pid != 0) + f".{lives[pid]}" * (lives[pid] > 1)
                live[pid] = Thread(file + suffix, pid or -1)
                threads.append(live[pid])
            thread = live[pid]
            thread.calls.append(call[1])
            thread.lines.append(number)
            thread.times.append(time_of(prefix))
            if call[2]:
                unfinished.add(pid)
            else:
                unfinished.discard(pid)
    return threads, notes


def time_of(prefix: re.Match[str]) -> int:
    """Nanoseconds; -1 where there is none, or only the time since the line before."""
    if prefix["since"]:
        return int(prefix["since"]) * 10**9 + int(prefix["micro"]) * 1_000
    if prefix["clock"]:
        hours, minutes, seconds = map(int, prefix["clock"].split(":"))
        micro = int((prefix["part"] or ".0")[1:].ljust(6, "0"))
        return (hours * 3600 + minutes * 60 + seconds) * 10**9 + micro * 1_000
    return -1
