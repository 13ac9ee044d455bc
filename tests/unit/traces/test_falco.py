"""Falco's alerts and sysdig's events in JSON: hand-made logs, and random ones read back."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from event_logs import Call, assert_reads, threads_of
from hypothesis import given
from hypothesis import strategies as st
from reading import read, rows

from habitus.traces.formats import falco, get_format
from habitus.traces.formats.base import ReadOptions

SECOND = 1_700_000_000_000_000_000


def alert(fields: dict[str, Any] | None = None, **others: Any) -> str:
    told = {
        "output": "Notice A call", "priority": "Notice", "rule": "Any call",
        "output_fields": {"evt.type": "read", "thread.tid": 412, **(fields or {})},
        "source": "syscall", "time": "2023-11-14T22:13:20.000000007Z", **others,
    }  # fmt: skip
    return json.dumps(told)


def test_an_alert_that_names_a_call_is_one() -> None:
    text = "\n".join(
        [
            alert({"evt.type": "openat", "evt.time": SECOND + 1}, hostname="web-1"),
            alert({"evt.rawtime": SECOND + 2, "evt.time": "22:13:20"}, hostname="web-1"),
            alert({"thread.tid": None, "proc.pid": 7}, hostname="web-2"),
            alert({"thread.tid": "<NA>"}, hostname="web-2"),
            alert({"thread.tid": -1, "proc.pid": "8"}),
        ]
    )
    traces, report = read("falco", text)
    assert threads_of(traces) == {
        "file#web-1:412": [("openat", 1, SECOND + 1), ("read", 2, SECOND + 2)],
        "file#web-2:7": [("read", 3, SECOND + 7)],
        "file#web-2": [("read", 4, SECOND + 7)],
        "file#8": [("read", 5, SECOND + 7)],
    }
    assert [info.thread for info in traces.infos] == [412, 7, -1, 8]
    assert (report.n_broken, report.notes) == (0, {})


def test_threads_of_two_hosts_are_not_one() -> None:
    lines = [alert({"evt.type": "exit_group"}, hostname="a"), alert(hostname="b")] * 2
    traces, _ = read("falco", "\n".join(lines))
    assert {n: len(row) for n, row in zip(traces.names, rows(traces), strict=True)} == {
        "file#a:412": 1,
        "file#b:412": 2,
        "file#a:412.2": 1,
    }


@pytest.mark.parametrize(
    ("line", "note"),
    [
        (alert({"evt.type": None}), "alerts that name no call"),
        (alert(source="k8s_audit"), "alerts of other sources"),
        (alert({"evt.type": "procexit"}), "events that are no system calls"),
        (alert({"evt.type": "drop"}), "marks of lost events"),
        (alert({"evt.type": "scapevent"}), "events that are no system calls"),
        (alert(rule="Falco internal: syscall event drop"), "marks of lost events"),
        (
            alert(rule="Falco internal: metrics snapshot", source="internal"),
            "alerts of Falco about itself",
        ),
        ("Tue Nov 14 22:13:20 2023: Falco version: 0.36.2 (x86_64)", "log lines of Falco"),
        ("2023-11-14T22:13:20+0000: Falco initialized", "log lines of Falco"),
        ("Events detected: 3", "log lines of Falco"),
        ("   Any call: 3", "log lines of Falco"),
    ],
)
def test_what_is_no_call_is_noted(line: str, note: str) -> None:
    traces, report = read("falco", line + "\n")
    assert (traces.n_calls, report.n_broken, report.notes) == (0, 0, {note: 1})


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("Nothing of Falco", "not a line of Falco or sysdig"),
        ("{}", "neither an alert of Falco nor an event of sysdig"),
        (alert({"evt.type": "a b"}), "'a b' is no call"),
        (alert({"evt.type": "i386:5"}), "'i386:5' is no call"),
        (alert({"evt.type": "x" * 65}), "is no call"),
        (alert({"evt.type": 5}), "Expected `str | null`, got `int`"),
        (alert({"thread.tid": 4_194_305}), "4194305 is no thread id"),
        (alert(hostname="a b"), "'a b' is no name of a host"),
        (alert(hostname="a" * 999), "is no name of a host"),
        ('{"evt.type":"read","evt.type":"write"}', '"evt.type": stands in it twice'),
    ],
)
def test_hostile_lines_are_broken(line: str, why: str) -> None:
    _, report = read("falco", f"{alert()}\n{line}\n{alert()}\n")
    assert (report.n_broken, len(report.broken)) == (1, 1)
    assert report.broken[0].startswith("file:2: ")
    assert why in report.broken[0]


def test_what_a_program_writes_cannot_break_or_forge_an_alert() -> None:
    """A command line that looks like fields stays text."""
    traces, report = read("falco", alert({"proc.cmdline": 'x","evt.type":"exit","thread.tid":9'}))
    assert list(threads_of(traces)) == ["file#412"]
    assert (rows(traces), report.n_broken) == ([["read"]], 0)


def test_sysdig_in_json_counts_each_call_once() -> None:
    def event(direction: str, name: str, tid: int, number: int) -> str:
        told = {
            "evt.dir": direction, "evt.type": name, "thread.tid": tid, "evt.num": number,
            "evt.outputtime": SECOND + number, "proc.name": "cat", "evt.info": "fd=3",
        }  # fmt: skip
        return json.dumps(told, separators=(",", ":"))

    text = "\n".join(
        [
            event("<", "futex", 7, 1),  # began before the capture
            event(">", "read", 7, 2),
            event(">", "openat", 8, 3),
            event("<", "read", 7, 4),
            event(">", "switch", 7, 5),
            event("<", "openat", 8, 6),
            event("<", "openat", 8, 7),
            event(">", "write", 7, 8),  # its end was lost
            event("<", "close", 7, 9),
        ]
    )
    traces, report = read("falco", text)
    assert {name: [c[0] for c in row] for name, row in threads_of(traces).items()} == {
        "file#7": ["futex", "read", "write", "close"],
        "file#8": ["openat", "openat"],
    }
    assert report.notes == {"ends of calls": 2, "events that are no system calls": 1}


def test_calls_whose_ends_never_come_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(falco, "MAX_PENDING", 10)
    parser = falco._Parser()
    for tid in range(1, 1_000):
        parser.parse(f'{{"evt.type":"read","evt.dir":">","thread.tid":{tid}}}'.encode())
        assert len(parser._pending) <= 10


@pytest.mark.parametrize(
    ("head", "sure"),
    [
        (alert(), True),
        (alert() + "\n" + alert()[:30], True),
        ("Tue Nov 14 22:13:20 2023: Falco version: 0.36.2\n" + alert() + "\n", True),
        ('{"evt.type":"read"}\n', True),
        ('{"eventName":"read","timestamp":1}\n', False),
        ("{" * 65_536, False),
        ('{"rule":"x"}\n', False),
        ("", False),
    ],
)
def test_recognised_or_not(head: str, sure: bool) -> None:
    assert (get_format("falco").sniff(head.encode(), "x", ReadOptions()) > 80) is sure


EVENTS = st.tuples(
    st.sampled_from(["web-1", "10.0.0.7", ""]),
    st.integers(0, 4_194_304) | st.sampled_from([7, 8]),
    st.sampled_from(["read", "openat", "exit", "exit_group", "clone3"]),
    st.integers(0, (1 << 63) - 1),
    st.sampled_from(["call", "call", "other", "blank"]),
)


@given(st.lists(EVENTS, max_size=30), st.integers(1, 400), st.integers(1, 8))
def test_random_alerts_read_back(
    events: list[tuple[str, int, str, int, str]], block: int, batch: int
) -> None:
    lines, calls = [], []
    notes: Counter[str] = Counter()
    for number, (host, tid, name, time, kind) in enumerate(events, start=1):
        host_told = {"hostname": host} if host else {}
        if kind == "call":
            who = ":".join(filter(None, (host, str(tid or ""))))
            fields = {"evt.type": name, "thread.tid": tid, "evt.rawtime": time}
            lines.append(alert(fields, **host_told))
            calls.append(Call(f"#{who}" if who else "", name, number, time))
        elif kind == "other":
            lines.append(alert(source="aws_cloudtrail", **host_told))
            notes["alerts of other sources"] += 1
        else:
            lines.append("  ")
    assert_reads("falco", "\n".join(lines).encode(), calls, notes, sizes=(block, batch))
