"""The fast loops over tunnels: what a packet carries that is a packet itself.

Each says what begins inside, and where, as the functions for links do; 0 if this is no tunnel, or
one that is not opened. Ports alone announce tunnels over UDP, so their headers are looked at
closely, and a packet whose inside is no packet is taken for itself.
"""

from __future__ import annotations

import numpy as np

from habitus.compiled import inlined_kernel, row_kernel
from habitus.packets.bytes_kernels import big16
from habitus.packets.ip_kernels import FIRST, GRE, IP_IN_IP, IPV6_IN_IP, UDP, WHOLE
from habitus.packets.link_kernels import ETHERNET, ETHERTYPE, IP, read_wifi

NONE = 0
VXLAN_PORT, VXLAN_GPE_PORT, VXLAN_LINUX_PORT = 4789, 4790, 8472
GENEVE_PORT, TEREDO_PORT, GTP_PORT = 6081, 3544, 2152
GRE_PORT = 4754
ETHERNET_BRIDGED, ERSPAN, ERSPAN3 = 0x6558, 0x88BE, 0x22EB
ARUBA_FIRST, ARUBA_LAST = 0x8200, 0x83FF


@inlined_kernel
def read_tunnel(data, at, end, header, packet):
    """What a packet carries that is one itself.

    Args:
        at: where the transport begins, of ``header`` bytes.
    """
    if packet.fragment != WHOLE and packet.fragment != FIRST:
        return NONE, at, 0
    protocol = packet.protocol
    if protocol == IP_IN_IP or protocol == IPV6_IN_IP:
        return IP, at, 0
    if protocol == GRE:
        return read_gre(data, at, end)
    if protocol != UDP:
        return NONE, at, 0
    place, to = at + header, packet.destination_port
    if to == GRE_PORT:
        return read_gre(data, place, end)
    if to == VXLAN_PORT or to == VXLAN_GPE_PORT or to == VXLAN_LINUX_PORT:
        return read_vxlan(data, place, end)
    if to == GENEVE_PORT:
        return read_geneve(data, place, end)
    if to == TEREDO_PORT or packet.source_port == TEREDO_PORT:
        return read_teredo(data, place, end, big16(data, at + 4) - 8)
    if to == GTP_PORT or packet.source_port == GTP_PORT:
        return read_gtp(data, place, end, big16(data, at + 4) - 8)
    return NONE, at, 0


@row_kernel
def read_gre(data, at, end):
    """Generic routing encapsulation, versions 0 and 1 (PPTP)."""
    if end - at < 4:
        return NONE, at, 0
    flags, kind = big16(data, at), big16(data, at + 2)
    version = flags & 7
    if version > 1 or flags & 0x4000:  # routed, as nobody does any more
        return NONE, at, 0
    place = at + 4
    for bit in (0x8000, 0x2000, 0x1000):  # checksum, key, sequence
        if flags & bit:
            place += 4
    if version == 1 and flags & 0x80:  # acknowledgement
        place += 4
    if ARUBA_FIRST <= kind <= ARUBA_LAST:  # between an access point and its controller
        return read_wifi(data, place, end)
    if kind == ERSPAN:
        return ETHERNET, place + (8 if flags & 0x1000 else 0), 0
    if kind == ERSPAN3:
        if end - place < 12:
            return NONE, at, 0
        return ETHERNET, place + (20 if data[place + 11] & 1 else 12), 0
    return ETHERTYPE, place, kind


@row_kernel
def read_vxlan(data, at, end):
    """Virtual extensible LAN: a network's number, then Ethernet, or what its extension names."""
    if end - at < 8 or data[at + 7] != 0:
        return NONE, at, 0
    if data[at] == 0x0C:
        carried = data[at + 3]
        if data[at + 1] | data[at + 2]:
            return NONE, at, 0
        if carried == 1 or carried == 2:  # IPv4, IPv6
            return IP, at + 8, 0
        return (ETHERNET if carried == 3 else NONE), at + 8, 0
    if data[at] == 0x08:
        if data[at + 1] | data[at + 2] | data[at + 3]:
            return NONE, at, 0
    elif data[at] != 0x88:  # with a group's policy
        return NONE, at, 0
    return ETHERNET, at + 8, 0


@row_kernel
def read_geneve(data, at, end):
    """Generic network virtualisation: options, then what the type says."""
    if end - at < 8 or data[at] >> 6 != 0:
        return NONE, at, 0
    place = at + 8 + (np.int64(data[at]) & 63) * 4
    return ETHERTYPE, place, big16(data, at + 2)


@row_kernel
def read_teredo(data, at, end, on_wire):
    """IPv6 through UDP, after what a relay may have put before it."""
    stop = at + on_wire
    if end - at >= 4 and data[at] == 0 and data[at + 1] == 1:  # authentication
        at += 13 + np.int64(data[at + 2]) + np.int64(data[at + 3])
    if end - at >= 8 and data[at] == 0 and data[at + 1] == 0:  # origin
        at += 8
    if end - at < 40 or data[at] >> 4 != 6 or at + 40 + big16(data, at + 4) > stop:
        return NONE, at, 0
    following = data[at + 6]
    for known in (0, 6, 17, 43, 44, 50, 51, 58, 59, 60, 135):
        if following == known:
            return IP, at, 0
    return NONE, at, 0


@row_kernel
def read_gtp(data, at, end, on_wire):
    """The user plane of GPRS tunnelling, version 1: only its G-PDU carries a packet."""
    if end - at < 8 or data[at] >> 4 != 3 or data[at + 1] != 0xFF:
        return NONE, at, 0
    if big16(data, at + 2) + 8 != on_wire:
        return NONE, at, 0
    place = at + 8
    if data[at] & 7:
        place += 4
        if end < place:
            return NONE, at, 0
        following = data[place - 1] if data[at] & 4 else np.uint8(0)
        while following:
            if end - place < 1:
                return NONE, at, 0
            length = np.int64(data[place]) * 4
            if length == 0 or end - place < length:
                return NONE, at, 0
            place += length
            following = data[place - 1]
    return IP, place, 0
