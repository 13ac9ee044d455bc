"""Which columns of a table are times, calls and threads, and what its cells say."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import lru_cache

from habitus.traces.events import BrokenLine
from habitus.traces.json_lines import time_ns
from habitus.traces.text_kernels import MAX_PID, NO_TIME

TIMES = (
    "time", "timestamp", "ts", "datetime", "date", "@timestamp",
    "evt.time", "evt.rawtime", "evt.outputtime",
    "time_ns", "timestamp_ns", "time_us", "timestamp_us", "time_ms", "timestamp_ms",
)  # fmt: skip
CALLS = (
    "syscall", "syscall_name", "system_call", "call", "evt.type",
    "event_name", "eventname", "event", "name",
)  # fmt: skip
THREADS = ("tid", "thread", "thread_id", "threadid", "thread.tid")
PROCESSES = ("pid", "process_id", "processid", "proc.pid")
LABELS = ("label", "class", "is_attack", "attack")

VAGUE_CALLS = frozenset({"event_name", "eventname", "event", "name"})
"""Columns that hold calls in some tables and anything at all in others."""

MAX_HEADER_BYTES = 4096
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DELIMITERS = (",", ";", "\t")
_UNITS_NS = {"_ns": 1, "_us": 1_000, "_ms": 1_000_000}
_NUMBER = re.compile(r"(\d{1,19})(?:\.(\d{1,9})\d{0,20})?")
_NORMAL = frozenset({"0", "normal", "benign", "false", "no"})
_ATTACK = frozenset({"1", "attack", "malicious", "intrusion", "anomaly", "true", "yes"})
_SAYS_NOTHING = frozenset({"", "-", "?", "unknown", "none", "nan", "null"})
_TYPE = re.compile(r"[\w .()/-]{1,64}")


@dataclass(frozen=True)
class Columns:
    """The layout of a table, from its header.

    Attributes:
        header: the header's line.
        delimiter: what stands between cells.
        n: how many cells a row has.
        time, call, thread, label: which cell holds what; -1 for none.
        trace_is_thread: whether ``thread`` tells threads; otherwise processes, or nothing.
        time_name, call_name: what those two columns are called, in lower case.
    """

    header: bytes
    delimiter: str
    n: int
    time: int
    call: int
    thread: int
    label: int
    trace_is_thread: bool
    time_name: str
    call_name: str

    def cells(self, line: bytes) -> list[str]:
        """A row's cells.

        Raises:
            BrokenLine: if it is no row of this table.
        """
        try:
            cells = cells_of(line.decode(), self.delimiter)
        except (UnicodeDecodeError, csv.Error) as error:
            raise BrokenLine(f"not a row of a table: {str(error)[:80]}") from error
        if len(cells) != self.n:
            raise BrokenLine(f"{len(cells)} cells, where the header names {self.n} columns")
        return cells


def cells_of(text: str, delimiter: str) -> list[str]:
    """The cells of a line, which may be quoted; a quoted cell may not go on in the next line.

    Raises:
        csv.Error: if the quotes do not fit together, or a cell is longer than 128 KiB.
    """
    if '"' not in text:
        return text.split(delimiter)
    return next(csv.reader([text], delimiter=delimiter, strict=True), [])


def columns_of(head: bytes) -> Columns | None:
    """The columns of a file by its first line that is not blank; None if it is no such header."""
    text = head.removeprefix(BYTE_ORDER_MARK).lstrip(b" \t\r\n")
    line = text.split(b"\n", 1)[0].removesuffix(b"\r")
    if len(line) > MAX_HEADER_BYTES:
        return None
    for delimiter in _DELIMITERS:
        try:
            cells = [cell.strip().lower() for cell in cells_of(line.decode(), delimiter)]
        except (UnicodeDecodeError, csv.Error):
            continue
        time, call = _first(cells, TIMES), _first(cells, CALLS)
        if time >= 0 and call >= 0:
            thread = _first(cells, THREADS)
            return Columns(
                line, delimiter, len(cells), time, call,
                thread if thread >= 0 else _first(cells, PROCESSES), _first(cells, LABELS),
                thread >= 0, cells[time], cells[call],
            )  # fmt: skip
    return None


def _first(cells: list[str], wanted: tuple[str, ...]) -> int:
    """The column that bears the earliest of the wanted names; -1 if none does."""
    return next((cells.index(name) for name in wanted if name in cells), -1)


@lru_cache(4096)
def thread_of(cell: str) -> int:
    """A thread's or process's id; 0 for an empty cell.

    The cell comes without blanks around it: these would be kept along with it, and may be many.

    Raises:
        BrokenLine: if it is none.
    """
    digits = cell or "0"
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19 and int(digits) <= MAX_PID):
        raise BrokenLine(f"{cell[:40]!r} is no thread id: Linux's largest is {MAX_PID:,}")
    return int(digits)


class Clock:
    """Times of one table: numbers are of one unit, which its name or its first number tells.

    Args:
        column: the name of the column; one that ends in ``_ns``, ``_us`` or ``_ms`` tells its unit.
    """

    def __init__(self, column: str) -> None:
        self._unit_ns = _UNITS_NS.get(column[-3:], 0)

    def time_ns(self, cell: str) -> int:
        """Nanoseconds; `NO_TIME` for an empty cell.

        Raises:
            BrokenLine: if it is no time.
        """
        number = _NUMBER.fullmatch(cell)
        if number is None:
            told = time_ns(cell)
            if told == NO_TIME and cell:
                raise BrokenLine(f"{cell[:40]!r} is no time: wanted a number or ISO 8601")
            return told
        whole, part = int(number[1]), number[2] or ""
        if self._unit_ns == 0:
            self._unit_ns = _unit_by_size(whole)
        scale: int = 10 ** len(part)
        return whole * self._unit_ns + int(part or 0) * self._unit_ns // scale


def _unit_by_size(number: int) -> int:
    """The nanoseconds in a time's unit if it is one of these years: 1.7e9 s, 1.7e12 ms, ..."""
    for limit, unit_ns in ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3)):
        if number < limit:
            return unit_ns
    return 1


@lru_cache(256)
def attack_of(cell: str) -> str | None:
    """What a label says: the type of an attack, ``""`` for normal, None for nothing.

    The cell comes without blanks around it, as that of `thread_of` does.

    Raises:
        BrokenLine: if it is no word.
    """
    word = cell.lower()
    if word in _SAYS_NOTHING:
        return None
    if word in _NORMAL:
        return ""
    if word in _ATTACK:
        return "attack"
    if _TYPE.fullmatch(word) is None:
        raise BrokenLine(f"{cell[:40]!r} is no label")
    return cell
