"""Capture what goes over a link into a pcap file, and know if anything was lost."""

from __future__ import annotations

import select
import socket
import struct
from typing import IO, TYPE_CHECKING

from tracing import RecordingError

if TYPE_CHECKING:
    from network.processes import Line

ETH_P_ALL = 0x0003
SOL_PACKET, PACKET_STATISTICS = 263, 6
SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35
LARGEST = 1 << 16
BUFFER_BYTES = 64 << 20
# Magic of microseconds, version 2.4, whole packets, Ethernet.
HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, LARGEST, 1)


def capture(link: str, file: IO[bytes], line: Line) -> None:
    """Write every frame that a link sends or receives, until told to stop.

    Raises:
        RecordingError: if the kernel lost a packet, or a frame did not fit.
    """
    records: list[tuple[int, bytes]] = []
    # Protocol 0 until it is bound: else it would hear other links in the meantime.
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as tap:
        # Without root outside of the namespace the buffer has the system's size.
        forced = _try_option(tap, SO_RCVBUFFORCE, BUFFER_BYTES)
        if not forced:
            tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        tap.bind((link, ETH_P_ALL))
        tap.setblocking(False)
        line.tell()
        while not line.is_told():
            select.select([tap.fileno(), line.fileno()], [], [])
            _take(tap, records)
        n_seen, n_lost = struct.unpack("II", tap.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        _take(tap, records)
    if n_lost or len(records) < n_seen:
        raise RecordingError(f"{len(records)} of {n_seen} packets taken, {n_lost} lost")
    # Of what came after the count nobody knows whether it is whole.
    del records[n_seen:]
    file.write(HEADER)
    # Packets sent and packets received are queued by different processors; the kernel stamped them
    # before that, so that their times are in order, and their places may not be.
    for time_ns, frame in sorted(records, key=lambda record: record[0]):
        seconds, rest_ns = divmod(time_ns, 1_000_000_000)
        file.write(struct.pack("<IIII", seconds, rest_ns // 1000, len(frame), len(frame)) + frame)
    file.flush()


def _take(tap: socket.socket, records: list[tuple[int, bytes]]) -> None:
    """Take all frames that wait."""
    while True:
        try:
            frame, ancillary, flags, _ = tap.recvmsg(LARGEST, 64)
        except BlockingIOError:
            return
        if flags & socket.MSG_TRUNC:
            raise RecordingError(f"a frame is longer than {LARGEST} bytes")
        seconds, rest_ns = struct.unpack("qq", ancillary[0][2])
        records.append((seconds * 1_000_000_000 + rest_ns, frame))


def _try_option(tap: socket.socket, option: int, value: int) -> bool:
    try:
        tap.setsockopt(socket.SOL_SOCKET, option, value)
    except PermissionError:
        return False
    return True
