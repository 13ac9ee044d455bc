"""The fast loops over IP and what it carries.

Lengths are told twice: by headers, which say what there was on the wire, and by the capture, which
may hold less. What is counted is what headers say; what is read ends where the capture does.
"""

from __future__ import annotations

import numpy as np

from habitus.compiled import inlined_kernel, row_kernel
from habitus.packets.bytes_kernels import big16, big32, big64
from habitus.packets.layout import Fragment, Status

OK = int(Status.OK)
CUT_OFF = int(Status.CUT_OFF)
BAD_IP = int(Status.BAD_IP)
BAD_TRANSPORT = int(Status.BAD_TRANSPORT)
NO_TRANSPORT = int(Status.NO_TRANSPORT)

WHOLE, FIRST, LATER = int(Fragment.WHOLE), int(Fragment.FIRST), int(Fragment.LATER)
ORPHAN = int(Fragment.ORPHAN)

ICMP, TCP, UDP, DCCP, ICMP6, SCTP, UDP_LITE = 1, 6, 17, 33, 58, 132, 136
IP_IN_IP, IPV6_IN_IP, GRE, AUTHENTICATION = 4, 41, 47, 51
NOTHING_NEXT = 59


@inlined_kernel
def read_ip(data, at, end, on_wire, packet):
    """The header of IP, of either version, into a packet.

    Args:
        end: of what was captured; ``on_wire`` bytes there were from ``at`` on.

    Returns:
        A status, where the transport begins, how many bytes of it there were, and what tells the
        fragments of one packet.
    """
    if end - at < 1:
        return CUT_OFF, at, 0, 0
    version = data[at] >> 4
    if version == 4:
        return read_ipv4(data, at, end, on_wire, packet)
    if version == 6:
        return read_ipv6(data, at, end, on_wire, packet)
    return BAD_IP, at, 0, 0


@inlined_kernel
def read_ipv4(data, at, end, on_wire, packet):
    """IPv4 and its options."""
    if end - at < 20:
        return CUT_OFF, at, 0, 0
    header = (np.int64(data[at]) & 15) * 4
    total = big16(data, at + 2)
    if total == 0:  # left to the network card to split
        total = on_wire
    if header < 20 or total < header:
        return BAD_IP, at, 0, 0
    if end - at < header:
        return CUT_OFF, at, 0, 0
    place = big16(data, at + 6)
    packet.version = 4
    packet.ip_bytes = total
    packet.ttl = data[at + 8]
    packet.protocol = data[at + 9]
    packet.source_high, packet.source_low = np.uint64(0), np.uint64(big32(data, at + 12))
    packet.destination_high, packet.destination_low = np.uint64(0), np.uint64(big32(data, at + 16))
    packet.fragment = WHOLE
    if place & 0x1FFF:
        packet.fragment = LATER
    elif place & 0x2000:
        packet.fragment = FIRST
    identity = big16(data, at + 4)
    at, total = at + header, total - header
    if packet.protocol == AUTHENTICATION and packet.fragment != LATER:
        return skip_authentication(data, at, end, total, packet, identity)
    return OK, at, total, identity


@row_kernel
def skip_authentication(data, at, end, total, packet, identity):
    """The authentication header, which hides nothing."""
    if end - at < 12:
        return CUT_OFF, at, 0, 0
    length = (np.int64(data[at + 1]) + 2) * 4
    if length > total:
        return BAD_IP, at, 0, 0
    if end - at < length:
        return CUT_OFF, at, 0, 0
    packet.protocol = data[at]
    return OK, at + length, total - length, identity


