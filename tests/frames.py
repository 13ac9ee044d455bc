"""Captures made by hand: headers as bytes, and the two kinds of files that hold them."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))
A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"
A6, B6 = "2001:db8::1", "2001:db8::2"

Record = tuple[int, bytes]
"""When, in nanoseconds, and what."""


def ethernet(payload: bytes, kind: int = 0x0800, tags: Sequence[int] = ()) -> bytes:
    """A frame, with VLAN tags from the outermost to the innermost."""
    tagged = b"".join(struct.pack(">HH", 0x8100, tag) for tag in tags)
    return bytes(range(2, 14)) + tagged + struct.pack(">H", kind) + payload


def ip4(
    payload: bytes, protocol: int = 6, source: str = A, destination: str = B, *, ttl: int = 64,
    options: bytes = b"", identity: int = 1, offset: int = 0, more: bool = False,
    total: int | None = None,
) -> bytes:  # fmt: skip
    """A packet of IPv4; ``offset`` in units of eight bytes."""
    words = 5 + len(options) // 4
    told = 4 * words + len(payload) if total is None else total
    return (
        struct.pack(
            ">BBHHHBBH", 0x40 | words, 0, told, identity, more << 13 | offset, ttl, protocol, 0
        )
        + ip_address(source).packed + ip_address(destination).packed + options + payload
    )  # fmt: skip


def ip6(
    payload: bytes, following: int = 6, source: str = A6, destination: str = B6, *,
    ttl: int = 64, length: int | None = None,
) -> bytes:  # fmt: skip
    """A packet of IPv6; extension headers are part of its payload."""
    told = len(payload) if length is None else length
    return (
        struct.pack(">IHBB", 6 << 28, told, following, ttl)
        + ip_address(source).packed + ip_address(destination).packed + payload
    )  # fmt: skip


def tcp(
    source: int = 1000, destination: int = 80, flags: int = ACK, payload: bytes = b"", *,
    window: int = 100, options: bytes = b"",
) -> bytes:  # fmt: skip
    """A segment of TCP."""
    words = 5 + len(options) // 4
    head = struct.pack(">HHIIBBHHH", source, destination, 0, 0, words << 4, flags, window, 0, 0)
    return head + options + payload


def udp(source: int, destination: int, payload: bytes = b"", length: int | None = None) -> bytes:
    """A datagram of UDP."""
    told = 8 + len(payload) if length is None else length
    return struct.pack(">HHHH", source, destination, told, 0) + payload


def icmp(kind: int, code: int = 0, payload: bytes = b"") -> bytes:
    """A message of ICMP, with four bytes of rest of header."""
    return struct.pack(">BBHI", kind, code, 0, 0) + payload


def segment(
    flags: int, *, back: bool = False, payload: bytes = b"", window: int = 100, ttl: int = 64,
    ports: tuple[int, int] = (1000, 80), tags: Sequence[int] = (),
) -> bytes:  # fmt: skip
    """A frame of the connection from A, port 1000, to B, port 80; ``back``: from B to A."""
    ends, places = ((B, A), ports[::-1]) if back else ((A, B), ports)
    inner = tcp(*places, flags, payload, window=window)
    return ethernet(ip4(inner, 6, *ends, ttl=ttl), tags=tags)


def pcap(
    records: Sequence[Record], *, link: int = 1, order: str = "<", nanoseconds: bool = True,
    wire: Sequence[int] | None = None,
) -> bytes:  # fmt: skip
    """A pcap file; ``wire`` are lengths before the packets were cut off."""
    magic, tick = (0xA1B23C4D, 1) if nanoseconds else (0xA1B2C3D4, 1000)
    parts = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 0x40000, link)]
    for i, (time_ns, frame) in enumerate(records):
        seconds, rest = divmod(time_ns, 1_000_000_000)
        length = len(frame) if wire is None else wire[i]
        parts += [struct.pack(f"{order}IIII", seconds, rest // tick, len(frame), length), frame]
    return b"".join(parts)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A block of a pcapng file."""
    body += bytes(-len(body) % 4)
    length = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + length + body + length


def section(order: str = "<") -> bytes:
    """The block that begins a section of a pcapng file."""
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    """An option of a block."""
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(
    link: int = 1, order: str = "<", *, options: bytes = b"", snap: int = 0, end: bool = True
) -> bytes:
    """The block that describes an interface; options without their end if need be."""
    body = struct.pack(f"{order}HHI", link, 0, snap) + options
    return block(1, body + (bytes(4) if end and options else b""), order)


def enhanced(
    number: int, ticks: int, frame: bytes, order: str = "<", *, captured: int | None = None,
    wire: int | None = None,
) -> bytes:  # fmt: skip
    """An enhanced packet block."""
    there = len(frame) if captured is None else captured
    body = struct.pack(
        f"{order}IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, there,
        len(frame) if wire is None else wire,
    )  # fmt: skip
    return block(6, body + frame, order)


def simple(frame: bytes, order: str = "<", *, wire: int | None = None) -> bytes:
    """A simple packet block."""
    told = len(frame) if wire is None else wire
    return block(3, struct.pack(f"{order}I", told) + frame, order)
