"""Where flows begin and end, and which way is forward, worked out by hand."""

from __future__ import annotations

import pytest

from fast_flows import AT, MS, S, rows
from frames import (
    A6,
    ACK,
    FIN,
    RST,
    SYN,
    A,
    B,
    ethernet,
    ip4,
    ip6,
    segment,
    udp,
)  # fmt: skip


def test_a_start_in_mid_flow_is_told_and_the_sender_is_forward() -> None:
    (flow,) = rows([(0, segment(ACK, back=True)), (1, segment(ACK))])
    assert flow["is_midstream"]
    assert flow["source_ip"] == B
    assert not rows([(0, ethernet(ip4(udp(1, 2), 17)))])[0]["is_midstream"]


def test_a_syn_ack_seen_first_turns_the_flow_round() -> None:
    (flow,) = rows([(0, segment(SYN | ACK, back=True)), (1, segment(ACK)), (2, segment(ACK))])
    assert flow["was_turned"]
    assert not flow["is_midstream"]
    assert (flow["source_ip"], flow["source_port"]) == (A, 1000)
    assert (flow["forward_packets"], flow["backward_packets"]) == (2, 1)
    assert flow["first_directions"] == [-1, 1, 1]


def test_ties_and_a_clock_that_goes_back() -> None:
    (flow,) = rows([
        (5 * MS, segment(SYN)), (5 * MS, segment(ACK)), (3 * MS, segment(ACK)),
        (9 * MS, segment(ACK)),
    ])  # fmt: skip
    assert flow["out_of_order"] == 1
    assert flow["first_gaps_us"] == [0, 0, 0, 4000]
    assert (flow["start_ns"], flow["end_ns"]) == (AT + 5 * MS, AT + 9 * MS)
    assert flow["gap_mean_us"] == pytest.approx(4000 / 3)


def test_vlans_divide_flows() -> None:
    frames = [segment(SYN, tags=tags) for tags in ((7,), (8,), (), (8, 7), (0,), (0x2007,))]
    found = rows([(i, frame) for i, frame in enumerate(frames)])
    # A tag of priority alone is none; its upper bits are not part of the identifier.
    assert [flow["vlan"] for flow in found] == [7, 8, 0, 8 * 4096 + 7]
    assert [flow["packets"] for flow in found] == [2, 1, 2, 1]


def test_fragments_of_ipv4_go_with_their_first() -> None:
    whole = udp(1000, 53, b"y" * 40)
    parts = [
        (0, ethernet(ip4(whole[:24], 17, identity=9, more=True))),
        (1, ethernet(ip4(whole[24:], 17, identity=9, offset=3))),
        (2, ethernet(ip4(whole[24:], 17, identity=10, offset=3))),
    ]
    flow, orphan = rows(parts)
    assert (flow["packets"], flow["forward_fragments"]) == (2, 2)
    assert flow["payload_bytes"] == 40
    assert flow["transport_bytes"] == 48
    assert (orphan["source_port"], orphan["destination_port"], orphan["packets"]) == (0, 0, 1)


def test_fragments_of_ipv6_go_with_their_first() -> None:
    def fragment(part: bytes, offset: int, *, more: bool) -> bytes:
        header = bytes([17, 0]) + (offset << 3 | more).to_bytes(2, "big") + b"\0\0\0\5"
        return ethernet(ip6(header + part, 44), 0x86DD)

    whole = udp(1000, 53, b"y" * 40)
    (flow,) = rows([
        (0, fragment(whole[:24], 0, more=True)), (1, fragment(whole[24:], 3, more=False)),
    ])  # fmt: skip
    assert (flow["source_ip"], flow["source_port"]) == (A6, 1000)
    assert (flow["packets"], flow["forward_fragments"], flow["payload_bytes"]) == (2, 2, 40)


CLOSING = [
    (0, segment(SYN)), (1, segment(SYN | ACK, back=True)), (2, segment(FIN | ACK)),
    (3, segment(FIN | ACK, back=True)), (4, segment(ACK)),
]  # fmt: skip