@row_kernel
def read_ipv6(data, at, end, on_wire, packet):
    """IPv6 and its extension headers."""
    if end - at < 40:
        return CUT_OFF, at, 0, 0
    total = big16(data, at + 4)
    following = np.int64(data[at + 6])
    if total == 0 and following != NOTHING_NEXT:  # a jumbogram, or left to the network card
        total = max(0, on_wire - 40)
    packet.version = 6
    packet.ip_bytes = total + 40
    packet.ttl = data[at + 7]
    packet.source_high, packet.source_low = big64(data, at + 8), big64(data, at + 16)
    packet.destination_high, packet.destination_low = big64(data, at + 24), big64(data, at + 32)
    packet.fragment = WHOLE
    identity = np.int64(0)
    at += 40
    while True:
        is_option = following == 0 or following == 43 or following == 60
        if not (is_option or following == 44 or following == AUTHENTICATION or following == 139
                or following == 140):  # fmt: skip
            break
        if total < 8:
            return BAD_IP, at, 0, 0
        if end - at < 8:
            return CUT_OFF, at, 0, 0
        length = (np.int64(data[at + 1]) + 1) * 8
        if following == AUTHENTICATION:
            length = (np.int64(data[at + 1]) + 2) * 4
        elif following == 44:
            length = np.int64(8)
            place = big16(data, at + 2)
            identity = big32(data, at + 4)
            if place & 0xFFF8:
                packet.fragment = LATER
            elif place & 1:
                packet.fragment = FIRST
        if length > total:
            return BAD_IP, at, 0, 0
        if end - at < length:
            return CUT_OFF, at, 0, 0
        following = np.int64(data[at])
        at, total = at + length, total - length
        if packet.fragment == LATER:
            break
    packet.protocol = following
    if following == NOTHING_NEXT:
        return NO_TRANSPORT, at, 0, 0
    return OK, at, total, identity


@inlined_kernel
def read_transport(data, at, end, total, packet):
    """Ports, flags and lengths into a packet: a status, and the length of the header.

    Args:
        total: bytes of the transport that there were on the wire; ``end`` of what was captured.
    """
    left = min(end - at, total)
    protocol = packet.protocol
    packet.source_port = packet.destination_port = 0
    packet.tcp_flags, packet.window, packet.icmp_type, packet.icmp_code = 0, 0, 0, 0
    header, payload = np.int64(0), total
    if packet.fragment == LATER:
        pass
    elif protocol == TCP:
        if total < 20:
            return BAD_TRANSPORT, 0
        if left < 20:
            return CUT_OFF, 0
        header = (np.int64(data[at + 12]) >> 4) * 4
        if header < 20 or header > total:
            return BAD_TRANSPORT, 0
        packet.tcp_flags = data[at + 13]
        packet.window = big16(data, at + 14)
        payload = total - header
    elif protocol == UDP or protocol == UDP_LITE:
        if total < 8:
            return BAD_TRANSPORT, 0
        if left < 8:
            return CUT_OFF, 0
        header, payload = np.int64(8), total - 8
        length = big16(data, at + 4)
        if protocol == UDP and length != 0:  # 0: a jumbogram, or left to the network card
            if length < 8:
                return BAD_TRANSPORT, 0
            payload = min(payload, length - 8)
    elif protocol == SCTP or protocol == DCCP:
        if total < 12:
            return BAD_TRANSPORT, 0
        if left < 12:
            return CUT_OFF, 0
        header = np.int64(12) if protocol == SCTP else np.int64(data[at + 4]) * 4
        if header < 12 or header > total:
            return BAD_TRANSPORT, 0
        payload = total - header
    elif protocol == ICMP or protocol == ICMP6:
        if total < 4:
            return BAD_TRANSPORT, 0
        if left < 2:
            return CUT_OFF, 0
        packet.icmp_type, packet.icmp_code = data[at], data[at + 1]
        header = min(np.int64(8), total)
        payload = total - header
    if packet.fragment != LATER and has_ports(protocol):
        packet.source_port, packet.destination_port = big16(data, at), big16(data, at + 2)
    packet.transport_bytes = header + payload
    packet.payload_bytes = payload
    packet.payload_at = min(at + header, end)
    packet.payload_captured = max(0, min(end - at - header, payload))
    return OK, header


@inlined_kernel
def has_ports(protocol):
    """Whether a protocol's header begins with two ports."""
    return (
        protocol == TCP or protocol == UDP or protocol == SCTP or protocol == UDP_LITE
        or protocol == DCCP
    )  # fmt: skip
