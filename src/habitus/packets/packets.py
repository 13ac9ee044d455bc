"""`Dissector`: makes packets of records, and counts what could not be read and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from habitus.compiled import hash_multiplier, rows
from habitus.packets import tally_kernels as counting
from habitus.packets.capture import BATCH_RECORDS
from habitus.packets.dissect_kernels import dissect
from habitus.packets.layout import PACKET, REASONS, Status
from habitus.packets.table_kernels import EMPTY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.packets.capture import RecordBatch

FRAGMENTS = 1 << 14
"""Fragmented packets whose ports are remembered at a time."""
_FRAGMENT = np.dtype(
    [("source_port", np.uint16), ("destination_port", np.uint16), ("protocol", np.uint8)],
    align=True,
)
_ETHERTYPES = {
    0x0806: "ARP", 0x8035: "RARP", 0x888E: "802.1X", 0x88CC: "LLDP", 0x8863: "PPPoE discovery",
    0x88E5: "MACsec", 0x8809: "slow protocols", 0x8137: "IPX", 0x809B: "AppleTalk",
}  # fmt: skip


@dataclass
class PacketCounts:
    """What came of the packets of some captures.

    Attributes:
        n_packets, n_bytes: all of them, and their bytes on the wire.
        n_ok: those that belong to a flow.
        reasons: why the others do not.
        links: how many came by each type of link.
        n_fragments: those that are part of an IP packet; ``n_orphans`` whose first part was not
            seen before, so that their ports are told as 0.
        n_inside: those that were taken out of tunnels; ``n_unopened`` tunnels held none.
        n_cut: those of which the capture holds only the beginning.
        first_ns, last_ns: the earliest and latest time.
    """

    n_packets: int = 0
    n_bytes: int = 0
    n_ok: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    links: Counter[int] = field(default_factory=Counter)
    n_fragments: int = 0
    n_orphans: int = 0
    n_inside: int = 0
    n_unopened: int = 0
    n_cut: int = 0
    first_ns: int | None = None
    last_ns: int | None = None

    def record(self) -> dict[str, Any]:
        """The same as plain values, but for links."""
        return {
            "n_packets": self.n_packets, "n_bytes": self.n_bytes, "n_ok": self.n_ok,
            "reasons": dict(self.reasons.most_common()), "n_fragments": self.n_fragments,
            "n_orphans": self.n_orphans, "n_inside": self.n_inside, "n_unopened": self.n_unopened,
            "n_cut": self.n_cut, "first_ns": self.first_ns, "last_ns": self.last_ns,
        }  # fmt: skip

    def add(self, other: PacketCounts) -> None:
        """Count another's with these."""
        for name in (
            "n_packets", "n_bytes", "n_ok", "n_fragments", "n_orphans", "n_inside", "n_unopened",
            "n_cut",
        ):  # fmt: skip
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.reasons += other.reasons
        self.links += other.links
        self.see_times(other.first_ns, other.last_ns)

    def see_times(self, first: int | None, last: int | None) -> None:
        """Widen the time that packets are of."""
        if first is not None and last is not None:
            self.first_ns = first if self.first_ns is None else min(first, self.first_ns)
            self.last_ns = last if self.last_ns is None else max(last, self.last_ns)


class Dissector:
    """Makes packets of records.

    Args:
        outer: take the packets that carry tunnels, not those inside.
    """

    def __init__(self, *, outer: bool = False) -> None:
        self.counts = PacketCounts()
        self._outer = outer
        self._packets = rows(BATCH_RECORDS, PACKET)
        self._spare = rows(1, PACKET)
        self._tallies = np.zeros(counting.N_TALLIES, dtype=np.int64)
        self._fragments = (
            rows(FRAGMENTS, _FRAGMENT),
            np.zeros(FRAGMENTS, dtype=np.uint64),
            np.full(4 * FRAGMENTS, EMPTY, dtype=np.int32),
            np.zeros(1, dtype=np.int64),
        )

    def packets(self, batch: RecordBatch) -> NDArray[np.void]:
        """(n,) `PACKET`: those of a batch; valid until the next."""
        n = len(batch.records)
        packets = self._packets[:n]
        self.counts.n_unopened += dissect(
            batch.data, batch.records, n, batch.first_frame, not self._outer,
            np.uint64(hash_multiplier()), self._fragments, self._spare, packets,
        )  # fmt: skip
        self._count(batch.records, packets)
        return packets

    def _count(self, records: NDArray[np.void], packets: NDArray[np.void]) -> None:
        counts, found = self.counts, self._tallies
        if not len(packets):
            return
        counting.tally(records, packets, len(packets), found)
        counts.n_packets += len(packets)
        counts.n_bytes += int(found[counting.N_BYTES])
        counts.n_ok += int(found[counting.N_OK])
        counts.n_fragments += int(found[counting.N_FRAGMENTS])
        counts.n_orphans += int(found[counting.N_ORPHANS])
        counts.n_inside += int(found[counting.N_INSIDE])
        counts.n_cut += int(found[counting.N_CUT])
        counts.see_times(int(found[counting.FIRST_NS]), int(found[counting.LAST_NS]))
        if found[counting.N_OTHER_LINKS]:
            for link, n in zip(*np.unique(records["link"], return_counts=True), strict=True):
                counts.links[int(link)] += int(n)
        else:
            counts.links[int(records["link"][0])] += len(records)
        if found[counting.N_OK] < len(packets):
            self._count_reasons(packets)

    def _count_reasons(self, packets: NDArray[np.void]) -> None:
        status, detail = packets["status"].astype(np.int64), packets["detail"]
        codes = ((status << 16) | detail)[status != Status.OK]
        for code, n in zip(*np.unique(codes, return_counts=True), strict=True):
            self.counts.reasons[_reason(int(code) >> 16, int(code) & 0xFFFF)] += int(n)


def _reason(status: int, detail: int) -> str:
    told = REASONS[Status(status)]
    if status == Status.NOT_IP and detail:
        named = _ETHERTYPES.get(detail)
        return f"{told}: {named or f'type 0x{detail:04x}'}"
    if status == Status.LINK_UNKNOWN:
        return f"{told}: type {detail}"
    return told
