"""How many flows and packets are found, beside tshark's conversations and NFStream's flows.

tshark must be on the path; NFStream is looked for in the interpreter that NFSTREAM_PYTHON names
(by default this one).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
from common import write_table

from habitus.flows.extracting import extract_flows
from habitus.flows.tracker import TrackSettings

NEVER = TrackSettings(by_flags=False, idle_s=1e6, active_s=1e7)
LIKE_NFSTREAM = TrackSettings(by_flags=False, idle_s=120, active_s=1800)
CAPTURES = (
    "ndpi/gnutella.pcap", "ndpi/bittorrent.pcap", "ndpi/zoom.pcap", "ndpi/reddit.pcap",
    "ndpi/netflix.pcap", "ndpi/teams.pcap", "ndpi/starcraft_battle.pcap", "ndpi/ethereum.pcap",
    "ndpi/synscan.pcap", "ndpi/WebattackRCE.pcap", "ndpi/instagram.pcap", "ndpi/nintendo.pcap",
    "ndpi/telegram_videocall.pcapng", "ndpi/6in4tunnel.pcap", "ndpi/teredo.pcap",
    "ndpi/viber.pcap", "ndpi/vnc.pcap", "ndpi/dnscrypt-v1-and-resolver-pings.pcap",
    "slips/malicious-ssh-bruteforce.pcap", "slips/test12-icmp-portscan.pcap",
    "slips/test-cc-capture-2.pcap", "vxlan.pcap", "geneve-47101.pcap", "pppoe-over-qinq.pcap",
    "mpls-in-vlan.pcap", "gtp2_different_udp_port.pcap", "fuzz-2020-02-16-11740.pcap",
    "gre-aruba.pcap", "skype-conference-call.pcap", "snapchat_call_v1.pcapng",
)  # fmt: skip
WHY = {
    "vnc.pcap": "tshark begins a conversation at each new SYN, though nothing closed the last",
    "dnscrypt-v1-and-resolver-pings.pcap": "NFStream leaves out the 120 later fragments",
    "vxlan.pcap": "NFStream does not open VXLAN: it counts the flows that carry it",
    "gre-aruba.pcap": "NFStream does not open GRE",
    "gtp2_different_udp_port.pcap": "42 packets are first fragments of what carries a tunnel: ours "
    "are packets of the tunnel, tshark looks inside them, NFStream leaves them out",
    "fuzz-2020-02-16-11740.pcap": "later fragments without their first: flows without ports here; "
    "neither of the others counts them as UDP",
}
TRANSPORTS = {"tcp", "udp", "icmp", "icmpv6"}
NFSTREAM = """
import json, sys
from nfstream import NFStreamer
if __name__ == "__main__":
    found = {}
    for name in sys.argv[1:]:
        flows = [flow.bidirectional_packets for flow in NFStreamer(
            source=name, n_meters=1, n_dissections=0, decode_tunnels=True,
            idle_timeout=120, active_timeout=1800)]
        found[name] = [len(flows), sum(flows)]
    print(json.dumps(found))
"""


def captures() -> list[Path]:
    """Those of the list that are there."""
    named = os.environ.get("HABITUS_TEST_DATA")
    if not named or not (Path(named) / "pcap").is_dir():
        sys.exit("HABITUS_TEST_DATA must name the folder that holds pcap/")
    folder = Path(named) / "pcap"
    found = []
    for name in CAPTURES:
        direct = folder / name
        there = [direct] if direct.is_file() else sorted(folder.rglob(Path(name).name))
        found += there[:1]
    return found


def ours(path: Path, settings: TrackSettings) -> pl.DataFrame:
    """Our flows of a capture."""
    return pl.concat(list(extract_flows([path], settings)))


def tshark(path: Path) -> tuple[int, int]:
    """Conversations of TCP and of UDP, by each packet's innermost transport."""
    command = [
        "tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=l", "-e",
        "frame.protocols", "-e", "tcp.stream", "-e", "udp.stream",
    ]  # fmt: skip
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, set[str]] = {"tcp": set(), "udp": set()}
    for line in lines.splitlines():
        protocols, *streams = line.split("\t")
        carried = [part for part in protocols.split(":") if part in TRANSPORTS]
        # What an ICMP error quotes is no packet of that conversation.
        if carried and not {"icmp", "icmpv6"} & set(carried):
            found[carried[-1]].add(streams[carried[-1] == "udp"])
    return len(found["tcp"]), len(found["udp"])


def nfstream(paths: list[Path]) -> dict[str, tuple[int, int]]:
    """NFStream's flows and their packets, for each capture."""
    python = os.environ.get("NFSTREAM_PYTHON", sys.executable)
    work = Path(__file__).parent / ".work"
    work.mkdir(exist_ok=True)
    script = work / "nfstream_flows.py"
    script.write_text(NFSTREAM)
    command = [python, str(script), *map(str, paths)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, tuple[int, int]] = json.loads(lines.splitlines()[-1])
    return found


def main() -> None:
    paths = captures()
    theirs = nfstream(paths)
    rows: list[tuple[str, ...]] = [(
        "capture", "TCP, tshark", "ours", "UDP, tshark", "ours", "flows, NFStream", "ours",
        "their packets", "ours", "ours by default", "why they differ",
    )]  # fmt: skip
    n_same = 0
    for path in paths:
        whole, like = ours(path, NEVER), ours(path, LIKE_NFSTREAM)
        transport = [int((whole["protocol"] == number).sum()) for number in (6, 17)]
        conversations, (flows, packets) = tshark(path), theirs[str(path)]
        compared = [
            (conversations[0], transport[0]), (conversations[1], transport[1]),
            (flows, len(like)), (packets, int(like["packets"].sum())),
        ]  # fmt: skip
        is_same = all(one == other for one, other in compared)
        n_same += is_same
        why = "" if is_same else WHY.get(path.name, "**not explained**")
        cells = [str(number) for pair in compared for number in pair]
        rows.append((path.name, *cells, str(len(ours(path, TrackSettings()))), why))
    text = (
        f"Of {len(paths)} captures all counts are the same in {n_same}. Beside tshark's "
        "conversations stand our flows with nothing that ends them; beside NFStream's those with "
        "its timeouts (120 s idle, 1800 s active) and no end by FIN or RST, which it does not "
        "have; *by default* we end them by flags, too. Of tshark a packet's innermost TCP or UDP "
        "counts, and nothing that an ICMP error quotes."
    )
    write_table("flow_counts", "Flows and packets, counted by three", text, rows, "flow_counts.py")


if __name__ == "__main__":
    main()
