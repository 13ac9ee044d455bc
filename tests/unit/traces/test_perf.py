"""perf's text: hand-made and recorded lines, and random recordings read back."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from event_logs import Call, assert_reads, threads_of
from hypothesis import given
from hypothesis import strategies as st
from reading import read, rows

from habitus.traces.formats import get_format, perf
from habitus.traces.formats.base import ReadOptions

if TYPE_CHECKING:
    from pathlib import Path

MS = 1_000_000

TRACE = """\
         ? (         ): cat/7  ... [continued]: execve())                               = 0
     0.049 ( 0.013 ms): cat/7 brk()                                                     = 0x55
     0.277 (         ): cat/7 read(fd: 4<pipe:[16]>, buf: 0x7f, count: 4096)       ...
     0.281 (         ): a b/c/8 sched:sched_switch(prev_comm: "a", prev_pid: 8)
     0.290 ( 0.001 ms): a b/c/8 openat(dfd: CWD, filename: 0x7f)           = -1 ENOENT (No file)
     0.277 ( 1.474 ms): cat/7  ... [continued]: read())                                 = 18
     0.277 ( 1.474 ms): cat/7  ... [continued]: read())                                 = 18
LOST 7 events!
                                       __brk (inlined)
     1.900 (18446744073708.301 ms): :9/9 minfault [_start+0x0] => /lib/x@0x1 (d.)
12157917.967 ( 0.017 ms): cat/7 syscall_439()                                           = 0
     2.000 (         ): cat/7 exit_group()                                              = ?
     3.000 ( 0.001 ms): cat/7 getpid()                                                  = 7 (cat)
"""


def test_perf_trace() -> None:
    traces, report = read("perf", TRACE)
    assert threads_of(traces) == {
        "file#7": [
            ("brk", 2, 49_000),
            ("read", 3, 277_000),
            ("faccessat2", 11, 12_157_917_967_000),
            ("exit_group", 12, 2 * MS),
        ],
        "file#8": [("openat", 5, 290_000)],
        "file#7.2": [("getpid", 13, 3 * MS)],
    }
    assert report.notes == {
        "calls that began before the recording": 2,
        "calls resumed": 1,
        "other events": 1,
        "marks of lost events": 1,
        "stack lines": 1,
        "page faults": 1,
    }
    assert report.n_broken == 0


def test_perf_trace_without_names_and_without_threads() -> None:
    text = "     0.052 ( 0.012 ms): 4026 brk() = 0x55\n     0.060 ( 0.012 ms): close(fd: 3) = 0\n"
    assert threads_of(read("perf", text)[0]) == {
        "file#4026": [("brk", 1, 52_000)],
        "file": [("close", 2, 60_000)],
    }


SCRIPT = """\
# captured on    : Sun Nov 22 01:37:45 2026
         python3  4383 [000] 12162.667967:  raw_syscalls:sys_exit: NR 59 = 0
         python3  4383 [000] 12162.667998: raw_syscalls:sys_enter: NR 12 (0, 7ffc, 0, 37f, 0, 0)
          my 7 t  4383/4384 [001] 12163.000000001: raw_syscalls:sys_enter: NR 257 (ffffff9c, 7f, 0)
