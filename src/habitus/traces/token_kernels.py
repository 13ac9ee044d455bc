"""Fast loops over bytes: names to numbers, and runs of tokens to columns.

None of them allocates or raises. A loop that meets something new stops and returns
``(status, place)``; Python decides, and the loop goes on from there.
"""

from __future__ import annotations

import numpy as np

from habitus.compiled import kernel

DONE = 0
NEW_TOKEN = 1
OUTPUT_FULL = 2
LONG_TOKEN = 3

MAX_TOKEN_BYTES = 100

NEWLINE = 10

# What a byte may do in a token, in the table `roles`.
BEGINS = 1
GOES_ON = 2


@kernel
def name_hash(text, begin, end, multiplier):
    """A keyed hash of ``text[begin:end]`` (uint64); see `habitus.compiled.hash_multiplier`."""
    value = multiplier
    for i in range(begin, end):
        value = (value ^ np.uint64(text[i])) * multiplier
        value ^= value >> np.uint64(29)
    return value


@kernel
def find_name(text, begin, end, multiplier, slots, arena, starts):
    """The number of the name ``text[begin:end]`` in a table, or -1.

    Args:
        slots: (2**k,) int32; a name's number, or -1 where empty (at least one always is).
        arena: uint8; the names' bytes, one after the other.
        starts: int64; where each name begins in ``arena``, and the end of the last.
    """
    mask = len(slots) - 1
    i = np.int64(name_hash(text, begin, end, multiplier) & np.uint64(mask))
    length = end - begin
    while slots[i] >= 0:
        number = slots[i]
        start = starts[number]
        if starts[number + 1] - start == length:
            same = True
            for k in range(length):
                if arena[start + k] != text[begin + k]:
                    same = False
                    break
            if same:
                return number
        i = (i + 1) & mask
    return -1


@kernel
def fits(text, begin, end, roles):
    """Whether the token ``text[begin:end]`` is made of bytes that may stand in one."""
    if roles[text[begin]] & BEGINS == 0:
        return False
    for i in range(begin + 1, end):  # noqa: SIM110 - a loop is what compiles
        if roles[text[i]] & GOES_ON == 0:
            return False
    return True


@kernel
def tokenise(
    text,
    place,
    end,
    lines_are_traces,
    pass_over,
    roles,
    multiplier,
    slots,
    arena,
    starts,
    calls,
    n_calls,
    ends,
    n_ends,
):
    """Turn tokens between white space and commas into call numbers.

    Args:
        text: uint8; ``text[place:end]`` is to be read and ends with a separator.
        lines_are_traces: whether a newline ends a trace.
        pass_over: whether to pass over lines that hold a byte that can be in no token. Otherwise
            Python hears of each, which is slow where there are many.
        roles: (256,) uint8; what each byte may do in a token (`BEGINS`, `GOES_ON`).
        calls, ends: int32 and int64 outputs, filled from ``n_calls`` and ``n_ends`` on; an end is
            the number of calls before it, and of a line passed over the complement (~) of that.

    Returns:
        (status, place, n_calls, n_ends); at `NEW_TOKEN` and `LONG_TOKEN`, ``place`` is where the
        token begins.
    """
    line_calls = n_calls  # how many calls stand before this line
    while place < end:
        byte = text[place]
        if byte == NEWLINE and lines_are_traces:
            if n_ends >= len(ends):
                return OUTPUT_FULL, place, n_calls, n_ends
            ends[n_ends] = n_calls
            n_ends += 1
            line_calls = n_calls
            place += 1
            continue
        if byte == 32 or byte == 44 or 9 <= byte <= 13:
            place += 1
            continue
        stop = place + 1
        while stop < end and not (text[stop] == 32 or text[stop] == 44 or 9 <= text[stop] <= 13):
            stop += 1
        if pass_over and not fits(text, place, stop, roles):
            if n_ends >= len(ends):
                return OUTPUT_FULL, place, n_calls, n_ends
            while stop < end and text[stop] != NEWLINE:
                stop += 1
            if stop == end:  # the line goes on in the next block
                return NEW_TOKEN, place, n_calls, n_ends
            n_calls = line_calls
            ends[n_ends] = ~n_calls
            n_ends += 1
            place = stop + 1
            continue
        if stop - place > MAX_TOKEN_BYTES:
            return LONG_TOKEN, place, n_calls, n_ends
        if n_calls >= len(calls):
            return OUTPUT_FULL, place, n_calls, n_ends
        number = find_name(text, place, stop, multiplier, slots, arena, starts)
        if number < 0:
            return NEW_TOKEN, place, n_calls, n_ends
        calls[n_calls] = number
        n_calls += 1
        place = stop
    return DONE, place, n_calls, n_ends
