"""Who talks to whom in every frame of the test captures, beside tshark's dissection.

Of each frame: the transport, addresses and ports of the innermost IP packet, but not of what an
ICMP error quotes. tshark must be on the path.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from common import table, write_page

from habitus.errors import InputError
from habitus.files.inputs import open_inputs
from habitus.packets.capture import is_capture, read_records
from habitus.packets.layout import REASONS, Fragment, Status
from habitus.packets.packets import Dissector

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TRANSPORTS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp"}
WITH_PORTS = ("tcp", "udp", "sctp")
FIELDS = (
    "frame.number", "frame.protocols", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst",
    *(f"{transport}.{side}port" for transport in WITH_PORTS for side in ("src", "dst")),
)  # fmt: skip
WHY = {
    "addresses": "a tunnel that is not opened here (CAPWAP, AYIYA, GTP', sFlow's samples), or "
    "Teredo's bubbles, in which nothing is carried",
    "unread": "headers that are broken or cut off: tshark tells what is left of them",
    "tshark": "tshark's addresses and layers do not match (Cisco FabricPath)",
}


class Ends(NamedTuple):
    """Who talks to whom; None of the ports where they are not told."""

    transport: str | None
    source: IPv4Address | IPv6Address
    destination: IPv4Address | IPv6Address
    ports: tuple[int, int] | None


@dataclass
class Compared:
    """What came of one capture's frames: how many are the same, or differ in what."""

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


def theirs(path: Path) -> Iterator[tuple[int, Ends | str | None]]:
    """By frame what tshark says: None if it is not IP, ``odd`` if it contradicts itself."""
    call = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=a", "-E",
            "aggregator=,", "-E", "separator=;"]  # fmt: skip
    for option in ("ip.defragment", "ipv6.defragment", "tcp.desegment_tcp_streams"):
        call += ["-o", f"{option}:FALSE"]
    for name in FIELDS:
        call += ["-e", name]
    ran = subprocess.run(call, capture_output=True, text=True, errors="replace", check=False)
    for line in ran.stdout.splitlines():
        cells = dict(zip(FIELDS, line.split(";"), strict=False))
        if len(cells) == len(FIELDS):
            yield int(cells["frame.number"]), _innermost(cells)


def _innermost(cells: dict[str, str]) -> Ends | str | None:
    layers = cells["frame.protocols"].split(":")
    quoted = next((i for i, layer in enumerate(layers) if layer in {"icmp", "icmpv6"}), None)
    layers = layers if quoted is None else layers[: quoted + 1]
    places = [i for i, layer in enumerate(layers) if layer in {"ip", "ipv6"}]
    if not places:
        return None
    kind, at = layers[places[-1]], places[-1]
    nth = sum(layers[i] == kind for i in places) - 1
    try:
        source, destination = (
            ip_address(cells[f"{kind}.{side}"].split(",")[nth]) for side in ("src", "dst")
        )
    except (IndexError, ValueError):
        return "odd"
    transport = next((one for one in layers[at + 1 :] if one in TRANSPORTS.values()), None)
    ports: tuple[int, int] | None = (0, 0)
    if transport in WITH_PORTS:
        nth = layers[: layers.index(transport, at) + 1].count(transport) - 1
        told = [cells[f"{transport}.{side}port"].split(",") for side in ("src", "dst")]
        sound = all(len(one) > nth and one[nth] for one in told)
        ports = (int(told[0][nth]), int(told[1][nth])) if sound else None
    return Ends(transport, source, destination, ports)


def ours(path: Path) -> dict[int, tuple[Ends | None, int, int]]:
    """By frame: who talks to whom, the status, and which part of an IP packet it is."""
    dissector, found = Dissector(), {}
    try:
        for file in open_inputs(path, on_skip=lambda *_: None):
            for batch in read_records(file.stream, str(path)):
                for packet in dissector.packets(batch):
                    is_read = packet["status"] == Status.OK
                    found[int(packet["frame"])] = (
                        _ends(packet) if is_read else None, int(packet["status"]),
                        int(packet["fragment"]),
                    )  # fmt: skip
    except InputError:  # what stands before the damage is compared
        pass
    return found


def _ends(packet: Any) -> Ends:
    def address(side: str) -> IPv4Address | IPv6Address:
        high, low = int(packet[f"{side}_high"]), int(packet[f"{side}_low"])
        return IPv4Address(low) if packet["version"] == 4 else IPv6Address(high << 64 | low)

    transport = TRANSPORTS.get(int(packet["protocol"]))
    has_ports = transport in WITH_PORTS
    ports = (int(packet["source_port"]), int(packet["destination_port"])) if has_ports else (0, 0)
    return Ends(transport, address("source"), address("destination"), ports)


def compare(path: Path) -> Compared:
    """Each frame of a capture."""
    found, compared = ours(path), Compared()
    for frame, their in theirs(path):
        if frame not in found:
            continue  # behind the damage of a capture, which tshark steps over
        our, status, fragment = found[frame]
        if their is None:
            word = "not IP" if our is None else "IP here alone"
        elif our is None:
            word = "unread"
            compared.reasons[REASONS[Status(status)]] += 1
        elif isinstance(their, str):
            word = "tshark"
        elif our[1:3] != their[1:3]:
            word = "addresses"
        elif fragment in {Fragment.LATER, Fragment.ORPHAN} or their.transport is None:
            word = "same addresses, no ports"
        else:
            is_same = our[0] == their[0] and their.ports in {None, our.ports}
            word = "same" if is_same else "ports"
        compared.counts[word] += 1
    return compared


def main() -> None:
    """Compare all captures, and write the page."""
    named = os.environ.get("HABITUS_TEST_DATA")
    if not named or not (Path(named) / "pcap").is_dir():
        sys.exit("HABITUS_TEST_DATA must name the folder that holds pcap/")
    folder = Path(named) / "pcap"
    total, rows, n_captures = Counter[str](), [], 0
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        first = next(iter(open_inputs(path, on_skip=lambda *_: None)), None)
        if first is None or not is_capture(first.head()):
            continue
        n_captures += 1
        compared = compare(path)
        total += compared.counts
        wrong = {word: n for word, n in compared.counts.items() if word in {*WHY, "ports"}}
        for word, n in wrong.items():
            told = ", ".join(compared.reasons) if word == "unread" else ""
            rows.append((str(path.relative_to(folder)), str(n), word + (told and f": {told}")))
            print(*rows[-1], flush=True)
    write_page("frame_endpoints", page(n_captures, total, rows), "frame_endpoints.py")


def page(n_captures: int, total: Counter[str], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The page's lines."""
    n = total.total()
    n_wrong = sum(int(row[1]) for row in rows)
    return [
        "# Frame by frame beside tshark",
        "",
        f"Of {n:,} frames in {n_captures} captures the transport, addresses and ports of the "
        f"innermost packet are those that tshark finds, or neither finds IP, but for {n_wrong}. "
        f"Of {total['same addresses, no ports']:,} the addresses alone are compared: later "
        "fragments, whose ports tshark does not tell, and protocols without ports.",
        "",
        *(f"- {word}: {why}" for word, why in WHY.items()),
        "",
        *table(("capture", "frames", "what differs"), rows),
    ]


if __name__ == "__main__":
    main()
