"""Tracee's events in both schemas: hand-made logs, and random ones read back."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from event_logs import Call, assert_reads, threads_of
from hypothesis import given
from hypothesis import strategies as st
from reading import read, rows

from habitus.traces.formats import get_format, tracee
from habitus.traces.formats.base import ReadOptions

SECOND = 1_700_000_000_000_000_000


def flat(name: str, tid: int = 412, time: int = SECOND, **others: Any) -> str:
    told = {
        "timestamp": time, "processId": 7, "threadId": 7, "hostProcessId": 412,
        "hostThreadId": tid, "processName": "cat", "hostName": "f00", "eventId": "257",
        "eventName": name, "args": [{"name": "pathname", "type": "x", "value": "/etc"}], **others,
    }  # fmt: skip
    return json.dumps(told, separators=(",", ":"))


def nested(name: str, thread: dict[str, Any], time: Any, **others: Any) -> str:
    process = {"pid": 7, "hostPid": 412, "thread": {"name": "cat", **thread}}
    told = {
        "timestamp": time, "id": name, "name": name, "policies": {"matched": ["x"]},
        "workload": {"process": process}, "data": [{"name": "fd", "int32": 3}], **others,
    }  # fmt: skip
    return json.dumps(told, separators=(",", ":"))


def test_both_schemas_tell_calls() -> None:
    text = "\n".join(
        [
            flat("openat"),
            flat("read", tid=0, time=12_000_000_000),
            nested("close", {"hostTid": 413, "tid": 8}, "2023-11-14T22:13:20.000000005Z"),
            nested("close", {"host_tid": 413}, {"seconds": "1700000000", "nanos": 6}),
            nested("dup", {"tid": {"value": 9}}, {"seconds": 1700000000}),
            nested("dup", {}, None),
        ]
    )
    traces, report = read("tracee", text)
    assert threads_of(traces) == {
        "file#412": [("openat", 1, SECOND)],
        "file#7": [("read", 2, 12_000_000_000), ("dup", 6, -1)],
        "file#413": [("close", 3, SECOND + 5), ("close", 4, SECOND + 6)],
        "file#9": [("dup", 5, SECOND)],
    }
    assert (report.n_broken, report.notes) == (0, {})


@pytest.mark.parametrize(
    ("line", "note"),
    [
        (flat("sched_process_exec"), "events that are no system calls"),
        (flat("net_packet_ipv4"), "events that are no system calls"),
        (flat("sys_exit"), "events that are no system calls"),
        (nested("security_file_open", {}, None), "events that are no system calls"),
        ('{"level":"info","ts":1,"msg":"starting"}', "messages of Tracee's own log"),
        ('{"level":"warn","ts":1,"msg":"Lost 12 events"}', "marks of lost events"),
    ],
)
def test_what_is_no_call_is_noted(line: str, note: str) -> None:
    traces, report = read("tracee", line + "\n")
    assert (traces.n_calls, report.n_broken, report.notes) == (0, 0, {note: 1})


def test_sys_enter_is_a_call_and_the_event_that_follows_is_the_same() -> None:
    def entered(value: Any, tid: int) -> str:
        return flat("sys_enter", tid, args=[{"name": "syscall", "type": "int", "value": value}])

    text = "\n".join(
        [
            entered(257, 7), flat("openat", 7), flat("openat", 7),
            entered("read", 7), flat("close", 7), entered(9999, 8),
            nested("sys_enter", {"hostTid": 8}, None, data=[{"name": "syscall", "int32": 0}]),
        ]
    )  # fmt: skip
    traces, report = read("tracee", text)
    names = dict(zip(traces.names, rows(traces), strict=True))
    assert names == {
        "file#7": ["openat", "openat", "read", "close"],
        "file#8": ["x86_64:9999", "read"],
    }
    assert report.notes == {"calls told a second time": 1}
    assert rows(read("tracee", entered(5, 7), abi="i386")[0]) == [["open"]]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [{"name": "syscall"}],
        [{"name": "syscall", "value": -1}],
        [{"name": "syscall", "value": True}],
        [{"name": "syscall", "value": "i386:5"}],
        [{"name": "syscall", "value": 1 << 40}],
        "x",
        None,
    ],
)
def test_a_sys_enter_that_tells_no_call_is_broken(arguments: Any) -> None:
    _, report = read("tracee", flat("sys_enter", args=arguments))
    assert report.broken == ["file:1: a sys_enter that does not tell its call (argument 'syscall')"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("no JSON", "not an event of Tracee: JSON is malformed"),
        ("{}", "neither eventName nor name and workload"),
        (flat("read", tid=4_194_305), "4194305 is no thread id"),
        (flat("read", tid=-1), "-1 is no thread id"),
        (flat("read", timestamp=1.5), "not an event of Tracee: Expected"),
        ('{"eventName":"read","eventName":"write"}', '"eventName": stands in it twice'),
        (flat("read").replace('"args"', '"' + "\udcff" * 2 + '":1,"args"'), "not an event of"),
    ],
)
def test_hostile_lines_are_broken(line: str, why: str) -> None:
    data = f"{flat('read')}\n{line}\n{flat('read')}\n".encode("utf-8", "surrogateescape")
    traces, report = read("tracee", data)
    assert (traces.n_calls, report.n_broken) == (2, 1)
    assert report.broken[0].startswith("file:2: ")
    assert why in report.broken[0]


def test_arguments_of_a_program_do_not_break_its_event() -> None:
    """A program may be called with words that are keys of an event."""
    argv = {"name": "argv", "type": "x", "value": ["eventName", '"eventName":"exit"', "workload"]}
    traces, report = read("tracee", flat("execve", args=[argv]))
    assert (rows(traces), report.n_broken) == ([["execve"]], 0)


def test_calls_whose_ends_never_come_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracee, "MAX_PENDING", 10)
    parser = tracee._Parser("x86_64")
    for tid in range(1, 1_000):
        parser.parse(flat("sys_enter", tid, args=[{"name": "syscall", "value": 0}]).encode())
        assert len(parser._entered) <= 10


@pytest.mark.parametrize(
    ("head", "sure"),
    [
        (flat("x") + "\n" + flat("y")[:40], True),
        (nested("x", {}, "2023-11-14T22:13:20Z") + "\n", True),
        ('{"evt.type":"read"}\n', False),
        ('{"timestamp":1,"name":"x"}\n', False),
        ("[" * 65_536, False),
        ("{" * 65_536, False),
        ("", False),
    ],
)
def test_recognised_or_not(head: str, sure: bool) -> None:
    assert (get_format("tracee").sniff(head.encode(), "x", ReadOptions()) > 80) is sure


EVENTS = st.tuples(
    st.sampled_from(["flat", "nested", "other", "blank"]),
    st.integers(1, 4_194_304) | st.sampled_from([7, 8]),
    st.sampled_from(["read", "openat", "exit", "exit_group", "socketcall"]),
    st.integers(0, 9_000_000_000_000_000_000),
)


@given(st.lists(EVENTS, max_size=30), st.integers(1, 400), st.integers(1, 8))
def test_random_events_read_back(
    events: list[tuple[str, int, str, int]], block: int, batch: int
) -> None:
    lines, calls = [], []
    notes: Counter[str] = Counter()
    for number, (kind, tid, name, time) in enumerate(events, start=1):
        if kind == "flat":
            lines.append(flat(name, tid, time))
        elif kind == "nested":
            stamp = {"seconds": str(time // 10**9), "nanos": time % 10**9}
            lines.append(nested(name, {"hostTid": tid}, stamp))
        elif kind == "other":
            lines.append(flat("security_file_open", tid, time))
            notes["events that are no system calls"] += 1
        else:
            lines.append("\r")
        if kind in {"flat", "nested"}:
            calls.append(Call(f"#{tid}", name, number, time))
    assert_reads("tracee", "\n".join(lines).encode(), calls, notes, sizes=(block, batch))
