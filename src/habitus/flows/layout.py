"""What is kept of a flow while its packets come: one row of numbers, the same for all flows."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

MAX_FIRST = 20
"""Packets from the beginning of a flow whose sizes, directions and gaps can be kept."""
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
BULK_PACKETS = 4
"""Packets with payload in one direction, none the other way between, that make a bulk."""

SIZES = np.dtype([("squares", np.float64), ("low", np.uint32), ("high", np.uint32)])
"""Of sizes, one for each packet: the sum of their squares, and their ends.

Sizes are whole numbers, so that this sum is exact up to 2**53: with its plain sum, which stands
beside it, it gives a spread without any rounding on the way.
"""

SPANS = np.dtype(
    [("center", np.float64), ("m2", np.float64), ("low", np.int64), ("high", np.int64),
     ("n", np.int64)]
)  # fmt: skip
"""Of spans of time in nanoseconds, with their number."""

DIRECTION = np.dtype(
    [
        ("packets", np.int64),
        ("raw_bytes", np.int64),
        ("ip_bytes", np.int64),
        ("transport_bytes", np.int64),
        ("payload_bytes", np.int64),
        ("first_ns", np.int64),
        ("last_ns", np.int64),
        ("raw", SIZES),
        ("ip", SIZES),
        ("payload", SIZES),
        ("gap_ns", SPANS),
        ("entropy_bits", np.float64),  # of what was looked at of payloads, all together
        ("entropy_bytes", np.int64),
        ("window_sum", np.int64),
        ("bulk_bytes", np.int64),
        ("bulk_ns", np.int64),
        ("bulks", np.uint32),
        ("bulk_packets", np.uint32),
        ("payload_packets", np.uint32),
        ("fragments", np.uint32),
        ("tcp_packets", np.uint32),  # those with a header of TCP
        ("flag_counts", np.uint32, (8,)),
        ("window_first", np.int32),  # -1: no packet of TCP
        ("window_min", np.uint16),
        ("window_max", np.uint16),
        ("header_min", np.uint16),  # of transport
        ("ttl_min", np.uint8),
        ("ttl_max", np.uint8),
    ],
    align=True,
)
"""One direction of a flow."""

FLOW = np.dtype(
    [
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
        ("was_turned", np.uint8),  # the first packet seen was an answer
        ("is_midstream", np.uint8),  # TCP without its SYN
        ("is_continued", np.uint8),  # begun because the one before it was cut by time
        ("ended", np.uint8),  # see `Ended`
        ("fins", np.uint8),  # bit 0: forward, bit 1: backward
        ("n_tunnels", np.uint8),
        ("icmp_type", np.uint8),
        ("icmp_code", np.uint8),
        ("bulk_side", np.int8),  # whose bulk may be under way; -1: none
        ("first_ns", np.int64),
        ("last_ns", np.int64),  # the latest, not that of the packet seen last
        ("first_frame", np.int64),
        ("last_frame", np.int64),
        ("out_of_order", np.int64),  # packets whose time lies before another's seen before
        ("gap_ns", SPANS),
        ("active_ns", SPANS),
        ("idle_ns", SPANS),
        ("active_since_ns", np.int64),
        ("bulk_since_ns", np.int64),
        ("bulk_last_ns", np.int64),
        ("bulk_size", np.int64),
        ("bulk_n", np.uint32),
        ("subflows", np.uint32),
        ("first_sides", np.uint32),  # a bit for each of the first packets; 1: backward
        ("first_sizes", np.uint32, (MAX_FIRST,)),
        ("first_gaps_us", np.uint32, (MAX_FIRST,)),
        ("sides", DIRECTION, (2,)),  # forward, backward
    ],
    align=True,
)
"""One flow under way."""

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
