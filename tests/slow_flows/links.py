"""What lies below IP, read plainly, a function for each header: RFCs, IEEE 802 and tcpdump's list.

Each function takes the bytes of a header and what follows, and gives the kind of what follows, and
it. An Ethernet type is a kind, too.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_HEADERS = 32
Kind = int | str
Next = tuple[Kind, bytes]


class Unreadable(Exception):
    """There is no packet of a flow in it."""


def need(data: bytes, n: int) -> bytes:
    """All of it, which has as many bytes at least."""
    if len(data) < n:
        raise Unreadable("cut off")
    return data


def number(data: bytes, at: int, n: int = 2) -> int:
    """Bytes as a number, the first one the highest."""
    need(data, at + n)
    return int.from_bytes(data[at : at + n], "big")


@dataclass
class Found:
    """A packet of IP, and the tags before it."""

    data: bytes
    vlans: list[int]


def find_ip(kind: Kind, data: bytes, vlans: list[int]) -> Found:
    """Read header after header until IP begins."""
    vlans = list(vlans)
    for _ in range(MAX_HEADERS):
        if kind in {"ip", 0x0800, 0x86DD}:
            return Found(data, vlans)
        if kind in {0x8100, 0x88A8, 0x9100, 0x9200}:
            vlans.append(number(data, 0) & 0xFFF)
            kind, data = ether_type(number(data, 2)), data[4:]
        elif kind in HEADERS:
            kind, data = HEADERS[kind](data)
        else:
            raise Unreadable(f"not IP: {kind}")
    raise Unreadable("too deep")


def ether_type(told: int) -> Kind:
    """Numbers below 0x600 are lengths, after which logical link control begins."""
    return told if told >= 0x600 else "llc"


def ethernet(data: bytes) -> Next:
    """Destination, source, type or length."""
    return ether_type(number(data, 12)), data[14:]


def llc(data: bytes) -> Next:
    """IEEE 802.2, with SNAP."""
    need(data, 3)
    if data[:2] == b"\xaa\xaa":
        return number(data, 6), data[8:]
    if data[:2] == b"\x06\x06":
        return "ip", data[3:]
    raise Unreadable("not IP")


def mpls(data: bytes) -> Next:
    """RFC 3032; what follows the last label is known by its first bits (RFC 4385, 4928)."""
    while True:
        label, data = number(data, 0, 4), data[4:]
        if label & 0x100:
            break
    first = number(data, 0, 1) >> 4
    if first in {4, 6}:
        return "ip", data
    return "ethernet", data[4:] if first == 0 and len(data) >= 4 else data


def ppp(data: bytes) -> Next:
    """RFC 1661 and 1662: address, control and the upper byte of the protocol may be left out."""
    if data[:2] == b"\xff\x03":
        data = data[2:]
    if number(data, 0, 1) & 1:
        protocol, data = data[0], data[1:]
    else:
        protocol, data = number(data, 0), data[2:]
    kinds: dict[int, Kind] = {0x21: "ip", 0x57: "ip", 0x281: "mpls", 0x283: "mpls"}
    if protocol not in kinds:
        raise Unreadable("not IP")
    return kinds[protocol], data


def pppoe(data: bytes) -> Next:
    """RFC 2516, its session stage: version and type 1, code 0."""
    need(data, 6)
    if data[:2] != b"\x11\0":
        raise Unreadable("bad link")
    return "ppp", data[6:]


def wifi(data: bytes) -> Next:
    """IEEE 802.11: data frames."""
    need(data, 24)
    if data[0] & 0x0C != 0x08 or data[0] & 0x40:
        raise Unreadable("not IP")
    if data[1] & 0x40:
        raise Unreadable("encrypted")
    length = 30 if data[1] & 3 == 3 else 24
    if data[0] & 0x80:
        control = number(data, length)
        length += 6 if data[1] & 0x80 else 2
        if control >> 8 & 0x80:  # an aggregate: addresses and a length before its first frame
            length += 14
    return "llc", need(data, length)[length:]


def ahead(n: int, kind: Kind) -> Callable[[bytes], Next]:
    """A header of so many bytes, and what follows it."""
    return lambda data: (kind, need(data, n)[n:])


def typed(n: int, at: int) -> Callable[[bytes], Next]:
    """A header of so many bytes that tells an Ethernet type."""
    return lambda data: (number(need(data, n), at), data[n:])


HEADERS: dict[Kind, Callable[[bytes], Next]] = {
    "ethernet": ethernet, "llc": llc, "mpls": mpls, "ppp": ppp, "wifi": wifi,
    0x6558: ethernet, 0x8847: mpls, 0x8848: mpls, 0x8864: pppoe, 0x880B: ppp, 0x8870: llc,
    0x8926: typed(6, 4), 0x88E7: ahead(4, "ethernet"), 0x8903: ahead(2, "ethernet"),
}  # fmt: skip


def first_header(link: int, data: bytes) -> Next:  # noqa: PLR0911 - one for each kind of link
    """What a frame begins with, by its link type."""
    is_cisco = link in {9, 50} and data[:2] in {b"\x0f\0", b"\x8f\0"}
    link = 104 if is_cisco else link
    if link in {12, 14, 101, 228, 229}:
        return "ip", data
    if link in {0, 108}:
        return _null(data)
    if link in {127, 192}:  # radiotap, and "per packet information"
        length = struct.unpack("<H", need(data, 8)[2:4])[0]
        if length < 8:
            raise Unreadable("bad link")
        inner = 105 if link == 127 else struct.unpack("<H", data[4:6])[0]
        rest = need(data, length)[length:]
        if inner == 0:  # its family is not asked for: the packet tells its version itself
            return "ip", rest[4:]
        if inner not in {1, 105}:
            raise Unreadable("unknown link")
        return first_header(inner, rest)
    if link == 239:
        return _nflog(data)
    kinds: dict[int, Kind] = {1: "ethernet", 9: "ppp", 50: "ppp", 51: 0x8864, 105: "wifi"}
    if link in kinds:
        return kinds[link], data
    heads = {113: (16, 14), 276: (20, 0), 104: (4, 2)}
    if link in heads:
        length, at = heads[link]
        return number(need(data, length), at), data[length:]
    if link == 119:  # Prism's header before 802.11
        return "wifi", need(data, 144)[144:]
    if link == 163:  # that of AVS, which tells its length
        length = number(need(data, 8), 4, 4)
        return "wifi", need(data, length)[length:]
    if link == 10:  # FDDI
        return "llc", need(data, 13)[13:]
    raise Unreadable("unknown link")


def _null(data: bytes) -> Next:
    """The family of addresses, in the order of whichever machine wrote it."""
    need(data, 4)
    families = {2, 10, 24, 28, 30}
    if not {int.from_bytes(data[:4], "big"), int.from_bytes(data[:4], "little")} & families:
        raise Unreadable("not IP")
    return "ip", data[4:]


def _nflog(data: bytes) -> Next:
    """Attributes, each with its length, one of which is the packet."""
    at = 4
    while at + 4 <= len(data):
        length, kind = struct.unpack("<HH", data[at : at + 4])
        if length < 4:
            raise Unreadable("bad link")
        if kind & 0x7FFF == 9:
            return "ip", data[at + 4 :]
        at += length + -length % 4
    raise Unreadable("not IP")
