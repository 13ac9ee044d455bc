"""Fast loops that text formats share: blanks, numbers, times, and the table of threads.

None of them allocates or raises.
"""

from __future__ import annotations

import numpy as np

from habitus.compiled import kernel

NO_TIME = -1
MAX_PID = 4_194_304  # Linux's largest (PID_MAX_LIMIT)


@kernel
def thread_slot(pid, multiplier, pids):
    """Where ``pid`` stands, or would stand, in an open-addressing table."""
    mask = len(pids) - 1
    # Every bit of the id must reach the bits that are taken (a table has at most 2**24 places): a
    # mere product would send ids that differ only in their high bits to one place.
    value = np.uint64(pid) + multiplier
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    i = np.int64((value >> np.uint64(40)) & np.uint64(mask))
    while pids[i] != -1 and pids[i] != pid:
        i = (i + 1) & mask
    return i


@kernel
def skip_spaces(text, place, end):
    """The first place from ``place`` on that is no blank."""
    while place < end and (text[place] == 32 or text[place] == 9):
        place += 1
    return place


@kernel
def read_number(text, place, end):
    """(value, place after it) of decimal digits, at most 18 of them; no digit gives ``place``."""
    value = 0
    stop = min(end, place + 18)
    while place < stop and 48 <= text[place] <= 57:
        value = value * 10 + (int(text[place]) - 48)
        place += 1
    return value, place


@kernel
def read_fraction(text, place, end):
    """(nanoseconds, place after it) of ``.123``, or (0, ``place``)."""
    if place >= end or text[place] != 46:
        return 0, place
    start = place + 1
    value, place = read_number(text, start, min(end, start + 9))
    for _ in range(9 - (place - start)):
        value *= 10
    return value, place


@kernel
def read_time(text, place, end):
    """(nanoseconds, place after it) of ``1700000000.123456`` or ``12:34:56.123456``.

    Times that only count from the line before (``-r``) tell no time and give `NO_TIME`.
    """
    seconds, place = read_number(text, place, end)
    clock = False
    while place < end and text[place] == 58 and seconds < 1_000_000:
        part, place = read_number(text, place + 1, end)
        seconds = seconds * 60 + part
        clock = True
    nanoseconds, place = read_fraction(text, place, end)
    if (not clock and seconds < 100_000_000) or seconds > 9_000_000_000:
        return NO_TIME, place
    return seconds * 1_000_000_000 + nanoseconds, place
