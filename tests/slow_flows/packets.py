"""IP, what it carries, and tunnels, read plainly after the RFCs."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from slow_flows.links import Kind, Next, Unreadable, find_ip, first_header, need, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slow_flows.records import Record

WITH_PORTS = {6, 17, 33, 132, 136}


@dataclass
class Packet:
    """A packet as flows see it; names and meanings as in `habitus.packets.layout.PACKET`."""

    time_ns: int
    frame: int
    raw_bytes: int
    vlans: list[int] = field(default_factory=list)
    n_tunnels: int = 0
    version: int = 0
    protocol: int = 0
    source: bytes = b""
    destination: bytes = b""
    source_port: int = 0
    destination_port: int = 0
    ttl: int = 0
    ip_bytes: int = 0
    transport_bytes: int = 0
    payload_bytes: int = 0
    payload: bytes = b""
    tcp_flags: int = 0
    window: int = 0
    icmp_type: int = 0
    icmp_code: int = 0
    is_fragment: bool = False
    is_later: bool = False
    is_orphan: bool = False
    identity: int = 0
    is_unopened: bool = False
    """Whether it carries a tunnel that holds no packet."""

    @property
    def vlan(self) -> int:
        """Of the two innermost tags."""
        outer, inner = [0, 0, *self.vlans][-2:]
        return outer * 4096 + inner


Told = tuple[int, int, int]


@dataclass
class Firsts:
    """What the first parts of packets told: ports and protocol; of ``room`` packets, the latest."""

    room: int
    told: dict[object, Told] = field(default_factory=dict)

    def keep(self, key: object, told: Told) -> None:
        """One more, or another that is told the same way."""
        if key not in self.told and len(self.told) == self.room:
            del self.told[next(iter(self.told))]
        self.told[key] = told


def read_packets(
    records: Iterator[Record], *, outer: bool = False, room: int = 1 << 14
) -> Iterator[Packet | None]:
    """A packet for each record; None where there is none of a flow.

    Args:
        room: fragmented packets whose ports are remembered at a time.
    """
    firsts = Firsts(room)
    for frame, record in enumerate(records, 1):
        packet = Packet(record.time_ns, frame, record.wire)
        try:
            yield _innermost(record, packet, firsts, outer=outer)
        except Unreadable:
            yield None


def _innermost(record: Record, packet: Packet, firsts: Firsts, *, outer: bool) -> Packet:
    kind, data = first_header(record.link, record.data)
    unseen = record.wire - len(record.data)
    found, body, unseen = _packet(kind, data, unseen, packet, firsts)
    while not outer:
        try:
            tunnel = opened(found, body)
        except Unreadable:  # too short for the header of one
            break
        if tunnel is None:
            break
        try:
            inner = replace(found, n_tunnels=found.n_tunnels + 1)
            found, body, unseen = _packet(*tunnel, unseen, inner, firsts)
        except Unreadable:
            found.is_unopened = True
            break
        if found.n_tunnels > 32:
            raise Unreadable("too deep")
    return found


def _packet(
    kind: Kind, data: bytes, unseen: int, packet: Packet, firsts: Firsts
) -> tuple[Packet, bytes, int]:
    """A packet of IP, its transport as far as it was captured, and how much of the frame is left.

    Args:
        unseen: bytes that the frame had behind ``data``.
    """
    ip = find_ip(kind, data, packet.vlans)
    packet = replace(
        packet, vlans=ip.vlans, source_port=0, destination_port=0, tcp_flags=0, window=0,
        icmp_type=0, icmp_code=0, is_fragment=False, is_later=False, is_orphan=False,
        identity=0, payload=b"",
    )  # fmt: skip
    version = number(ip.data, 0, 1) >> 4
    if version not in {4, 6}:
        raise Unreadable("bad IP")
    read = _version_4 if version == 4 else _version_6
    total, body = read(packet, ip.data, len(ip.data) + unseen)
    unseen += len(body[total:])  # what is inside and does not tell its length reaches as far
    body = body[:total]
    packet.version = version
    header = 0 if packet.is_later else _transport(packet, body, total)
    if not packet.transport_bytes or packet.is_later:
        packet.transport_bytes = total
    packet.payload_bytes = packet.transport_bytes - header
    packet.payload = body[header : header + packet.payload_bytes]
    if packet.is_fragment:
        # RFC 8200: later fragments of IPv6 may not tell the protocol of the first.
        key = (
            packet.version, packet.source, packet.destination, packet.identity, packet.vlan,
            packet.protocol if version == 4 else None,
        )  # fmt: skip
        if not packet.is_later:
            firsts.keep(key, (packet.source_port, packet.destination_port, packet.protocol))
        elif key in firsts.told:
            packet.source_port, packet.destination_port, packet.protocol = firsts.told[key]
        else:  # of a protocol without ports nothing is missing, but of IPv6 it may not be known
            packet.is_orphan = packet.protocol in WITH_PORTS or version == 6
    return packet, body, unseen


def _version_4(packet: Packet, data: bytes, on_wire: int) -> tuple[int, bytes]:
    """RFC 791; a length of 0 was left to the network card."""
    need(data, 20)
    header = (data[0] & 15) * 4
    total = number(data, 2) or on_wire
    if header < 20 or total < header:
        raise Unreadable("bad IP")
    need(data, header)
    packet.ip_bytes, packet.ttl, packet.protocol = total, data[8], data[9]
    packet.source, packet.destination = data[12:16], data[16:20]
    place = number(data, 6)
    packet.is_later = bool(place & 0x1FFF)
    packet.is_fragment = bool(place & 0x3FFF)
    packet.identity = number(data, 4)
    total, data = total - header, data[header:]
    if packet.protocol == 51 and not packet.is_later:
        need(data, 12)
        packet.protocol, total, data = _extension(51, data, total)
    return total, data


def _version_6(packet: Packet, data: bytes, on_wire: int) -> tuple[int, bytes]:
    """RFC 8200, with its extension headers (also RFC 4302, 5533, 7401)."""
    need(data, 40)
    total, following = number(data, 4), data[6]
    if total == 0 and following != 59:
        total = max(0, on_wire - 40)
    packet.ip_bytes, packet.ttl = total + 40, data[7]
    packet.source, packet.destination = data[8:24], data[24:40]
    data = data[40:]
    while following in {0, 43, 44, 51, 60, 139, 140} and not packet.is_later:
        if following == 44 and total >= 8 and len(data) >= 8:
            place = number(data, 2)
            packet.is_later = bool(place >> 3)
            packet.is_fragment = packet.is_later or bool(place & 1)
            packet.identity = number(data, 4, 4)
        following, total, data = _extension(following, data, total)
    if following == 59:
        raise Unreadable("no transport")
    packet.protocol = following
    return total, data


def _extension(kind: int, data: bytes, total: int) -> tuple[int, int, bytes]:
    """What follows an extension header, and how much."""
    if total < 8:
        raise Unreadable("bad IP")
    need(data, 8)
    length = 8 if kind == 44 else (data[1] + 2) * 4 if kind == 51 else (data[1] + 1) * 8
    if length > total:
        raise Unreadable("bad IP")
    return data[0], total - length, need(data, length)[length:]


def _transport(packet: Packet, data: bytes, total: int) -> int:
    """Ports, flags and lengths of a packet; how long the transport's header is."""
    least = {6: 20, 17: 8, 136: 8, 132: 12, 33: 12, 1: 4, 58: 4}.get(packet.protocol, 0)
    if total < least:
        raise Unreadable("bad transport")
    need(data, 2 if packet.protocol in {1, 58} else least)
    packet.transport_bytes = total
    if packet.protocol in WITH_PORTS:
        packet.source_port, packet.destination_port = struct.unpack(">HH", data[:4])
    header = least
    if packet.protocol == 6:
        header = (data[12] >> 4) * 4
        packet.tcp_flags, packet.window = data[13], number(data, 14)
    elif packet.protocol == 33:
        header = data[4] * 4
    elif packet.protocol == 17 and (told := number(data, 4)):
        if told < 8:
            raise Unreadable("bad transport")
        packet.transport_bytes = min(total, told)
    elif packet.protocol in {1, 58}:
        packet.icmp_type, packet.icmp_code = data[0], data[1]
        header = min(8, total)
    if header < least or header > total:
        raise Unreadable("bad transport")
    return header


