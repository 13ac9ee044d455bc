"""The fast loops that add a packet to a flow's numbers.

Of sizes sums of squares are kept, which are exact. Spans of time, in nanoseconds, are too long for
that: their mean and spread are by Welford's recurrence (B. P. Welford, "Note on a method for
calculating corrected sums of squares and products", Technometrics 4, 1962), in one pass and without
a sum of squares that would lose all digits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from habitus.compiled import inlined_kernel, row_kernel
from habitus.flows.layout import BULK_PACKETS
from habitus.packets.ip_kernels import TCP

if TYPE_CHECKING:
    from numpy.typing import NDArray

ENTROPY_BYTES = 256
"""Of each payload so many bytes are looked at; what is encrypted or packed shows in them."""
ENTROPY_SIDE_BYTES = 512
"""Once so many bytes of a direction have been looked at, no more are."""
MAX_GAP_US = 0xFFFFFFFF


@inlined_kernel
def add_size(sizes, n, value):
    """One more size; ``n`` with it."""
    sizes.squares += np.float64(value) * np.float64(value)
    if n == 1 or value < sizes.low:
        sizes.low = value
    if n == 1 or value > sizes.high:
        sizes.high = value


@inlined_kernel
def add_span(spans, n, value):
    """One more span of time; ``n`` with it."""
    difference = value - spans.center
    spans.center += difference / n
    spans.m2 += difference * (value - spans.center)
    if n == 1 or value < spans.low:
        spans.low = value
    if n == 1 or value > spans.high:
        spans.high = value


@inlined_kernel
def add_packet(flow, side, seldom, end, packet, data, n_log_n, counts, activity_ns, subflow_ns,
               n_first):  # fmt: skip
    """One more packet of a flow.

    Args:
        side, seldom: of the ``end`` that it comes from: 0, the one that sorts first, or 1.
        n_log_n, counts: as `add_entropy` wants them.
        activity_ns: a longer silence ends a time of activity; ``subflow_ns`` a subflow.
        n_first: packets from the beginning that are kept one by one.
    """
    now = packet.time_ns
    n_before = flow.packets
    gap = np.int64(0)
    if n_before:
        # A clock that went back: no time has passed, which is counted.
        gap = max(np.int64(0), now - flow.last_ns)
        if now < flow.last_ns:
            flow.out_of_order += 1
        add_span(flow.gap_ns, n_before, gap)
        if gap > activity_ns:
            flow.silences += 1
            add_span(flow.active_ns, flow.silences, flow.last_ns - flow.active_since_ns)
            add_span(flow.idle_ns, flow.silences, gap)
            flow.active_since_ns = now
        if gap > subflow_ns:
            flow.subflows += 1
    if n_before < n_first:
        flow.first_sizes[n_before] = packet.raw_bytes
        flow.first_gaps_us[n_before] = min(gap // 1000, MAX_GAP_US)
        if (end == 0) != (flow.forward_is_low == 1):
            flow.first_sides |= np.uint32(1) << np.uint32(n_before)
    if side.packets == 0:
        begin_side(side, seldom, packet)
    else:
        add_span(side.gap_ns, side.packets, max(np.int64(0), now - side.last_ns))
    side.last_ns = max(side.last_ns, now)
    side.last_frame = packet.frame
    side.packets += 1
    side.raw_bytes += packet.raw_bytes
    side.ip_bytes += packet.ip_bytes
    side.transport_bytes += packet.transport_bytes
    side.payload_bytes += packet.payload_bytes
    add_size(side.raw, side.packets, np.int64(packet.raw_bytes))
    add_size(side.ip, side.packets, np.int64(packet.ip_bytes))
    add_size(side.payload, side.packets, np.int64(packet.payload_bytes))
    side.ttl_min = min(side.ttl_min, packet.ttl)
    side.ttl_max = max(side.ttl_max, packet.ttl)
    if packet.fragment:
        seldom.fragments += 1
    if packet.fragment <= 1:  # a later fragment has no header of its own
        side.header_min = min(side.header_min, packet.transport_bytes - packet.payload_bytes)
        if packet.protocol == TCP:
            add_tcp(flow, side, end, packet)
    if packet.payload_bytes:
        side.payload_packets += 1
        if not flow.looked_at >> end & 1:
            add_entropy(seldom, packet, data, n_log_n, counts)
            if seldom.entropy_bytes >= ENTROPY_SIDE_BYTES:
                flow.looked_at |= np.uint8(1 << end)
        add_to_bulk(flow, seldom, end, packet, now, subflow_ns)
    flow.last_ns = max(flow.last_ns, now)
    flow.packets = n_before + 1


@inlined_kernel
def begin_side(side, seldom, packet):
    """The first packet that comes from an end."""
    seldom.first_ns = side.last_ns = packet.time_ns
    side.header_min = 0xFFFF
    side.ttl_min = side.ttl_max = packet.ttl
    side.window_min = 0xFFFF


@inlined_kernel
def add_tcp(flow, side, end, packet):
    """Flags and window."""
    flags, bit = np.int64(packet.tcp_flags), 0
    while flags:
        side.flag_counts[bit] += flags & 1
        flags, bit = flags >> 1, bit + 1
    window = packet.window
    if side.tcp_packets == 0:
        flow.windows_first[end] = window
    side.tcp_packets += 1
    side.window_min = min(side.window_min, window)
    side.window_max = max(side.window_max, window)
    side.window_sum += window


@row_kernel
def add_entropy(seldom, packet, data, n_log_n, counts):
    """The entropy of a payload's bytes, by how often each occurs in it.

    Args:
        n_log_n: (ENTROPY_BYTES + 1,) float64, n log2 n.
        counts: (256,) int64 of zeros, left so.
    """
    n = min(np.int64(packet.payload_captured), ENTROPY_BYTES)
    at = packet.payload_at
    for place in range(at, at + n):
        counts[data[place]] += 1
    total = 0.0
    for place in range(at, at + n):
        total += n_log_n[counts[data[place]]]
        counts[data[place]] = 0
    seldom.entropy_bits += n_log_n[n] - total
    seldom.entropy_bytes += n


@inlined_kernel
def add_to_bulk(flow, seldom, end, packet, now, subflow_ns):
    """Follow a run of packets with payload in one direction, as CICFlowMeter defines a bulk."""
    if flow.bulk_side != end or now - flow.bulk_last_ns > subflow_ns:
        flow.bulk_side = end
        flow.bulk_since_ns = flow.bulk_last_ns = now
        flow.bulk_n, flow.bulk_size = 0, 0
    late = max(now, flow.bulk_last_ns)
    if flow.bulk_n < BULK_PACKETS:
        flow.bulk_n += 1
        flow.bulk_size += packet.payload_bytes
        if flow.bulk_n == BULK_PACKETS:
            seldom.bulks += 1
            seldom.bulk_packets += BULK_PACKETS
            seldom.bulk_bytes += flow.bulk_size
            seldom.bulk_ns += late - flow.bulk_since_ns
    else:
        seldom.bulk_packets += 1
        seldom.bulk_bytes += packet.payload_bytes
        seldom.bulk_ns += late - flow.bulk_last_ns
    flow.bulk_last_ns = late


@row_kernel
def close_activity(flow):
    """The time of activity that a flow ends with."""
    add_span(flow.active_ns, flow.silences + 1, flow.last_ns - flow.active_since_ns)


def n_log_n_table() -> NDArray[np.float64]:
    """What `add_packet` wants as ``n_log_n``."""
    table = np.zeros(ENTROPY_BYTES + 1)
    for n in range(2, ENTROPY_BYTES + 1):
        table[n] = math.log2(n) * n
    return table
