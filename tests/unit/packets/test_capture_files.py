"""Kinds of capture files, made by hand: when packets were, by which link, and what they hold."""

from __future__ import annotations

import io
import itertools
import struct

import numpy as np
import pytest

from fast_flows import packets_of
from frames import (
    ACK,
    SYN,
    block,
    enhanced,
    ethernet,
    interface,
    ip4,
    option,
    pcap,
    section,
    segment,
    simple,
    tcp,
    udp,
)  # fmt: skip
from habitus.errors import InputError
from habitus.packets.capture import read_records

S = 1_000_000_000
FRAME = segment(ACK)
RAW = FRAME[14:]


def times_of(content: bytes) -> list[int]:
    """When its packets were; all of them are read."""
    packets = packets_of(content)
    assert (packets["status"] == 0).all()
    found: list[int] = packets["time_ns"].tolist()
    return found


@pytest.mark.parametrize(("order", "nanoseconds"), list(itertools.product("<>", (False, True))))
def test_pcap_of_both_orders_and_resolutions(order: str, nanoseconds: bool) -> None:
    records = [(1_234_567_890_123_456_789, FRAME), (0, FRAME), (4_294_967_295 * S, FRAME)]
    content = pcap(records, order=order, nanoseconds=nanoseconds)
    first = 1_234_567_890_123_456_789 if nanoseconds else 1_234_567_890_123_456_000
    assert times_of(content) == [first, 0, 4_294_967_295 * S]


def test_pcap_says_its_link_beside_the_length_of_a_checksum() -> None:
    content = bytearray(pcap([(0, RAW)], link=101))
    content[23] |= 0x24  # a checksum of four bytes
    assert times_of(bytes(content)) == [0]


def test_pcap_with_longer_heads_of_records() -> None:
    content = struct.pack("<IHHiIII", 0xA1B2CD34, 2, 4, 0, 0, 0x40000, 1)
    head = struct.pack("<IIIIIHBB", 7, 5, len(FRAME), len(FRAME), 1, 0x800, 0, 0)
    assert times_of(content + 2 * (head + FRAME)) == [7 * S + 5000] * 2


def test_two_interfaces_of_different_links_and_resolutions() -> None:
    content = (
        section() + interface(1) + interface(101, options=option(9, b"\x09"))
        + enhanced(1, 5 * S + 7, RAW) + enhanced(0, 5_000_001, FRAME)
    )  # fmt: skip
    assert times_of(content) == [5 * S + 7, 5 * S + 1000]


@pytest.mark.parametrize(
    ("resolution", "ticks", "expected"),
    [
        (0, 5, 5 * S), (3, 5_001, 5 * S + 1_000_000), (6, 1, 1000), (9, 1, 1), (12, 1999, 1),
        (19, 10**19 + 10**10, S + 1), (0x80, 3, 3 * S), (0x80 | 1, 3, S + S // 2),
        (0x80 | 32, 3 << 31, S + S // 2), (0x80 | 63, 3 << 62, S + S // 2), (0x80 | 20, 1, 953),
    ],
)  # fmt: skip
def test_resolutions(resolution: int, ticks: int, expected: int) -> None:
    content = section() + interface(options=option(9, bytes([resolution])))
    assert times_of(content + enhanced(0, ticks, FRAME)) == [expected]


def test_offsets_of_interfaces() -> None:
    offsets = (1000, -2)
    content = section() + b"".join(
        interface(options=option(14, struct.pack("<q", offset))) for offset in offsets
    )
    content += enhanced(0, 1, FRAME) + enhanced(1, 5_000_001, FRAME) + enhanced(1, 1, FRAME)
    assert times_of(content) == [1000 * S + 1000, 3 * S + 1000, -2 * S + 1000]


def test_sections_of_different_orders_have_their_own_interfaces() -> None:
    content = section("<") + interface(1, "<") + enhanced(0, 1, FRAME, "<")
    content += section(">") + interface(101, ">") + enhanced(0, 2, RAW, ">")
    assert times_of(content) == [1000, 2000]
    with pytest.raises(InputError, match="not described"):
        packets_of(content + section() + enhanced(0, 3, FRAME))


def test_a_section_has_room_for_as_many_interfaces_as_sixteen_bits_tell() -> None:
    most = 1 << 16
    many = interface() * (most - 1) + interface(101, options=option(9, b"\x09"))
    last = enhanced(most - 1, 7, RAW)
    assert times_of((section() + many + last) * 2) == [7, 7]
    with pytest.raises(InputError, match="a section describes more than 65,536 interfaces"):
        packets_of(section() + many + last + interface())


def test_simple_packets_have_the_time_of_the_one_before_and_the_interface_s_limit() -> None:
    long = segment(ACK, payload=b"p" * 101)
    content = section() + interface(1, snap=60) + enhanced(0, 9, FRAME)
    content += simple(long[:60], wire=len(long))
    packets = packets_of(content)
    assert packets["time_ns"].tolist() == [9000, 9000]
    assert packets["raw_bytes"].tolist() == [54, 155]
    assert packets["payload_captured"].tolist() == [0, 6]


def test_old_packets_and_blocks_of_other_kinds() -> None:
    old = struct.pack("<HHIIII", 0, 3, 0, 8, len(FRAME), len(FRAME)) + FRAME
    content = section() + interface() + block(4, bytes(4)) + block(2, old) + block(0xBAD, b"x" * 9)
    assert times_of(content + enhanced(0, 9, FRAME)) == [8000, 9000]


def test_blocks_whose_length_leaves_padding_out() -> None:
    frame = segment(SYN, payload=b"x")  # of 55 bytes
    body = struct.pack("<IIIII", 0, 0, 1, 55, 55) + frame
    length = struct.pack("<I", len(body) + 12)
    sloppy = struct.pack("<I", 6) + length + body + b"\0" + length
    content = section() + interface() + sloppy + enhanced(0, 2, FRAME)
    assert times_of(content) == [1000, 2000]


def test_a_section_that_leaves_its_padding_out_at_the_end_is_an_input_error() -> None:
    body = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + b"\0"
    length = struct.pack("<I", len(body) + 12)
    content = b"\x0a\x0d\x0d\x0a" + length + body + length
    assert len(content) == 29
    with pytest.raises(InputError, match=r"cut off at byte \d+, after 0 packets or more: \d"):
        packets_of(content)


def test_all_before_the_damage_is_read() -> None:
    whole = pcap([(i, FRAME) for i in range(5)])
    read: list[int] = []

    def read_all() -> None:
        for batch in read_records(io.BufferedReader(io.BytesIO(whole[:-1])), "x"):
            read.extend(batch.records["time_ns"].tolist())

    with pytest.raises(InputError, match="cut off at byte 304, after 4 packets"):
        read_all()
    assert read == [0, 1, 2, 3]


def test_frames_are_numbered_through_batches() -> None:
    n = 70_000
    head = pcap([])
    one = pcap([(S, RAW[:28])], link=101)[24:]
    content = head[:20] + struct.pack("<I", 101) + one * n
    packets = packets_of(content)
    assert np.array_equal(packets["frame"], np.arange(1, n + 1))


def test_a_packet_that_begins_nowhere_is_told_apart() -> None:
    frames = [
        ethernet(b"\0" * 46, 0x0806), ethernet(ip4(tcp()[:19])), ethernet(ip4(tcp()))[:40],
        ethernet(ip4(udp(1, 2, length=7), 17)), ethernet(b"\x50" * 40),
    ]  # fmt: skip
    packets = packets_of(pcap([(0, frame) for frame in frames]))
    assert packets["status"].tolist() == [1, 6, 3, 6, 5]
