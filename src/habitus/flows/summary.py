"""What is in captures, without making flows of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from habitus.errors import InputError
from habitus.files.inputs import input_bytes, open_inputs
from habitus.flows.report import CaptureReport
from habitus.packets.capture import is_capture, read_records
from habitus.packets.layout import Status
from habitus.packets.packets import Dissector
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

PROTOCOLS = {
    1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 33: "DCCP", 47: "GRE", 50: "ESP", 58: "ICMPv6",
    88: "EIGRP", 89: "OSPF", 103: "PIM", 112: "VRRP", 132: "SCTP", 135: "Mobile IPv6",
    136: "UDP-Lite",
}  # fmt: skip
LINKS = {
    0: "null", 1: "Ethernet", 9: "PPP", 10: "FDDI", 12: "raw IP", 14: "raw IP", 50: "PPP in HDLC",
    51: "PPPoE", 101: "raw IP", 104: "Cisco HDLC", 105: "802.11", 108: "loop",
    113: "Linux cooked", 119: "Prism", 127: "radiotap", 163: "AVS", 192: "PPI",
    228: "raw IPv4", 229: "raw IPv6", 230: "802.15.4", 239: "NFLOG", 276: "Linux cooked v2",
}  # fmt: skip


@dataclass
class CaptureSummary:
    """What is in captures.

    Attributes:
        report: counts of packets, and of what could not be read.
        protocols: packets by version of IP and number of the protocol.
        n_vlan: packets with a VLAN tag.
    """

    report: CaptureReport = field(default_factory=CaptureReport)
    protocols: Counter[tuple[int, int]] = field(default_factory=Counter)
    n_vlan: int = 0

    def count(self, packets: NDArray[np.void]) -> None:
        """More packets, those that could not be read among them."""
        good = packets[packets["status"] == Status.OK]
        self.n_vlan += int(np.count_nonzero(good["vlan"]))
        told = good["version"].astype(np.int64) * 256 + good["protocol"]
        for key, count in zip(*np.unique(told, return_counts=True), strict=True):
            self.protocols[int(key) >> 8, int(key) & 255] += int(count)

    def record(self) -> dict[str, Any]:
        """The same as plain values."""
        packets = self.report.packets
        return {
            "n_captures": self.report.n_captures,
            **packets.record(),
            "links": {link_name(link): count for link, count in packets.links.most_common()},
            "protocols": {
                protocol_name(*key): count for key, count in self.protocols.most_common()
            },
            "n_vlan": self.n_vlan,
            "damaged": self.report.damaged,
            "skipped": self.report.skipped,
        }


def link_name(link: int) -> str:
    """A link's name, or its number."""
    return LINKS.get(link, f"type {link}")


def protocol_name(version: int, protocol: int) -> str:
    """A protocol's name, or its number, and over which IP it goes."""
    return f"{PROTOCOLS.get(protocol, f'protocol {protocol}')} over IPv{version}"


def summary_of(
    paths: Sequence[str | os.PathLike[str]], *, outer: bool = False, progress: Progress = SILENT
) -> CaptureSummary:
    """Look at captures.

    Args:
        paths: captures, folders and archives of them, or ``-`` for standard input.
        outer: look at the packets that carry tunnels, not at those inside.

    Raises:
        InputError: if there is no capture in what is named.
    """
    found = CaptureSummary()
    report = found.report
    sizes = [input_bytes(path) for path in paths]
    progress.stage("reading packets", None if None in sizes else sum(map(int, filter(None, sizes))))
    for path in paths:
        for file in open_inputs(path, on_skip=report.add_skipped, on_bytes=progress.advance):
            if not is_capture(file.head()):
                report.add_skipped(file.source, "no capture (pcap or pcapng)")
                continue
            dissector = Dissector(outer=outer)
            report.n_captures += 1
            try:
                for batch in read_records(file.stream, file.source):
                    found.count(dissector.packets(batch))
            except InputError as error:
                report.add_damaged(error)
            report.packets.add(dissector.counts)
    if not report.n_captures:
        told = report.skipped[0] if report.skipped else f"{paths[0]}: nothing to read"
        raise InputError(f"no capture is among what was named ({told})")
    return found
