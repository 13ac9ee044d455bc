"""What CICFlowMeter's columns mean, of its Java program and of the port to Python.

Names are keys (`habitus.flows.formats.cicflowmeter.key`): of 2017 (``Total Fwd Packets``), of 2018
(``Tot Fwd Pkts``) and of 2019 on (``Total Fwd Packet``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.flows.formats.mapping import TCP, Mapped
from habitus.flows.layout import FLAGS

if TYPE_CHECKING:
    from habitus.flows.formats.cells import Reads

_ONCE = "of versions that walk a hash map, numbers stand under one another's names"
_ACTIVE = "a time of activity of one packet does not count for them, and the last may be missing"
_IDLE = "gaps above 5 s; of a flow that ends by timeout also what was left of it"


def _named(*names: str) -> tuple[str, ...]:
    return names


def _moments(
    ours: str, unit: str, theirs: tuple[str, ...], reads: Reads, needs: str | tuple[()], least: int,
    parts: tuple[str, ...] = ("mean", "std", "min", "max"),
) -> tuple[Mapped, ...]:  # fmt: skip
    """Four numbers whose names differ in the part alone."""
    return tuple(
        Mapped(
            f"{ours}_{part}_{unit}", tuple(name.format(part) for name in theirs), reads,
            needs=needs, at_least=least + (part == "std"),
        )
        for part in parts
    )  # fmt: skip


_IDENTITY = (
    Mapped("source_ip", _named("srcip", "sourceip"), "address"),
    Mapped("source_port", _named("srcport", "sourceport"), "port"),
    Mapped("destination_ip", _named("dstip", "destinationip"), "address"),
    Mapped("destination_port", _named("dstport", "destinationport"), "port"),
    Mapped("protocol", _named("protocol"), "protocol"),
    Mapped("start_ns", _named("timestamp"), "date",
           note="whole seconds by the clock of the machine that ran it, read as UTC; old versions "
           "write 12 hours without AM or PM, so that afternoons read as mornings"),
    Mapped("label", _named("label"), "text", note="`NeedManualLabel`, `No Label` as they are"),
)  # fmt: skip
_COUNTS = (
    Mapped("duration_us", _named("flowduration"), "number",
           note="us; below zero where a clock went back, then null"),
    Mapped("forward_packets", _named("totfwdpkts", "totalfwdpackets", "totalfwdpacket")),
    Mapped("backward_packets", _named("totbwdpkts", "totalbackwardpackets", "totalbwdpackets")),
    Mapped("forward_duration_us", _named("fwdiattot", "fwdiattotal"), "number",
           needs="forward_packets", note="us; the sum of its gaps"),
    Mapped("backward_duration_us", _named("bwdiattot", "bwdiattotal"), "number",
           needs="backward_packets", note="us; the sum of its gaps"),
)  # fmt: skip
_FLAGS = tuple(
    Mapped(f"{flag}_packets", _named(f"{flag}flagcnt", f"{flag}flagcount",
                                     *(["cweflagcount"] if flag == "cwr" else [])),
           needs=TCP, note=_ONCE)
    for flag in FLAGS
)  # fmt: skip

JAVA = (
    *_IDENTITY,
    *_COUNTS,
    Mapped("forward_payload_bytes", _named("totlenfwdpkts", "totallengthoffwdpackets",
                                           "totallengthoffwdpacket"), note="of payload"),
    Mapped("backward_payload_bytes", _named("totlenbwdpkts", "totallengthofbwdpackets",
                                            "totallengthofbwdpacket"), note="of payload"),
    *_moments("forward_payload", "bytes", ("fwdpktlen{}", "fwdpacketlength{}"), "number",
              "forward_packets", 1),
    *_moments("backward_payload", "bytes", ("bwdpktlen{}", "bwdpacketlength{}"), "number",
              "backward_packets", 1),
    *_moments("payload", "bytes", ("pktlen{}", "packetlength{}", "{}packetlength"), "number",
              (), 1, ("min", "max")),
    *_moments("gap", "us", ("flowiat{}",), "number", "packets", 2),
    *_moments("forward_gap", "us", ("fwdiat{}",), "number", "forward_packets", 2),
    *_moments("backward_gap", "us", ("bwdiat{}",), "number", "backward_packets", 2),
    Mapped("forward_header_bytes", _named("fwdheaderlen", "fwdheaderlength"),
           note="below zero in some files of CIC-IDS2017, then null"),
    Mapped("backward_header_bytes", _named("bwdheaderlen", "bwdheaderlength")),
    Mapped("forward_header_min_bytes", _named("fwdsegsizemin", "minsegsizeforward"),
           needs="forward_packets"),
    Mapped("forward_payload_packets", _named("fwdactdatapkts", "actdatapktfwd"),
           note="the flow's first packet does not count, even if it carries something"),
    Mapped("forward_window_first_bytes", _named("initfwdwinbyts", "initwinbytesforward",
                                                "fwdinitwinbytes"),
           needs=(TCP, "forward_packets"),
           note="-1 for none is null"),
    *_FLAGS,
    *(Mapped(f"active_{part}_us", _named(f"active{part}"), "number", zero_is_null=True,
             note=_ACTIVE) for part in ("mean", "std", "min", "max")),
    *(Mapped(f"idle_{part}_us", _named(f"idle{part}"), "number", zero_is_null=True,
             note=_IDLE) for part in ("mean", "std", "min", "max")),
)  # fmt: skip

_PORT_NOTE = "whole frames, where the Java program counts payload"
PORT = (
    *_IDENTITY,
    *_COUNTS,
    Mapped("forward_raw_bytes", _named("totlenfwdpkts"), note=_PORT_NOTE),
    Mapped("backward_raw_bytes", _named("totlenbwdpkts"), note=_PORT_NOTE),
    *_moments("raw", "bytes", ("pktlen{}",), "number", (), 1),
    *_moments("forward_raw", "bytes", ("fwdpktlen{}",), "number", "forward_packets", 1),
    *_moments("backward_raw", "bytes", ("bwdpktlen{}",), "number", "backward_packets", 1),
    # Of fewer than two gaps it writes 0, so that three packets are the least.
    *_moments("gap", "us", ("flowiat{}",), "number", "packets", 3),
    *_moments("forward_gap", "us", ("fwdiat{}",), "number", "forward_packets", 3),
    *_moments("backward_gap", "us", ("bwdiat{}",), "number", "backward_packets", 3),
    Mapped("forward_payload_packets", _named("fwdactdatapkts")),
    *(one for one in _FLAGS if one.ours != "cwr_packets"),
)  # fmt: skip
"""Of the port to Python (github.com/hieulw/cicflowmeter)."""

NOT_READ = {
    "Flow ID": "says the same as the columns behind it",
    "Flow Byts/s, Flow Pkts/s, Fwd Pkts/s, Bwd Pkts/s, Fwd Seg Size Avg, Bwd Seg Size Avg":
        "made anew of counts and times; theirs is Infinity or NaN where a flow lasted no time",
    "Pkt Len Mean, Pkt Len Std, Pkt Len Var, Pkt Size Avg":
        "the first packet counts twice in them; the mean is made anew of sums and counts",
    "Down/Up Ratio": "cut to a whole number; made anew",
    "Fwd PSH Flags, Bwd PSH Flags, Fwd URG Flags, Bwd URG Flags":
        "of the first packet alone in versions that are in use",
    "Init Bwd Win Byts": "the window of the last backward packet, not of the first",
    "Fwd Byts/b Avg and five more of bulks":
        "directions are compared by identity of objects, so that most packets count as backward",
    "Subflow Fwd Pkts and three more": "every packet begins a subflow, by a slip in a bracket",
    "of the port to Python: header lengths, windows, active, idle, subflows, cwe_flag_count":
        "IP headers in place of transport's; last in place of first; times mixed with gaps; copies",
}  # fmt: skip
