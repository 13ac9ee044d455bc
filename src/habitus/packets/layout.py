"""The columns of packets, and why one may have none."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

RECORD = np.dtype(
    [
        ("at", np.int64),  # where its bytes begin in the buffer
        ("time_ns", np.int64),
        ("captured", np.uint32),  # bytes that are in the buffer
        ("wire", np.uint32),  # bytes that there were
        ("link", np.int32),  # link type, as IANA's tcpdump registry numbers them
    ],
    align=True,
)
"""One record of a capture file, as it was walked over."""

PACKET = np.dtype(
    [
        ("time_ns", np.int64),
        ("frame", np.int64),  # its number in the capture, from 1
        ("source_high", np.uint64),
        ("source_low", np.uint64),
        ("destination_high", np.uint64),
        ("destination_low", np.uint64),
        ("payload_at", np.int64),  # where the payload begins in the buffer
        ("payload_captured", np.uint32),  # bytes of it that are in the buffer
        ("raw_bytes", np.uint32),  # of the frame on the wire
        ("ip_bytes", np.uint32),  # header and all that it carries
        ("transport_bytes", np.uint32),  # header and payload
        ("payload_bytes", np.uint32),
        ("vlan", np.uint32),  # outer identifier << 12 | inner; 0: none, or priority alone
        ("source_port", np.uint16),
        ("destination_port", np.uint16),
        ("window", np.uint16),
        ("tcp_flags", np.uint8),
        ("protocol", np.uint8),
        ("version", np.uint8),  # of IP: 4 or 6
        ("ttl", np.uint8),  # or hop limit
        ("icmp_type", np.uint8),
        ("icmp_code", np.uint8),
        ("fragment", np.uint8),  # see `Fragment`
        ("n_tunnels", np.uint8),  # opened to get here
        ("status", np.uint8),  # see `Status`
        ("detail", np.uint16),  # what else there is to say of the status
    ],
    align=True,
)
"""One packet. Addresses are 128 bits; of IPv4 they stand in the low 32."""

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))


class Fragment(IntEnum):
    """Which part of an IP packet a packet is."""

    WHOLE = 0
    FIRST = 1
    LATER = 2
    """Has no ports of its own: they are those of the first one."""
    ORPHAN = 3
    """A later one whose first was not seen: its ports are told as 0."""


class Status(IntEnum):
    """What came of reading a packet; only `OK` belongs to a flow."""

    OK = 0
    NOT_IP = 1
    LINK_UNKNOWN = 2
    CUT_OFF = 3
    BAD_LINK = 4
    BAD_IP = 5
    BAD_TRANSPORT = 6
    TOO_DEEP = 7
    ENCRYPTED = 8
    NO_TRANSPORT = 9


REASONS = {
    Status.NOT_IP: "not IP",
    Status.LINK_UNKNOWN: "a link that is not read",
    Status.CUT_OFF: "cut off before its addresses and ports",
    Status.BAD_LINK: "a broken link header",
    Status.BAD_IP: "a broken IP header",
    Status.BAD_TRANSPORT: "a broken transport header",
    Status.TOO_DEEP: "headers within headers beyond all measure",
    Status.ENCRYPTED: "encrypted on the link",
    Status.NO_TRANSPORT: "IP that carries nothing",
}
"""What is told of packets that belong to no flow."""
