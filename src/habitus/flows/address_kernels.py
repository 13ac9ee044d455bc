"""The fast loop that writes addresses of IPv4 as text."""

from __future__ import annotations

import numpy as np

from habitus.compiled import row_kernel

LONGEST = 15


@row_kernel
def write_quads(addresses, text, lengths):
    """Write four numbers with points between them, address after address.

    Args:
        addresses: (n,) uint64, of 32 bits.
        text: (n * LONGEST,) uint8, filled from the front; ``lengths`` (n,) int64 of each.

    Returns:
        How many bytes there are in all.
    """
    at = 0
    for i in range(len(addresses)):
        begin = at
        for shift in (24, 16, 8, 0):
            part = np.int64((addresses[i] >> np.uint64(shift)) & np.uint64(0xFF))
            if part >= 100:
                text[at] = 48 + part // 100
                at += 1
            if part >= 10:
                text[at] = 48 + part // 10 % 10
                at += 1
            text[at] = 48 + part % 10
            at += 1
            if shift:
                text[at] = 46  # .
                at += 1
        lengths[i] = at - begin
    return at
