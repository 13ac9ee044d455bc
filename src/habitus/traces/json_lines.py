"""Logs of a JSON object a line: decoding what was written by anybody, and the times in it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from habitus.files.lines import first_lines
from habitus.traces.events import BrokenLine
from habitus.traces.text_kernels import NO_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SNIFFED_LINES = 20
_Line = TypeVar("_Line")
_ISO = re.compile(
    r"(?:(\d{4}-\d\d-\d\d)[T ])?(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d{0,9})?"
    r" ?(Z|[+-]\d\d:?\d\d)?"
)


class JsonLines(Generic[_Line]):
    """A decoder of lines into one kind of struct; what the struct does not name is passed over.

    Args:
        kind: a `msgspec.Struct`.
        what: what a line should be, for errors.
        once: keys that decide what a line says. A line that holds one of them twice is broken: it
            would say one thing to us and another to who wrote or reads it with another program.
    """

    def __init__(self, kind: type[_Line], what: str, once: tuple[str, ...]) -> None:
        self._decode = msgspec.json.Decoder(kind).decode
        self._what = what
        self._once = tuple(f'"{key}":'.encode() for key in once)

    def decode(self, line: bytes) -> _Line:
        """A line's object.

        Raises:
            BrokenLine: if it is none, or too deep, not UTF-8, or doubtful.
        """
        try:
            if not line.isascii():
                line.decode()  # msgspec does not look into strings that it passes over
            event = self._decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BrokenLine(f"not {self._what}: {str(error)[:100]}") from error
        for key in self._once:
            if line.count(key) > 1:
                raise BrokenLine(f"not {self._what}: {key.decode()} stands in it twice")
        return event

    def sniffed(self, head: bytes) -> Iterator[_Line | None]:
        """The first lines of a head, None for each that is none; one cut off is left out."""
        for line in first_lines(head, MAX_SNIFFED_LINES):
            try:
                yield self.decode(line)
            except BrokenLine:
                yield None


def time_ns(told: int | str | None) -> int:
    """Nanoseconds since 1970 of a number of them or of an ISO 8601 date, or `NO_TIME`.

    Without a date it is the time since midnight, without a zone UTC.
    """
    if isinstance(told, int):
        return told
    written = _ISO.fullmatch(told) if told and len(told) <= 48 else None
    if written is None:
        return NO_TIME
    date, hours, minutes, seconds, fraction, zone = written.groups()
    since = _midnight(date) + int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    if zone and zone != "Z":
        offset = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
        since += offset if zone[0] == "-" else -offset
    return max(since * 1_000_000_000 + int((fraction or "0").ljust(9, "0")), NO_TIME)


@lru_cache(64)
def _midnight(date: str | None) -> int:
    if date is None:
        return 0
    try:
        return int(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return -(1 << 40)  # no such day: before all times that are told
