"""Headers of all kinds, whole, cut off and damaged: packets are what plain code reads."""

from __future__ import annotations

import random
import struct

import pytest

from fast_flows import packets_of
from frames import pcap
from hostile_captures import seeds
from slow_flows.comparing import assert_same_packets
from slow_flows.packets import read_packets
from slow_flows.records import read_records

PLAIN = {name: content for name, content in seeds().items() if name != "pcapng"}


def assert_read_alike(content: bytes) -> None:
    """With what is inside of tunnels, and with what carries them."""
    for outer in (False, True):
        slow = list(read_packets(read_records(content), outer=outer))
        assert_same_packets(packets_of(content, outer=outer), slow)


@pytest.mark.parametrize("name", PLAIN)
def test_headers_are_read_as_plain_code_reads_them(name: str) -> None:
    assert_read_alike(PLAIN[name])


@pytest.mark.parametrize("name", PLAIN)
def test_so_are_headers_cut_off_anywhere(name: str) -> None:
    records = list(read_records(PLAIN[name]))
    cut = [
        (record.time_ns, record.data[:length], len(record.data))
        for record in records
        for length in range(len(record.data) + 1)
    ]
    link = records[0].link
    frames = [(time_ns, data) for time_ns, data, _ in cut]
    assert_read_alike(pcap(frames, link=link, wire=[wire for *_, wire in cut]))


@pytest.mark.parametrize("name", PLAIN)
def test_so_are_damaged_headers(name: str) -> None:
    chance = random.Random(name)
    records = list(read_records(PLAIN[name]))
    damaged = []
    for i in range(4000):
        record = chance.choice(records)
        data = bytearray(record.data)
        for _ in range(chance.choice([1, 1, 1, 2, 4])):
            at = chance.randrange(len(data))
            bit = data[at] ^ 1 << chance.randrange(8)
            data[at] = chance.choice([bit, bit, 0, 0xFF, chance.randrange(256)])
        if chance.random() < 0.1:
            at = chance.randrange(len(data) - 1)
            data[at : at + 2] = struct.pack(">H", chance.choice(TYPES))
        damaged.append((i, bytes(data)))
    assert_read_alike(pcap(damaged, link=records[0].link))


TYPES = (
    0x0800, 0x86DD, 0x8100, 0x88A8, 0x8847, 0x8864, 0x880B, 0x8870, 0x8926, 0x88E7, 0x8903, 0x6558,
    0x88BE, 0x22EB, 0x0604, 0x0629, 0x062F, 0x0611, 0x0633, 0x062C, 2152, 3544, 4789, 6081, 4754,
)  # fmt: skip
