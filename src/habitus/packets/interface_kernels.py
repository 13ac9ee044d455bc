"""The fast loop over what pcapng files say of themselves: sections and their interfaces.

A file may hold millions of either, so none of them is worth a step of Python.
"""

from __future__ import annotations

import numpy as np

from habitus.compiled import row_kernel
from habitus.packets.bytes_kernels import read16, read32
from habitus.packets.record_kernels import (
    BROKEN_LENGTH,
    EXPONENT,
    INTERFACE_BLOCK,
    IS_BINARY,
    LAST_SECOND,
    LINK,
    MAX_RECORD_BYTES,
    NEEDS_MORE,
    OFFSET_SECONDS,
    SECTION_BLOCK,
    SNAP,
)

# Why it stopped, beside the reasons of `record_kernels`.
OTHER_BLOCK = 6
TOO_MANY_INTERFACES = 7

MAX_INTERFACES = 1 << 16
"""Of a section; blocks of packets had 16 bits for the number of one, once."""

BYTE_ORDER = 0x1A2B3C4D
DEFAULT_EXPONENT = 6  # microseconds
RESOLUTION, OFFSET = 9, 14  # options: if_tsresol, if_tsoffset


@row_kernel
def describe(data, place, end, is_big, interfaces, n):
    """Read the blocks of sections and interfaces that come next.

    Args:
        data: (end,) uint8; ``place`` is where the next block begins.
        interfaces: (MAX_INTERFACES, N_INTERFACE_COLUMNS) int64, of which ``n`` are filled.

    Returns:
        Why it stopped, where the next block begins, the byte order there, and how many interfaces
        the section has there.
    """
    while True:
        if end - place < 12:
            return NEEDS_MORE, place, is_big, n
        kind = read32(data, place, is_big)
        least = 20
        if kind == SECTION_BLOCK:
            is_big = read32(data, place + 8, True) == BYTE_ORDER
            if read32(data, place + 8, is_big) != BYTE_ORDER:
                return BROKEN_LENGTH, place, is_big, n
            least = 28
        elif kind != INTERFACE_BLOCK:
            return OTHER_BLOCK, place, is_big, n
        length = read32(data, place + 4, is_big)
        if length < least or length > MAX_RECORD_BYTES:
            return BROKEN_LENGTH, place, is_big, n
        length += -length & 3  # as `walk_pcapng` does
        if end - place < length:
            return NEEDS_MORE, place, is_big, n
        if kind == SECTION_BLOCK:
            n = 0
        else:
            if n == len(interfaces):
                return TOO_MANY_INTERFACES, place, is_big, n
            read_interface(data, place + 8, place + length - 4, is_big, interfaces[n])
            n += 1
        place += length


@row_kernel
def read_interface(data, at, stop, is_big, interface):
    """Fill the row of an interface from the body of its block, of eight bytes at least."""
    interface[LINK], interface[SNAP] = read16(data, at, is_big), read32(data, at + 4, is_big)
    is_binary, exponent, seconds = np.int64(0), np.int64(DEFAULT_EXPONENT), np.int64(0)
    at += 8
    while stop - at >= 4:
        code, size = read16(data, at, is_big), read16(data, at + 2, is_big)
        at += 4
        if code == 0 or stop - at < size:
            break
        if code == RESOLUTION and size >= 1:
            is_binary, exponent = np.int64(data[at] >> 7), np.int64(data[at] & 0x7F)
        elif code == OFFSET and size >= 8:
            first, second = read32(data, at, is_big), read32(data, at + 4, is_big)
            seconds = (first << 32) | second if is_big else (second << 32) | first
        at += size + (-size & 3)
    if exponent > (63 if is_binary else 19):  # no writer's: as if it told none
        is_binary, exponent = np.int64(0), np.int64(DEFAULT_EXPONENT)
    interface[IS_BINARY], interface[EXPONENT] = is_binary, exponent
    interface[OFFSET_SECONDS] = max(-LAST_SECOND, min(seconds, LAST_SECOND))
