"""Captures that lie, and what must hold of whatever is read of them; also run as a program."""

from __future__ import annotations

import contextlib
import random
import struct
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

from fast_flows import Packets, batches_of, table_of
from frames import (
    ACK,
    SYN,
    A,
    B,
    block,
    enhanced,
    ethernet,
    interface,
    ip4,
    ip6,
    option,
    pcap,
    section,
    segment,
    simple,
    tcp,
    udp,
)  # fmt: skip
from habitus.errors import InputError
from habitus.flows.tracker import FlowTracker, TrackSettings
from habitus.packets.layout import Status
from habitus.packets.packets import Dissector

if TYPE_CHECKING:
    from collections.abc import Iterator

INNER = ip4(tcp(flags=SYN, payload=b"inside"))
INNER6 = ip6(udp(7, 8, b"six"), 17)


def probe(content: bytes, *, outer: bool = False, features: bool = True) -> tuple[int, int]:
    """Read a capture to its end or its damage: packets, and flows.

    Nothing but an input error may come of it, and what is told lies within the capture. Making
    all ``features`` of the flows takes longer than all else.
    """
    dissector, tracker = Dissector(outer=outer), FlowTracker(TrackSettings(max_flows=100))
    flows = []
    with contextlib.suppress(InputError):
        for packets, data in batches_of(content, dissector):
            assert_within(packets[packets["status"] == Status.OK], len(data))
            flows += [ended.copy() for ended in tracker.push(packets, data)]
    flows += [ended.copy() for ended in tracker.finish()]
    counts = dissector.counts
    assert counts.n_ok + sum(counts.reasons.values()) == counts.n_packets
    assert sum(int(ended["sides"]["packets"].sum()) for ended in flows) == counts.n_ok
    if features:
        table = table_of(flows)
        for name in table.columns:
            if table[name].dtype.is_float():
                assert table[name].drop_nulls().is_finite().all(), name
    return counts.n_packets, sum(map(len, flows))


def assert_within(packets: Packets, n_bytes: int) -> None:
    """Payloads lie in the buffer, and are not longer than what carries them."""
    assert (packets["payload_at"] >= 0).all()
    assert (packets["payload_at"] + packets["payload_captured"] <= n_bytes).all()
    for smaller, larger in pairwise(("payload_captured", "payload_bytes", "transport_bytes")):
        assert (packets[smaller] <= packets[larger]).all(), (smaller, larger)
    assert (packets["transport_bytes"] <= packets["ip_bytes"]).all()


def gtp(payload: bytes, extensions: bytes = b"") -> bytes:
    """A packet through GTP-U, with a chain of extension headers."""
    rest = (b"\0\0\0" + extensions if extensions else b"") + payload
    head = struct.pack(">BBHI", 0x34 if extensions else 0x30, 255, len(rest), 1)
    return ip4(udp(9, 2152, head + rest), 17)


