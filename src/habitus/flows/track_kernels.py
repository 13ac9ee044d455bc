"""The fast loop from packets to flows: finds each packet's flow, and tells flows that have ended.

All times are the capture's. Flows under way stand in two lists, each in the order in which their
last packets came: those that are open, and those that were closed by their own packets and wait a
moment for stragglers. So the ones to be ended by time stand in front.
"""

from __future__ import annotations

import numpy as np

from habitus.compiled import inlined_kernel, row_kernel
from habitus.flows.keys_kernels import find, hash_of, is_low
from habitus.flows.layout import FLOW_BYTES, LINE_BYTES, SIDE_BYTES, SIDES_AT, Ended
from habitus.flows.measure_kernels import add_packet, close_activity
from habitus.flows.prefetch_kernels import prefetch
from habitus.packets.ip_kernels import TCP
from habitus.packets.layout import ACK, FIN, RST, SYN, Status
from habitus.packets.table_kernels import EMPTY, remove

DONE = 0
OUTPUT_FULL = 1
TABLE_FULL = 2

OK = int(Status.OK)
BY_FIN, BY_RST = int(Ended.FIN), int(Ended.RST)
BY_IDLE, BY_ACTIVE, BY_EVICTION = int(Ended.IDLE), int(Ended.ACTIVE), int(Ended.EVICTED)
BY_CAPTURE = int(Ended.CAPTURE)
NOBODY = -1
OLDER, NEWER = 0, 1
MAX_ENDED = 2
"""Flows that a packet itself can end: its own, and one that makes room."""

AHEAD = 8
"""Packets that flows are asked for before they are needed."""

# Places in the array of settings.
IDLE_NS = 0
ACTIVE_NS = 1
LINGER_NS = 2
ACTIVITY_NS = 3
SUBFLOW_NS = 4
N_FIRST = 5
BY_FLAGS = 6

# Places in the array of what stands between two packets.
N_FREE = 0
N_EVICTED = 1
N_TURNED = 2
N_MIDSTREAM = 3
OPEN_OLDEST = 4
OPEN_NEWEST = 5
CLOSED_OLDEST = 6
CLOSED_NEWEST = 7
N_TAKEN = 8
N_STATE = 9


@row_kernel
def track(packets, n, begin, data, settings, under_way, scratch, secret, out):
    """Take packets, from ``begin`` on, to their flows.

    Args:
        under_way: an `UnderWay`; ``scratch`` a `Scratch`.
        out: (> `MAX_ENDED`,) `FLOW`, filled with flows that have ended.

    Returns:
        Why it stopped, the packet to go on with, and how many flows have ended.
    """
    n_out = 0
    # Out of the tuple once: what takes an array out of it for every packet takes longer than all
    # that is done with the packet.
    flows, hashes, links, table, free, state = under_way
    blank, n_log_n, counts, coming = scratch
    idle_ns, linger_ns = settings[IDLE_NS], settings[LINGER_NS]
    for i in range(begin, min(begin + AHEAD, n)):
        coming[i % AHEAD] = look_ahead(packets[i], flows, table, secret)
    for i in range(begin, n):
        packet, value = packets[i], coming[i % AHEAD]
        if i + AHEAD < n:
            coming[i % AHEAD] = look_ahead(packets[i + AHEAD], flows, table, secret)
        if packet.status != OK:
            continue
        now = packet.time_ns
        if is_silent(OPEN_OLDEST, now - idle_ns, state, flows):
            n_out = end_silent(OPEN_OLDEST, now - idle_ns, under_way, out, n_out)
        if is_silent(CLOSED_OLDEST, now - linger_ns, state, flows):
            n_out = end_silent(CLOSED_OLDEST, now - linger_ns, under_way, out, n_out)
        if n_out + MAX_ENDED > len(out):
            return OUTPUT_FULL, i, n_out
        if 2 * (state[N_TAKEN] - state[N_FREE]) >= len(table):
            return TABLE_FULL, i, n_out
        low = is_low(packet)
        slot = np.int64(table[find(table, hashes, flows, value, packet, low)])
        is_continued, forward_is_low = False, low
        icmp_type, icmp_code = packet.icmp_type, packet.icmp_code
        if slot >= 0:
            reason = cut(flows[slot], packet, settings)
            if reason:
                is_continued = reason == BY_ACTIVE
                if is_continued:  # the same two ask and answer
                    forward_is_low = flows[slot].forward_is_low == 1
                    icmp_type, icmp_code = flows[slot].icmp_type, flows[slot].icmp_code
                n_out = end_flow(slot, reason, under_way, out, n_out)
                slot = np.int64(NOBODY)
        if slot < 0:
            if state[N_FREE] == 0 and state[N_TAKEN] == len(flows):
                n_out = make_room(under_way, out, n_out)
            if state[N_FREE]:
                state[N_FREE] -= 1
                slot = np.int64(free[state[N_FREE]])
            else:
                slot = state[N_TAKEN]
                state[N_TAKEN] += 1
            flows[slot] = blank[0]
            begin_flow(flows[slot], packet, low, is_continued, forward_is_low, state)
            flows[slot].icmp_type, flows[slot].icmp_code = icmp_type, icmp_code
            hashes[slot] = value
            table[find(table, hashes, flows, value, packet, low)] = slot
            append(slot, OPEN_OLDEST, state, links)
        flow, end = flows[slot], np.int64(0 if low else 1)
        add_packet(
            flow, flow.sides[end], flow.seldom[end], end, packet, data, n_log_n, counts,
            settings[ACTIVITY_NS], settings[SUBFLOW_NS], settings[N_FIRST],
        )  # fmt: skip
        was_closed = flow.ended != 0
        if settings[BY_FLAGS] and packet.protocol == TCP and packet.fragment <= 1:
            see_end(flow, packet, end)
        unlink(slot, CLOSED_OLDEST if was_closed else OPEN_OLDEST, state, links)
        append(slot, CLOSED_OLDEST if flow.ended != 0 else OPEN_OLDEST, state, links)
    return DONE, n, n_out


