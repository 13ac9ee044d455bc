"""The fast loops of the disorder detector (see `habitus.detectors.disorder`).

None of them allocates or raises. Windows are nodes of a trie, numbered as they are met. Its edges
stand in a table by node and symbol, as in `habitus.detectors.trie_kernels`; what is hashed stays
below 2**64, so that the loops count the same where they are not compiled.
"""

from __future__ import annotations

import numpy as np

from habitus.compiled import kernel
from habitus.detectors.trie_kernels import ROOT

HASH_BITS = 36
_HASH_MASK = np.uint64((1 << HASH_BITS) - 1)

DEPTH = 0
N_NODES = 1
N_CALLS = 2
N_UNKNOWN = 3
PLACES = 4


@kernel
def slot_of(node, symbol, multipliers, shift, keys):
    """Where the edge from ``node`` by ``symbol`` stands in the table, or would stand.

    Args:
        multipliers: (2,) odd and below 2**36; nodes are below 2**27.
        shift: `HASH_BITS` - log2(len(keys)).
    """
    mask = np.uint64(len(keys) - 1)
    key = np.uint64(node) << np.uint64(16) | np.uint64(symbol)
    mixed = np.uint64(node) * multipliers[0] + np.uint64(symbol) * multipliers[1]
    i = (mixed & _HASH_MASK) >> shift
    while keys[i, 1] != np.uint64(0) and keys[i, 0] != key:
        i = (i + np.uint64(1)) & mask
    return np.int64(i)


@kernel
def read_on(
    symbols, begin, order, least, chances, unknown, may_grow, multipliers, shift,
    keys, count, total, kinds, active, place, spent, out,
):  # fmt: skip
    """What each call costs (nats) a reader that learns the trace as it reads it.

    Args:
        symbols: uint16, the next calls of one trace; read from ``begin`` on.
        least: a shorter history is counted, and changes no chance.
        chances: (n_calls,) float64, of each call where the trace so far tells nothing.
        unknown: the symbol that stands for all calls outside the vocabulary.
        may_grow: whether to stop where the nodes' columns are full; else no window is added there.
        keys: (2**k, 2) uint64 table of edges (key, child), never full.
        count, total, kinds: the nodes' columns: how often the window occurred, how many calls
            followed it, and how many different ones.
        active: (order + 1,) nodes of the windows that end at the last call, by their length.
        place: (PLACES,) depth (how many of ``active`` there are), nodes, calls read, those of them
            outside the vocabulary.
        spent: (1,) sum of what all calls cost.
        out: (n_calls,) float32, filled from ``begin`` on.

    Returns:
        Where it stopped: at the end, or before a call for whose windows there is no room.
    """
    for i in range(begin, len(symbols)):
        if may_grow and place[N_NODES] + order > len(count):
            return i
        is_unknown = symbols[i] == unknown
        chance = chances[i]
        depth = np.int64(0)
        window = np.int64(ROOT)
        for length in range(place[DEPTH] + 1):
            node = window
            window = active[length + 1]
            slot = np.int64(0)
            child = np.int64(ROOT)
            # Calls outside the vocabulary are told from each other by nothing: each is new.
            if not is_unknown:
                slot = slot_of(node, symbols[i], multipliers, shift, keys)
                child = np.int64(keys[slot, 1])
            if length >= least and total[node] > 0:
                seen = count[child] if child != ROOT else 0
                chance = (seen + kinds[node] * chance) / (total[node] + kinds[node])
            if child == ROOT and not is_unknown and place[N_NODES] < len(count):
                child = place[N_NODES]
                place[N_NODES] += 1
                keys[slot, 0] = np.uint64(node) << np.uint64(16) | np.uint64(symbols[i])
                keys[slot, 1] = np.uint64(child)
            if child != ROOT or is_unknown:
                total[node] += 1
                if is_unknown or count[child] == 0:
                    kinds[node] += 1
            if child != ROOT:
                count[child] += 1
                active[length + 1] = child
                if depth == length:
                    depth += 1
        place[DEPTH] = min(depth, order - 1)
        place[N_CALLS] += 1
        if is_unknown:
            place[N_UNKNOWN] += 1
        nats = -np.log(chance)
        spent[0] += nats
        out[i] = nats
    return len(symbols)


@kernel
def rehash(old, multipliers, shift, keys):
    """Enter the edges of one table into another, empty and larger."""
    for i in range(len(old)):
        if old[i, 1] != np.uint64(0):
            node = np.int64(old[i, 0] >> np.uint64(16))
            slot = slot_of(node, old[i, 0] & np.uint64(0xFFFF), multipliers, shift, keys)
            keys[slot, 0] = old[i, 0]
            keys[slot, 1] = old[i, 1]
