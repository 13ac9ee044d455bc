"""Every feature of a flow from the list of its packets, as its declaration says, by plain sums."""

from __future__ import annotations

import hashlib
import math
from base64 import b64encode
from collections import Counter
from fractions import Fraction
from ipaddress import ip_address
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from slow_flows.tracking import TCP, Endpoint, ends_of, tells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.flows.tracker import TrackSettings
    from slow_flows.packets import Packet
    from slow_flows.tracking import Flow

Values = dict[str, Any]
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
ICMP, ICMP6 = 1, 58


def features_of(flow: Flow, settings: TrackSettings) -> Values:
    """All features of a flow by name; None where undefined."""
    scopes = {
        "": [packet for _, packet in flow.packets],
        "forward_": [packet for way, packet in flow.packets if way],
        "backward_": [packet for way, packet in flow.packets if not way],
    }
    values = identity(flow) | activity(scopes[""], settings) | first_packets(flow, settings)
    for scope, packets in scopes.items():
        values |= volume(scope, packets) | times(scope, packets, values["flow_ns"])
        values |= flags(scope, packets, is_tcp=flow.first.protocol == TCP)
        if scope:
            values |= of_side(scope, packets, is_tcp=flow.first.protocol == TCP)
            values |= bulks(scope, flow, settings)
    looked_at = {scope: entropy(packets) for scope, packets in scopes.items() if scope}
    looked_at[""] = (
        sum(bits for bits, _ in looked_at.values()), sum(n for _, n in looked_at.values())
    )  # fmt: skip
    for scope, (bits, n) in looked_at.items():
        values[f"{scope}payload_entropy"] = bits / n if n else None
    for name in ("packets", "raw_bytes", "payload_bytes"):
        values[f"backward_to_forward_{name}"] = divided(
            values[f"backward_{name}"], values[f"forward_{name}"]
        )
    return values


def divided(above: float, below: float) -> float | None:
    """A quotient, or None where it is undefined."""
    return above / below if below else None


def moments(values: Sequence[int], scale: int = 1) -> tuple[float | None, ...]:
    """Mean, sample standard deviation, least and largest."""
    n = len(values)
    if not n:
        return None, None, None, None
    mean = Fraction(sum(values), n)
    std = None
    if n > 1:
        squares = n * sum(value * value for value in values) - sum(values) ** 2
        std = math.sqrt(Fraction(squares, n * (n - 1))) / scale
    return float(mean) / scale, std, min(values) / scale, max(values) / scale


def put_moments(name: str, unit: str, values: Sequence[int], scale: int = 1) -> Values:
    """The four by the names of features."""
    parts = ("mean", "std", "min", "max")
    found = zip(parts, moments(values, scale), strict=True)
    return {f"{name}_{part}_{unit}": value for part, value in found}


def identity(flow: Flow) -> Values:
    """Which flow it is."""
    first, packets = flow.first, [packet for _, packet in flow.packets]
    late = [now.time_ns < latest for now, latest in zip(packets, latest_of(packets), strict=True)]
    is_icmp, asked = first.protocol in {ICMP, ICMP6}, flow.asked or flow.first
    return {
        "source_ip": text(flow.initiator), "source_port": flow.initiator[1],
        "destination_ip": text(flow.other), "destination_port": flow.other[1],
        "protocol": first.protocol, "ip_version": first.version, "vlan": first.vlan,
        "n_tunnels": first.n_tunnels, "icmp_type": asked.icmp_type if is_icmp else None,
        "icmp_code": asked.icmp_code if is_icmp else None, "community_id": community_id(asked),
        "first_frame": first.frame, "last_frame": packets[-1].frame, "start_ns": first.time_ns,
        "end_ns": flow.last_ns, "end_reason": flow.end_reason, "is_midstream": flow.is_midstream,
        "was_turned": flow.was_turned, "is_continued": flow.is_continued,
        "out_of_order": sum(late), "flow_ns": flow.last_ns - first.time_ns,
    }  # fmt: skip


def text(end: Endpoint) -> str:
    """An address as it is written."""
    return str(ip_address(end[0]))


def community_id(packet: Packet) -> str:
    """Version 1, seed 0, by the first packet, whichever way that goes."""
    answers = {8: 0, 13: 14, 15: 16, 17: 18, 10: 9}
    if packet.protocol == ICMP6:
        answers = {128: 129, 133: 134, 135: 136, 130: 131, 144: 145, 139: 140}
    answers |= {there: here for here, there in answers.items()}
    (source, sport), (destination, dport) = ends_of(packet)
    is_one_way, has_ports = False, packet.protocol in {TCP, 17, 132}
    if packet.protocol in {ICMP, ICMP6}:
        has_ports, is_one_way = True, packet.icmp_type not in answers
        sport, dport = packet.icmp_type, answers.get(packet.icmp_type, packet.icmp_code)
    ends = [(source, sport), (destination, dport)]
    if not is_one_way:
        ends.sort()
    hashed = b"\0\0" + ends[0][0] + ends[1][0] + bytes([packet.protocol, 0])
    if has_ports:
        hashed += b"".join(port.to_bytes(2, "big") for _, port in ends)
    return "1:" + b64encode(hashlib.sha1(hashed).digest()).decode()  # noqa: S324