def seeds() -> dict[str, bytes]:
    """Small captures of many kinds of headers."""
    gre = struct.pack(">HHII", 0x3000, 0x0800, 1, 2) + INNER
    erspan = struct.pack(">HHI", 0x1000, 0x88BE, 1) + bytes(8) + ethernet(INNER)
    frames = [
        segment(SYN, tags=(1, 2)), segment(ACK, payload=b"x" * 9, back=True),
        ethernet(ip4(tcp(options=bytes(12)), options=b"\x07\x08" + bytes(10))),
        ethernet(ip4(udp(1, 2, b"f" * 16), 17, more=True)), ethernet(ip4(b"l" * 9, 17, offset=3)),
        ethernet(ip6(
            bytes([44, 0, 1, 4, 0, 0, 0, 0]) + bytes([51, 0, 0, 1, 0, 0, 0, 9])
            + bytes([17, 1]) + bytes(10) + udp(3, 4, b"e"), 0,
        ), 0x86DD),
        ethernet(b"\0\1\x41\xff" + INNER, 0x8847),
        ethernet(b"\x11\0\0\1\0\0\0\x21" + INNER, 0x8864),
        ethernet(ip4(gre, 47)), ethernet(ip4(erspan, 47)), ethernet(ip4(INNER6, 41)),
        ethernet(ip4(udp(9, 4789, b"\x08" + bytes(7) + ethernet(INNER)), 17)),
        ethernet(ip4(udp(9, 4790, b"\x0c\0\0\1" + bytes(4) + INNER), 17)),
        ethernet(ip4(udp(9, 6081, b"\1\0\x65\x58\0\0\0\0opts" + ethernet(INNER)), 17)),
        ethernet(ip4(udp(3544, 9, b"\0\1\1\1c" + bytes(10) + bytes(8) + INNER6), 17)),
        ethernet(gtp(INNER, b"\x85\1\0\0\x40\1\0\0\0")),
        ethernet(ip4(bytes(12), 132)), ethernet(ip4(b"\x08\0\0\0\0\0\0\1", 1)),
    ]  # fmt: skip
    llc = b"\xaa\xaa\3\0\0\0\x08\0"
    wifi = b"\x88\x03" + bytes(28) + b"\x80\0" + bytes(14) + llc + INNER
    others = {
        113: bytes(14) + b"\x08\0" + INNER, 276: b"\x86\xdd" + bytes(18) + INNER6,
        0: b"\2\0\0\0" + INNER, 108: b"\0\0\0\x1e" + INNER6, 9: b"\xff\3\0\x21" + INNER,
        50: b"\x57" + INNER6, 101: INNER, 127: b"\0\0\x0a\0\0\0\0\0\0\0" + wifi, 105: wifi,
        192: b"\0\0\x08\0\1\0\0\0" + ethernet(INNER), 104: b"\x0f\0\x08\0" + INNER,
        239: b"\2\0\0\0\x05\0\1\0x\0\0\0" + struct.pack("<HH", len(INNER) + 4, 9) + INNER,
        51: b"\x11\0\0\1\0\0\xc0\x21" + INNER, 10: bytes(13) + llc + INNER,
        163: b"\x80\x21\x10\1\0\0\0\x40" + bytes(56) + wifi, 119: bytes(144) + wifi,
    }  # fmt: skip
    found = {f"link-{link}": pcap([(5, data)], link=link) for link, data in others.items()}
    found["frames"] = pcap([(i * 10**9, frame) for i, frame in enumerate(frames)])
    options = option(9, b"\x83") + option(14, bytes(8))
    found["pcapng"] = (
        section() + interface(options=options) + interface(101, snap=40) + block(5, bytes(12))
        + enhanced(0, 1 << 40, segment(SYN)) + enhanced(1, 9, INNER) + simple(segment(ACK))
        + section(">") + interface(1, ">") + enhanced(0, 7, segment(SYN), ">")
    )  # fmt: skip
    return found