def opened(packet: Packet, body: bytes) -> Next | None:  # noqa: PLR0911 - one for each tunnel
    """What a packet carries that is one itself; None if nothing."""
    if packet.is_later:
        return None
    if packet.protocol in {4, 41}:
        return "ip", body
    if packet.protocol == 47:
        return _gre(body)
    if packet.protocol != 17:
        return None
    ports, data = {packet.source_port, packet.destination_port}, body[8:]
    if packet.destination_port in {4789, 4790, 8472}:  # RFC 7348, draft-ietf-nvo3-vxlan-gpe
        need(data, 8)
        if data[:3] == b"\x0c\0\0" and data[7] == 0:
            kinds: dict[int, Kind] = {1: "ip", 2: "ip", 3: "ethernet"}
            return (kinds[data[3]], data[8:]) if data[3] in kinds else None
        is_plain, has_policy = data[:4] == b"\x08\0\0\0", data[0] == 0x88
        return ("ethernet", data[8:]) if (is_plain or has_policy) and data[7] == 0 else None
    if packet.destination_port == 6081:  # RFC 8926
        need(data, 8)
        return (number(data, 2), data[8 + (data[0] & 63) * 4 :]) if data[0] < 64 else None
    if packet.destination_port == 4754:  # RFC 8086
        return _gre(data)
    if 3544 in ports:
        return _teredo(data, number(body, 4) - 8)
    if 2152 in ports:
        return _gtp(data, number(body, 4) - 8)
    return None