def volume(scope: str, packets: list[Packet]) -> Values:
    """Packets, bytes, and how large they are."""
    values: Values = {
        f"{scope}packets": len(packets),
        f"{scope}payload_packets": sum(packet.payload_bytes > 0 for packet in packets),
        f"{scope}header_bytes": sum(p.transport_bytes - p.payload_bytes for p in packets),
    }
    for kind in ("raw", "ip", "transport", "payload"):
        sizes = [getattr(packet, f"{kind}_bytes") for packet in packets]
        values[f"{scope}{kind}_bytes"] = sum(sizes)
        if kind != "transport":
            values |= put_moments(f"{scope}{kind}", "bytes", sizes)
    return values


def gaps_of(packets: list[Packet]) -> list[int]:
    """Times between packets, in nanoseconds; none passes while the clock goes back."""
    return [now - before for before, now in pairwise(latest_of(packets))]


def latest_of(packets: list[Packet]) -> list[int]:
    """The latest time so far, packet by packet."""
    return list(accumulate((packet.time_ns for packet in packets), max))


def times(scope: str, packets: list[Packet], flow_ns: int) -> Values:
    """How long it took, gaps, and rates by the time of the whole flow."""
    values = put_moments(f"{scope}gap", "us", gaps_of(packets), 1000)
    values[f"{scope}duration_us"] = None
    if packets:
        latest = max(packet.time_ns for packet in packets)
        values[f"{scope}duration_us"] = (latest - packets[0].time_ns) / 1000
    for name in ("packets", "raw_bytes", "ip_bytes", "payload_bytes"):
        total = len(packets) if name == "packets" else sum(getattr(p, name) for p in packets)
        values[f"{scope}{name}_per_s"] = divided(total * 10**9, flow_ns)
    return values


def activity(packets: list[Packet], settings: TrackSettings) -> Values:
    """Times of activity, and the silences between them."""
    stretches, idle = [[packets[0].time_ns, packets[0].time_ns]], []
    gaps = gaps_of(packets)
    for gap, packet in zip(gaps, packets[1:], strict=True):
        if gap > round(settings.activity_s * 10**9):
            idle.append(gap)
            stretches.append([packet.time_ns, packet.time_ns])
        stretches[-1][1] = max(stretches[-1][1], packet.time_ns)
    active = [end - begin for begin, end in stretches]
    return {
        "active_count": len(active), "idle_count": len(idle),
        "subflows": 1 + sum(gap > round(settings.subflow_s * 10**9) for gap in gaps),
        **put_moments("active", "us", active, 1000), **put_moments("idle", "us", idle, 1000),
    }  # fmt: skip


def flags(scope: str, packets: list[Packet], *, is_tcp: bool) -> Values:
    """Packets with each flag."""
    return {
        f"{scope}{name}_packets": sum(packet.tcp_flags >> bit & 1 for packet in packets)
        if is_tcp else None
        for bit, name in enumerate(FLAGS)
    }  # fmt: skip


def of_side(scope: str, packets: list[Packet], *, is_tcp: bool) -> Values:
    """What is told of one direction alone."""
    windows = [packet.window for packet in packets if is_tcp and tells(packet)]
    ttls = [packet.ttl for packet in packets]
    headers = [p.transport_bytes - p.payload_bytes for p in packets if not p.is_later]
    return {
        f"{scope}window_first_bytes": windows[0] if windows else None,
        f"{scope}window_min_bytes": min(windows, default=None),
        f"{scope}window_max_bytes": max(windows, default=None),
        f"{scope}window_mean_bytes": divided(sum(windows), len(windows)),
        f"{scope}ttl_min": min(ttls, default=None), f"{scope}ttl_max": max(ttls, default=None),
        f"{scope}header_min_bytes": min(headers, default=None),
        f"{scope}fragments": sum(packet.is_fragment for packet in packets),
    }  # fmt: skip


def entropy(packets: list[Packet]) -> tuple[float, int]:
    """Bits of what is looked at of payloads, and how many bytes that is."""
    bits, n_bytes = 0.0, 0
    for packet in packets:
        looked_at = packet.payload[:256]
        if n_bytes >= 512 or not looked_at:
            continue
        n = len(looked_at)
        bits += sum(count * math.log2(n / count) for count in Counter(looked_at).values())
        n_bytes += n
    return bits, n_bytes


def bulks(scope: str, flow: Flow, settings: TrackSettings) -> Values:
    """Runs of packets with payload one way, none the other way between them."""
    runs: list[tuple[bool, list[Packet]]] = []
    for way, packet in flow.packets:
        if packet.payload_bytes:
            if not runs or runs[-1][0] != way or packet.time_ns - max(
                other.time_ns for other in runs[-1][1]
            ) > round(settings.subflow_s * 10**9):  # fmt: skip
                runs.append((way, []))
            runs[-1][1].append(packet)
    found = [run for way, run in runs if way == (scope == "forward_") and len(run) >= 4]
    took = sum(max(packet.time_ns for packet in run) - run[0].time_ns for run in found)
    n_bytes = sum(packet.payload_bytes for run in found for packet in run)
    return {
        f"{scope}bulks": len(found),
        f"{scope}bulk_packets_mean": divided(sum(map(len, found)), len(found)),
        f"{scope}bulk_bytes_mean": divided(n_bytes, len(found)),
        f"{scope}bulk_bytes_per_s": divided(n_bytes * 10**9, took) if found else None,
    }


def first_packets(flow: Flow, settings: TrackSettings) -> Values:
    """The first packets one by one."""
    first = flow.packets[: settings.first]
    gaps = [0, *gaps_of([packet for _, packet in first])]
    return {
        "first_sizes_bytes": [packet.raw_bytes for _, packet in first],
        "first_directions": [1 if way else -1 for way, _ in first],
        "first_gaps_us": [min(gap // 1000, 0xFFFFFFFF) for gap in gaps[: len(first)]],
    }
