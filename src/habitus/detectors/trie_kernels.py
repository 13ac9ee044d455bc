"""Fast loops over a trie of call windows with suffix links (see `habitus.detectors.trie`).

None of them allocates or raises: they return a status or a place, and Python decides.
"""

from __future__ import annotations

import numpy as np

from habitus.compiled import kernel

ROOT = 0

# An edge's value: the child in the low half; above it, once the trie is finished, where reading
# goes on from the child, and whether the child is a window of full length. A look-up then costs one
# cache miss, not three.
CHILD_BITS = np.uint64(0xFFFFFFFF)
FOLLOW_SHIFT = np.uint64(32)
FOLLOW_BITS = np.uint64(0x7FFFFFFF)
FULL_SHIFT = np.uint64(63)

GOOD = 0
BAD_PARENT = 1
BAD_SYMBOL = 2
BAD_COUNT = 3
TOO_DEEP = 4
TWICE = 5
NO_SUFFIX = 6
TOO_OFTEN = 7


@kernel
def edge_slot(node, symbol, multiplier, keys):
    """Where the edge from ``node`` by ``symbol`` stands in the table, or would stand.

    A key is node and symbol side by side, so that equal keys are equal edges: nothing is lossy.
    """
    mask = np.uint64(len(keys) - 1)
    key = np.uint64(node) << np.uint64(16) | np.uint64(symbol)
    i = ((key * multiplier) >> np.uint64(24)) & mask
    while keys[i, 1] != np.uint64(0) and keys[i, 0] != key:
        i = (i + np.uint64(1)) & mask
    return np.int64(i)


@kernel
def child_of(node, symbol, multiplier, keys):
    """The child of ``node`` by ``symbol``; `ROOT`, which is nobody's child, if there is none."""
    return np.int64(keys[edge_slot(node, symbol, multiplier, keys), 1] & CHILD_BITS)


@kernel
def grow(
    calls, begin, end, offsets, trace, depth, active, order, multiplier,
    keys, parent, symbol, link, count, n_nodes,
):  # fmt: skip
    """Count every window of 1 to ``order`` calls that ends in ``calls[begin:end]``.

    Args:
        calls: uint16 symbols; ``offsets`` divides them into traces.
        trace, depth, active: where the call before left off: the trace's index, how many calls of
            it were read (at most ``order``), and the nodes of the windows that end there.
        keys: (2**k, 2) uint64 table of edges (key, child), never full.
        parent, symbol, link, count: the nodes' columns, long enough.

    Returns:
        (trace, depth, n_nodes)
    """
    for i in range(begin, end):
        while i >= offsets[trace + 1]:
            trace += 1
            depth = 0
        count[ROOT] += 1
        node = np.int64(ROOT)
        suffix = np.int64(ROOT)
        # Windows from short to long: each finds its own suffix, one call shorter, just before it.
        for length in range(min(depth, order - 1) + 1):
            slot = edge_slot(node, calls[i], multiplier, keys)
            child = np.int64(keys[slot, 1])
            if child == ROOT:
                child = n_nodes
                n_nodes += 1
                keys[slot, 0] = np.uint64(node) << np.uint64(16) | np.uint64(calls[i])
                keys[slot, 1] = np.uint64(child)
                parent[child] = node
                symbol[child] = calls[i]
                link[child] = suffix
                count[child] = 0
            count[child] += 1
            node = active[length + 1]
            active[length + 1] = child
            suffix = child
        depth = min(depth + 1, order)
    return trace, depth, n_nodes


@kernel
def refill(parent, symbol, multiplier, keys):
    """Enter the edges of all nodes into an empty table."""
    for node in range(1, len(parent)):
        slot = edge_slot(parent[node], symbol[node], multiplier, keys)
        keys[slot, 0] = np.uint64(parent[node]) << np.uint64(16) | np.uint64(symbol[node])
        keys[slot, 1] = np.uint64(node)


@kernel
def relink(parent, symbol, count, order, n_symbols, multiplier, keys, depth, link, total):
    """Rebuild the table, depths, suffix links and totals of nodes that come from a file.

    Returns:
        (status, node): `GOOD`, or what is wrong with which node.
    """
    depth[ROOT] = 0
    link[ROOT] = ROOT
    for node in range(1, len(parent)):
        above = parent[node]
        if above < 0 or above >= node:
            return BAD_PARENT, node
        if symbol[node] >= n_symbols:
            return BAD_SYMBOL, node
        if count[node] <= 0 or count[node] > count[ROOT]:
            return BAD_COUNT, node
        depth[node] = depth[above] + 1
        if depth[node] > order:
            return TOO_DEEP, node
        # Asked at every step, so that no sum exceeds the root's count and overflows.
        total[above] += count[node]
        if total[above] > count[above]:
            return TOO_OFTEN, node
        slot = edge_slot(above, symbol[node], multiplier, keys)
        if keys[slot, 1] != 0:
            return TWICE, node
        keys[slot, 0] = np.uint64(above) << np.uint64(16) | np.uint64(symbol[node])
        keys[slot, 1] = np.uint64(node)
        link[node] = ROOT
        if above != ROOT:
            suffix = child_of(link[above], symbol[node], multiplier, keys)
            if suffix == ROOT:
                return NO_SUFFIX, node
            link[node] = suffix
    return GOOD, 0


