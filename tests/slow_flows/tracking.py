"""Flows as lists of their packets, followed plainly: the settings' meaning, and nothing fast."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frames import ACK, FIN, RST, SYN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from habitus.flows.tracker import TrackSettings
    from slow_flows.packets import Packet

Endpoint = tuple[bytes, int]
Key = tuple[object, ...]
TCP = 6


@dataclass
class Flow:
    """One flow; whether a packet goes forward is told beside it."""

    initiator: Endpoint
    other: Endpoint
    first: Packet
    was_turned: bool = False
    is_midstream: bool = False
    is_continued: bool = False
    end_reason: str = ""
    begins_forward: bool = True
    """Which way the first packet of all goes."""
    asked: Packet | None = None
    """The first packet of all where the flow was cut by time: what was asked in the beginning."""
    packets: list[tuple[bool, Packet]] = field(default_factory=list)
    last_ns: int = -(1 << 63)

    def add(self, packet: Packet) -> None:
        """One more packet, whose way its sender tells; the latest time is not that of the last."""
        way = ends_of(packet)[0] == self.initiator
        if self.initiator == self.other:  # who talks to itself answers where it answered first
            way = self.begins_forward
        self.packets.append((way, packet))
        self.last_ns = max(self.last_ns, packet.time_ns)

    def has_fins(self) -> bool:
        """Whether both sides have sent one."""
        said = {way for way, packet in self.packets if tells(packet) and packet.tcp_flags & FIN}
        return said == {True, False}


def tells(packet: Packet) -> bool:
    """Whether a packet has flags."""
    return packet.protocol == TCP and not packet.is_later


def ends_of(packet: Packet) -> tuple[Endpoint, Endpoint]:
    """Who sent it, and to whom."""
    return (packet.source, packet.source_port), (packet.destination, packet.destination_port)


def key_of(packet: Packet) -> Key:
    """The same for both directions."""
    return (*sorted(ends_of(packet)), packet.protocol, packet.vlan, packet.version)


class Tracker:
    """Follows flows; ``ended`` are those that have ended.

    Those under way stand in the order in which their last packets came; those that FIN or RST has
    closed, and that wait for stragglers, stand apart.
    """

    def __init__(self, settings: TrackSettings) -> None:
        self.idle_ns, self.active_ns, self.linger_ns = (
            round(seconds * 10**9)
            for seconds in (settings.idle_s, settings.active_s, settings.linger_s)
        )
        self.max_flows, self.by_flags = settings.max_flows, settings.by_flags
        self.open: OrderedDict[Key, Flow] = OrderedDict()
        self.closed: OrderedDict[Key, Flow] = OrderedDict()
        self.clock: int | None = None
        self.ended: list[Flow] = []

    def push(self, packets: Iterable[Packet | None]) -> None:
        """Take packets; those that could not be read are none."""
        for packet in packets:
            if packet is not None:
                self._see(packet)

    def finish(self) -> list[Flow]:
        """End all flows; all that have ever ended, in the order of their first packets."""
        for key in list(self.closed):
            self._end(key, "")
        for key in list(self.open):
            self._end(key, "capture")
        return sorted(self.ended, key=lambda flow: flow.first.frame)

    def _see(self, packet: Packet) -> None:
        now = packet.time_ns
        for flows, silence, why in (
            (self.open, self.idle_ns, "idle"), (self.closed, self.linger_ns, ""),
        ):  # fmt: skip
            while flows and now - next(iter(flows.values())).last_ns > silence:
                self._end(next(iter(flows)), why)
        key = key_of(packet)
        flow = self.open.get(key) or self.closed.get(key)
        before = None
        if flow is not None and (why := self._why_cut(flow, packet)):
            self._end(key, why)
            before, flow = (flow if why == "active" else None), None
        if flow is None:
            if len(self.open) + len(self.closed) == self.max_flows:
                self._end(next(iter(self.closed or self.open)), "evicted")
            flow = self.open[key] = begun(packet, before)
        flow.add(packet)
        if self.by_flags and packet.tcp_flags & (FIN | RST) and not flow.end_reason:
            flow.end_reason = "rst" if packet.tcp_flags & RST else "fin" if flow.has_fins() else ""
        self.open.pop(key, None)
        self.closed.pop(key, None)
        (self.closed if flow.end_reason else self.open)[key] = flow

    def _why_cut(self, flow: Flow, packet: Packet) -> str:
        silent = packet.time_ns - flow.last_ns
        if flow.end_reason:
            is_new = packet.protocol == TCP and packet.tcp_flags & (SYN | ACK) == SYN
            is_long = packet.time_ns - flow.first.time_ns > self.active_ns
            return flow.end_reason if is_new or is_long or silent > self.linger_ns else ""
        if silent > self.idle_ns:
            return "idle"
        return "active" if packet.time_ns - flow.first.time_ns > self.active_ns else ""

    def _end(self, key: Key, why: str) -> None:
        """End a flow; one that its own packets have closed keeps their reason."""
        flow = self.closed.pop(key, None) or self.open.pop(key)
        flow.end_reason = flow.end_reason or why
        self.ended.append(flow)


def begun(packet: Packet, before: Flow | None) -> Flow:
    """A flow by its first packet, or what goes on after the flow before it was cut by time."""
    if before is not None:
        asked = before.asked or before.first
        return Flow(
            before.initiator, before.other, packet, is_continued=True, asked=asked,
            begins_forward=before.begins_forward,
        )  # fmt: skip
    source, destination = ends_of(packet)
    flags = packet.tcp_flags & (SYN | ACK)
    if tells(packet) and flags == SYN | ACK:
        return Flow(destination, source, packet, was_turned=True, begins_forward=False)
    return Flow(source, destination, packet, is_midstream=tells(packet) and not flags & SYN)