@inlined_kernel
def look_ahead(packet, flows, table, secret):
    """The hash of a packet that comes soon; what it will need of its flow is fetched meanwhile.

    The first flow that its place in the table leads to nearly always is its own.
    """
    low = is_low(packet)
    value = hash_of(packet, low, secret)
    slot = np.int64(table[np.int64(value & np.uint64(len(table) - 1))])
    if slot != EMPTY:
        flow = flows[slot]
        other_side = SIDES_AT + SIDE_BYTES if low else SIDES_AT
        for at in range(0, other_side, LINE_BYTES):
            prefetch(flow, at)
        for at in range(other_side + SIDE_BYTES, FLOW_BYTES, LINE_BYTES):
            prefetch(flow, at)
    return value


@row_kernel
def finish(under_way, out):
    """End all flows that are left, as many as there is room for.

    Returns:
        Whether flows are left, and how many have ended.
    """
    n_out = 0
    while n_out < len(out):
        old, reason = under_way.state[CLOSED_OLDEST], 0
        if old == NOBODY:
            old, reason = under_way.state[OPEN_OLDEST], BY_CAPTURE
        if old == NOBODY:
            return DONE, n_out
        n_out = end_flow(old, reason or under_way.flows[old].ended, under_way, out, n_out)
    return OUTPUT_FULL, n_out


@inlined_kernel
def is_silent(oldest, since_ns, state, flows):
    """Whether the flow of a list that was heard of longest ago has been silent since before.

    By the time of the packet at hand: a clock that was far ahead once would otherwise end every
    flow that goes on by the right one.
    """
    old = state[oldest]
    return old != NOBODY and flows[old].last_ns < since_ns


@row_kernel
def end_silent(oldest, since_ns, under_way, out, n_out):
    """End the flows of a list that have been silent since before, while there is room for them."""
    state, flows = under_way.state, under_way.flows
    while n_out < len(out) and is_silent(oldest, since_ns, state, flows):
        old = state[oldest]
        n_out = end_flow(old, flows[old].ended or BY_IDLE, under_way, out, n_out)
    return n_out


@row_kernel
def make_room(under_way, out, n_out):
    """End the flow that has been silent longest, one that is closed if there is any."""
    state = under_way.state
    old = state[CLOSED_OLDEST]
    if old != NOBODY:
        return end_flow(old, under_way.flows[old].ended, under_way, out, n_out)
    state[N_EVICTED] += 1
    return end_flow(state[OPEN_OLDEST], BY_EVICTION, under_way, out, n_out)