@kernel
def summarise(parent, symbol, depth, link, order, multiplier, keys, total, types, follow):
    """Per node: the number of its continuations, and where reading goes on from it.

    ``follow`` is the longest suffix of a window that something was seen to follow: the history of
    the next call. A window of ``order`` calls is too long to be a history itself.
    """
    for node in range(1, len(parent)):
        types[parent[node]] += 1
    follow[ROOT] = ROOT
    for node in range(1, len(parent)):
        usable = depth[node] < order and total[node] > 0
        follow[node] = node if usable else follow[link[node]]
        slot = edge_slot(parent[node], symbol[node], multiplier, keys)
        is_full = np.uint64(1 if depth[node] == order else 0)
        keys[slot, 1] |= np.uint64(follow[node]) << FOLLOW_SHIFT | is_full << FULL_SHIFT


@kernel
def interpolate(parent, link, mass, escape, norm, floor, cost, backoff):
    """Interpolated surprise of each node's last call after the calls before it.

    Args:
        mass, escape, norm: float64 columns of `habitus.detectors.smoothing`: what a call keeps of
            its own count, what its history leaves to the next shorter one, and their sum over all
            calls that follow the history, which is 0 where none does.
        floor: P(call) is 1 / floor before anything is counted.
        cost: gets -log P(last call | history) in nats.
        backoff: gets what a call that was never seen after this history costs on top of its cost
            after the next shorter history.
    """
    for node in range(len(parent)):
        backoff[node] = 0.0
        if norm[node] > 0:
            backoff[node] = -np.log(escape[node] / norm[node])
    cost[ROOT] = np.log(floor)
    for node in range(1, len(parent)):
        history = parent[node]
        # The link of a one-call window is the root, whose cost is that of the uniform floor.
        lower = np.exp(-cost[link[node]])
        cost[node] = -np.log((mass[node] + escape[history] * lower) / norm[history])


@kernel
def backoff_surprise(
    calls, begin, end, offsets, trace, history, multiplier, keys, link, cost, backoff, out
):
    """Surprise (nats) of ``calls[begin:end]``; returns (trace, history) to go on from."""
    for i in range(begin, end):
        while i >= offsets[trace + 1]:
            trace += 1
            history = ROOT
        nats = 0.0
        while True:
            edge = keys[edge_slot(history, calls[i], multiplier, keys), 1]
            if edge != np.uint64(0):
                nats += cost[edge & CHILD_BITS]
                history = np.int64(edge >> FOLLOW_SHIFT & FOLLOW_BITS)
                break
            nats += backoff[history]
            if history == ROOT:
                nats += cost[ROOT]
                break
            history = np.int64(link[history])
        out[i] = nats
    return trace, history


@kernel
def window_mismatch(
    calls, begin, end, offsets, trace, history, window, multiplier, keys, link, out
):
    """1 where the window that ends at a call is not in the trie, 0 where it is, NaN before.

    Returns (trace, history) to go on from.
    """
    for i in range(begin, end):
        while i >= offsets[trace + 1]:
            trace += 1
            history = ROOT
        unseen = 1.0
        while True:
            edge = keys[edge_slot(history, calls[i], multiplier, keys), 1]
            if edge != np.uint64(0):
                history = np.int64(edge >> FOLLOW_SHIFT & FOLLOW_BITS)
                if edge >> FULL_SHIFT:
                    unseen = 0.0
                break
            if history == ROOT:
                break
            history = np.int64(link[history])
        out[i] = np.nan if i - offsets[trace] < window - 1 else unseen
    return trace, history


@kernel
def window_value(
    calls, begin, end, offsets, trace, history, window, multiplier, keys, link, value, out
):
    """The value of the node of the window that ends at a call, 1 if it is in no trie, NaN before.

    Returns (trace, history) to go on from.
    """
    for i in range(begin, end):
        while i >= offsets[trace + 1]:
            trace += 1
            history = ROOT
        found = 1.0
        while True:
            edge = keys[edge_slot(history, calls[i], multiplier, keys), 1]
            if edge != np.uint64(0):
                history = np.int64(edge >> FOLLOW_SHIFT & FOLLOW_BITS)
                if edge >> FULL_SHIFT:
                    found = value[edge & CHILD_BITS]
                break
            if history == ROOT:
                break
            history = np.int64(link[history])
        out[i] = np.nan if i - offsets[trace] < window - 1 else found
    return trace, history


@kernel
def walk(calls, multiplier, keys, link, follow):
    """The history node after reading ``calls`` from the root."""
    history = ROOT
    for i in range(len(calls)):
        while True:
            child = child_of(history, calls[i], multiplier, keys)
            if child != ROOT:
                history = follow[child]
                break
            if history == ROOT:
                break
            history = link[history]
    return history


@kernel
def history_depths(calls, begin, end, offsets, trace, history, multiplier, keys, link, depth, out):
    """How many calls before each of ``calls[begin:end]`` make up the longest known history.

    Returns (trace, history) to go on from.
    """
    for i in range(begin, end):
        while i >= offsets[trace + 1]:
            trace += 1
            history = ROOT
        out[i] = depth[history]
        while True:
            edge = keys[edge_slot(history, calls[i], multiplier, keys), 1]
            if edge != np.uint64(0):
                history = np.int64(edge >> FOLLOW_SHIFT & FOLLOW_BITS)
                break
            if history == ROOT:
                break
            history = np.int64(link[history])
    return trace, history