def lies() -> Iterator[tuple[str, bytes]]:  # noqa: PLR0912 - one loop for each kind of lie
    """Captures of which one thing is not so."""
    frame = segment(SYN, payload=b"p" * 8)
    whole = pcap([(0, frame), (1, frame)])
    for captured in (0, 1, 0xFFFFFFFF, 1 << 24, (1 << 24) + 1, 0x7FFFFFFF):
        for wire in (0, 1, 0xFFFFFFFF):
            lengths = struct.pack("<II", captured, wire)
            yield f"lengths {captured} {wire}", whole[:32] + lengths + whole[40:]
    for at, value in ((14, 0x40), (14, 0x4F), (14, 0x45), (14, 0x75), (46, 0x40), (46, 0xF0)):
        yield f"byte {at} = {value:#x}", pcap([(0, frame[:at] + bytes([value]) + frame[at + 1 :])])
    for total in (0, 19, 20, 39, 40, 0xFFFF):
        yield f"IPv4 total {total}", pcap([(0, ethernet(ip4(tcp(), total=total)))])
        yield f"IPv6 length {total}", pcap([(0, ethernet(ip6(tcp(), length=total), 0x86DD))])
    jumbo = ip6(bytes([6, 0, 0xC2, 4]) + struct.pack(">I", 1 << 20) + tcp(), 0, length=0)
    yield "jumbogram", pcap([(0, ethernet(jumbo, 0x86DD))])
    for length in (0, 7, 8, 0xFFFF):
        yield f"UDP length {length}", pcap([(0, ethernet(ip4(udp(1, 2, b"d", length), 17)))])
    chain = bytes([0, 0] + [0] * 6) * 200
    yield "extension headers without end", pcap([(0, ethernet(ip6(chain, 0), 0x86DD))])
    longest = bytes([60, 255]) + bytes(2046)
    yield "a long extension header", pcap([(0, ethernet(ip6(longest + longest, 60), 0x86DD))])
    yield "options of length 0", pcap([(0, ethernet(ip4(tcp(), options=b"\x44\0" * 20)))])
    yield "labels without a bottom", pcap([(0, ethernet(bytes(4) * 1000, 0x8847))])
    yield "tags without end", pcap([(0, ethernet(b"", tags=range(1000)))])
    for n in (31, 32, 33, 40, 300):
        nested = INNER
        for _ in range(n):
            nested = ip4(nested, 4)
        yield f"{n} tunnels", pcap([(0, ethernet(nested))])
    gres = INNER
    for _ in range(60):
        gres = ip4(struct.pack(">HH", 0, 0x0800) + gres, 47)
    yield "60 tunnels of GRE", pcap([(0, ethernet(gres))])
    for extensions in (b"\x85", b"\x85\0", b"\x85" + b"\1\0\0\x85" * 300, b"\x85\xff"):
        yield f"GTP {extensions[:3]!r}", pcap([(0, ethernet(gtp(INNER, extensions)))])
    yield "NFLOG of length 0", pcap([(0, b"\2\0\0\0" + bytes(400))], link=239)
    begin = section() + interface()
    for length in (0, 4, 11, 12, 13, 0xFFFFFFFF, 0x80000000):
        yield f"block of {length}", begin + struct.pack("<II", 6, length) + bytes(40)
        yield f"section of {length}", begin + b"\n\r\r\n" + struct.pack("<I", length) + bytes(40)
    yield "an interface without its end", (
        section() + interface(options=option(9, b"\6") + b"\x02\0\xff\xff", end=False)
        + enhanced(0, 1, frame)
    )  # fmt: skip
    yield "an interface not described", begin + enhanced(1, 1, frame)
    yield "no interface described", section() + simple(frame)
    for resolution in (255, 127, 0x80 | 64, 20, 63, 0):
        options = option(9, bytes([resolution]))
        for ticks in (0, (1 << 64) - 1, 1 << 63, (1 << 63) - 1):
            for offset in (0, (1 << 63) - 1, -(1 << 63)):
                told = options + option(14, struct.pack("<q", offset))
                described = section() + interface(options=told)
                yield f"time {resolution} {ticks} {offset}", (
                    described + enhanced(0, ticks, frame) + enhanced(0, 0, segment(ACK, back=True))
                    + enhanced(0, ticks, segment(ACK))
                )  # fmt: skip
    for captured, wire in ((0xFFFFFFFF, 0), (61, 0), (0, 0xFFFFFFFF), (63, 63)):
        yield (
            f"enhanced {captured} {wire}",
            (begin + enhanced(0, 1, frame, captured=captured, wire=wire)),
        )
    yield "simple", begin + simple(frame, wire=0xFFFFFFFF) + simple(b"", wire=0)
    yield "ends of ports", pcap([(0, ethernet(ip4(tcp(0, 0xFFFF), 6, A, A)))] * 2)
    yield "a sum that is large", pcap([(0, ethernet(ip4(udp(1, 2), 17, B, A)))] * 2, wire=[
        0xFFFFFFFF, 0xFFFFFFFF,
    ])  # fmt: skip


def changes(content: bytes, n: int, seed: int) -> Iterator[bytes]:
    """The capture with one byte, or a few, changed."""
    chance = random.Random(seed)
    for _ in range(n):
        changed = bytearray(content)
        for _ in range(chance.choice([1, 1, 2, 5])):
            at = chance.randrange(4, len(changed))
            changed[at] = chance.choice([0, 0xFF, changed[at] ^ 1 << chance.randrange(8), 0x45])
        yield bytes(changed)


def main(n_changes: int, step: int) -> int:
    """Probe all; how many captures there were."""
    n = 0
    for name, content in [*seeds().items(), *lies()]:
        is_seed = name in seeds()
        cut = [content[:length] for length in range(0, len(content), step)] if is_seed else []
        for hostile in [content, *cut, *(changes(content, n_changes, n) if is_seed else [])]:
            try:
                probe(hostile, outer=n % 2 == 1, features=n % 50 == 0)
            except BaseException:
                print(name, hostile.hex(), file=sys.stderr)  # noqa: T201
                raise
            n += 1
    return n


if __name__ == "__main__":
    print(main(*(int(argument) for argument in sys.argv[1:3])))  # noqa: T201
