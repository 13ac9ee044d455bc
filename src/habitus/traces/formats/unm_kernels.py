"""The fast loop over UNM traces: two decimal numbers a line, a process id and a call."""

from __future__ import annotations

from habitus.compiled import kernel
from habitus.traces.text_kernels import MAX_PID, NO_TIME, read_number, skip_spaces, thread_slot

DONE = 0
NEW_CALL = 1
OUTPUT_FULL = 2
THREADS_FULL = 3
BROKEN = 4

# Places in the `state` array.
LINE = 0
N_THREADS = 1
FIRST_LIVE = 2
N_BROKEN = 3
N_STATE = 4

MAX_BROKEN_SHOWN = 5


@kernel
def end_all(multiplier, pids, slots, pid_of, ended, state):
    """End every thread that lives: a blank line stands after them."""
    for thread in range(state[FIRST_LIVE], state[N_THREADS]):
        ended[thread] = 1
        slots[thread_slot(pid_of[thread], multiplier, pids)] = -1
    state[FIRST_LIVE] = state[N_THREADS]


@kernel
def read_pair(text, place, end):
    """(process id, call) of ``412 5``, up to ``end``; -1 for both if this is no such pair."""
    place = skip_spaces(text, place, end)
    pid, behind = read_number(text, place, end)
    second = skip_spaces(text, behind, end)
    call, last = read_number(text, second, end)
    complete = behind > place and second > behind and last > second
    if not complete or pid > MAX_PID or skip_spaces(text, last, end) != end:
        return -1, -1
    return pid, call


@kernel
def parse_unm(
    text, place, end, multiplier, pids, slots, pid_of, ended, numbers,
    calls, threads, lines, times, n_calls, state,
):  # fmt: skip
    """Read lines until they end or something needs Python.

    Args:
        text: uint8; ``text[place:end]`` is whole lines, each ended by a newline.
        pids, slots, pid_of, ended: the threads (`ThreadTable`).
        numbers: int32; per call number, the number of its name, or -1 if it has none yet.
        calls, threads, lines, times: outputs, filled from ``n_calls`` on.
        state: int64; the line's number, how many threads there are, the first of those since the
            last blank line, and how many lines were broken.

    Returns:
        (status, place, stop, call, n_calls): reading goes on at ``place``. ``call`` is the number
        at `NEW_CALL`, whose line is then read again; at `BROKEN` the line ends at ``stop``, where
        reading goes on after it. Broken lines beyond the first few are only counted.
    """
    last_pid = -1
    thread = -1
    while place < end:
        stop = place
        while text[stop] != 10:
            stop += 1
        last = stop - 1 if stop > place and text[stop - 1] == 13 else stop
        if skip_spaces(text, place, last) == last:
            end_all(multiplier, pids, slots, pid_of, ended, state)
            last_pid = -1
            state[LINE] += 1
            place = stop + 1
            continue
        pid, call = read_pair(text, place, last)
        if call < 0 or call >= len(numbers):
            state[N_BROKEN] += 1
            if state[N_BROKEN] <= MAX_BROKEN_SHOWN:
                return BROKEN, place, stop, -1, n_calls
            state[LINE] += 1
            place = stop + 1
            continue
        if n_calls >= len(calls):
            return OUTPUT_FULL, place, stop, -1, n_calls
        if numbers[call] < 0:
            return NEW_CALL, place, stop, call, n_calls
        if pid != last_pid:
            i = thread_slot(pid, multiplier, pids)
            if pids[i] != pid or slots[i] < 0:
                if state[N_THREADS] >= len(pid_of):  # the table is larger: it stays sparse
                    return THREADS_FULL, place, stop, -1, n_calls
                pids[i] = pid
                slots[i] = state[N_THREADS]
                pid_of[state[N_THREADS]] = pid
                ended[state[N_THREADS]] = 0
                state[N_THREADS] += 1
            last_pid = pid
            thread = slots[i]
        calls[n_calls] = numbers[call]
        threads[n_calls] = thread
        lines[n_calls] = state[LINE]
        times[n_calls] = NO_TIME
        n_calls += 1
        state[LINE] += 1
        place = stop + 1
    return DONE, place, place, -1, n_calls