def _teredo(data: bytes, on_wire: int) -> Next | None:
    """RFC 4380; as any packet may be at that port, what is inside has to look like IPv6."""
    before = 0
    if data[:2] == b"\0\1" and len(data) >= 4:
        before = 13 + data[2] + data[3]
    if data[before : before + 2] == b"\0\0" and len(data) >= before + 8:
        before += 8
    rest = data[before:]
    if len(rest) < 40 or rest[0] >> 4 != 6 or before + 40 + number(rest, 4) > on_wire:
        return None
    is_known = rest[6] in {0, 6, 17, 43, 44, 50, 51, 58, 59, 60, 135}
    return ("ip", rest) if is_known else None


def _gre(data: bytes) -> Next | None:
    """RFC 2784, 2890, 2637; ERSPAN by draft-foschiano-erspan."""
    flags, kind = number(data, 0), number(data, 2)
    version = flags & 7
    if version > 1 or flags & 0x4000:
        return None
    length = 4 + 4 * sum(bool(flags & bit) for bit in (0x8000, 0x2000, 0x1000))
    if version == 1 and flags & 0x80:
        length += 4
    rest = data[length:]
    if kind == 0x88BE:
        return "ethernet", rest[8:] if flags & 0x1000 else rest
    if kind == 0x22EB:
        need(rest, 12)
        return "ethernet", rest[20:] if rest[11] & 1 else rest[12:]
    if 0x8200 <= kind <= 0x83FF:  # Aruba's access points
        return "wifi", rest
    return kind, rest


def _gtp(data: bytes, on_wire: int) -> Next | None:
    """3GPP TS 29.281: only a G-PDU (type 255) carries a packet."""
    need(data, 8)
    if data[0] >> 4 != 3 or data[1] != 255 or number(data, 2) + 8 != on_wire:
        return None
    rest = data[8:]
    if data[0] & 7:
        following, rest = number(rest, 3, 1) if data[0] & 4 else 0, need(rest, 4)[4:]
        while following:
            length = number(rest, 0, 1) * 4
            if not length:
                return None
            following, rest = need(rest, length)[length - 1], rest[length:]
    return "ip", rest
