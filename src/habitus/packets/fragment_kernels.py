"""The fast loop that gives later fragments the ports of their first."""

from __future__ import annotations

import numpy as np

from habitus.compiled import row_kernel
from habitus.packets.ip_kernels import FIRST, ORPHAN, has_ports
from habitus.packets.table_kernels import EMPTY, mixed, place_of, remove


@row_kernel
def find_ports(packet, identity, secret, known, hashes, table, count):
    """Give a later fragment the ports of its first, and keep those of a first one.

    Of as many first ones as there is room for the latest are kept.

    Args:
        identity: what tells the fragments of one packet, with the addresses.
        known: (capacity,) of ``source_port``, ``destination_port`` and ``protocol``, with
            ``hashes`` (capacity,); ``table`` leads to them.
        count: (1,) int64, first fragments met so far.
    """
    value = mixed(packet.source_low + secret) ^ packet.source_high
    value = mixed(value + secret) ^ packet.destination_low
    value = mixed(value + secret) ^ packet.destination_high
    # Of IPv6 a later fragment may not tell its protocol, but what stood before it.
    protocol = np.uint64(packet.protocol) if packet.version == 4 else np.uint64(0)
    value = mixed(value + secret) ^ ((np.uint64(identity) << np.uint64(8)) | protocol)
    value = mixed(value + secret + np.uint64(packet.vlan))
    place = place_of(table, hashes, value)
    slot = np.int64(table[place])
    if packet.fragment == FIRST:
        if slot == EMPTY:
            slot = count[0] % len(known)
            if count[0] >= len(known):
                remove(table, hashes, slot)
                place = place_of(table, hashes, value)
            hashes[slot] = value
            table[place] = slot
            count[0] += 1
        met = known[slot]
        met.source_port, met.destination_port = packet.source_port, packet.destination_port
        met.protocol = packet.protocol
    elif slot != EMPTY:
        met = known[slot]
        packet.source_port, packet.destination_port = met.source_port, met.destination_port
        packet.protocol = met.protocol
    elif has_ports(packet.protocol) or packet.version == 6:
        packet.fragment = ORPHAN
