"""The fast loop over sysdig's text: a few tokens of each line, then on to its end.

A line's event is told by its first lone ``>`` or ``<`` that has a name and an id where the layout
(`habitus.traces.formats.sysdig_layout`) says that they stand. Arguments behind are not looked at.
"""

from __future__ import annotations

from habitus.compiled import kernel
from habitus.traces.formats.sysdig_stamp_kernels import CLOCK, DAY_NS, read_stamp
from habitus.traces.text_kernels import MAX_PID, NO_TIME, read_number, thread_slot
from habitus.traces.token_kernels import find_name

DONE = 0
NEW_NAME = 1
OUTPUT_FULL = 2
THREADS_FULL = 3
BROKEN = 4

# What a call does to its thread, in the table `roles`.
ENDS = 1
BEGINS = 2

# Places in the `counts` array.
N_EXITS = 0
N_ORPHANS = 1
N_FIRST_RETURNS = 2
N_BROKEN = 3
DAY = 4  # not a count: nanoseconds of the days that times of day have passed
LATEST = 5  # nor this: the last time of day
N_COUNTS = 6

MAX_TOKENS = 64
MAX_NAME_BYTES = 64
MAX_BROKEN_SHOWN = 5
NO_ID = -1  # no id at all
NOBODY = -2  # what sysdig writes where it knows no thread


@kernel
def read_id(text, place, end):
    """A thread's id, of ``412``, ``(412)`` or ``(412:7)``; `NO_ID` if it is none.

    ``-1`` and ``<NA>``, bare or so, are `NOBODY`.
    """
    bracketed = end - place > 2 and text[place] == 40 and text[end - 1] == 41
    if bracketed:
        place += 1
        end -= 1
    if end - place >= 2 and text[place] == 45 and text[place + 1] == 49:  # "-1"
        return NOBODY
    if end - place >= 4 and text[place] == 60 and text[place + 1] == 78 and text[place + 2] == 65:
        return NOBODY  # "<NA>"
    value, behind = read_number(text, place, end)
    if behind == place or value > MAX_PID:
        return NO_ID
    if bracketed and behind < end and text[behind] == 58:
        place = behind + 1
        behind = read_number(text, place, end)[1]
        if behind == place:
            return NO_ID
    return value if behind == end else NO_ID


@kernel
def is_name(text, place, end):
    """Whether ``text[place:end]`` could be the name of a call: letters, digits, underscores."""
    if end == place or end - place > MAX_NAME_BYTES or 48 <= text[place] <= 57:
        return False
    for i in range(place, end):
        byte = text[i]
        if not (97 <= byte <= 122 or byte == 95 or 65 <= byte <= 90 or 48 <= byte <= 57):
            return False
    return True


@kernel
def find_event(text, place, end, starts, stops, name_offset, thread_offset):
    """(token of the direction or -1, thread's id, tokens seen, place) of the line at ``place``.

    Tokens are looked at no further than to the first direction that fits.
    """
    ahead = max(0, name_offset, thread_offset)
    behind = max(0, -name_offset, -thread_offset)
    n = 0
    while n < MAX_TOKENS:
        while place < end and (text[place] == 32 or text[place] == 9):
            place += 1
        if place >= end or text[place] == 10 or (text[place] == 13 and text[place + 1] == 10):
            return -1, NO_ID, n, place
        starts[n] = place
        while text[place] > 32 or not (
            text[place] == 32 or text[place] == 9 or text[place] == 10
            or (text[place] == 13 and text[place + 1] == 10)
        ):  # fmt: skip
            place += 1
        stops[n] = place
        n += 1
        i = n - 1 - ahead
        if i < behind or stops[i] - starts[i] != 1:
            continue
        byte = text[starts[i]]
        if (byte == 62 or byte == 60) and is_name(
            text, starts[i + name_offset], stops[i + name_offset]
        ):
            if thread_offset == 0:
                return i, 0, n, place
            pid = read_id(text, starts[i + thread_offset], stops[i + thread_offset])
            if pid != NO_ID:
                return i, pid, n, place
    return -1, NO_ID, n, place


