"""Whether a table of flows says what the slow way says."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from habitus.packets.layout import Fragment
from slow_flows.features import features_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import polars as pl

    from habitus.flows.tracker import TrackSettings
    from habitus.packets.packets import PacketCounts
    from slow_flows.packets import Packet
    from slow_flows.records import Record
    from slow_flows.tracking import Flow


FIELDS = (
    "time_ns", "frame", "raw_bytes", "ip_bytes", "transport_bytes", "payload_bytes", "vlan",
    "source_port", "destination_port", "window", "tcp_flags", "protocol", "version", "ttl",
    "icmp_type", "icmp_code", "n_tunnels",
)  # fmt: skip


LARGEST_EXACT = 1 << 24
"""No record of a capture holds more bytes; of what claims to be longer, squares are rounded."""


def assert_same_packets(fast: np.ndarray[Any, Any], slow: Sequence[Packet | None]) -> None:
    """Every field of every packet; and the same packets belong to no flow."""
    assert (fast["status"] == 0).tolist() == [packet is not None for packet in slow]
    for row, packet in zip(fast, slow, strict=True):
        if packet is None:
            continue
        assert {name: int(row[name]) for name in FIELDS} == {
            name: getattr(packet, name) for name in FIELDS
        }
        for end in ("source", "destination"):
            address = int(row[f"{end}_high"]) << 64 | int(row[f"{end}_low"])
            assert address == int.from_bytes(getattr(packet, end)), (packet.frame, end)
        assert row["payload_captured"] == len(packet.payload), packet.frame
        assert (row["fragment"] != 0) == packet.is_fragment, packet.frame
        assert (row["fragment"] == Fragment.ORPHAN) == packet.is_orphan, packet.frame


def assert_same_counts(
    counts: PacketCounts, records: Sequence[Record], slow: Sequence[Packet | None]
) -> None:
    """Every packet is of a flow or counted with the reason; fragments and tunnels, too.

    Bytes, links and times are those of all records, also of what belongs to no flow.
    """
    assert counts.n_bytes == sum(record.wire for record in records)
    assert counts.n_cut == sum(len(record.data) < record.wire for record in records)
    assert counts.links == Counter(record.link for record in records)
    assert counts.first_ns == min((record.time_ns for record in records), default=None)
    assert counts.last_ns == max((record.time_ns for record in records), default=None)
    good = [packet for packet in slow if packet is not None]
    assert counts.n_packets == len(slow)
    assert counts.n_ok == len(good)
    assert sum(counts.reasons.values()) == len(slow) - len(good)
    assert counts.n_fragments == sum(packet.is_fragment for packet in good)
    assert counts.n_orphans == sum(packet.is_orphan for packet in good)
    assert counts.n_inside == sum(packet.n_tunnels > 0 for packet in good)
    assert counts.n_unopened == sum(packet.is_unopened for packet in good)


def assert_same(table: pl.DataFrame, flows: Sequence[Flow], settings: TrackSettings) -> None:
    """Feature by feature: whole numbers and texts exactly, others to nine digits."""
    assert table["first_frame"].to_list() == [flow.first.frame for flow in flows]
    for row, flow in zip(table.iter_rows(named=True), flows, strict=True):
        expected = features_of(flow, settings)
        missing = set(row) - set(expected) - {"source_file"}
        assert not missing, f"the slow way lacks {missing}"
        where = f"flow of frame {flow.first.frame}"
        differing = {
            name: (value, expected[name])
            for name, value in row.items()
            if name != "source_file" and not is_same(name, value, expected)
        }
        assert not differing, f"{where}: (fast, slow) of {differing}"


def is_same(name: str, value: Any, expected: dict[str, Any]) -> bool:
    """Whether one feature is."""
    slow = expected[name]
    if not isinstance(value, float):
        return bool(value == slow and type(value) is type(slow))
    if "_std_" not in name or slow is None:
        return slow is not None and math.isclose(value, slow, rel_tol=1e-9)
    largest = expected[name.replace("_std_", "_max_")] or 0
    if name.endswith("_bytes") and largest > LARGEST_EXACT:
        return math.isclose(value**2, slow**2, rel_tol=1e-9, abs_tol=1e-14 * largest**2)
    # A spread much smaller than what it is the spread of has fewer digits.
    return math.isclose(value, slow, rel_tol=1e-9, abs_tol=1e-12 * largest)
