"""The fast loops over capture files: from bytes to the places of records.

They stop where they cannot go on, and say why: a buffer that ends within a record, room for no more
records, a block that is not a packet's and is read elsewhere, or what no capture holds.
"""

from __future__ import annotations

import numpy as np

from habitus.compiled import row_kernel
from habitus.packets.bytes_kernels import read16, read32

NEEDS_MORE = 0
FULL = 1
SECTION = 2
INTERFACE = 3
BROKEN_LENGTH = 4
BROKEN_INTERFACE = 5

MAX_RECORD_BYTES = 1 << 24
"""No link carries a packet as long as this: what claims to be longer is damage."""

SECTION_BLOCK = 0x0A0D0D0A
INTERFACE_BLOCK = 1
OLD_PACKET_BLOCK = 2
SIMPLE_BLOCK = 3
PACKET_BLOCK = 6

# Columns of an interface of a pcapng file.
LINK = 0
SNAP = 1
IS_BINARY = 2
EXPONENT = 3
OFFSET_SECONDS = 4
N_INTERFACE_COLUMNS = 5

BILLION = 1_000_000_000
LAST_SECOND = 4_500_000_000
"""Twice as many nanoseconds fit 64 bits: so differences of times do."""


@row_kernel
def walk_pcap(data, place, end, is_big, tick_ns, header, link, records, n):
    """Walk over the records of a pcap file.

    Args:
        data: (end,) uint8; ``place`` is where the next record begins.
        tick_ns: nanoseconds of the smaller unit of time; ``header`` bytes of a record's head.
        records: filled from ``n`` on.

    Returns:
        Why it stopped, where the next record begins, how many records there are now.
    """
    while n < len(records):
        if end - place < header:
            return NEEDS_MORE, place, n
        captured = read32(data, place + 8, is_big)
        if captured > MAX_RECORD_BYTES:
            return BROKEN_LENGTH, place, n
        if end - place - header < captured:
            return NEEDS_MORE, place, n
        seconds, fraction = read32(data, place, is_big), read32(data, place + 4, is_big)
        record = records[n]
        record.at = place + header
        record.time_ns = seconds * BILLION + fraction * tick_ns
        record.captured = captured
        record.wire = max(captured, read32(data, place + 12, is_big))
        record.link = link
        n += 1
        place += header + captured
    return FULL, place, n


@row_kernel
def walk_pcapng(data, place, end, is_big, interfaces, n_interfaces, last_ns, records, n):
    """Walk over the blocks of a pcapng file.

    Args:
        interfaces: (>= n_interfaces, N_INTERFACE_COLUMNS) int64, those of the present section.
        last_ns: (1,) int64, when the packet before was: simple blocks tell no time.

    Returns:
        As `walk_pcap`; at a section's or an interface's block that is the block's place.
    """
    while n < len(records):
        if end - place < 12:
            return NEEDS_MORE, place, n
        kind = read32(data, place, is_big)
        if kind == SECTION_BLOCK:
            return SECTION, place, n
        length = read32(data, place + 4, is_big)
        if length < 12 or length > MAX_RECORD_BYTES:
            return BROKEN_LENGTH, place, n
        length += -length & 3  # some writers forget the padding in what they say
        if end - place < length:
            return NEEDS_MORE, place, n
        if kind == INTERFACE_BLOCK:
            return INTERFACE, place, n
        body, stop = place + 8, place + length - 4
        interface, header = np.int64(0), 0
        if kind == PACKET_BLOCK or kind == OLD_PACKET_BLOCK:
            header = 20
        elif kind == SIMPLE_BLOCK:
            header = 4
        if header:
            if stop - body < header:
                return BROKEN_LENGTH, place, n
            if kind == PACKET_BLOCK:
                interface = read32(data, body, is_big)
            elif kind == OLD_PACKET_BLOCK:
                interface = read16(data, body, is_big)
            if interface >= n_interfaces:
                return BROKEN_INTERFACE, place, n
            if kind == SIMPLE_BLOCK:
                wire = read32(data, body, is_big)
                captured = min(wire, stop - body - header)
                if interfaces[0, SNAP] > 0:
                    captured = min(captured, interfaces[0, SNAP])
            else:
                captured = read32(data, body + 12, is_big)
                wire = read32(data, body + 16, is_big)
                last_ns[0] = nanoseconds(
                    read32(data, body + 4, is_big), read32(data, body + 8, is_big),
                    interfaces[interface],
                )  # fmt: skip
            if captured > stop - body - header:
                return BROKEN_LENGTH, place, n
            record = records[n]
            record.at = body + header
            record.time_ns = last_ns[0]
            record.captured = captured
            record.wire = max(captured, wire)
            record.link = interfaces[interface, LINK]
            n += 1
        place += length
    return FULL, place, n


@row_kernel
def nanoseconds(high, low, interface):
    """A packet's time by the resolution of its interface."""
    ticks = (np.uint64(high) << np.uint64(32)) | np.uint64(low)
    exponent = interface[EXPONENT]
    if interface[IS_BINARY]:
        seconds = np.int64(ticks >> np.uint64(exponent))
        part = ticks & ((np.uint64(1) << np.uint64(exponent)) - np.uint64(1))
        if exponent > 32:  # more would not fit 64 bits once multiplied
            part >>= np.uint64(exponent - 32)
            exponent = 32
        rest = np.int64((part * np.uint64(BILLION)) >> np.uint64(exponent))
    else:
        unit = np.uint64(1)
        for _ in range(exponent):
            unit *= np.uint64(10)
        seconds = np.int64(ticks // unit)
        part = ticks % unit
        if exponent <= 9:
            for _ in range(9 - exponent):
                part *= np.uint64(10)
        else:
            for _ in range(exponent - 9):
                part //= np.uint64(10)
        rest = np.int64(part)
    if seconds > LAST_SECOND or seconds < 0:
        seconds = np.int64(LAST_SECOND)
    told = seconds + interface[OFFSET_SECONDS]
    return np.int64(max(-LAST_SECOND, min(told, LAST_SECOND))) * BILLION + rest
