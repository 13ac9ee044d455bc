"""The audit log: hand-made records of each kind, and random logs read back."""

from __future__ import annotations

from collections import Counter

import pytest
from event_logs import Call, assert_reads, threads_of
from hypothesis import given
from hypothesis import strategies as st
from reading import read, rows

from habitus.traces.formats import get_format
from habitus.traces.formats.base import ReadOptions

SECOND = 1_700_000_000 * 10**9
STAMP = "msg=audit(1700000000.123:24287)"


def record(
    number: int = 257,
    pid: int = 412,
    *,
    arch: str = "c000003e",
    stamp: str = STAMP,
    comm: str = '"cat"',
    node: str = "",
    end: str = "",
) -> str:
    return (
        (f"node={node} " if node else "")
        + f"type=SYSCALL {stamp}: arch={arch} syscall={number} success=no exit=-13 a0=7fffd19c592c "
        f"a1=0 a2=7f a3=0 items=1 ppid=2686 pid={pid} auid=500 uid=500 tty=pts0 ses=1 comm={comm} "
        f'exe="/bin/cat" key="files"{end}'
    )


INTERPRETED = (
    "type=SYSCALL msg=audit(03/28/2013 15:49:23.243:24287) : arch=x86_64 syscall=openat "
    "success=no exit=EACCES(Permission denied) a0=AT_FDCWD a1=0x7ffd a2=O_RDONLY a3=0x0 items=1 "
    "ppid=2686 pid=3538 auid=ada uid=ada tty=pts0 ses=1 comm=cat exe=/bin/cat key=files "
)


def test_raw_enriched_and_interpreted_records() -> None:
    text = "\n".join(
        [
            "----",
            "time->Thu Mar 28 15:49:23 2013",
            record(),
            record(0, end='\x1dARCH=x86_64 SYSCALL=read AUID="ada" UID="ada"'),
            f'type=CWD {STAMP}: cwd="/home/ada"',
            record(231),
            record(39),
            INTERPRETED,
        ]
    )
    traces, report = read("auditd", text)
    at = SECOND + 123_000_000
    assert threads_of(traces) == {
        "file#412": [("openat", 3, at), ("read", 4, at), ("exit_group", 6, at)],
        "file#412.2": [("getpid", 7, at)],
        "file#3538": [("openat", 8, (15 * 3600 + 49 * 60 + 23) * 10**9 + 243_000_000)],
    }
    assert report.notes == {"separators of ausearch": 2, "CWD records": 1}
    assert report.n_broken == 0


def test_one_threads_exit_does_not_end_its_process() -> None:
    """Records tell the process, and the others of its threads go on."""
    assert rows(read("auditd", "\n".join([record(60), record(0)]))[0]) == [["exit", "read"]]


def test_processes_of_two_nodes_are_not_one() -> None:
    lines = [record(0, node="web-1"), record(231, node="web-2"), record(1, node="web-2")]
    traces, _ = read("auditd", "\n".join([*lines, record(3)]))
    assert dict(zip(traces.names, rows(traces), strict=True)) == {
        "file#web-1:412": ["read"],
        "file#web-2:412": ["exit_group"],
        "file#web-2:412.2": ["write"],
        "file#412": ["close"],
    }
    assert {info.thread for info in traces.infos} == {412}


@pytest.mark.parametrize(
    ("arch", "number", "name"),
    [
        ("c000003e", 257, "openat"),
        ("40000003", 5, "open"),
        ("c00000b7", 56, "openat"),
        ("c000003e", 0x40000000 + 257, "openat"),
        ("c000003e", 0x40000000 + 520, "execve"),
        ("c000003e", 0x40000000 + 547, "pwritev2"),
        ("c000003e", 9999, "x86_64:9999"),
        ("80000016", 5, "arch-80000016:5"),
        ("28", 5, "arch-00000028:5"),
    ],
)
def test_numbers_are_of_the_records_machine(arch: str, number: int, name: str) -> None:
    traces, report = read("auditd", record(number, arch=arch), abi="i386")
    assert (rows(traces), report.n_broken) == ([[name]], 0)


@pytest.mark.parametrize(
    ("arch", "told", "name"),
    [
        ("x86_64", "openat", "openat"),
        ("i386", "socketcall(connect)", "socketcall"),
        ("x86_64", "unknown-syscall(9999)", "x86_64:9999"),
        ("i686", "unknown-syscall(5)", "open"),
        ("s390x", "unknown-syscall(5)", "arch-s390x:5"),
    ],
)
def test_names_as_ausearch_writes_them(arch: str, told: str, name: str) -> None:
    line = INTERPRETED.replace("arch=x86_64 syscall=openat", f"arch={arch} syscall={told}")
    assert rows(read("auditd", line)[0]) == [[name]]


