"""The fast loops over the table of open flows: open addressing, keyed by a secret."""

from __future__ import annotations

import numpy as np

from habitus.compiled import inlined_kernel
from habitus.packets.table_kernels import EMPTY, mixed


@inlined_kernel
def is_low(packet):
    """Whether a packet's source is the endpoint that sorts first: address, then port."""
    if packet.source_high != packet.destination_high:
        return packet.source_high < packet.destination_high
    if packet.source_low != packet.destination_low:
        return packet.source_low < packet.destination_low
    return packet.source_port <= packet.destination_port


@inlined_kernel
def hash_of(packet, low, secret):
    """The same of both directions; nobody who does not know the secret can choose it."""
    if low:
        first_high, first_low = packet.source_high, packet.source_low
        second_high, second_low = packet.destination_high, packet.destination_low
        ports = (np.uint64(packet.source_port) << np.uint64(16)) | np.uint64(
            packet.destination_port
        )
    else:
        first_high, first_low = packet.destination_high, packet.destination_low
        second_high, second_low = packet.source_high, packet.source_low
        ports = (np.uint64(packet.destination_port) << np.uint64(16)) | np.uint64(
            packet.source_port
        )
    value = mixed((first_low ^ secret) + ports)
    value = mixed((value ^ second_low) + secret)
    if first_high | second_high:
        value = mixed((value ^ first_high) + secret)
        value = mixed((value ^ second_high) + secret)
    rest = (np.uint64(packet.vlan) << np.uint64(16)) | np.uint64(
        np.int64(packet.protocol) * 8 + np.int64(packet.version)
    )
    return mixed((value ^ rest) + secret)


@inlined_kernel
def is_same(flow, packet, low):
    """Whether a packet is of this flow, in either direction."""
    if (
        flow.protocol != packet.protocol or flow.vlan != packet.vlan
        or flow.version != packet.version
    ):  # fmt: skip
        return False
    if low:
        return (
            flow.low_low == packet.source_low and flow.high_low == packet.destination_low
            and flow.low_port == packet.source_port and flow.high_port == packet.destination_port
            and flow.low_high == packet.source_high and flow.high_high == packet.destination_high
        )  # fmt: skip
    return (
        flow.low_low == packet.destination_low and flow.high_low == packet.source_low
        and flow.low_port == packet.destination_port and flow.high_port == packet.source_port
        and flow.low_high == packet.destination_high and flow.high_high == packet.source_high
    )  # fmt: skip


@inlined_kernel
def find(table, hashes, flows, value, packet, low):
    """The place in the table of the flow that a packet is of, or an empty one for it."""
    mask = len(table) - 1
    place = np.int64(value & np.uint64(mask))
    while True:
        slot = table[place]
        if slot == EMPTY:
            return place
        if hashes[slot] == value and is_same(flows[slot], packet, low):
            return place
        place = (place + 1) & mask
