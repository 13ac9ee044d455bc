"""strace text: golden recordings with hand-computed threads, calls, lines and times."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from reading import batches_of, column, pieces, read, rows

from habitus.errors import InputError
from habitus.traces import recording, text_kernels
from habitus.traces.formats import get_format
from habitus.traces.formats.base import ReadOptions
from habitus.traces.reading import read_traces

if TYPE_CHECKING:
    from habitus.traces.traceset import TraceSet

GOLDEN = Path(__file__).parents[2] / "golden" / "traces"
MIB = 1 << 20


def golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


def threads(traces: TraceSet) -> dict[str, str]:
    return {n: " ".join(row) for n, row in zip(traces.names, rows(traces), strict=True)}


def lines(traces: TraceSet) -> dict[str, list[int]]:
    return dict(zip(traces.names, column(traces, "positions") or [], strict=True))


def times(traces: TraceSet) -> dict[str, list[int]]:
    return dict(zip(traces.names, column(traces, "times_ns") or [], strict=True))


def test_a_recording_with_f_ttt_and_t() -> None:
    traces, report = read("strace", golden("follow.strace"))
    assert threads(traces) == {
        "file#412": "execve openat clone read wait4 clone",
        "file#413": "set_robust_list faccessat2 exit_group",
        "file#413.2": "getpid",
        "file#415": "execve",
        "file#412.2": "brk exit_group",
    }
    assert lines(traces) == {
        "file#412": [1, 2, 3, 5, 13, 15],
        "file#413": [4, 9, 10],
        "file#413.2": [16],
        "file#415": [18],
        "file#412.2": [21, 22],
    }
    assert times(traces)["file#413"] == [
        1_700_000_000_001_200_000,
        1_700_000_000_001_600_000,
        1_700_000_000_001_700_000,
    ]
    assert [info.thread for info in traces.infos] == [412, 413, 413, 415, 412]
    assert all(info.whole for info in traces.infos)
    assert traces.position_unit == "line"
    assert report.notes == {
        "calls resumed": 2,
        "calls that began before the recording": 2,
        "signals": 1,
        "ends of threads": 4,
    }
    assert report.n_broken == 0


def test_what_a_terminal_shows_with_every_prefix() -> None:
    """[pid N], -tt, -t, -r, -n, -i, -k, remarks under any path, marks of 32-bit mode."""
    traces, report = read("strace", golden("terminal.strace"))
    assert threads(traces) == {
        "file": "execve",
        "file#5678": "execve socketcall",
        "file#5679": "write pause",
    }
    assert lines(traces) == {"file": [1], "file#5678": [4, 8], "file#5679": [10, 12]}
    assert times(traces) == {
        "file": [-1],
        "file#5678": [86_399_999_999_000, 1_000_000_000],
        "file#5679": [-1, -1],
    }
    assert [info.thread for info in traces.infos] == [-1, 5678, 5679]
    assert report.notes == {
        "remarks of strace": 2,
        "marks of 32-bit mode": 1,
        "stack lines": 2,
        "calls that strace could not read": 1,
        "ends of threads": 1,
    }
    assert report.n_broken == 0


def test_the_command_beside_a_process_id_is_passed_over() -> None:
    """-Y writes ``412<sh>``, and ``[pid 412<sh>]`` on a terminal."""
    traces, report = read(
        "strace",
        b"412<sh> 1700000000.1 brk(NULL) = 0\n"
        b"412<my tool> 1700000000.2 <... brk resumed>) = 0\n"
        b"[pid 413<sh>] getpid() = 413<sh>\n"
        b"412<sh> 1700000000.3 +++ exited with 0 +++\n",
    )
    assert threads(traces) == {"file#412": "brk", "file#413": "getpid"}
    assert report.notes["ends of threads"] == 1
    assert report.n_broken == 0


def test_a_call_is_resumed_once() -> None:
    """Another resumption, or one after another call or the thread's end, belongs to no call."""
    begin, rest = "7 read( <unfinished ...>\n", "7 <... read resumed>) = 0\n"
    for text, resumed, orphans in (
        (begin + rest + rest, 1, 1),
        (begin + "7 close(3) = 0\n" + rest, 0, 1),
        (begin + "7 +++ exited with 0 +++\n" + rest, 0, 1),
        (begin + "8 close(3) = 0\n" + rest, 1, 0),
        (rest + begin, 0, 1),
    ):
        _, report = read("strace", text)
        assert report.notes["calls resumed"] == resumed
        assert report.notes["calls that began before the recording"] == orphans