def test_the_last_ack_after_fins_belongs_to_the_flow() -> None:
    (flow,) = rows(CLOSING)
    assert (flow["end_reason"], flow["packets"]) == ("fin", 5)


def test_one_fin_is_no_end() -> None:
    (flow,) = rows([*CLOSING[:3], (3, segment(FIN | ACK)), (4, segment(ACK, back=True))])
    assert flow["end_reason"] == "capture"


def test_a_syn_after_fins_begins_another_flow() -> None:
    first, second = rows([*CLOSING, (5, segment(SYN)), (6, segment(SYN | ACK, back=True))])
    assert (first["packets"], second["packets"]) == (5, 2)
    assert (second["first_frame"], second["is_continued"]) == (6, False)


def test_the_other_side_may_begin_the_next_flow() -> None:
    _, second = rows([*CLOSING, (5, segment(SYN, back=True))])
    assert (second["source_ip"], second["source_port"]) == (B, 80)


def test_a_reset_ends_a_flow_and_stragglers_stay_with_it() -> None:
    records = [(0, segment(SYN)), (S, segment(RST | ACK, back=True)), (5 * S, segment(ACK))]
    (flow,) = rows(records)
    assert (flow["end_reason"], flow["packets"]) == ("rst", 3)
    first, late = rows([*records[:2], (6 * S + 1, segment(ACK))])
    assert (first["packets"], first["end_reason"]) == (2, "rst")
    assert (late["is_midstream"], late["is_continued"]) == (True, False)


def test_flags_end_nothing_where_that_is_asked_for() -> None:
    (flow,) = rows([*CLOSING, (5, segment(SYN)), (6, segment(RST))], by_flags=False)
    assert (flow["packets"], flow["end_reason"]) == (7, "capture")


def test_a_silence_splits_a_flow() -> None:
    records = [(0, segment(SYN)), (120 * S, segment(ACK)), (241 * S, segment(ACK, back=True))]
    first, second = rows(records)
    assert (first["end_reason"], first["packets"], first["duration_us"]) == ("idle", 2, 120e6)
    assert (second["source_ip"], second["is_continued"]) == (B, False)
    assert len(rows(records, idle_s=121)) == 1


def test_a_long_flow_is_cut_and_keeps_its_direction() -> None:
    records = [(0, segment(SYN)), (100 * S, segment(ACK)), (101 * S, segment(ACK, back=True))]
    first, second = rows(records, active_s=100)
    assert (first["end_reason"], first["packets"]) == ("active", 2)
    assert (second["source_ip"], second["is_continued"]) == (A, True)
    assert (second["forward_packets"], second["backward_packets"]) == (0, 1)
    assert second["first_directions"] == [-1]


def test_more_flows_than_there_is_room_for() -> None:
    frames = [segment(SYN, ports=(port, 80)) for port in (1, 2, 1, 3, 2)]
    found = rows([(i, frame) for i, frame in enumerate(frames)], max_flows=2)
    # 2 was silent longest when 3 came; 1 was when 2 came again.
    assert [(flow["source_port"], flow["packets"]) for flow in found] == [
        (1, 2), (2, 1), (3, 1), (2, 1),
    ]  # fmt: skip
    assert [flow["end_reason"] for flow in found] == ["evicted", "evicted", "capture", "capture"]


def test_closed_flows_are_cut_by_time_as_well() -> None:
    # A reset may be forged, and what follows may go on for long.
    records = [(0, segment(RST)), *((i * S, segment(ACK)) for i in range(1, 60))]
    assert len(rows(records, active_s=20)) > 1


def test_a_clock_that_jumps_ahead_once_breaks_no_flow() -> None:
    # One wrong time, as of a machine that sets its clock, is not the end of all other flows.
    records = [(100_000 * S, segment(ACK))]
    for i in range(10):
        records += [(i * S, segment(ACK)), (i * S, segment(ACK, ports=(2000, 80)))]
    assert [flow["packets"] for flow in rows(records)] == [11, 10]