@inlined_kernel
def cut(flow, packet, settings):
    """Why a packet of this flow begins another; 0 if it does not."""
    silent = packet.time_ns - flow.last_ns
    is_long = packet.time_ns - flow.first_ns > settings[ACTIVE_NS]
    if flow.ended:
        is_new = packet.protocol == TCP and packet.tcp_flags & (SYN | ACK) == SYN
        return flow.ended if is_new or is_long or silent > settings[LINGER_NS] else 0
    if silent > settings[IDLE_NS]:
        return BY_IDLE
    return BY_ACTIVE if is_long else 0


@row_kernel
def begin_flow(flow, packet, low, is_continued, forward_is_low, state):
    """The first packet of a flow says whose flow it is, and who began it."""
    flow.vlan, flow.protocol, flow.version = packet.vlan, packet.protocol, packet.version
    if low:
        flow.low_high, flow.low_low = packet.source_high, packet.source_low
        flow.high_high, flow.high_low = packet.destination_high, packet.destination_low
        flow.low_port, flow.high_port = packet.source_port, packet.destination_port
    else:
        flow.low_high, flow.low_low = packet.destination_high, packet.destination_low
        flow.high_high, flow.high_low = packet.source_high, packet.source_low
        flow.low_port, flow.high_port = packet.destination_port, packet.source_port
    flow.forward_is_low = 1 if low else 0
    if is_continued:
        flow.is_continued = 1
        flow.forward_is_low = 1 if forward_is_low else 0
    elif packet.protocol == TCP and packet.fragment <= 1:
        if packet.tcp_flags & (SYN | ACK) == SYN | ACK:  # an answer: who asked was not seen
            flow.forward_is_low = 0 if low else 1
            flow.was_turned = 1
            state[N_TURNED] += 1
        elif not packet.tcp_flags & SYN:
            flow.is_midstream = 1
            state[N_MIDSTREAM] += 1
    flow.n_tunnels = packet.n_tunnels
    flow.first_ns = flow.last_ns = flow.active_since_ns = packet.time_ns
    flow.first_frame = packet.frame
    flow.bulk_side = -1
    flow.subflows = 1


@inlined_kernel
def see_end(flow, packet, end):
    """Whether the flow's own packets end it: a FIN from each side, or a reset."""
    if packet.tcp_flags & FIN:
        flow.fins |= np.uint8(1 << end)
    if flow.ended == 0:
        if packet.tcp_flags & RST:
            flow.ended = BY_RST
        elif flow.fins == 3:
            flow.ended = BY_FIN


@row_kernel
def end_flow(slot, reason, under_way, out, n_out):
    """Put a flow out, and free its place."""
    flow, state = under_way.flows[slot], under_way.state
    unlink(slot, CLOSED_OLDEST if flow.ended else OPEN_OLDEST, state, under_way.links)
    remove(under_way.table, under_way.hashes, slot)
    flow.ended = reason
    out[n_out] = flow
    close_activity(out[n_out])
    if not flow.forward_is_low:
        turn(flow, out[n_out])
    under_way.free[state[N_FREE]] = slot
    state[N_FREE] += 1
    return n_out + 1


@row_kernel
def turn(flow, ended):
    """Put the side of the initiator first."""
    for way in range(2):
        ended.sides[way] = flow.sides[1 - way]
        ended.seldom[way] = flow.seldom[1 - way]
        ended.windows_first[way] = flow.windows_first[1 - way]


@inlined_kernel
def unlink(slot, oldest, state, links):
    """Take a flow out of its list, whose ends stand at ``oldest`` and behind it."""
    older, newer = np.int64(links[slot, OLDER]), np.int64(links[slot, NEWER])
    if older == NOBODY:
        state[oldest] = newer
    else:
        links[older, NEWER] = newer
    if newer == NOBODY:
        state[oldest + 1] = older
    else:
        links[newer, OLDER] = older


@inlined_kernel
def append(slot, oldest, state, links):
    """Put a flow at the end of a list: it was heard of last."""
    newest = state[oldest + 1]
    links[slot, OLDER], links[slot, NEWER] = newest, NOBODY
    if newest == NOBODY:
        state[oldest] = slot
    else:
        links[newest, NEWER] = slot
    state[oldest + 1] = slot
