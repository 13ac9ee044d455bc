"""Random streams of packets: flows are what plain code finds, however the stream is cut."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fast_flows import Packets, table_of
from frames import A6, B6, A, B, C
from habitus.flows.tracker import FlowTracker, TrackSettings
from habitus.packets.layout import ACK, FIN, RST, SYN, Fragment, Status
from packet_rows import rows_of
from slow_flows.comparing import assert_same
from slow_flows.packets import Packet
from slow_flows.tracking import Tracker

MS = 1_000_000
FLAGS = [ACK, ACK, SYN, SYN | ACK, FIN | ACK, RST, 0, 0xFF]
V4 = [A, B, C]
V6 = [A6, B6, "::1"]
PAYLOADS = [b"", b"", b"aabb", bytes(range(256)) * 2, b"z" * 300]


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    """A packet of one of few flows; its time is a step from the one before."""
    version = draw(st.sampled_from([4, 4, 6]))
    ends = draw(st.lists(st.sampled_from(V4 if version == 4 else V6), min_size=2, max_size=2))
    protocol = draw(st.sampled_from([6, 6, 6, 17, 1 if version == 4 else 58, 47]))
    payload = draw(st.sampled_from(PAYLOADS))
    unseen = draw(st.sampled_from([0, 0, 7])) if payload else 0
    header = {6: 20, 17: 8, 47: 0}.get(protocol, 8)
    fragment = draw(st.sampled_from([0] * 8 + [Fragment.FIRST, Fragment.LATER, Fragment.ORPHAN]))
    is_later = fragment > Fragment.FIRST
    has_ports = protocol in {6, 17} and fragment != Fragment.ORPHAN
    ports = draw(st.tuples(*[st.sampled_from([1, 2])] * 2)) if has_ports else (0, 0)
    transport = len(payload) + unseen + (0 if is_later else header)
    tells = protocol == 6 and not is_later
    return Packet(
        draw(st.sampled_from([0, 0, 1, MS, 400 * MS, 900 * MS, 3000 * MS, -1, -700 * MS])),
        0, raw_bytes=transport + 60, vlans=draw(st.sampled_from([[], [], [5]])), version=version,
        protocol=protocol, source=ip_address(ends[0]).packed,
        destination=ip_address(ends[1]).packed, source_port=ports[0], destination_port=ports[1],
        ttl=draw(st.integers(0, 255)), ip_bytes=transport + 20, transport_bytes=transport,
        payload_bytes=len(payload) + unseen, payload=payload,
        tcp_flags=draw(st.sampled_from(FLAGS)) if tells else 0,
        window=draw(st.integers(0, 0xFFFF)) if tells else 0,
        icmp_type=draw(st.sampled_from([8, 0, 3])) if protocol == 1 and not is_later else 0,
        is_fragment=fragment > 0, is_later=is_later, is_orphan=fragment == Fragment.ORPHAN,
    )  # fmt: skip


@st.composite
def streams(draw: st.DrawFn) -> list[Packet]:
    """Packets in the order in which they came, from a time on."""
    found = draw(st.lists(packets(), min_size=1, max_size=60))
    now = draw(st.sampled_from([0, 1_700_000_000_000_000_000]))
    for frame, packet in enumerate(found, 1):
        now += packet.time_ns
        packet.time_ns, packet.frame = now, frame
    return found


CHOSEN = st.builds(
    TrackSettings,
    idle_s=st.sampled_from([0.5, 2.0, 120.0]), active_s=st.sampled_from([1.0, 5.0, 1800.0]),
    linger_s=st.sampled_from([0.0, 0.4, 5.0]), by_flags=st.booleans(),
    activity_s=st.sampled_from([0.4, 5.0]), subflow_s=st.sampled_from([0.3, 1.0]),
    first=st.sampled_from([0, 3, 20]), max_flows=st.sampled_from([1, 2, 3, 1000]),
)  # fmt: skip


def tracked(rows: Packets, data: Packets, chosen: TrackSettings, cuts: list[int]) -> list[Packets]:
    tracker = FlowTracker(chosen)
    flows: list[Packets] = []
    for begin, end in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        flows += [ended.copy() for ended in tracker.push(rows[begin:end], data)]
    return flows + [ended.copy() for ended in tracker.finish()]


@given(streams(), CHOSEN, st.lists(st.integers(0, 60), max_size=4))
@settings(max_examples=400)
def test_flows_are_what_plain_code_finds(
    stream: list[Packet], chosen: TrackSettings, cuts: list[int]
) -> None:
    rows, data = rows_of(stream)
    slow = Tracker(chosen)
    slow.push(stream)
    places = sorted(min(cut, len(rows)) for cut in cuts)
    assert_same(table_of(tracked(rows, data, chosen, places)), slow.finish(), chosen)


@given(streams(), st.data())
@settings(max_examples=50)
def test_packets_that_could_not_be_read_change_nothing(
    stream: list[Packet], data: st.DataObject
) -> None:
    rows, payloads = rows_of(stream)
    noise = rows.copy()
    noise["status"] = data.draw(st.sampled_from([s for s in Status if s != Status.OK]))
    mixed = np.stack([rows, noise], axis=1).reshape(-1)
    chosen = TrackSettings(max_flows=100)
    plain, noisy = (table_of(tracked(r, payloads, chosen, [])) for r in (rows, mixed))
    assert plain.equals(noisy)


def test_a_flow_s_end_does_not_wait_for_its_next_packet() -> None:
    def packet(port: int, time_ns: int, frame: int) -> Any:
        return Packet(
            time_ns, frame, 60, version=4, protocol=17, source=bytes(4), destination=bytes(4),
            source_port=port, destination_port=9,
        )  # fmt: skip

    rows, data = rows_of([packet(1, 0, 1), packet(2, 3_000 * MS, 2)])
    tracker = FlowTracker(TrackSettings(idle_s=2, max_flows=10))
    (ended,) = [flows.copy() for flows in tracker.push(rows, data)]
    assert table_of([ended])["first_frame"].to_list() == [1]
    assert tracker.n_open == 1
