"""Features of small captures, computed by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from fast_flows import AT, MS, S, flows_of, rows
from frames import (
    A6,
    ACK,
    B6,
    PSH,
    SYN,
    A,
    B,
    ethernet,
    icmp,
    ip4,
    ip6,
    pcap,
    segment,
    tcp,
    udp,
)  # fmt: skip

HEADERS = 14 + 20 + 20


def test_three_packets_each_way() -> None:
    (flow,) = rows([
        (0, segment(SYN, window=1000, ttl=60)),
        (10 * MS, segment(SYN | ACK, back=True, window=500, ttl=128)),
        (30 * MS, segment(ACK, window=2000, ttl=61)),
        (70 * MS, segment(PSH | ACK, payload=b"a" * 100, window=3000, ttl=60)),
        (150 * MS, segment(PSH | ACK, back=True, payload=b"b" * 40, window=700, ttl=127)),
        (310 * MS, segment(ACK, back=True, window=600, ttl=128)),
    ])  # fmt: skip
    expected = {
        "source_ip": A, "source_port": 1000, "destination_ip": B, "destination_port": 80,
        "protocol": 6, "ip_version": 4, "vlan": 0, "n_tunnels": 0, "icmp_type": None,
        "first_frame": 1, "last_frame": 6, "start_ns": AT, "end_ns": AT + 310 * MS,
        "end_reason": "capture", "is_midstream": False, "was_turned": False,
        "is_continued": False, "out_of_order": 0,
        "packets": 6, "forward_packets": 3, "backward_packets": 3,
        "raw_bytes": 6 * HEADERS + 140, "forward_raw_bytes": 3 * HEADERS + 100,
        "backward_raw_bytes": 3 * HEADERS + 40,
        "forward_ip_bytes": 3 * 40 + 100, "backward_transport_bytes": 3 * 20 + 40,
        "payload_bytes": 140, "forward_payload_bytes": 100, "backward_payload_bytes": 40,
        "header_bytes": 120, "payload_packets": 2, "backward_payload_packets": 1,
        "raw_min_bytes": 54, "raw_max_bytes": 154, "forward_payload_mean_bytes": 100 / 3,
        "backward_payload_max_bytes": 40,
        "duration_us": 310_000, "forward_duration_us": 70_000, "backward_duration_us": 300_000,
        "gap_mean_us": 62_000, "gap_min_us": 10_000, "gap_max_us": 160_000,
        "forward_gap_mean_us": 35_000, "forward_gap_min_us": 30_000, "forward_gap_max_us": 40_000,
        "backward_gap_mean_us": 150_000, "active_count": 1, "active_mean_us": 310_000,
        "active_std_us": None, "idle_count": 0, "idle_mean_us": None, "subflows": 1,
        "syn_packets": 2, "ack_packets": 5, "psh_packets": 2, "forward_syn_packets": 1,
        "backward_ack_packets": 3, "fin_packets": 0, "forward_window_first_bytes": 1000,
        "forward_window_min_bytes": 1000, "forward_window_max_bytes": 3000,
        "forward_window_mean_bytes": 2000, "backward_window_mean_bytes": 600,
        "forward_ttl_min": 60, "forward_ttl_max": 61, "backward_ttl_max": 128,
        "forward_header_min_bytes": 20, "forward_fragments": 0, "payload_entropy": 0,
        "forward_bulks": 0, "forward_bulk_bytes_mean": None,
        "first_sizes_bytes": [54, 54, 54, 154, 94, 54],
        "first_directions": [1, -1, 1, 1, -1, -1],
        "first_gaps_us": [0, 10_000, 20_000, 40_000, 80_000, 160_000],
    }  # fmt: skip
    for name, value in expected.items():
        assert flow[name] == (pytest.approx(value) if type(value) is float else value), name
    # Payloads forward: 0, 0, 100: deviations -100/3, -100/3, 200/3.
    assert flow["forward_payload_std_bytes"] == pytest.approx(math.sqrt(10_000 / 3))
    # Gaps backward: 140 and 160 ms.
    assert flow["backward_gap_std_us"] == pytest.approx(10_000 * math.sqrt(2))
    assert flow["packets_per_s"] == pytest.approx(6 / 0.31)
    # What goes one way is counted by the time of the whole flow.
    assert flow["forward_payload_bytes_per_s"] == pytest.approx(100 / 0.31)
    assert flow["backward_to_forward_payload_bytes"] == pytest.approx(0.4)


def test_a_retransmission_counts_again() -> None:
    data = segment(PSH | ACK, payload=b"x" * 10)
    (flow,) = rows([(0, segment(SYN)), (MS, data), (2 * MS, data)])
    assert flow["packets"] == 3
    assert flow["forward_payload_bytes"] == 20
    (again,) = rows([(0, segment(SYN)), (MS, segment(SYN))])
    assert again["packets"] == again["syn_packets"] == 2


def test_the_longest_gap_before_a_first_packet_is_told_as_that() -> None:
    longest = (2**32 - 1) * 1000
    times = [0, longest - 1000, 2 * longest - 1000, 3 * longest]
    (flow,) = rows([(at, segment(ACK)) for at in times], idle_s=5000, active_s=20_000)
    assert flow["first_gaps_us"] == [0, 2**32 - 2, 2**32 - 1, 2**32 - 1]
    assert flow["gap_max_us"] == 2**32


def test_one_way() -> None:
    (flow,) = rows([(i * S, ethernet(ip4(udp(5, 53, b"?" * 3), 17))) for i in range(3)])
    assert (flow["forward_packets"], flow["backward_packets"]) == (3, 0)
    assert flow["backward_to_forward_packets"] == 0
    undefined = [
        "backward_duration_us", "backward_raw_mean_bytes", "backward_gap_mean_us",
        "backward_ttl_min", "backward_header_min_bytes", "backward_window_first_bytes",
        "forward_window_first_bytes", "syn_packets", "backward_payload_entropy",
    ]  # fmt: skip
    assert {flow[name] for name in undefined} == {None}


def test_one_packet() -> None:
    (flow,) = rows([(0, segment(SYN))])
    # There is nothing forward that could be a standard deviation, a gap or a rate.
    for name, value in flow.items():
        if "_std_" in name or "gap_m" in name or name.endswith("_per_s"):
            assert value is None, name
    assert flow["duration_us"] == 0
    assert flow["first_gaps_us"] == [0]
    assert (flow["active_count"], flow["active_mean_us"]) == (1, 0)
    assert flow["payload_entropy"] is None
    assert flow["backward_to_forward_payload_bytes"] is None


def test_entropy_of_payloads() -> None:
    def flow_of(*payloads: bytes) -> dict[str, Any]:
        (flow,) = rows([(i, ethernet(ip4(udp(5, 6, p), 17))) for i, p in enumerate(payloads)])
        return flow

    assert flow_of(b"aabb")["payload_entropy"] == pytest.approx(1)
    assert flow_of(bytes(range(256)))["payload_entropy"] == pytest.approx(8)
    # 3/4 and 1/4: 2 - 3/4 log2 3.
    assert flow_of(b"aaab")["payload_entropy"] == pytest.approx(2 - 0.75 * math.log2(3))
    # By packets, weighted by bytes: 4 bytes of 1 bit each and 12 of none.
    assert flow_of(b"aabb", b"c" * 12)["payload_entropy"] == pytest.approx(4 / 16)
    # Of each packet 256 bytes, of a direction the packets until 512.
    loud = bytes(range(256))
    assert flow_of(loud + b"z" * 999)["payload_entropy"] == pytest.approx(8)
    assert flow_of(loud, b"z" * 256, loud)["payload_entropy"] == pytest.approx(4)
    assert flow_of(b"zz", loud, loud, loud)["payload_entropy"] == pytest.approx(
        2 * 256 * 8 / (2 * 256 + 2)
    )


def test_bulks() -> None:
    def data(back: bool, n: int) -> bytes:
        return segment(ACK, back=back, payload=b"d" * n)

    (flow,) = rows([
        *((i * 100 * MS, data(False, 10)) for i in range(5)),  # a bulk of five, in 0.4 s
        (500 * MS, segment(ACK, back=True)),  # nothing is in it: nothing is interrupted
        (600 * MS, data(False, 30)),  # its sixth, after 0.2 s
        (700 * MS, data(True, 1)),
        *((800 * MS + i * MS, data(False, 10)) for i in range(3)),  # too few
        *((2 * S + i * 500 * MS, data(False, 20)) for i in range(4)),  # 1.198 s later: another
    ])  # fmt: skip
    assert (flow["forward_bulks"], flow["backward_bulks"]) == (2, 0)
    assert flow["forward_bulk_packets_mean"] == (6 + 4) / 2
    assert flow["forward_bulk_bytes_mean"] == (80 + 80) / 2
    assert flow["forward_bulk_bytes_per_s"] == pytest.approx(160 / (0.6 + 1.5))
    assert flow["backward_bulk_bytes_per_s"] is None


def test_active_and_idle() -> None:
    times = [0, S, 3 * S, 9 * S, 9 * S, 20 * S]
    (flow,) = rows([(time, segment(ACK)) for time in times])
    # Active: 0 to 3, 9 to 9, 20 to 20; idle: 6 and 11 s.
    assert (flow["active_count"], flow["idle_count"]) == (3, 2)
    assert (flow["active_mean_us"], flow["active_max_us"], flow["active_min_us"]) == (1e6, 3e6, 0)
    assert flow["active_std_us"] == pytest.approx(math.sqrt(3) * 1e6)
    assert (flow["idle_mean_us"], flow["idle_min_us"], flow["idle_max_us"]) == (8.5e6, 6e6, 11e6)
    assert flow["idle_std_us"] == pytest.approx(math.sqrt(12.5) * 1e6)
    # Silences longer than a second: 2, 6 and 11 s; one of just a second is not longer.
    assert flow["subflows"] == 4


def test_the_first_packets_are_as_many_as_asked_for() -> None:
    records = [(i * 1500, segment(ACK, back=i % 2 == 1)) for i in range(30)]
    assert len(rows(records)[0]["first_sizes_bytes"]) == 20
    (flow,) = rows(records, first=3)
    assert flow["first_directions"] == [1, -1, 1]
    assert flow["first_gaps_us"] == [0, 1, 1]
    assert rows(records, first=0)[0]["first_sizes_bytes"] == []


def test_what_is_cut_off_counts_as_it_was() -> None:
    frame = segment(ACK, payload=b"q" * 1000)
    content = pcap([(AT, frame[:70])], wire=[len(frame)])
    (flow,) = flows_of(content).to_dicts()
    assert (flow["raw_bytes"], flow["payload_bytes"]) == (HEADERS + 1000, 1000)


def test_padding_of_short_frames_is_no_payload() -> None:
    (flow,) = rows([(0, segment(ACK) + bytes(6))])
    assert (flow["raw_bytes"], flow["ip_bytes"], flow["payload_bytes"]) == (60, 40, 0)


# Values that the specification's authors publish: github.com/corelight/community-id-spec, baseline.
COMMUNITY = [
    (6, "128.232.110.120", "66.35.250.204", 34855, 80, "LQU9qZlK+B5F3KDmev6m5PMibrg="),
    (6, "66.35.250.204", "128.232.110.120", 80, 34855, "LQU9qZlK+B5F3KDmev6m5PMibrg="),
    (6, "2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 63943, 25,
     "/qFaeAR+gFe1KYjMzVDsMv+wgU4="),
    (17, "192.168.1.52", "8.8.8.8", 54585, 53, "d/FP5EW3wiY1vCndhwleRRKHowQ="),
    (132, "192.168.170.8", "192.168.170.56", 7, 7, "MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
    (46, "10.1.12.1", "10.1.12.2", 0, 0, "KHlLkgoJW7ifUTyTSgyVfkFHzKw="),
    (1, "192.168.0.89", "192.168.0.1", 8, 0, "X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    (1, "192.168.0.1", "192.168.0.89", 0, 0, "X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    (1, "10.0.0.1", "10.0.0.2", 11, 0, "YHxtAirCG//0OzkcVAukqKQN9xM="),
    (58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 0,
     "dGHyGvjMfljg6Bppwm3bg0LO8TY="),
    (58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 0,
     "dGHyGvjMfljg6Bppwm3bg0LO8TY="),
    (58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 135, 0,
     "zavyT/cezQr1fmImYCwYnMXbgck="),
    (58, "3ffe:501:1800:2345::2", "3ffe:507:0:1:200:86ff:fe05:80da", 3, 0,
     "2ObVBgIn28oZvibYZhZMBgh7WdQ="),
    (58, "3ffe:501:410:0:2c0:dfff:fe47:33e", "3ffe:507:0:1:200:86ff:fe05:80da", 1, 4,
     "hLZd0XGWojozrvxqE0dWB1iM6R0="),
    (58, "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:501:0:1001::2", 128, 0,
     "+TW+HtLHvV1xnGhV1lv7XoJrqQg="),
    (58, "fe80::200:86ff:fe05:80da", "ff02::2", 133, 0, "hO+sN4H+MG5MY/8hIrXPqc4ZQz0="),
    (58, "fe80::260:97ff:fe07:69ea", "ff02::1", 134, 0, "pkvHqCL88/tg1k4cPigmZXUtL00="),
]  # fmt: skip


@pytest.mark.parametrize(
    ("protocol", "source", "destination", "first", "second", "expected"), COMMUNITY
)
def test_community_ids(
    protocol: int, source: str, destination: str, first: int, second: int, expected: str
) -> None:
    if protocol in {1, 58}:
        transport = icmp(first, second)
    elif protocol == 6:
        transport = tcp(first, second, SYN)
    else:  # others begin with their ports, or have none
        transport = udp(first, second, bytes(8))
    if ":" in source:
        frame = ethernet(ip6(transport, protocol, source, destination), 0x86DD)
    else:
        frame = ethernet(ip4(transport, protocol, source, destination))
    assert rows([(0, frame)])[0]["community_id"] == f"1:{expected}"


def test_a_community_id_outlives_an_active_split() -> None:
    there = ethernet(ip4(icmp(8), 1, A, B))
    back = ethernet(ip4(icmp(0), 1, B, A))
    first, second = rows([(0, there), (10 * S, back)], active_s=5, idle_s=100)
    assert (second["is_continued"], second["source_ip"]) == (True, A)
    assert first["community_id"] == second["community_id"]


def test_the_mean_window_is_of_packets_that_have_one() -> None:
    whole = tcp(1000, 80, ACK, b"w" * 12, window=500)
    (flow,) = rows([
        (0, ethernet(ip4(whole[:24], more=True))), (1, ethernet(ip4(whole[24:], offset=3))),
    ])  # fmt: skip
    assert flow["packets"] == 2
    assert flow["forward_window_mean_bytes"] == 500


def test_addresses_of_both_versions() -> None:
    (flow,) = rows([(0, ethernet(ip6(tcp(flags=SYN), 6, B6, A6), 0x86DD))])
    assert (flow["source_ip"], flow["destination_ip"], flow["ip_version"]) == (B6, A6, 6)