@kernel
def parse_sysdig(
    text, place, end, line, name_offset, thread_offset, time_token, stamp, exits_count,
    starts, stops, roles, multiplier, name_slots, name_arena, name_starts,
    _multiplier, event_slots, event_arena, event_starts, event_counts, ending_event,
    pids, slots, pid_of, pending, ended, n_threads,
    calls, threads, lines, times, n_calls, counts,
):  # fmt: skip
    """Read lines until they end or something needs Python.

    Args:
        text: uint8; ``text[place:end]`` is whole lines, each ended by a newline.
        line: the number of the first of them.
        name_offset, thread_offset, time_token, stamp, exits_count: the layout.
        starts, stops: (`MAX_TOKENS`,) int64; room for the places of a line's tokens.
        roles: uint8; per number of a call, what it does to its thread.
        name_slots, name_arena, name_starts: the table of call names (`find_name`).
        event_slots, event_arena, event_starts: that of events that are no calls.
        event_counts: int64; per number of such an event, how many there were.
        ending_event: the number of the event that ends its thread.
        pids, slots: the table of live threads; ``slots[i]`` is -1 where the thread has ended.
        pid_of: per thread, its id; 0 where the lines have none.
        pending: per thread, 1 while a call of it is not answered.
        ended: per thread, 1 once it has exited.
        calls, threads, lines, times: outputs, filled from ``n_calls`` on.
        counts: int64; counts of what is not a call (``N_...``), and what is kept between lines.

    Returns:
        (status, place, first, last, line, n_threads, n_calls): reading goes on at ``place``.
        ``text[first:last]`` is the name at `NEW_NAME`, whose line is then read again, and the whole
        line at `BROKEN`. Broken lines beyond the first few are only counted.
    """
    while place < end:
        begin = place
        d, pid, n_tokens, place = find_event(
            text, place, end, starts, stops, name_offset, thread_offset
        )
        while text[place] != 10:
            place += 1
        stop, after = place, place + 1
        if stop > begin and text[stop - 1] == 13:
            stop -= 1
        number = -1
        if d >= 0:
            first, last = starts[d + name_offset], stops[d + name_offset]
            number = find_name(text, first, last, multiplier, name_slots, name_arena, name_starts)
        if d < 0 or (number >= 0 and pid < 0):  # a call that nobody makes is broken, too
            if n_tokens > 0:
                counts[N_BROKEN] += 1
                if counts[N_BROKEN] <= MAX_BROKEN_SHOWN:
                    return BROKEN, after, begin, stop, line, n_threads, n_calls
            line += 1
            place = after
            continue

        if number < 0:
            event = find_name(text, first, last, multiplier, event_slots, event_arena, event_starts)
            if event < 0:
                return NEW_NAME, begin, first, last, line, n_threads, n_calls
            event_counts[event] += 1
            if event == ending_event:
                i = thread_slot(pid, multiplier, pids)
                if pids[i] == pid and slots[i] >= 0 and thread_offset != 0:
                    ended[slots[i]] = 1
                    slots[i] = -1
            line += 1
            place = after
            continue

        i = thread_slot(pid, multiplier, pids)
        alive = pids[i] == pid and slots[i] >= 0
        enters = text[starts[d]] == 62
        if enters == exits_count:  # the other end of a call
            if enters or (alive and pending[slots[i]] == 1):
                counts[N_EXITS] += 1
                if alive:
                    pending[slots[i]] = 0
            elif not alive and roles[number] == BEGINS:
                counts[N_FIRST_RETURNS] += 1
            else:
                counts[N_ORPHANS] += 1
            line += 1
            place = after
            continue

        if n_calls >= len(calls):
            return OUTPUT_FULL, begin, begin, stop, line, n_threads, n_calls
        if not alive:
            if n_threads >= len(pending):  # the table of ids is larger: it stays sparse
                return THREADS_FULL, begin, begin, stop, line, n_threads, n_calls
            pids[i] = pid
            slots[i] = n_threads
            pid_of[n_threads] = pid
            ended[n_threads] = 0
            n_threads += 1
        thread = slots[i]
        pending[thread] = 1
        if roles[number] == ENDS and thread_offset != 0:
            ended[thread] = 1
            slots[i] = -1
        time = read_stamp(text, starts, stops, time_token, n_tokens, stamp)
        if stamp == CLOCK and time != NO_TIME:
            if time < counts[LATEST] - DAY_NS // 2:  # midnight has passed
                counts[DAY] += DAY_NS
            elif time > counts[LATEST] + DAY_NS // 2 and counts[DAY] > 0:
                counts[DAY] -= DAY_NS  # a straggler from before it
            counts[LATEST] = time
            time += counts[DAY]
        calls[n_calls] = number
        threads[n_calls] = thread
        lines[n_calls] = line
        times[n_calls] = time
        n_calls += 1
        line += 1
        place = after
    return DONE, place, place, place, line, n_threads, n_calls
