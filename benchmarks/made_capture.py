"""A capture made up for timing: so many packets of so many flows, the same each time.

python benchmarks/made_capture.py 1000000 20000 capture.pcap
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

CHUNK = 100_000
"""Packets that are made at a time."""
PAYLOADS = 95
"""Payloads are shorter than this: with their headers packets are 42 to 148 bytes long."""
SECONDS = 600
RECORD = np.dtype(
    [("seconds", "<u4"), ("micro", "<u4"), ("captured", "<u4"), ("wire", "<u4"),
     ("ethernet", "V12"), ("type", ">u2"), ("version", "u1"), ("tos", "u1"), ("total", ">u2"),
     ("identity", ">u2"), ("offset", ">u2"), ("ttl", "u1"), ("protocol", "u1"), ("check", ">u2"),
     ("source", ">u4"), ("destination", ">u4"), ("source_port", ">u2"),
     ("destination_port", ">u2")]
)  # fmt: skip


def write_capture(
    path: Path, n_packets: int, n_flows: int, *, seconds: int = SECONDS, seed: int = 1
) -> None:
    """Write a pcap file: a third of the flows UDP, the others TCP; who speaks is drawn."""
    random = np.random.default_rng(seed)
    has_begun = np.zeros(n_flows, dtype=bool)
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, 1))
        for first in range(0, n_packets, CHUNK):
            n = min(CHUNK, n_packets - first)
            times = np.sort(random.integers(first, first + n, n)) * (seconds * 10**6 // n_packets)
            _write_packets(file, random, times, has_begun)


def _write_packets(
    file: IO[bytes], random: np.random.Generator, times: np.ndarray, has_begun: np.ndarray
) -> None:
    n, n_flows = len(times), len(has_begun)
    flow = random.integers(0, n_flows, n)
    payload = random.integers(0, PAYLOADS, n)
    is_first = np.zeros(n, dtype=bool)
    firsts = np.unique(flow, return_index=True)[1]
    is_first[firsts] = ~has_begun[flow[firsts]]
    has_begun[flow] = True
    is_back = (random.integers(0, 2, n) == 1) & ~is_first
    is_udp = flow % 3 == 0
    client, server = 0x0A000000 + flow, 0xC0A80000 + flow % 250
    port, service = 1024 + flow % 60000, np.where(is_udp, 53, 443)
    rows = np.zeros(n, dtype=RECORD)
    rows["seconds"], rows["micro"] = 1_600_000_000 + times // 10**6, times % 10**6
    header = np.where(is_udp, 8, 20)
    rows["total"] = 20 + header + payload
    rows["captured"] = rows["wire"] = 14 + rows["total"]
    rows["type"], rows["version"], rows["ttl"] = 0x0800, 0x45, 64
    rows["protocol"] = np.where(is_udp, 17, 6)
    rows["source"], rows["destination"] = (
        np.where(is_back, server, client), np.where(is_back, client, server),
    )  # fmt: skip
    rows["source_port"], rows["destination_port"] = (
        np.where(is_back, service, port), np.where(is_back, port, service),
    )  # fmt: skip
    heads = rows.tobytes()
    body = random.integers(0, 256, 1 << 16, dtype=np.uint8).tobytes()
    parts = []
    for i, (length, udp, begins) in enumerate(
        zip(payload.tolist(), is_udp.tolist(), is_first.tolist(), strict=True)
    ):
        rest = (
            struct.pack(">HH", 8 + length, 0)
            if udp
            else struct.pack(">IIBBHHH", 0, 0, 0x50, 0x02 if begins else 0x10, 64240, 0, 0)
        )
        at = i * 977 % 60_000
        parts += [heads[RECORD.itemsize * i : RECORD.itemsize * (i + 1)], rest]
        parts.append(body[at : at + length])
    file.write(b"".join(parts))


def later_copies(capture: Path, n: int) -> Iterator[bytes]:
    """The content of a capture made here, and then its packets again and again, each time later."""
    content = np.fromfile(capture, dtype=np.uint8)
    yield content.tobytes()
    place, places = 24, []
    lengths = memoryview(content.tobytes())
    while place < len(content):
        places.append(place)
        place += 16 + int.from_bytes(lengths[place + 8 : place + 12], "little")
    at = np.array(places)[:, np.newaxis] + np.arange(4)
    begin = content[at].view("<u4")
    for i in range(1, n):
        content[at] = (begin + np.uint32(i * SECONDS)).view(np.uint8)
        yield content[24:].tobytes()


if __name__ == "__main__":
    write_capture(Path(sys.argv[3]), int(sys.argv[1]), int(sys.argv[2]))
