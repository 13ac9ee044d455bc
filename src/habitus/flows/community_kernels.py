"""The fast loop over flows that writes their Community IDs."""

from __future__ import annotations

import numpy as np

from habitus.compiled import row_kernel
from habitus.flows.sha1_kernels import TEXT_BYTES, sha1, write_base64
from habitus.packets.ip_kernels import ICMP, ICMP6, SCTP, TCP, UDP

ID_BYTES = 2 + TEXT_BYTES
NO_ANSWER = -1


@row_kernel
def write_ids(flows, answers, letters, block, words, digest, text):
    """Write the name of each flow.

    Args:
        answers: (2, 256) int64, of ICMP and of ICMPv6: which type answers which, or `NO_ANSWER`.
        letters: (64,) uint8 of base64. ``block``, ``words``, ``digest``: as `sha1` wants them.
        text: (n * ID_BYTES,) uint8, filled.
    """
    for i in range(len(flows)):
        n_bytes = fill_block(flows[i], answers, block)
        sha1(block, n_bytes, words, digest)
        at = i * ID_BYTES
        text[at], text[at + 1] = 49, 58  # "1:"
        write_base64(digest, letters, text, at + 2)


@row_kernel
def fill_block(flow, answers, block):
    """What the name of a flow is made of: how many bytes that are."""
    protocol = flow.protocol
    is_low_first, has_ports = True, True
    first, second = np.int64(flow.low_port), np.int64(flow.high_port)
    if protocol == ICMP or protocol == ICMP6:
        # Types that answer each other stand for ports of both sides.
        asked = np.int64(flow.icmp_type)
        answer = answers[1 if protocol == ICMP6 else 0, asked]
        other = np.int64(flow.icmp_code) if answer == NO_ANSWER else answer
        is_low_first = flow.forward_is_low == 1
        first, second = asked, other
        is_ordered = asked < other if has_one_address(flow) else is_low_first
        # Without a counterpart type and code tell one way only, and nothing is put in order.
        if answer != NO_ANSWER and not is_ordered:
            is_low_first = not is_low_first
            first, second = other, asked
    elif protocol != TCP and protocol != UDP and protocol != SCTP:
        has_ports = False
    block[0], block[1] = 0, 0  # the seed
    at = 2
    for place in range(2):
        if (place == 0) == is_low_first:
            at = write_address(flow.low_high, flow.low_low, flow.version, block, at)
        else:
            at = write_address(flow.high_high, flow.high_low, flow.version, block, at)
    block[at], block[at + 1] = protocol, 0
    at += 2
    if has_ports:
        block[at], block[at + 1] = first >> 8, first & 0xFF
        block[at + 2], block[at + 3] = second >> 8, second & 0xFF
        at += 4
    return at


@row_kernel
def has_one_address(flow):
    """Whether a flow goes from an address to itself."""
    return flow.low_high == flow.high_high and flow.low_low == flow.high_low


@row_kernel
def write_address(high, low, version, block, at):
    """Write an address, the highest byte first; where it ends."""
    if version == 4:
        for shift in (24, 16, 8, 0):
            block[at] = (low >> np.uint64(shift)) & np.uint64(0xFF)
            at += 1
        return at
    for half in (high, low):
        for place in range(8):
            block[at] = (half >> np.uint64(56 - 8 * place)) & np.uint64(0xFF)
            at += 1
    return at
