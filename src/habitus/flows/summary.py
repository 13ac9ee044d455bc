"""What is in captures, without making flows of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from habitus.files.named import total_bytes
from habitus.flows.captures import captures_in, files_named, records_of, refuse_none
from habitus.flows.protocols import NAMES
from habitus.flows.report import CaptureReport
from habitus.packets.layout import Status
from habitus.packets.packets import Dissector
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.files.named import Named

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
            **self.report.left_out(),
        }


def link_name(link: int) -> str:
    """A link's name, or its number."""
    return LINKS.get(link, f"type {link}")


def protocol_name(version: int, protocol: int) -> str:
    """A protocol's name, or its number, and over which IP it goes."""
    return f"{NAMES.get(protocol, f'protocol {protocol}')} over IPv{version}"


def summary_of(paths: Named, *, outer: bool = False, progress: Progress = SILENT) -> CaptureSummary:
    """Look at captures, damaged ones as far as they are sound.

    Args:
        paths: captures, folders and archives of them, or ``-`` for standard input; or one of these.
        outer: look at the packets that carry tunnels, not at those inside.

    Raises:
        InputError: at once if something named is not there; in the end if no capture could be read.
    """
    found = CaptureSummary()
    report = found.report
    files = files_named(paths, report)
    progress.stage("reading packets", total_bytes(files))
    for path in files:
        for file in captures_in(path, report, progress.advance):
            dissector = Dissector(outer=outer)
            for batch in records_of(file, report):
                found.count(dissector.packets(batch))
            report.packets.add(dissector.counts)
    refuse_none(report)
    return found
