"""The fast loop over strace text: one pass over the bytes, one record for each call.

The grammar is strace's own output (strace(1), "-f", "-t", "-r", "-i", "-n", "-T", "-k"): an
optional process id, time, and bracketed fields, then one of

    name(arguments) = result            a call
    name(arguments <unfinished ...>     a call that another thread's line interrupts
    <... name resumed>rest) = result    the rest of that call: counted where it began
    --- SIGNAL {...} ---                a signal
    +++ exited with 0 +++               the end of a thread
"""

from __future__ import annotations

from habitus.compiled import kernel
from habitus.traces.text_kernels import (
    MAX_PID,
    NO_TIME,
    read_number,
    read_time,
    skip_spaces,
    thread_slot,
)
from habitus.traces.token_kernels import find_name

DONE = 0
NEW_NAME = 1
OUTPUT_FULL = 2
THREADS_FULL = 3
REMARK = 4
BROKEN = 5

# Places in the `counts` array.
N_RESUMED = 0
N_ORPHANS = 1
N_SIGNALS = 2
N_EXITS = 3
N_STACK_LINES = 4
N_UNNAMED = 5
N_BROKEN = 6
N_COUNTS = 7

MAX_NAME_BYTES = 64
MAX_BROKEN_SHOWN = 5


@kernel
def starts_with(text, place, end, first, second, third):
    """Whether ``text[place:end]`` is longer than these three bytes and begins with them."""
    return (
        end - place > 3
        and text[place] == first
        and text[place + 1] == second
        and text[place + 2] == third
    )


@kernel
def is_remark(text, place, end):
    """Whether this is strace's own word, ``strace: Process 12 attached``, under whatever path."""
    stop = place
    while stop < end and text[stop] != 32 and text[stop] != 58 and text[stop] != 40:
        stop += 1
    return (
        stop < end and text[stop] == 58 and stop - place >= 6
        and text[stop - 6] == 115 and text[stop - 5] == 116 and text[stop - 4] == 114
        and text[stop - 3] == 97 and text[stop - 2] == 99 and text[stop - 1] == 101
    )  # fmt: skip


@kernel
def read_pid(text, place, end):
    """(process id, place after it) of ``412`` or ``412<bash>``; no digit gives ``place``."""
    pid, behind = read_number(text, place, end)
    if behind > place and behind < end and text[behind] == 60:
        while behind < end and text[behind] != 62:
            behind += 1
        behind = min(behind + 1, end)
    return pid, behind


@kernel
def read_prefix(text, place, end):
    """(process id or 0, time or `NO_TIME`, place) of what stands before a call on its line.

    A number that is neither a process id nor a time gives -1 as the process id.
    """
    pid = 0
    time = NO_TIME
    if end - place > 5 and text[place] == 91 and text[place + 1] == 112:  # "[pid 412] "
        pid, place = read_pid(text, skip_spaces(text, place + 4, end), end)
        if place < end and text[place] == 93:
            place = skip_spaces(text, place + 1, end)
        if pid > MAX_PID:
            return -1, time, place
    elif 48 <= text[place] <= 57:  # "412 "
        value, behind = read_pid(text, place, end)
        if behind < end and text[behind] == 32:
            if value <= MAX_PID:
                pid = value
                place = skip_spaces(text, behind, end)
            elif read_time(text, place, behind)[0] == NO_TIME:
                return -1, time, place  # else seconds, of a recording without process ids
    if place < end and 48 <= text[place] <= 57:
        seen, behind = read_time(text, place, end)
        if behind < end and text[behind] == 32:  # otherwise a name that begins with a digit
            time, place = seen, skip_spaces(text, behind, end)
    while (
        end - place > 2
        and text[place] == 91
        and (
            text[place + 1] == 32
            or text[place + 1] == 63
            or 48 <= text[place + 1] <= 57
            or 97 <= text[place + 1] <= 102
        )
        and text[place + 2] != 80
    ):  # "[ 257]", "[00007f...]" and "[????]", but not "[ Process ...]"
        while place < end and text[place] != 93:
            place += 1
        place = skip_spaces(text, min(place + 1, end), end)
    return pid, time, place


