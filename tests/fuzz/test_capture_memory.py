"""No capture takes memory out of proportion: at most fifty times its own size, beside a base.

Captures are made to fill tables, and read in a process of its own, whose peak is measured.
"""

from __future__ import annotations

import gzip
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

from frames import block, interface, ip4, pcap, section, tcp

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

N_BYTES = 8 << 20
N_INFLATED = 256 << 20
MOST_TIMES = 50
BASE_BYTES = 64 << 20
"""Buffers, and tables of features that the allocator holds on to, however small a capture is."""
_MEASURE = """
import re, sys
from pathlib import Path
from habitus.errors import HabitusError
from habitus.flows.extracting import extract_flows
def read(path):
    try:
        for table in extract_flows([path], n_jobs=1):
            pass
    except HabitusError:
        pass
def memory(what):
    return int(re.search(what + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) << 10
small, *files = sys.argv[1:]
read(small)
for file in files:
    Path("/proc/self/clear_refs").write_text("5")  # the peak is the present size
    before = memory("VmRSS")
    read(file)
    print(memory("VmHWM") - before)
"""
RAW_IP = 101


def many(make: Callable[[int], bytes], link: int = RAW_IP) -> bytes:
    """A pcap of `N_BYTES` whose frames differ."""
    frames, n_bytes, i = [], 0, 0
    while n_bytes < N_BYTES:
        frames.append((i * 1000, make(i)))
        n_bytes += 16 + len(frames[-1][1])
        i += 1
    return pcap(frames, link=link)


def address(i: int) -> str:
    """One of as many as are wanted."""
    return f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}"


def blocks(make: Callable[[int], bytes]) -> bytes:
    """A pcapng file of `N_BYTES` of blocks that differ."""
    size = len(make(0))
    return section() + b"".join(make(i) for i in range(N_BYTES // size))


def hostile_captures() -> dict[str, bytes]:
    """Captures of `N_BYTES`, by what they are made to fill."""
    least = bytearray(ip4(b"", 255))

    def smallest(i: int) -> bytes:
        struct.pack_into(">I", least, 12, i)
        return bytes(least)

    return {
        "the smallest flows": many(smallest),
        "SYNs from new addresses": many(lambda i: ip4(tcp(i & 0xFFFF, 80, 2), 6, address(i))),
        "first fragments": many(
            lambda i: ip4(b"\0" * 8, 17, address(i), identity=i & 0xFFFF, more=True)
        ),
        "one flow": many(lambda _: ip4(tcp(), 6)),
        "new types": many(lambda i: bytes(12) + struct.pack(">H", 0x600 + i % 0xF900), 1),
        "nothing in records": pcap([], link=1) + bytes(N_BYTES),
        "a record without an end": pcap([], link=1)
        + struct.pack("<IIII", 0, 0, 1 << 24, 1 << 24) + bytes(N_BYTES),
        "interfaces": blocks(lambda i: interface(i & 0xFFFF)),
        "packets of new interfaces": blocks(
            lambda i: section() + interface(i & 0xFFFF) + block(3, struct.pack("<I", 0))
        ),
        "blocks that mean nothing": blocks(lambda _: block(0x0BAD, b"")),
    }  # fmt: skip


def compressed_interfaces(most: int) -> bytes:
    """Interfaces alone, which inflate to `N_INFLATED`: ``most`` in a section."""
    part = section() + most * interface(RAW_IP)
    return gzip.compress(part * (N_INFLATED // len(part)))


def taken_by(tmp_path: Path, files: dict[str, bytes]) -> dict[str, int]:
    """Bytes of memory that each takes beside what a small one has taken before."""
    small = tmp_path / "small"
    small.write_bytes(pcap([(0, ip4(tcp()))], link=RAW_IP))
    paths = [tmp_path / str(number) for number in range(len(files))]
    for path, data in zip(paths, files.values(), strict=True):
        path.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, small, *paths],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(zip(files, map(int, done.stdout.split()), strict=True))


def test_no_capture_takes_more_than_fifty_times_its_size(tmp_path: Path) -> None:
    files = hostile_captures()
    taken = taken_by(tmp_path, files)
    times = {what: (n - BASE_BYTES) / len(files[what]) for what, n in taken.items()}
    assert {what: round(n) for what, n in times.items() if n > MOST_TIMES} == {}


def test_interfaces_take_no_more_however_small_they_are_compressed(tmp_path: Path) -> None:
    files = {f"{most} in a section": compressed_interfaces(most) for most in (1, 1 << 16, 1 << 23)}
    assert max(map(len, files.values())) < N_INFLATED // 300
    taken = taken_by(tmp_path, files)
    assert {what: n for what, n in taken.items() if n > BASE_BYTES} == {}
