"""Book and capture side by side: every flow that was captured is known, and the other way round."""

from __future__ import annotations

import base64
import hashlib
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracing import RecordingError

from network.book import TCP, UDP
from network.capture import HEADER
from network.namespaces import CLIENTS, MACS, SERVERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from network.book import Flow, Key

COLUMNS = (
    "capture", "community_id", "start_ns", "source_ip", "source_port", "destination_ip",
    "destination_port", "protocol", "label", "activity",
)  # fmt: skip
# What was opened just before the capture ended may not be in it.
LATE_NS = 200_000_000
_ETHERNET_BYTES = 14
_MACS = {bytes.fromhex(mac.replace(":", "")) for mac in MACS.values()}


@dataclass(frozen=True)
class Seen:
    """What a capture holds: its flows, and how many packets."""

    keys: frozenset[Key]
    n_packets: int
    first_ns: int
    last_ns: int


def look_at(content: bytes) -> Seen:
    """The flows of a capture; the initiators are those with an address of a client.

    Raises:
        RecordingError: if a packet is neither TCP nor UDP over IPv4, or not between our addresses.
    """
    keys, times = set(), []
    for time_ns, frame in _records(content):
        kind, version, protocol = struct.unpack_from(">HB8xB", frame, 12)
        if kind != 0x0800 or version != 0x45 or protocol not in {TCP, UDP}:
            raise RecordingError(f"a packet of no flow: {frame[:64].hex()}")
        ends = [socket.inet_ntoa(frame[at : at + 4]) for at in (26, 30)]
        if {*ends} - {*CLIENTS, *SERVERS} or {frame[:6], frame[6:12]} != _MACS:
            raise RecordingError(f"a packet of addresses that are not ours: {frame[:64].hex()}")
        ports = struct.unpack_from(">HH", frame, _ETHERNET_BYTES + 20)
        pairs = list(zip(ends, ports, strict=True))
        if ends[0] in SERVERS:
            pairs.reverse()
        keys.add((protocol, *pairs[0], *pairs[1]))
        times.append(time_ns)
    return Seen(frozenset(keys), len(times), min(times), max(times))


def _records(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = len(HEADER)
    while at < len(content):
        seconds, micro, n_bytes, _ = struct.unpack_from("<IIII", content, at)
        yield seconds * 1_000_000_000 + micro * 1000, content[at + 16 : at + 16 + n_bytes]
        at += 16 + n_bytes


def flows_in(seen: Seen, book: Iterable[Flow]) -> list[Flow]:
    """The entries of a book for the flows of a capture, one each, in the order of opening.

    Raises:
        RecordingError: if a flow is not in the book, or one of the book is missing for no reason.
    """
    entries = {flow.key: flow for flow in book}
    if unknown := seen.keys - set(entries):
        raise RecordingError(f"{len(unknown)} flows that nobody opened, as {min(unknown)}")
    missing = [flow for key, flow in entries.items() if key not in seen.keys]
    if early := [flow for flow in missing if flow.opened_ns < seen.last_ns - LATE_NS]:
        raise RecordingError(f"{len(early)} flows were not captured, as {early[0]}")
    return sorted((entries[key] for key in seen.keys), key=lambda flow: flow.opened_ns)


def community_id(flow: Flow) -> str:
    """Community ID, version 1, seed 0 (github.com/corelight/community-id-spec)."""
    ends = sorted(
        (socket.inet_aton(address), port)
        for address, port in ((flow.client, flow.client_port), (flow.server, flow.server_port))
    )
    (low, low_port), (high, high_port) = ends
    hashed = struct.pack(">H4s4sBxHH", 0, low, high, flow.protocol, low_port, high_port)
    return "1:" + base64.b64encode(hashlib.sha1(hashed).digest()).decode("ascii")


def row(capture: str, flow: Flow) -> dict[str, str | int]:
    """A flow's row in the table of labels, by `COLUMNS`."""
    return {
        "capture": capture, "community_id": community_id(flow), "start_ns": flow.opened_ns,
        "source_ip": flow.client, "source_port": flow.client_port,
        "destination_ip": flow.server, "destination_port": flow.server_port,
        "protocol": flow.protocol, "label": flow.label, "activity": flow.activity,
    }  # fmt: skip