def test_carriage_returns_change_nothing() -> None:
    plain, plain_report = read("strace", golden("follow.strace"))
    crlf, crlf_report = read("strace", golden("follow.strace").replace(b"\n", b"\r\n"))
    assert (threads(crlf), lines(crlf), times(crlf)) == (
        threads(plain), lines(plain), times(plain),
    )  # fmt: skip
    assert crlf_report == plain_report


def test_broken_lines_are_counted_shown_and_passed_over() -> None:
    traces, report = read("strace", golden("broken.strace"))
    assert threads(traces) == {"file#1": "read read close close"}
    assert lines(traces) == {"file#1": [1, 3, 8, 10]}
    assert report.n_broken == 8
    assert report.broken == [
        "file:2: not a line of strace: 'this is no line of strace'",
        "file:4: not a line of strace: '<html>'",
        "file:5: not a line of strace: '>>> prompt'",
        "file:6: not a line of strace: '?what'",
        "file:7: not a line of strace: '1 9lives() = 0'",
    ]
    assert not report.notes


def test_a_cut_off_line_is_called_so() -> None:
    _, report = read("strace", '1 close(3) = 0\n1 openat(AT_FDCWD, "/etc/pas')
    assert report.broken == [
        "file:2: a call cut off before its result: '1 openat(AT_FDCWD, \"/etc/pas'"
    ]


def test_strict_stops_at_the_first_broken_line() -> None:
    with pytest.raises(InputError, match="file:2: not a line of strace: 'this is no"):
        read("strace", golden("broken.strace"), strict=True)


def test_a_summary_is_refused_with_the_reason() -> None:
    traces, report = read("strace", golden("summary.strace"))
    assert traces.n_calls == 0
    assert report.n_broken == 6
    assert not report.notes
    assert report.broken[0].endswith("of a summary (strace -c), which tells no order of calls")
    assert report.broken[1].endswith("of a summary (strace -c), which tells no order of calls")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("syscall_0x1b7", "faccessat2"),
        ("syscall_439", "faccessat2"),
        ("syscall_0439", "faccessat2"),
        ("syscall_0xffff", "x86_64:65535"),
        ("syscall_0x", "syscall_0x"),
        ("syscall_", "syscall_"),
    ],
)
def test_calls_that_strace_knows_by_number_only(written: str, name: str) -> None:
    traces, report = read("strace", f"{written}(0) = 0\n")
    assert rows(traces) == [[name]]
    assert report.n_broken == 0


def test_numbers_are_of_the_abi_that_is_asked_for() -> None:
    text = "syscall_0x66(0) = 0\n"
    assert rows(read("strace", text)[0]) == [["getuid"]]
    assert rows(read("strace", text, abi="i386")[0]) == [["socketcall"]]


@pytest.mark.parametrize(
    ("prefix", "time"),
    [
        ("1700000000.000001 ", 1_700_000_000_000_001_000),
        ("1700000000.123456789 ", 1_700_000_000_123_456_789),
        ("1700000000.5 ", 1_700_000_000_500_000_000),
        ("00:00:00 ", 0),
        ("23:59:59.000001 ", 86_399_000_001_000),
        ("12:00:00.5 ", 43_200_500_000_000),
        ("     0.000077 ", -1),
        ("99999999999.0 ", -1),
    ],
)
def test_times(prefix: str, time: int) -> None:
    """Another line has a time, so that unknown ones are told as -1."""
    traces, _ = read("strace", f"7 {prefix}read(3) = 0\n8 1700000000.000000 read(3) = 0\n")
    assert times(traces)["file#7"] == [time]


@pytest.mark.parametrize(
    "prefix", ["99999999999999999999 ", "1:2:3:4:5:6:7:8:9999999999:1 ", "1700000000.1234567890 "]
)
def test_absurd_numbers_are_broken_lines(prefix: str) -> None:
    traces, report = read("strace", f"{prefix}read(3) = 0\n")
    assert (traces.n_calls, report.n_broken) == (0, 1)


def test_a_recording_without_times_has_none() -> None:
    assert read("strace", "1 read(3) = 0\n")[0].times_ns is None


def test_a_call_of_one_recording() -> None:
    traces, _ = read("strace", "pause( <unfinished ...>")
    assert rows(traces) == [["pause"]]
    assert traces.infos[0].whole


@pytest.mark.parametrize("content", ["", "\n\n  \n\r\n", "7 +++ exited with 0 +++\n"])
def test_a_recording_without_calls_has_no_traces(content: str) -> None:
    traces, report = read("strace", content)
    assert (traces.n_traces, report.n_broken) == (0, 0)


