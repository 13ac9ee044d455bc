"""What is kept of a flow while its packets come: one row of numbers, the same for all flows."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

MAX_FIRST = 20
"""Packets from the beginning of a flow whose sizes, directions and gaps can be kept."""
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
BULK_PACKETS = 4
"""Packets with payload in one direction, none the other way between, that make a bulk."""

LINE_BYTES = 64
"""Of the processor's cache: what a packet changes lies in as few lines as can be.

With many flows under way those of a packet's flow are all waited for, and that takes longer than
all that is reckoned with what is in them.
"""

SIDES_AT = 2 * LINE_BYTES
"""Where `FLOW`, of ``FLOW_BYTES``, has its sides, of ``SIDE_BYTES`` each."""
SIDE_BYTES = 3 * LINE_BYTES
FLOW_BYTES = 14 * LINE_BYTES

SIZES = np.dtype([("squares", np.float64), ("low", np.uint32), ("high", np.uint32)])
"""Of sizes, one for each packet: the sum of their squares, and their ends.

Sizes are whole numbers, so that this sum is exact up to 2**53: with its plain sum, which stands
beside it, it gives a spread without any rounding on the way.
"""

SPANS = np.dtype(
    [("center", np.float64), ("m2", np.float64), ("low", np.int64), ("high", np.int64)]
)
"""Of spans of time in nanoseconds; how many there are stands elsewhere, or follows from it."""

DIRECTION = np.dtype(
    [
        ("packets", np.int64),
        ("raw_bytes", np.int64),
        ("ip_bytes", np.int64),
        ("transport_bytes", np.int64),
        ("payload_bytes", np.int64),
        ("last_ns", np.int64),
        ("last_frame", np.int64),
        ("raw", SIZES),
        ("ip", SIZES),
        ("payload", SIZES),
        ("gap_ns", SPANS),  # one less than packets
        ("flag_counts", np.uint32, (8,)),
        ("window_sum", np.int64),
        ("tcp_packets", np.uint32),  # those with a header of TCP
        ("payload_packets", np.uint32),
        ("window_min", np.uint16),
        ("window_max", np.uint16),
        ("header_min", np.uint16),  # of transport
        ("ttl_min", np.uint8),
        ("ttl_max", np.uint8),
    ],
    align=True,
)
"""One direction of a flow: what any of its packets changes. Three lines of the cache."""

SELDOM = np.dtype(
    [
        ("first_ns", np.int64),
        ("entropy_bits", np.float64),  # of what was looked at of payloads, all together
        ("bulk_bytes", np.int64),
        ("bulk_ns", np.int64),
        ("entropy_bytes", np.uint32),
        ("bulks", np.uint32),
        ("bulk_packets", np.uint32),
        ("fragments", np.uint32),
    ],
    align=True,
)
"""One direction of a flow: what few packets change."""

FLOW = np.dtype(
    [
        # The first two lines of the cache: what any packet reads or changes.
        ("low_high", np.uint64),  # the endpoint that sorts first
        ("low_low", np.uint64),
        ("high_high", np.uint64),
        ("high_low", np.uint64),
        ("vlan", np.uint32),
        ("low_port", np.uint16),
        ("high_port", np.uint16),
        ("protocol", np.uint8),
        ("version", np.uint8),
        ("forward_is_low", np.uint8),  # whether that endpoint is the initiator
        ("ended", np.uint8),  # see `Ended`
        ("fins", np.uint8),  # a bit for each end
        ("bulk_side", np.int8),  # whose bulk may be under way; -1: none
        ("bulk_n", np.uint8),  # packets of it, as far as they must be counted
        ("looked_at", np.uint8),  # a bit for each end: enough of its payloads has been
        ("last_ns", np.int64),  # the latest, not that of the packet seen last
        ("packets", np.int64),
        ("first_ns", np.int64),
        ("gap_ns", SPANS),  # one less than packets
        ("bulk_since_ns", np.int64),
        ("bulk_last_ns", np.int64),
        ("bulk_size", np.int64),
        ("sides", DIRECTION, (2,)),
        ("active_ns", SPANS),  # one more than of silences, once the flow has ended
        ("idle_ns", SPANS),
        ("silences", np.int64),
        ("active_since_ns", np.int64),
        ("first_frame", np.int64),
        ("out_of_order", np.int64),  # packets whose time lies before another's seen before
        ("subflows", np.uint32),
        ("was_turned", np.uint8),  # the first packet seen was an answer
        ("is_midstream", np.uint8),  # TCP without its SYN
        ("is_continued", np.uint8),  # begun because the one before it was cut by time
        ("n_tunnels", np.uint8),
        ("icmp_type", np.uint8),
        ("icmp_code", np.uint8),
        ("windows_first", np.uint16, (2,)),  # as sides
        ("seldom", SELDOM, (2,)),  # as sides
        ("first_sides", np.uint32),  # a bit for each of the first packets; 1: backward
        ("first_sizes", np.uint32, (MAX_FIRST,)),
        ("first_gaps_us", np.uint32, (MAX_FIRST,)),
        ("unused", np.int64),  # so that the next flow begins with a line of the cache
    ],
    align=True,
)
"""One flow.

While it is under way its sides are those of its ends: first what comes from the one that sorts
first, which a packet tells by itself. Once it has ended they are `FORWARD` and `BACKWARD`.
"""

FORWARD, BACKWARD = 0, 1


class Ended(IntEnum):
    """Why a flow came to its end."""

    OPEN = 0
    FIN = 1
    RST = 2
    IDLE = 3
    ACTIVE = 4
    EVICTED = 5
    CAPTURE = 6


ENDED = {
    Ended.FIN: "fin",
    Ended.RST: "rst",
    Ended.IDLE: "idle",
    Ended.ACTIVE: "active",
    Ended.EVICTED: "evicted",
    Ended.CAPTURE: "capture",
}
"""As it is told in the column ``end_reason``."""
