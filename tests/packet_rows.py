"""Packets of the slow way as rows of the fast one, so that both can follow the same stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.packets.layout import PACKET, Fragment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fast_flows import Packets
    from slow_flows.packets import Packet


def rows_of(stream: Sequence[Packet]) -> tuple[Packets, Packets]:
    """(n,) `PACKET`, and the buffer that their payloads lie in."""
    rows = np.zeros(len(stream), dtype=PACKET)
    buffer = b"".join(packet.payload for packet in stream)
    at = 0
    for row, packet in zip(rows, stream, strict=True):
        for name in PACKET.names or ():
            if hasattr(packet, name):
                row[name] = getattr(packet, name)
        for end in ("source", "destination"):
            address = int.from_bytes(getattr(packet, end))
            row[f"{end}_high"], row[f"{end}_low"] = address >> 64, address & (1 << 64) - 1
        row["payload_at"], row["payload_captured"] = at, len(packet.payload)
        at += len(packet.payload)
        if packet.is_later:
            row["fragment"] = Fragment.ORPHAN if packet.is_orphan else Fragment.LATER
        elif packet.is_fragment:
            row["fragment"] = Fragment.FIRST
    return rows, np.frombuffer(buffer or b"\0", dtype=np.uint8)
