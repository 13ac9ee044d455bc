"""Records of captures, read plainly with `struct`: what the fast loops must equal."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Record:
    """A record; ``wire`` is how long the frame was before it was cut off."""

    time_ns: int
    data: bytes
    wire: int
    link: int


def read_records(content: bytes) -> Iterator[Record]:
    """The records of a well-formed capture; of another one, those before the damage."""
    return _pcapng(content) if content[:4] == b"\x0a\x0d\x0d\x0a" else _pcap(content)


def _pcap(content: bytes) -> Iterator[Record]:
    magics = {0xA1B2C3D4: (1000, 16), 0xA1B23C4D: (1, 16), 0xA1B2CD34: (1000, 24)}
    order = "<" if struct.unpack("<I", content[:4])[0] in magics else ">"
    tick, head = magics[struct.unpack(f"{order}I", content[:4])[0]]
    link = struct.unpack(f"{order}I", content[20:24])[0] & 0xFFFF
    at = 24
    while at + head <= len(content):
        seconds, part, captured, wire = struct.unpack(f"{order}IIII", content[at : at + 16])
        data = content[at + head : at + head + captured]
        if len(data) < captured:
            return
        yield Record(seconds * 10**9 + part * tick, data, max(wire, captured), link)
        at += head + captured


LAST_SECOND = 4_500_000_000
"""Times that lie further away are held fast here."""


@dataclass
class _Interface:
    link: int
    snap: int
    base: int = 10
    exponent: int = 6
    offset: int = 0

    def time_ns(self, ticks: int) -> int:
        exponent = self.exponent
        if self.base == 2 and exponent > 32:  # what lies below a quarter of a nanosecond
            ticks, exponent = ticks >> exponent - 32, 32
        seconds, rest = divmod(ticks, self.base**exponent)
        told = min(seconds, LAST_SECOND) + held(self.offset)
        return held(told) * 10**9 + rest * 10**9 // self.base**exponent


def held(seconds: int) -> int:
    """Not further away than the last second."""
    return max(-LAST_SECOND, min(seconds, LAST_SECOND))


def _pcapng(content: bytes) -> Iterator[Record]:
    at, order, last_ns = 0, "<", 0
    interfaces: list[_Interface] = []
    while at + 12 <= len(content):
        kind = struct.unpack(f"{order}I", content[at : at + 4])[0]
        if kind == 0x0A0D0D0A:
            order = "<" if content[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces = []
        length = struct.unpack(f"{order}I", content[at + 4 : at + 8])[0]
        length += -length % 4  # which some writers forget to say
        body = content[at + 8 : at + length - 4]
        if kind == 1:
            interfaces.append(_interface(body, order))
        elif kind == 3:
            wire = struct.unpack(f"{order}I", body[:4])[0]
            data = body[4 : 4 + min(wire, interfaces[0].snap or wire)]
            yield Record(last_ns, data, wire, interfaces[0].link)
        elif kind in {2, 6}:
            number = struct.unpack(f"{order}I" if kind == 6 else f"{order}Hxx", body[:4])[0]
            high, low, captured, wire = struct.unpack(f"{order}IIII", body[4:20])
            last_ns = interfaces[number].time_ns(high << 32 | low)
            data = body[20 : 20 + captured]
            yield Record(last_ns, data, max(wire, captured), interfaces[number].link)
        at += length


def _interface(body: bytes, order: str) -> _Interface:
    link, _, snap = struct.unpack(f"{order}HHI", body[:8])
    found, at = _Interface(link, snap), 8
    while at + 4 <= len(body):
        code, size = struct.unpack(f"{order}HH", body[at : at + 4])
        value = body[at + 4 : at + 4 + size]
        if code == 0 or len(value) < size:
            break
        if code == 9 and value:
            found.base, found.exponent = 2 if value[0] & 0x80 else 10, value[0] & 0x7F
        elif code == 14 and size >= 8:
            found.offset = struct.unpack(f"{order}q", value[:8])[0]
        at += 4 + size + -size % 4
    if found.base**found.exponent >= 1 << 64:  # no writer's: as if it told none
        found.base, found.exponent = 10, 6
    return found
