"""Bytes as packets in time: three bytes of settings, then four bytes for each packet.

What matters to the tracking of flows (whose packet it is, when it came, its flags) takes a few bits
each, so that nearly every change of an input is another stream.
"""

from __future__ import annotations

from functools import cache
from ipaddress import ip_address
from itertools import product

from frames import A6, ACK, B6, FIN, RST, SYN, A, B, C
from habitus.flows.tracker import TrackSettings
from slow_flows.packets import WITH_PORTS, Packet

MS = 1_000_000
STEPS = (0, 0, 1, MS, 300 * MS, 400 * MS, 450 * MS, 500 * MS, 900 * MS, 1100 * MS, 2100 * MS,
         5100 * MS, -1, -700 * MS, -3000 * MS, 10**18)  # fmt: skip
FLAGS = (ACK, SYN, SYN | ACK, FIN | ACK, RST, 0, 0xFF, SYN | FIN)
ENDS = ((A, B, C, "0.0.0.0"), (A6, B6, "::1", "::"))  # noqa: S104 - an address as any other
PROTOCOLS = (6, 6, 6, 17, 1, 58, 132, 47)
HEADERS = {6: 20, 17: 8, 132: 12, 47: 0}
PARTS = ("whole",) * 5 + ("first", "later", "orphan")
LENGTHS = (0, 1, 9, 40)
MAX_NS = 4 * 10**18
_CHOICES = list(
    product((0.5, 2.0), (1.0, 5.0), (0.0, 0.4), (True, False), (0.4, 5.0), (0.3, 1.0), (0, 3, 20),
            (1, 2, 3, 6))
)  # fmt: skip


@cache
def settings_of(choice: int) -> TrackSettings:
    """The settings of a number; every one is as likely as any other."""
    idle, active, linger, by_flags, activity, subflow, first, room = _CHOICES[
        choice % len(_CHOICES)
    ]
    return TrackSettings(
        idle_s=idle, active_s=active, linger_s=linger, by_flags=by_flags, activity_s=activity,
        subflow_s=subflow, first=first, max_flows=room,
    )  # fmt: skip


def stream_of(data: bytes) -> tuple[TrackSettings, int, list[Packet]]:
    """Settings, after how many packets the stream is cut into two parts, and the packets."""
    now, stream = 0, []
    for at in range(3, len(data) - 3, 4):
        now = max(-MAX_NS, min(now + STEPS[data[at] & 15], MAX_NS))
        stream.append(_packet(data[at : at + 4], data, now, len(stream) + 1))
    return settings_of(data[0] << 8 | data[1]), data[2] % (len(stream) + 1), stream


def _packet(told: bytes, data: bytes, now: int, frame: int) -> Packet:
    kind, ends, layers, size = told
    version = 6 if layers & 0x80 else 4
    source, destination = ends & 3, ends >> 2 & 3
    addresses = ENDS[version == 6]
    protocol = PROTOCOLS[layers & 7]
    part = PARTS[layers >> 3 & 7]
    is_later = part in {"later", "orphan"}
    ports = (
        (ends >> 4 & 1, ends >> 5 & 1) if protocol in WITH_PORTS and part != "orphan" else (0, 0)
    )
    # Payloads are parts of the input itself, from anywhere on.
    payload = data[size >> 2 : (size >> 2) + LENGTHS[size & 3]]
    unseen = 7 if payload and layers & 0x40 else 0
    transport = len(payload) + unseen + (0 if is_later else HEADERS.get(protocol, 8))
    tells = protocol == 6 and not is_later
    return Packet(
        now, frame, raw_bytes=transport + 60, vlans=[5] if ends & 0x40 else [],
        n_tunnels=ends >> 7, version=version, protocol=protocol,
        source=ip_address(addresses[source]).packed,
        destination=ip_address(addresses[destination]).packed, source_port=ports[0],
        destination_port=ports[1], ttl=size, ip_bytes=transport + 20, transport_bytes=transport,
        payload_bytes=len(payload) + unseen, payload=payload,
        tcp_flags=FLAGS[kind >> 4 & 7] if tells else 0, window=size << 8 if tells else 0,
        icmp_type=kind >> 4 if protocol in {1, 58} and not is_later else 0,
        is_fragment=part != "whole", is_later=is_later, is_orphan=part == "orphan",
    )  # fmt: skip
