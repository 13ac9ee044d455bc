"""The fast loop over sysdig's text: against what was written, and against a slow one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from reading import batches_of, column, pieces, read, rows
from sysdig_reference import Thread, parse

from habitus.errors import InputError
from habitus.traces.formats.sysdig_layout import infer_layout
from habitus.traces.traceset import TraceSet, join

if TYPE_CHECKING:
    from habitus.traces.report import ReadReport

BEGIN_NS = 1_631_078_867_000_000_000  # 05:27:47 UTC on 8 September 2021
MIDNIGHT_NS = 1_631_059_200_000_000_000
TEMPLATES = {  # what is printed, and where its times count from (None: no times)
    "{n} {clock} {cpu} {comm} ({tid}) {dir} {type} {args}": MIDNIGHT_NS,
    "{n} {clock} {cpu} web (3f2a9c) {comm} ({tid}:7) {dir} {type} {args}": MIDNIGHT_NS,
    "{ns} {uid} {pid} {comm} {tid} {type} {dir} {args}": 0,
    "{n} {clock} {cpu} {uid} {comm} {tid} {dir} {type} {args}": MIDNIGHT_NS,
    "{seconds} {tid} {dir} {type} {comm} {args}": 0,
    "2021-09-08 {clock} {comm} ({tid}) {dir} {type} {args}": 0,
    "2021-09-08T{clock}Z {comm} ({tid}) {dir} {type} {args}": 0,
    "{tid} {dir} {type} {args}": None,
}
COMMANDS = st.sampled_from(["httpd", "my tool", "kworker/0:1", "a>b", "(sd-pam)", "\u00e4"])
NAMES = st.sampled_from(["read", "openat", "epoll_wait", "futex", "pread", "brk", "newcall7"])
ARGUMENTS = st.sampled_from(
    [
        "",
        "fd=3(<f>/etc/passwd) size=8",
        "res=4 data=a > close (9) < x",
        "x" * 300,
        "data=\x00\xff\r.",
    ]
)
KINDS = st.sampled_from(["enter", "exit"] * 4 + ["switch", "drop", "end", "gone", "blank"])


@dataclass
class Written:
    """A recording as sysdig could have printed it, and what a reader must find in it."""

    template: str
    lines: list[str] = field(default_factory=list)
    threads: list[Thread] = field(default_factory=list)
    live: dict[int, Thread] = field(default_factory=dict)
    lives: Counter[int] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    now: int = BEGIN_NS

    def event(
        self, tid: int, direction: str, name: str, comm: str = "sh", args: str = "", passed: int = 9
    ) -> None:
        self.now += passed
        second = self.now // 10**9 - MIDNIGHT_NS // 10**9
        clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{self.now % 10**9:09}"
        seconds = f"{self.now // 10**9}.{self.now % 10**9:09}"
        self.lines.append(
            self.template.format(
                n=len(self.lines) + 1, clock=clock, seconds=seconds, ns=self.now, cpu=tid % 2,
                uid=0, pid=tid, tid=tid, comm=comm, dir=direction, type=name, args=args,
            )
        )  # fmt: skip

    def enter(self, tid: int, name: str, comm: str, args: str, passed: int) -> None:
        self.event(tid, ">", name, comm, args, passed)
        if tid not in self.live:
            self.lives[tid] += 1
            life = f".{self.lives[tid]}" * (self.lives[tid] > 1)
            self.live[tid] = Thread(f"file#{tid}{life}", tid)
            self.threads.append(self.live[tid])
        thread = self.live[tid]
        since = TEMPLATES[self.template]
        thread.waits = True
        thread.calls.append("pread64" if name == "pread" else name)
        thread.lines.append(len(self.lines))
        thread.times.append(-1 if since is None else self.now - since)

    def exit(self, tid: int, name: str, comm: str, args: str, passed: int) -> None:
        self.event(tid, "<", name, comm, args, passed)
        known = tid in self.live and self.live[tid].waits
        self.notes["exits of calls" if known else "calls that began before the recording"] += 1
        if known:
            self.live[tid].waits = False


@st.composite
def recordings(draw: st.DrawFn) -> tuple[bytes, Written]:
    """A recording in one layout, which its first lines show beyond doubt."""
    written = Written(draw(st.sampled_from(sorted(TEMPLATES))))
    tids = draw(st.lists(st.integers(1, 4_194_304), min_size=2, max_size=4, unique=True))
    for tid in [max(tids), min(tids)] * 2:
        written.enter(tid, "read", "sh", "fd=3", 9)
        written.exit(tid, "read", "sh", "res=0", 9)
    for kind in draw(st.lists(KINDS, max_size=40)):
        tid = draw(st.sampled_from(tids))
        event = (draw(NAMES), draw(COMMANDS), draw(ARGUMENTS), draw(st.integers(0, 10**10)))
        if kind == "enter":
            written.enter(tid, *event)
        elif kind == "exit":
            written.exit(tid, *event)
        elif kind == "blank":
            written.lines.append(draw(st.sampled_from(["", "  ", "\t"])))
        elif kind == "end":
            written.enter(tid, "exit_group", *event[1:])
            del written.live[tid]
        elif kind == "gone":
            written.event(tid, ">", "procexit", *event[1:])
            written.notes["procexit events"] += 1
            written.live.pop(tid, None)
        else:
            written.event(tid, draw(st.sampled_from("><")), kind, *event[1:])
            written.notes["marks of lost events" if kind == "drop" else "switch events"] += 1
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    end = newline if draw(st.booleans()) else ""
    return (newline.join(written.lines) + end).encode("utf-8", "surrogateescape"), written


def assert_holds(
    traces: TraceSet, report: ReadReport, threads: list[Thread], notes: Counter[str]
) -> None:
    assert list(traces.names) == [thread.name for thread in threads]
    assert [info.thread for info in traces.infos] == [thread.pid for thread in threads]
    assert rows(traces) == [thread.calls for thread in threads]
    assert (column(traces, "positions") or []) == [thread.lines for thread in threads]
    times = [thread.times for thread in threads]
    has_times = any(time >= 0 for row in times for time in row)
    assert column(traces, "times_ns") == (times if has_times else None)
    assert report.notes == notes


@settings(max_examples=200)
@given(recordings())
def test_what_was_written_is_read(recording: tuple[bytes, Written]) -> None:
    data, written = recording
    traces, report = read("sysdig", data)
    assert_holds(traces, report, written.threads, written.notes)
    assert report.n_broken == 0


@settings(max_examples=100)
@given(recordings(), st.integers(8, 600), st.integers(1, 20))
def test_so_it_is_in_tiny_blocks_and_batches(
    recording: tuple[bytes, Written], block: int, batch: int
) -> None:
    data, written = recording
    with pieces(block_bytes=block, batch_calls=batch):
        batches, report = batches_of("sysdig", data)
        assert_holds(join(batches), report, written.threads, written.notes)
    assert report.n_broken == 0


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A recording with bytes changed, left out and put in, as damage and malice would."""
    data = bytearray(draw(recordings())[0])
    pieces_put_in = st.sampled_from(
        [b" > ", b" < ", b"(1) > read ", b"-1", b"<NA>", b"\n", b"\r", b"\t", b"9" * 20, b"(", b")",
         b":", b".", b"Z", b"+02:00", b"T", b" switch ", b" procexit ", b" clone ", b" " * 70]
    )  # fmt: skip
    for _ in range(draw(st.integers(1, 12))):
        place = draw(st.integers(0, len(data) - 1))
        end = min(len(data), place + draw(st.integers(0, 6)))
        data[place:end] = draw(pieces_put_in | st.binary(max_size=3))
        if not data:
            return b"\n"
    return bytes(data)


@settings(max_examples=400)
@given(mutations(), st.sampled_from([64, 1 << 20]))
def test_damaged_text_is_read_as_the_reference_reads_it(data: bytes, block: int) -> None:
    layout = infer_layout(data[: 1 << 16])
    with pieces(block_bytes=block, batch_calls=1 << 20):
        try:
            batches, report = batches_of("sysdig", data)
        except InputError:
            assert layout is None
            return
    assert layout is not None
    threads, notes, broken = parse(data, layout)
    assert_holds(join(batches), report, threads, notes)
    assert report.n_broken == len(broken)
    assert [int(where.split(":")[1]) for where in report.broken] == broken[:5]


def test_tiny_batches_really_cut_threads_into_segments() -> None:
    text = "".join(f"{7 + i // 2 % 2} > read fd=3 \n" for i in range(30))
    with pieces(block_bytes=100, batch_calls=4):
        batches, _ = batches_of("sysdig", text)
    segments = [(info.name, info.first_call, info.ends) for b in batches for info in b.infos]
    assert len(batches) > 3
    assert [s for s in segments if s[2]] == segments[-2:]
    assert join(batches).lengths.tolist() == [16, 14]
