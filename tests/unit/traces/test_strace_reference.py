"""The fast loop over strace text against a slow one, on random interleaved recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from reading import batches_of, column, pieces, read, rows
from strace_reference import parse

from habitus.traces.traceset import join

if TYPE_CHECKING:
    from collections import Counter

    from strace_reference import Thread

    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceSet

ARGUMENTS = st.sampled_from(
    [
        "",
        "3, 0x7ffd, 16",
        r'AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC',
        r'1, "a = b (c) <unfinished \n", 22',
        r'"\"+++ exited with 0 +++\"", [{st_mode=S_IFREG|0644, ...}]',
        '5, "' + "x" * 300 + '", 300',
    ]
)
RESULTS = st.sampled_from(["0", "-1 ENOENT (No such file or directory)", "0x7f0000000000", "?"])
NAMES = st.sampled_from(["read", "openat", "clock_nanosleep", "_newselect", "pread64", "bpf"])
EVENTS = st.sampled_from(["call", "begin", "end"] * 3 + ["signal", "exit", "aside"])
ASIDES = st.sampled_from(
    [
        "",
        "   ",
        " > /usr/lib/libc.so.6(__read+0x11) [0xfb8e1]",
        "strace: Process 77 attached",
        "strace: [ Process PID=77 runs in 32 bit mode. ]",
        "[ Process PID=77 runs in 64 bit mode. ]",
    ]
)


@st.composite
def recordings(draw: st.DrawFn) -> str:
    """A recording under one choice of strace's options, as strace could have written it."""
    pid_style = draw(st.sampled_from(["none", "-o", "tty"]))
    time_style = draw(st.sampled_from(["", "-r", "-t", "-tt", "-ttt"]))
    number, pointer, spent, crlf = (draw(st.booleans()) for _ in range(4))
    pids = draw(st.lists(st.integers(1, 4_194_304), min_size=1, max_size=4, unique=True))
    if pid_style == "none":
        pids = [0]
    lines: list[str] = []
    unfinished: dict[int, str] = {}

    def prefix(pid: int) -> str:
        micro = draw(st.integers(0, 999_999))
        seconds = draw(st.integers(0, 86_399))
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        time = {
            "": "",
            "-r": f"{seconds % 100:6}.{micro:06} ",
            "-t": f"{clock} ",
            "-tt": f"{clock}.{micro:06} ",
            "-ttt": f"{1_700_000_000 + seconds}.{micro:06} ",
        }[time_style]
        who = {"none": "", "-o": f"{pid:<5} ", "tty": f"[pid {pid:5}] "}[pid_style]
        n = draw(st.sampled_from(["[  39] ", "[ 257] ", "[????] "])) if number else ""
        ip = draw(st.sampled_from(["[00007f2ab60b1e3b] ", "[" + "?" * 16 + "] "]))
        return who + time + n + (ip if pointer else "")

    for event in draw(st.lists(EVENTS, min_size=1, max_size=40)):
        pid = draw(st.sampled_from(pids))
        name, arguments, result = draw(NAMES), draw(ARGUMENTS), draw(RESULTS)
        tail = " <0.000012>" if spent else ""
        if event == "aside":
            lines.append(draw(ASIDES))
        elif event == "signal":
            lines.append(prefix(pid) + "--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED} ---")
        elif event == "exit":
            why = draw(st.sampled_from(["exited with 0", "killed by SIGKILL (core dumped)"]))
            lines.append(f"{prefix(pid)}+++ {why} +++")
            unfinished.pop(pid, None)
        elif event == "end":  # of a call that began, or of one from before the recording
            name = unfinished.pop(pid, name)
            lines.append(f"{prefix(pid)}<... {name} resumed>{arguments}) = {result}{tail}")
        elif event == "begin" and pid not in unfinished:
            unfinished[pid] = name
            last = draw(st.sampled_from([" <unfinished ...>"] * 5 + [" <detached ...>"]))
            lines.append(f"{prefix(pid)}{name}({arguments}{last}")
        elif pid not in unfinished:
            padding = " " * draw(st.integers(0, 20))
            lines.append(f"{prefix(pid)}{name}({arguments}){padding} = {result}{tail}")
    newline = "\r\n" if crlf else "\n"
    end = newline if draw(st.booleans()) else ""
    return newline.join(lines) + end


def assert_equals_reference(
    traces: TraceSet, report: ReadReport, expected: tuple[list[Thread], Counter[str]]
) -> None:
    threads, notes = expected
    assert list(traces.names) == [thread.name for thread in threads]
    assert [info.thread for info in traces.infos] == [thread.pid for thread in threads]
    assert rows(traces) == [thread.calls for thread in threads]
    assert (column(traces, "positions") or []) == [thread.lines for thread in threads]
    times = [thread.times for thread in threads]
    has_times = any(time >= 0 for row in times for time in row)
    assert column(traces, "times_ns") == (times if has_times else None)
    assert report.notes == notes
    assert report.n_broken == 0


@settings(max_examples=150)
@given(recordings())
def test_random_recordings_read_as_the_reference_reads_them(text: str) -> None:
    assert_equals_reference(*read("strace", text), parse(text))


@settings(max_examples=100)
@given(recordings(), st.integers(8, 600), st.integers(1, 20))
def test_so_they_do_in_tiny_blocks_and_batches(text: str, block: int, batch: int) -> None:
    with pieces(block_bytes=block, batch_calls=batch):
        batches, report = batches_of("strace", text)
        assert_equals_reference(join(batches), report, parse(text))


def test_tiny_batches_really_cut_threads_into_segments() -> None:
    lines = [f"{7 + i % 2}  1700000000.{i:06} read(3) = 0\n" for i in range(30)]
    with pieces(block_bytes=100, batch_calls=4):
        batches, _ = batches_of("strace", "".join(lines))
    segments = [(info.name, info.first_call, info.ends) for b in batches for info in b.infos]
    assert len(batches) > 3
    assert len(segments) > 6
    assert [s for s in segments if s[2]] == segments[-2:]
    assert column(join(batches), "positions") == [[*range(1, 31, 2)], [*range(2, 31, 2)]]


@settings(max_examples=40)
@given(st.lists(recordings(), min_size=2, max_size=4))
def test_several_recordings_do_not_mix(texts: list[str]) -> None:
    traces, _ = read("strace", *texts)
    expected = [
        thread
        for i, text in enumerate(texts)
        for thread in parse(text, f"file{i + 1 if i else ''}")[0]
    ]
    assert list(traces.names) == [thread.name for thread in expected]
    assert rows(traces) == [thread.calls for thread in expected]
    assert (column(traces, "positions") or []) == [thread.lines for thread in expected]