@kernel
def parse_strace(
    text, place, end, line, multiplier, name_slots, arena, starts,
    pids, slots, pid_of, pending, ended, n_threads,
    calls, threads, lines, times, n_calls, counts,
):  # fmt: skip
    """Read lines until they end or something needs Python.

    Args:
        text: uint8; ``text[place:end]`` is whole lines, each ended by a newline.
        line: the number of the first of them.
        name_slots, arena, starts: the table of call names (`find_name`).
        pids, slots: the table of live threads; ``slots[i]`` is -1 where the thread has ended.
        pid_of: per thread, its process id; 0 where the lines have none.
        pending: per thread, 1 while a call of it is unfinished.
        ended: per thread, 1 once it has exited.
        calls, threads, lines, times: outputs, filled from ``n_calls`` on.
        counts: int64; counts of what is not a call (``N_...``).

    Returns:
        (status, place, first, last, line, n_threads, n_calls): reading goes on at ``place``.
        ``text[first:last]`` is the name at `NEW_NAME`, whose line is then read again, and the whole
        line at `REMARK` and `BROKEN`. Broken lines beyond the first few are only counted.
    """
    while place < end:
        begin = place
        has_result = False
        stop = begin
        while stop < end and text[stop] != 10:
            if text[stop] == 61 and stop > begin and text[stop - 1] == 32:
                has_result = True
            stop += 1
        after = stop + 1
        if stop > begin and text[stop - 1] == 13:
            stop -= 1

        place = skip_spaces(text, begin, stop)
        if place == stop:
            line += 1
            place = after
            continue

        pid, time, place = read_prefix(text, place, stop)
        byte = text[place] if place < stop else 0
        broken = pid < 0
        if broken:
            pass
        elif starts_with(text, place, stop, 60, 46, 46):  # "<... name resumed>"
            i = thread_slot(pid, multiplier, pids)
            if pids[i] == pid and slots[i] >= 0 and pending[slots[i]] == 1:
                pending[slots[i]] = 0
                counts[N_RESUMED] += 1
            else:
                counts[N_ORPHANS] += 1
        elif starts_with(text, place, stop, 45, 45, 45) and text[place + 3] == 32:  # "--- SIGCHLD"
            counts[N_SIGNALS] += 1
        elif starts_with(text, place, stop, 43, 43, 43):  # "+++ exited"
            counts[N_EXITS] += 1
            i = thread_slot(pid, multiplier, pids)
            if pids[i] == pid and slots[i] >= 0:
                ended[slots[i]] = 1
                slots[i] = -1
        elif byte == 62 and stop - place > 1 and text[place + 1] == 32:  # "> /lib/libc(...)" of -k
            counts[N_STACK_LINES] += 1
        elif starts_with(
            text, place, stop, 63, 63, 63
        ):  # "????(" where strace could not read the call
            counts[N_UNNAMED] += 1
        elif byte == 91:
            return REMARK, after, begin, stop, line, n_threads, n_calls
        else:
            name_end = place
            while name_end < stop and (
                97 <= text[name_end] <= 122 or text[name_end] == 95
                or 48 <= text[name_end] <= 57 or 65 <= text[name_end] <= 90
            ):  # fmt: skip
                name_end += 1
            unfinished = (
                stop - name_end > 4 and text[stop - 1] == 62 and text[stop - 2] == 46
                and text[stop - 3] == 46 and text[stop - 4] == 46
            )  # fmt: skip
            length = name_end - place
            if (
                length == 0 or length > MAX_NAME_BYTES or 48 <= byte <= 57
                or name_end >= stop or text[name_end] != 40 or not (has_result or unfinished)
            ):  # fmt: skip
                if is_remark(text, place, stop):
                    return REMARK, after, begin, stop, line, n_threads, n_calls
                broken = True
            else:
                if n_calls >= len(calls):
                    return OUTPUT_FULL, begin, begin, stop, line, n_threads, n_calls
                number = find_name(text, place, name_end, multiplier, name_slots, arena, starts)
                if number < 0:
                    return NEW_NAME, begin, place, name_end, line, n_threads, n_calls
                i = thread_slot(pid, multiplier, pids)
                if pids[i] != pid or slots[i] < 0:
                    if n_threads >= len(pending):  # the table of ids is larger: it stays sparse
                        return THREADS_FULL, begin, begin, stop, line, n_threads, n_calls
                    pids[i] = pid
                    slots[i] = n_threads
                    pid_of[n_threads] = pid
                    pending[n_threads] = 0
                    ended[n_threads] = 0
                    n_threads += 1
                thread = slots[i]
                pending[thread] = 1 if unfinished else 0
                calls[n_calls] = number
                threads[n_calls] = thread
                lines[n_calls] = line
                times[n_calls] = time
                n_calls += 1
        if broken:
            counts[N_BROKEN] += 1
            if counts[N_BROKEN] <= MAX_BROKEN_SHOWN:
                return BROKEN, after, begin, stop, line, n_threads, n_calls
        line += 1
        place = after
    return DONE, place, place, place, line, n_threads, n_calls