def test_line_numbers_are_exact_beyond_the_first_block() -> None:
    """Across blocks of 1 MiB, after broken lines and after lines too long to keep."""
    parts, expected, broken, number = [], [], [], 0

    def add(line: str, kind: str) -> None:
        nonlocal number
        number += 1
        parts.append(line)
        if kind == "call":
            expected.append(number)
        elif kind == "broken":
            broken.append(number)

    for i in range(9_000):
        add(f'7 write(1, "{"x" * 200}", 200) = 200', "call")
        if i % 100 == 7:
            add("", "blank")
        if i in {100, 8_000}:
            add("no line of strace", "broken")
        if i in {3_000, 6_000}:
            add("7 write(1, " + "y" * (2 * MIB + 70_001), "broken")
        if i == 7_000:
            add('7 write(1, "' + "z" * (MIB - 100) + '") = 1', "call")
    data = "\n".join(parts).encode()
    assert len(data) > 7 * MIB
    traces, report = read("strace", data)
    assert column(traces, "positions") == [expected]
    assert [int(where.split(":")[1]) for where in report.broken] == broken
    assert "a line of more than 1 MiB" in report.broken[1]
    assert report.n_broken == 4


def test_marks_of_widths_that_no_machine_has_make_no_notes() -> None:
    """Each would be a note of its own, as long as its line."""
    lines = "".join(f"[ Process PID=7 runs in {width} bit mode. ]\n" for width in (32, 64, 9, 10))
    _, report = read("strace", "7 read(3) = 0\n" + lines)
    assert report.notes == {
        "marks of 32-bit mode": 1, "marks of 64-bit mode": 1, "remarks of strace": 2,
    }  # fmt: skip


def test_an_overlong_last_line_without_an_end_is_counted() -> None:
    data = b"7 read(3) = 0\n7 write(1, " + b"y" * (3 * MIB)
    traces, report = read("strace", data)
    assert threads(traces) == {"file#7": "read"}
    assert report.broken == ["file:2: a line of more than 1 MiB"]


def test_many_threads_at_once_and_one_after_the_other() -> None:
    """More than the tables hold at first: every thread keeps its calls and its own life."""
    begin = "".join(f"{pid} read(3) = 0\n" for pid in range(1, 701))
    again = "".join(f"{pid} close(3) = 0\n{pid} +++ exited with 0 +++\n" for pid in range(1, 701))
    traces, report = read("strace", begin + again + begin)
    assert traces.n_traces == 1_400
    assert threads(traces)["file#350"] == "read close"
    assert threads(traces)["file#350.2"] == "read"
    assert lines(traces)["file#350"] == [350, 700 + 2 * 350 - 1]
    assert lines(traces)["file#350.2"] == [700 + 1_400 + 350]
    assert report.notes == {"ends of threads": 700}


def test_too_many_open_threads_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MAX_OPEN_THREADS", 100)
    with pytest.raises(InputError, match="more than 100 threads at once"):
        read("strace", "".join(f"{pid} read(3) = 0\n" for pid in range(1, 300)))
    ended = "".join(f"{pid} read() = 0\n{pid} +++ exited with 0 +++\n" for pid in range(1, 300))
    assert read("strace", ended)[0].n_traces == 299


def test_a_dead_threads_end_reaches_the_batch_after_its_last_call() -> None:
    text = "".join(f"7 read({i}) = 0\n" for i in range(8)) + "7 +++ exited with 0 +++\n"
    with pieces(block_bytes=64, batch_calls=4):
        batches, _ = batches_of("strace", text)
    ends = [info.ends for batch in batches for info in batch.infos]
    assert ends == [False] * (len(ends) - 1) + [True]
    assert len(ends) > 1


def test_times_are_kept_for_recordings_that_have_them() -> None:
    """A folder's recordings read the same, whether they share a batch or not."""
    timed, untimed = "1700000000.000001 read(3) = 0\n", "read(3) = 0\n"
    together = read("strace", timed, untimed)[0]
    with pieces(block_bytes=64, batch_calls=1):
        apart = read("strace", timed, untimed)[0]
    expected = [[1_700_000_000_000_001_000], [-1]]
    assert column(together, "times_ns") == column(apart, "times_ns") == expected


@pytest.mark.parametrize(
    "content",
    [
        *("follow.strace", "terminal.strace"),
        b'\nopenat(AT_FDCWD, "x") = 3\n',
        b"[????] [????????????????] +++ exited with 0 +++\n",
        b"/opt/bin/strace: Process 1 attached\n",
        b"brk(NULL) = 0x55\n" + b" > /lib/ld.so(brk+0xb) [0x1b]\n" * 9,
    ],
)
def test_recordings_are_recognised(content: str | bytes) -> None:
    head = golden(content) if isinstance(content, str) else content
    assert get_format("strace").sniff(head, "x", ReadOptions()) > 0
    assert get_format("plain").sniff(head, "x", ReadOptions()) == 0


