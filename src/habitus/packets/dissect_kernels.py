"""The fast loop from records to packets: header after header, until there are ports."""

from __future__ import annotations

import numpy as np

from habitus.compiled import inlined_kernel, row_kernel
from habitus.packets import link_kernels as link
from habitus.packets.bytes_kernels import big16
from habitus.packets.fragment_kernels import find_ports
from habitus.packets.ip_kernels import OK, WHOLE, read_ip, read_transport
from habitus.packets.layout import Status
from habitus.packets.tunnel_kernels import ETHERNET_BRIDGED, read_tunnel

TOO_DEEP = int(Status.TOO_DEEP)
MAX_HEADERS = 32
"""Below transport; more are no network's, but somebody's who wants a loop."""


@row_kernel
def dissect(data, records, n, first_frame, opens_tunnels, secret, fragments, spare, packets):
    """Fill packets from records.

    Args:
        opens_tunnels: whether the packets inside tunnels count, or those that carry them.
        fragments: what `find_ports` keeps of first fragments, in its order.
        spare: (1,) `PACKET`.

    Returns:
        How many tunnels held no packet, so that what carried it was taken.
    """
    n_unopened = 0
    known, hashes, table, count = fragments
    for i in range(n):
        record, packet = records[i], packets[i]
        packet.time_ns, packet.frame = record.time_ns, first_frame + i
        packet.raw_bytes = record.wire
        packet.n_tunnels = 0
        packet.vlan = 0
        packet.detail = 0
        end = record.at + record.captured
        wire_end = record.at + record.wire
        kind, at, told = link.read_link(data, record.at, end, record.link)
        has_packet = False
        while True:
            status, at, told, vlan = to_ip(data, at, end, kind, told, np.int64(packet.vlan))
            inner = packet
            if has_packet:
                spare[0] = packets[i]
                inner = spare[0]
            inner.vlan = vlan
            header, total, identity = 0, 0, 0
            if status == OK:
                status, at, total, identity = read_ip(data, at, end, wire_end - at, inner)
                end = min(end, at + total)
            if status == OK:
                status, header = read_transport(data, at, end, total, inner)
            if status != OK:
                if has_packet:
                    n_unopened += 1
                else:
                    packet.status, packet.detail = status, told & 0xFFFF
                break
            if inner.fragment != WHOLE:
                find_ports(inner, identity, secret, known, hashes, table, count)
            inner.status = OK
            if has_packet:
                inner.n_tunnels += 1
                packets[i] = spare[0]
            has_packet = True
            if not opens_tunnels:
                break
            kind, at, told = read_tunnel(data, at, end, header, packet)
            if kind == 0:
                break
            if packet.n_tunnels == MAX_HEADERS:
                packet.status = TOO_DEEP
                break
    return n_unopened


@inlined_kernel
def to_ip(data, at, end, kind, told, vlan):
    """Read headers until IP begins: a status, where, what was told, and the tags on the way."""
    for _ in range(MAX_HEADERS):
        if kind <= 0:
            return -kind, at, told, vlan
        if kind == link.IP:
            return OK, at, told, vlan
        if kind == link.ETHERTYPE:
            if told == link.IPV4_TYPE or told == link.IPV6_TYPE:
                return OK, at, told, vlan
            if told == 0x8100 or told == 0x88A8 or told == 0x9100 or told == 0x9200:
                if end - at < 4:
                    return -link.CUT_OFF, at, told, vlan
                vlan = ((vlan << 12) | (big16(data, at) & 0xFFF)) & 0xFFFFFF
                told = big16(data, at + 2)
                at += 4
                if told < 0x600:
                    kind = link.LLC
            elif told == 0x8847 or told == 0x8848:
                kind = link.MPLS
            elif told == 0x8864:
                kind, at, told = link.read_pppoe(data, at, end)
            elif told == 0x880B:
                kind = link.PPP
            elif told == 0x8870:
                kind = link.LLC
            elif told == 0x8926:  # VN-Tag
                if end - at < 6:
                    return -link.CUT_OFF, at, told, vlan
                told = big16(data, at + 4)
                at += 6
            elif told == 0x88E7:  # provider backbone bridges
                kind, at = link.ETHERNET, at + 4
            elif told == 0x8903:  # FabricPath
                kind, at = link.ETHERNET, at + 2
            elif told == ETHERNET_BRIDGED:
                kind = link.ETHERNET
            else:
                return -link.NOT_IP, at, told, vlan
        elif kind == link.ETHERNET:
            kind, at, told = link.read_ethernet(data, at, end)
        elif kind == link.LLC:
            kind, at, told = link.read_llc(data, at, end)
        elif kind == link.PPP:
            kind, at, told = link.read_ppp(data, at, end)
        else:
            kind, at, told = link.read_mpls(data, at, end)
    return TOO_DEEP, at, told, vlan
