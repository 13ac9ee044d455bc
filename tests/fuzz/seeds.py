"""Where fuzzing of captures and flows begins: small inputs of every kind that is known to be read.

    PYTHONPATH=tests python tests/fuzz/seeds.py FOLDER

writes a folder of inputs for each target; from real captures, too, where HABITUS_TEST_DATA names
the public data.
"""

from __future__ import annotations

import gzip
import os
import sys
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from captures import LINKS

from frames import ip4, pcap, udp
from habitus.flows.formats import flow_format_names, get_flow_format
from hostile_captures import lies, seeds
from slow_flows.records import read_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slow_flows.records import Record

PCAPNG = b"\n\r\r\n"
MAX_FRAME_BYTES = 200
FRAMES_EACH = 3
"""The first frames of each real capture."""
MAX_FILE_BYTES = 1 << 20
ZEEK_JSON = (
    b'{"ts":1700000000.5,"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":8,"id.resp_h":"10.0.0.2",'
    b'"id.resp_p":0,"proto":"icmp","duration":0.25,"orig_pkts":1,"resp_pkts":1,"history":"^h",'
    b'"vlan":5,"inner_vlan":6,"label":"Benign"}\n'
)


def inputs() -> Iterator[tuple[str, bytes]]:
    """Targets, and inputs for them."""
    for _, content in [*seeds().items(), *lies()]:
        yield ("pcapng" if content[:4] == PCAPNG else "pcap"), content
        if content[:4] != PCAPNG:
            yield from _parts(content)
    for content in _real_captures():
        yield from _parts(content)
    yield "frames", _fragments()
    for i in range(64):  # streams of packets are read of any bytes
        yield "tracking", sha256(bytes([i])).digest() * (1 + i % 3)
    for name in flow_format_names():
        yield f"flows-{name}", get_flow_format(name).sample.encode()
    yield "flows-zeek", ZEEK_JSON


def _parts(content: bytes) -> Iterator[tuple[str, bytes]]:
    """A capture's first frames, each as a capture of its own and as frames."""
    for record in islice(read_records(content), FRAMES_EACH):
        yield "pcap", pcap([(record.time_ns, record.data[:MAX_FRAME_BYTES])], link=record.link)
        if record.link in LINKS:
            yield "frames", _framed(record)


def _framed(record: Record) -> bytes:
    """A record as `captures.check_frames` reads it."""
    unseen = min(127, record.wire - len(record.data[:MAX_FRAME_BYTES]))
    return bytes([LINKS.index(record.link), unseen << 1, 0]) + record.data[:MAX_FRAME_BYTES]


def _fragments() -> bytes:
    """More packets in parts than are remembered, and later parts of each of them."""
    firsts = [ip4(udp(i, 2, b"part"), 17, identity=i, more=True) for i in range(4)]
    laters = [ip4(b"rest", 17, identity=i, offset=2) for i in range(4)]
    frames = [*firsts, *laters, firsts[1], laters[0]]
    head = bytes([LINKS.index(101), 0])
    return head + b"".join(bytes([len(frame)]) + frame for frame in frames)


def _real_captures() -> Iterator[bytes]:
    """Those that are small."""
    folder = os.environ.get("HABITUS_TEST_DATA")
    for path in sorted(Path(folder, "pcap").rglob("*")) if folder else []:
        if path.is_file() and path.suffix != ".csv" and path.stat().st_size <= MAX_FILE_BYTES:
            content = path.read_bytes()
            yield gzip.decompress(content) if path.suffix == ".gz" else content


def write(folder: Path) -> None:
    """Write all inputs; equal ones are one."""
    for target, content in inputs():
        (folder / target).mkdir(parents=True, exist_ok=True)
        (folder / target / sha256(content).hexdigest()[:12]).write_bytes(content)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
