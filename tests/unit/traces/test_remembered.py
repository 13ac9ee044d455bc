"""Nothing that a reader remembers from line to line is as long as whoever wrote the line likes."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from reading import read

LONG = 100_000
N_LINES = 300


def falco(number: int, *, hostname: str = "h", call: str = "read") -> str:
    fields = {"evt.type": call, "evt.dir": ">", "thread.tid": number + 1}
    return json.dumps(
        {"hostname": hostname, "rule": "r", "source": "syscall", "output_fields": fields}
    )


def tracee(number: int, call: str) -> str:
    args = [{"name": "syscall", "value": call}]
    event = {"timestamp": 1, "eventName": "sys_enter", "hostThreadId": number + 1, "args": args}
    return json.dumps(event)


LINES = {
    "id with blanks": ("table", lambda i: f"1,{' ' * (LONG + i)}7,read,0"),
    "label with blanks": ("table", lambda i: f"1,7,read,{' ' * (LONG + i)}0"),
    "host of an enter": ("falco", lambda i: falco(i, hostname=f"{i}" + "h" * LONG)),
    "call of an enter": ("falco", lambda i: falco(i, call=f"c{i}" + "c" * LONG)),
    "argument of sys_enter": ("tracee", lambda i: tracee(i, f"c{i}" + "c" * LONG)),
}


@pytest.mark.parametrize("case", LINES)
def test_long_cells_and_words_are_forgotten(case: str) -> None:
    kind, line = LINES[case]
    header = "time,pid,call,label\n" if kind == "table" else ""
    data = (header + "".join(f"{line(i)}\n" for i in range(N_LINES))).encode()
    read(kind, data[: 3 * LONG])  # modules and caches that the first reading fills
    tracemalloc.start(1)
    try:
        read(kind, data)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < LONG * N_LINES / 10
    assert peak < LONG * N_LINES / 2
