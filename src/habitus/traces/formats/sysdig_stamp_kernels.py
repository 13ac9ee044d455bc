"""Fast loops over the times that sysdig prints (``%evt.time``, ``%evt.rawtime``, ``-t``).

None of them allocates or raises.
"""

from __future__ import annotations

from habitus.compiled import kernel
from habitus.traces.text_kernels import NO_TIME, read_fraction, read_number

# How a time is written.
NO_STAMP = 0
NANOSECONDS = 1  # 1631078867380457267
SECONDS = 2  # 1631078867.380457267, or since the recording's start
CLOCK = 3  # 12:34:56.789
DATE = 4  # 2021-09-08T05:27:47.380457267Z, or a date and a time

DAY_NS = 86_400_000_000_000


@kernel
def read_clock(text, place, end):
    """(nanoseconds, place after it) of ``12:34:56.789``; `NO_TIME` if it is none."""
    total = 0
    for i in range(3):
        part, behind = read_number(text, place, min(end, place + 2))
        if behind != place + 2 or part > (23 if i == 0 else 60):
            return NO_TIME, place
        total = total * 60 + part
        place = behind
        if i < 2:
            if place >= end or text[place] != 58:
                return NO_TIME, place
            place += 1
    fraction, place = read_fraction(text, place, end)
    return total * 1_000_000_000 + fraction, place


@kernel
def days_since_1970(year, month, day):
    """Days of the Gregorian calendar, counted from March so that leap days come last."""
    if month <= 2:
        year -= 1
        month += 12
    return (
        365 * year
        + year // 4
        - year // 100
        + year // 400
        + (153 * month - 457) // 5
        + day
        - 719_469
    )


@kernel
def read_date(text, place, end, next_place, next_end):
    """Nanoseconds of ``2021-09-08T05:27:47Z``, or of a date and the time in the next token.

    A zone other than ``Z`` is a distance from it, ``+02:00`` or ``+0200``.
    """
    if end - place < 10 or text[place + 4] != 45 or text[place + 7] != 45:
        return NO_TIME
    year, first = read_number(text, place, place + 4)
    month, second = read_number(text, place + 5, place + 7)
    day, third = read_number(text, place + 8, place + 10)
    if first != place + 4 or second != place + 7 or third != place + 10:
        return NO_TIME
    if year < 1970 or year > 2200 or month < 1 or month > 12 or day < 1 or day > 31:
        return NO_TIME
    if end - place > 11 and text[place + 10] == 84:
        next_place, next_end = place + 11, end
    elif end - place > 10:
        return NO_TIME
    time, behind = read_clock(text, next_place, next_end)
    if time == NO_TIME:
        return NO_TIME
    time += days_since_1970(year, month, day) * DAY_NS
    rest = next_end - behind
    if rest == 0 or (rest == 1 and text[behind] == 90):
        return time
    if rest < 5 or rest > 6 or (text[behind] != 43 and text[behind] != 45):
        return NO_TIME
    hours, first = read_number(text, behind + 1, behind + 3)
    minutes, second = read_number(text, next_end - 2, next_end)
    if first != behind + 3 or second != next_end or (rest == 6 and text[behind + 3] != 58):
        return NO_TIME
    distance = (hours * 60 + minutes) * 60_000_000_000
    return max(time + distance if text[behind] == 45 else time - distance, NO_TIME)


@kernel
def read_stamp(text, starts, stops, token, n_tokens, stamp):
    """Nanoseconds of the time in a line's token; `NO_TIME` if it holds none."""
    if token < 0 or token >= n_tokens:
        return NO_TIME
    place, end = starts[token], stops[token]
    if stamp == NANOSECONDS:
        if end - place > 19 or (end - place == 19 and text[place] > 56):
            return NO_TIME  # it would not fit into 64 bits
        high, behind = read_number(text, place, min(end, place + 10))
        low, stop = read_number(text, behind, end)
        if behind == place or stop != end:
            return NO_TIME
        for _ in range(stop - behind):
            high *= 10
        return high + low
    if stamp == SECONDS:
        seconds, behind = read_number(text, place, end)
        fraction, stop = read_fraction(text, behind, end)
        if behind == place or stop != end or seconds > 9_000_000_000:
            return NO_TIME
        return seconds * 1_000_000_000 + fraction
    if stamp == CLOCK:
        time, stop = read_clock(text, place, end)
        return time if stop == end else NO_TIME
    following = token + 1 if token + 1 < n_tokens else token
    return read_date(text, place, end, starts[following], stops[following])
