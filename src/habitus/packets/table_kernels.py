"""Hash tables for fast loops: open addressing over slots whose hashes stand in an array.

A table holds places in that array. What is in it, and what comes out, never depends on the hashes'
secret: only how long the way to a slot is.
"""

from __future__ import annotations

import numpy as np

from habitus.compiled import inlined_kernel, row_kernel

EMPTY = -1


@inlined_kernel
def mixed(value):
    """Every bit of the result depends on every bit of the value."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@row_kernel
def place_of(table, hashes, value):
    """The place of the first slot with this hash, or an empty one."""
    mask = len(table) - 1
    place = np.int64(value & np.uint64(mask))
    while table[place] != EMPTY and hashes[table[place]] != value:
        place = (place + 1) & mask
    return place


@row_kernel
def remove(table, hashes, slot):
    """Take a slot out; those that stand behind it because of it move up."""
    mask = len(table) - 1
    place = np.int64(hashes[slot] & np.uint64(mask))
    while table[place] != slot:
        place = (place + 1) & mask
    gap = place
    while True:
        place = (place + 1) & mask
        other = table[place]
        if other == EMPTY:
            break
        home = np.int64(hashes[other] & np.uint64(mask))
        if (place - home) & mask >= (place - gap) & mask:
            table[gap] = other
            gap = place
    table[gap] = EMPTY


@row_kernel
def rehash(old, new, hashes):
    """Put all that one table leads to into a larger one, which is empty."""
    mask = len(new) - 1
    for slot in old:
        if slot != EMPTY:
            place = np.int64(hashes[slot] & np.uint64(mask))
            while new[place] != EMPTY:
                place = (place + 1) & mask
            new[place] = slot
