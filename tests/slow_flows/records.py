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


MOST_BYTES = 1 << 24
"""What claims to be longer is damage."""


class Damaged(Exception):
    """What follows is no capture, or is cut off."""


def read_records(content: bytes) -> Iterator[Record]:
    """The records of a capture.

    Raises:
        Damaged: after all records before, where one is cut off or is not as it can be.
    """
    return _pcapng(content) if content[:4] == b"\x0a\x0d\x0d\x0a" else _pcap(content)


def whole(content: bytes, at: int, n_bytes: int) -> bytes:
    """As many bytes from a place on, all of which are there."""
    if n_bytes > MOST_BYTES:
        raise Damaged(f"{n_bytes} bytes at {at}")
    found = content[at : at + n_bytes]
    if len(found) < n_bytes:
        raise Damaged(f"cut off after {at}")
    return found


def _pcap(content: bytes) -> Iterator[Record]:
    magics = {0xA1B2C3D4: (1000, 16), 0xA1B23C4D: (1, 16), 0xA1B2CD34: (1000, 24)}
    order = "<" if struct.unpack("<I", content[:4])[0] in magics else ">"
    tick, head = magics[struct.unpack(f"{order}I", content[:4])[0]]
    link = struct.unpack(f"{order}I", whole(content, 20, 4))[0] & 0xFFFF
    at = 24
    while at < len(content):
        seconds, part, captured, wire = struct.unpack(f"{order}IIII", whole(content, at, head)[:16])
        data = whole(content, at + head, captured)
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
    while at < len(content):
        head = whole(content, at, 12)
        kind = struct.unpack(f"{order}I", head[:4])[0]
        if kind == 0x0A0D0D0A:
            order = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}.get(head[8:], "")
            interfaces = []
        length = struct.unpack(f"{order}I", head[4:8])[0]
        if not order or not LEAST_BYTES.get(kind, 12) <= length <= MOST_BYTES:
            raise Damaged(f"a block of {length} bytes at {at}")
        length += -length % 4  # which some writers forget to say
        body = whole(content, at, length)[8:-4]
        if kind in {2, 3, 6}:
            _refuse(kind, body, order, len(interfaces))
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


LEAST_BYTES = {0x0A0D0D0A: 28, 1: 20}
"""Of blocks that describe others."""


def _refuse(kind: int, body: bytes, order: str, n_interfaces: int) -> None:
    """Refuse a packet's block that is shorter than its parts, or of an unknown interface."""
    if len(body) < (4 if kind == 3 else 20):
        raise Damaged("a short block")
    number = struct.unpack(f"{order}I" if kind == 6 else f"{order}Hxx", body[:4])[0]
    if (0 if kind == 3 else number) >= n_interfaces:
        raise Damaged("of an interface that was not described")
    if kind != 3 and struct.unpack(f"{order}I", body[12:16])[0] > len(body) - 20:
        raise Damaged("longer than its block")


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