@pytest.mark.parametrize(
    ("line", "note"),
    [
        (f'type=PATH {STAMP}: item=0 name="/etc/x"', "PATH records"),
        (f"node=web-1 type=PROCTITLE {STAMP}: proctitle=63", "PROCTITLE records"),
        ("type=PATH msg=audit(03/28/2013 15:49:23.243:24287) : item=0", "PATH records"),
        (f"type=UNKNOWN[1420] {STAMP}: x", "records of other types"),
        (f"type=HOSTILE_{'X' * 20} {STAMP}: x", "records of other types"),
        (f"type=DAEMON_START {STAMP}: op=start", "records of auditd itself"),
        (f"type=DAEMON_ABORT {STAMP}: op=x", "marks of lost records"),
        (f"type=KERNEL {STAMP}: audit_lost=12 audit_rate_limit=0", "marks of lost records"),
        (f"type=KERNEL {STAMP}: audit_lost=0 audit_rate_limit=0", "KERNEL records"),
        (f"type=CONFIG_CHANGE {STAMP}: op=set lost=0 old=33", "marks of lost records"),
        ("Nov 22 01:35:47 h kernel: audit: backlog limit exceeded", "marks of lost records"),
        ("audit: audit_lost=7 audit_rate_limit=0 audit_backlog_limit=64", "marks of lost records"),
        (record(-1), "calls without a number"),
    ],
)
def test_what_is_no_call_is_noted(line: str, note: str) -> None:
    traces, report = read("auditd", line + "\r\n")
    assert (traces.n_calls, report.n_broken, report.notes) == (0, 0, {note: 1})


def test_a_hostile_log_does_not_grow_the_notes() -> None:
    lines = [f"type=USER_{i:X} {STAMP}: x" for i in range(5_000)]
    _, report = read("auditd", "\n".join(lines))
    assert report.notes == {"records of other types": 5_000}


@pytest.mark.parametrize(
    "comm",
    [
        '"x" pid=9 syscall=0',
        "78207069643D39207379",  # as the kernel writes "x pid=9 sy"
        '" type=SYSCALL arch=c000003e syscall=0 pid=9 "',
    ],
)
def test_a_commands_name_forges_no_fields(comm: str) -> None:
    traces, _ = read("auditd", record(comm=comm))
    assert dict(zip(traces.names, rows(traces), strict=True)) == {"file#412": ["openat"]}
    line = INTERPRETED.replace("comm=cat", "comm=x pid=9 ")
    assert read("auditd", line)[0].names == ("file#3538",)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("<html>", "not a record of the audit log"),
        ("type=SYSCALL msg=audit(1.2", "not a record of the audit log"),
        (record().split(" pid=")[0], "without arch, syscall and pid before comm"),
        (record().replace(" pid=412", "").replace('comm="cat"', 'comm="a" pid=9 '), "before comm"),
        (INTERPRETED.replace(" pid=3538", "").replace("comm=cat", "comm=a pid=9 "), "before comm"),
        (record(pid=4_194_305), "4194305 is no thread id"),
        (record(node="a/b"), "'a/b' is no name of a host"),
        (record(arch="c000003e0"), "without arch"),
    ],
)
def test_hostile_lines_are_broken(line: str, why: str) -> None:
    traces, report = read("auditd", f"{record()}\n{line}\n{record()}\n")
    assert (traces.n_calls, report.n_broken) == (2, 1)
    assert report.broken[0].startswith("file:2: ")
    assert why in report.broken[0]


@pytest.mark.parametrize(
    ("head", "sure"),
    [
        (record() + "\n" + record()[:40], True),
        ("----\ntime->Thu Mar 28 15:49:23 2013\n" + record() + "\n", True),
        (INTERPRETED + "\n", True),
        (f"node=web-1 type=CWD {STAMP}: cwd=x\n", True),
        ("type=SYSCALL\n", False),
        ("Nov 22 01:35:47 host kernel: audit: backlog limit exceeded\n", False),
        ("", False),
    ],
)
def test_recognised_or_not(head: str, sure: bool) -> None:
    assert (get_format("auditd").sniff(head.encode(), "x", ReadOptions()) > 80) is sure


EVENTS = st.tuples(
    st.sampled_from(["call", "call", "other", "blank"]),
    st.sampled_from(["", "web-1", "10.0.0.7", "fe80::1"]),
    st.integers(1, 4_194_304) | st.sampled_from([7, 8]),
    st.sampled_from([(0, "read"), (257, "openat"), (60, "exit"), (231, "exit_group")]),
    st.integers(0, 9_000_000_000_000),
)


@given(st.lists(EVENTS, max_size=30), st.booleans(), st.integers(1, 900), st.integers(1, 8))
def test_random_logs_read_back(
    events: list[tuple[str, str, int, tuple[int, str], int]], crlf: bool, block: int, batch: int
) -> None:
    lines, calls = [], []
    notes: Counter[str] = Counter()
    for line, (kind, node, pid, (number, name), milli) in enumerate(events, start=1):
        stamp = f"msg=audit({milli // 1000}.{milli % 1000:03}:{line})"
        if kind == "call":
            lines.append(record(number, pid, node=node, stamp=stamp))
            who = f"#{node}:{pid}" if node else f"#{pid}"
            calls.append(Call(who, name, line, milli * 1_000_000))
        elif kind == "other":
            lines.append(f"type=EOE {stamp}: ")
            notes["EOE records"] += 1
        else:
            lines.append("")
    data = ("\r\n" if crlf else "\n").join(lines).encode()
    assert_reads("auditd", data, calls, notes, ends=("exit_group",), sizes=(block, batch))