\tffffffff81417d70 syscall_trace_enter+0x180 ([kernel.kallsyms])
\t           1fc47 brk+0x7 (/usr/lib/ld.so)

            bash  4383 [000] 12163.500000: PERF_RECORD_FORK(4385:4385):(4383:4383)
            bash  4383 [000] 12163.500000: PERF_RECORD_COMM exec: sh:4383/4383
            bash  4383 [000] 12163.500000: PERF_RECORD_LOST lost 12
            bash  4383 [000] 12163.600000: sched:sched_switch: prev_comm=a NR 1 (
             cat  4383 raw_syscalls:sys_enter: NR 0 (3, 7f, 0)
             cat  4383 1700000000.000001: raw_syscalls:sys_enter: NR -1 (0, 0)
             cat    -1 [000] 1700000000.000001: raw_syscalls:sys_enter: NR 9999 (0, 0)
"""


def test_perf_script() -> None:
    traces, report = read("perf", SCRIPT)
    assert threads_of(traces) == {
        "file#4383": [("brk", 3, 12_162_667_998_000), ("read", 12, -1)],
        "file#4384": [("openat", 4, 12_163_000_000_001)],
        "file": [("x86_64:9999", 14, 1_700_000_000_000_001_000)],
    }
    assert report.notes == {
        "comments": 1,
        "ends of calls": 1,
        "stack lines": 2,
        "other events": 3,
        "marks of lost events": 1,
        "calls without a number": 1,
    }
    assert report.n_broken == 0


def test_numbers_are_of_the_abi_that_is_asked_for() -> None:
    text = " x 1 [0] 1.000000: raw_syscalls:sys_enter: NR 5 (0)\n"
    assert rows(read("perf", text)[0]) == [["fstat"]]
    assert rows(read("perf", text, abi="i386")[0]) == [["open"]]
    text = " 0.100 ( ): x/1 syscall_5() = 0\n"
    assert rows(read("perf", text, abi="i386")[0]) == [["open"]]


def test_tracepoints_of_calls_bear_the_names_of_calls() -> None:
    """The kernel names tracepoints after its functions: newstat is the call stat."""
    names = ["openat", "newstat", "newfstat", "newlstat", "newuname", "sendfile64", "umount"]
    text = "".join(
        f"   cat  7 [001] 12163.968871:    syscalls:sys_enter_{name}: fd: 0x3\n"
        f"   cat  7 [001] 12163.968871:     syscalls:sys_exit_{name}: 0x0\n"
        for name in names
    )
    traces, report = read("perf", text)
    assert rows(traces) == [["openat", "stat", "fstat", "lstat", "uname", "sendfile", "umount2"]]
    assert report.notes == {"ends of calls": 7}


def test_a_recording_of_both_kinds_of_tracepoints_counts_one() -> None:
    text = (
        "   cat  7 [001] 1.000000: raw_syscalls:sys_enter: NR 0 (3, 7f)\n"
        "   cat  7 [001] 1.000001: syscalls:sys_enter_read: fd: 0x3\n"
    )
    traces, report = read("perf", text)
    assert (rows(traces), report.notes) == ([["read"]], {"calls told a second time": 1})


@pytest.mark.parametrize(
    "comm", ["x/5 open(", "a/5 b:c(", "/1 brk() = 0", "1234 brk(", "2 ... ", "/"]
)
def test_a_commands_name_forges_no_call_of_perf_trace(comm: str) -> None:
    text = f"     0.049 ( 0.013 ms): {comm[:14]}/77 close(fd: 3) = 0\n"
    assert threads_of(read("perf", text)[0]) == {"file#77": [("close", 1, 49_000)]}


@pytest.mark.parametrize("comm", ["x 7 a:b:", "x 7 NR 5 (", "7 [000] 1.0:", "  7  ", "a  5 [1]"])
@pytest.mark.parametrize("time", ["", "[001] 12.000001: "])
def test_a_commands_name_forges_no_call_of_perf_script(comm: str, time: str) -> None:
    text = f"{comm:>16}  4383 {time}raw_syscalls:sys_enter: NR 3 (3)\n"
    assert list(threads_of(read("perf", text)[0])) == ["file#4383"]


def test_a_commands_name_passes_no_line_of_perf_script_off_as_one_of_perf_trace() -> None:
    start = "             cat  4383 [001] 12.000001: raw_syscalls:sys_enter: NR 3 (3)\n"
    end = " 1.234 ( ): 7 a(  4384 [001] 12.000002: raw_syscalls:sys_exit: NR 3 = 0\n"
    traces, report = read("perf", start + end)
    assert threads_of(traces) == {"file#4383": [("close", 1, 12_000_001_000)]}
    assert report.notes == {"ends of calls": 1}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("<html>", "not a line of perf trace or perf script: '<html>'"),
        ("     0.049 ( 0.013 ms): cat/7 openat(dfd: CWD, fil", "a call cut off before its result"),
        ("     0.049 ( 0.013 ms): cat/4194305 brk() = 0", "4194305 is no thread id"),
        (f"     0.049 ( 0.013 ms): cat/7 {'x' * 65}() = 0", "not a line of"),
        ("     0.049 ( 0.013 ms): cat/7 9lives() = 0", "'9lives' is no call"),
        ("   cat  99999999 [0] 1.000000: raw_syscalls:sys_enter: NR 0 (3)", "is no thread id"),
    ],
)
def test_hostile_lines_are_broken(line: str, why: str) -> None:
    good = "     0.049 ( 0.013 ms): cat/7 brk() = 0x55\n"
    traces, report = read("perf", good + line + "\n" + good)
    assert (traces.n_calls, report.n_broken) == (2, 1)
    assert report.broken[0].startswith("file:2: ")
    assert why in report.broken[0]


def test_a_summary_is_refused_with_the_reason() -> None:
    text = "\n Summary of events:\n\n cat (7), 94 events, 0.5%\n\n   read  1  0  0.018\n"
    traces, report = read("perf", text)
    assert (traces.n_calls, report.n_broken) == (0, 3)
    assert report.broken[1] == (
        "file:4: 'cat (7), 94 events, 0.5%' is of a summary (perf trace -s), "
        "which tells no order of calls"
    )


def test_calls_that_are_never_resumed_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perf, "MAX_PENDING", 10)
    parser = perf._Parser("x86_64")
    for tid in range(1, 1_000):
        parser.parse(f"     0.277 (         ): cat/{tid} read(fd: 4) ...".encode())
        assert len(parser._pending) <= 10


@pytest.mark.parametrize(
    ("head", "sure"),
    [
        (TRACE, True),
        (SCRIPT[:500], True),
        (" Summary of events:\n\n cat (7), 94 events", True),
        ("Nov 22 01:35:47 host kernel: NR 1 (2)\n" * 3, False),
        ('412  1700000000.000100 openat(AT_FDCWD, "/etc") = 3\n', False),
        ("1 01:40:19.601363716 0 httpd (7513) > accept flags=0\n", False),
        ("cat  4383 [000] 12163.500000: cycles: 7f00\n", False),
        ("", False),
    ],
)
def test_recognised_or_not(head: str, sure: bool) -> None:
    assert (get_format("perf").sniff(head.encode(), "x", ReadOptions()) > 0) is sure


COMMS = st.text("ab/:.( )-7", max_size=14).filter(lambda c: c == c.strip())
EVENTS = st.tuples(
    st.sampled_from(["call", "begin", "end", "lost", "event", "blank"]),
    st.integers(1, 4_194_304) | st.sampled_from([7, 8]),
    st.sampled_from(["read", "openat", "exit_group", "newfstatat"]),
    st.integers(0, 10**9),
    COMMS,
)


@given(st.lists(EVENTS, max_size=30), st.integers(1, 400), st.integers(1, 8))
def test_random_recordings_of_perf_trace_read_back(
    events: list[tuple[str, int, str, int, str]], block: int, batch: int
) -> None:
    lines, calls = [], []
    notes: Counter[str] = Counter()
    begun: dict[int, str] = {}
    for number, (kind, tid, name, micro, comm) in enumerate(events, start=1):
        head = f"{micro // 1000:6}.{micro % 1000:03} (         ): {comm}/{tid} "
        if kind in {"call", "begin"}:
            lines.append(head + f"{name}(fd: 3) " + ("= 0" if kind == "call" else " ..."))
            calls.append(Call(f"#{tid}", name, number, micro * 1_000))
            begun.pop(tid, None)
            if kind == "begin":
                begun[tid] = name
        elif kind == "end":
            lines.append(head + f" ... [continued]: {name}()) = 0")
            known = begun.pop(tid, None) == name
            notes["calls resumed" if known else "calls that began before the recording"] += 1
        elif kind == "lost":
            lines.append(f"LOST {micro} events!")
            notes["marks of lost events"] += 1
        elif kind == "event":
            lines.append(head + "sched:sched_switch(x: 1)")
            notes["other events"] += 1
        else:
            lines.append("")
    assert_reads("perf", "\n".join(lines).encode(), calls, notes, sizes=(block, batch))


@given(st.lists(EVENTS, max_size=30), st.booleans(), st.integers(1, 400), st.integers(1, 8))
def test_random_recordings_of_perf_script_read_back(
    events: list[tuple[str, int, str, int, str]], both_ids: bool, block: int, batch: int
) -> None:
    lines, calls = [], []
    notes: Counter[str] = Counter()
    for number, (kind, tid, name, micro, comm) in enumerate(events, start=1):
        who = f"{tid // 2}/{tid}" if both_ids else f"{tid:5}"
        head = f"{comm:>16} {who} [003] {micro // 10**6:5}.{micro % 10**6:06}: "
        if kind in {"call", "begin"}:
            lines.append(head + f"   syscalls:sys_enter_{name}: fd: 0x3")
            calls.append(Call(f"#{tid}", name, number, micro * 1_000))
        elif kind == "end":
            lines.append(head + f"    syscalls:sys_exit_{name}: 0x0")
            notes["ends of calls"] += 1
        elif kind == "event":
            lines.append(head + "sched:sched_switch: x=1")
            notes["other events"] += 1
        else:
            lines.append("\r")
    assert_reads("perf", "\n".join(lines).encode(), calls, notes, sizes=(block, batch))


@pytest.mark.skipif(shutil.which("perf") is None or os.geteuid() != 0, reason="needs perf and root")
def test_what_perf_writes_here_reads_whole(tmp_path: Path) -> None:
    out = tmp_path / "true.perf"
    command = ["perf", "trace", "-o", str(out), "sh", "-c", "true; true | cat"]
    ran = subprocess.run(command, capture_output=True, check=False, timeout=60)
    if ran.returncode or not out.read_bytes():
        pytest.skip("perf cannot record here")
    assert get_format("perf").sniff(out.read_bytes()[: 1 << 16], "x", ReadOptions()) > 0
    traces, report = read("perf", out.read_bytes())
    assert report.broken == []
    assert traces.n_calls > 20
    assert "exit_group" in traces.alphabet


def test_a_time_before_the_recordings_start_is_no_time() -> None:
    """perf subtracts unsigned numbers; what began earlier comes out near 2**64 microseconds."""
    line = "18446744073707.332 ( 0.012 ms): cat/7 brk()        = 0x55\n"
    traces, report = read("perf", line + "     0.049 ( 0.013 ms): cat/7 close(fd: 3)   = 0\n")
    assert threads_of(traces) == {"file#7": [("brk", 1, -1), ("close", 2, 49_000)]}
    assert report.n_broken == 0