@pytest.mark.parametrize("content", [b"openat read\n", b"6 6 3\n", b"\x00\xff" * 50, b"a = b\n"])
def test_other_text_is_not(content: bytes) -> None:
    assert get_format("strace").sniff(content, "x", ReadOptions()) == 0


def test_the_sample_of_the_format_reads_whole() -> None:
    traces, report = read("strace", get_format("strace").sample)
    assert threads(traces) == {"file#412": "openat read", "file#413": "futex"}
    assert report.n_broken == 0


def test_two_files_of_one_recording_are_one_group(tmp_path: Path) -> None:
    """``strace -ff`` writes a file a process: web.1200 and web.1201."""
    for pid in (1200, 1201):
        (tmp_path / f"web.{pid}").write_text("read(3) = 0\n")
    traces = read_traces(tmp_path)
    assert traces.names == ("web.1200", "web.1201")
    assert {info.group for info in traces.infos} == {"web"}


def test_seconds_without_process_ids_are_times() -> None:
    """``strace --absolute-timestamps=unix`` without ``-f``."""
    text = "1700000000 openat(3) = 0\n1700000001 read(3) = 0\n1700000001 +++ exited with 0 +++\n"
    traces, report = read("strace", text)
    assert threads(traces) == {"file": "openat read"}
    assert times(traces) == {"file": [1_700_000_000 * 10**9, 1_700_000_001 * 10**9]}
    assert report.n_broken == 0
    traces, _ = read("strace", "412 1700000000 openat(3) = 0\n")
    assert threads(traces) == {"file#412": "openat"}
    assert times(traces) == {"file#412": [1_700_000_000 * 10**9]}


@pytest.mark.parametrize(
    ("prefix", "broken"),
    [
        ("4194304 ", 0),
        ("4194305 ", 1),
        ("99999999999 ", 1),
        ("4194305<bash> ", 1),
        ("[pid 4194304] ", 0),
        ("[pid 4194305] ", 1),
        ("[pid 999999999999999999] ", 1),
        ("1700000000 1700000000.5 ", 1),
    ],
)
def test_a_process_id_beyond_linuxs_largest_is_none(prefix: str, broken: int) -> None:
    traces, report = read("strace", f"{prefix}read(3) = 0\n")
    assert (traces.n_calls, report.n_broken) == (1 - broken, broken)


@pytest.mark.parametrize("multiplier", [1, 3, 0x9E3779B97F4A7C15, (1 << 63) + 1, (1 << 64) - 1])
@pytest.mark.parametrize("shift", [0, 4, 8, 12, 20, 40, 52])
def test_chosen_process_ids_do_not_collide(multiplier: int, shift: int) -> None:
    """Each alone in an empty table: as many places as a random choice would give, nearly."""
    empty = np.full(1 << 12, -1, dtype=np.int64)
    places = {
        text_kernels.thread_slot(i << shift, np.uint64(multiplier), empty) for i in range(1024)
    }
    assert len(places) > 850  # of about 906


def test_files_of_a_recording_are_those_with_a_process_id_for_a_number(tmp_path: Path) -> None:
    for name in ("run.1", "run.2", "run.20240101"):
        (tmp_path / name).write_text("412 read(3) = 0\n" if name == "run.2" else "read(3) = 0\n")
    groups = {info.name: info.group for info in read_traces(tmp_path).infos}
    assert groups == {"run.1": "run", "run.2#412": "run.2", "run.20240101": "run.20240101"}


@pytest.mark.parametrize(("form", "content"), [("plain", "read close"), ("adfa", "3 6")])
def test_numbered_files_of_other_formats_stay_apart(
    tmp_path: Path, form: str, content: str
) -> None:
    (tmp_path / "normal").mkdir()
    for i in range(1, 11):
        (tmp_path / "normal" / f"run.{i}").write_text(content + "\n")
    assert len({info.group for info in read_traces(tmp_path, format=form).infos}) == 10


def test_calls_of_libraries_are_no_system_calls() -> None:
    """ltrace writes what strace writes, with names that no machine has a call for."""
    sniff = get_format("strace").sniff
    assert sniff(b'412 puts("hello") = 6\n412 malloc(3) = 0x1\n', "x", ReadOptions()) == 0
    assert sniff(b"412 syscall_0x1b3(1) = 0\n", "x", ReadOptions()) == 80
    assert sniff(b"412 brk(NULL) = 0\n412 future_call() = 1\n", "x", ReadOptions()) == 80
