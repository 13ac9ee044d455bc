"""UNM traces: which program's calls, which trace a line belongs to, and what is no trace."""

from __future__ import annotations

import gzip
import re
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import batches_of, column, pieces, read, rows

from habitus.errors import InputError
from habitus.traces.formats import get_format
from habitus.traces.formats.base import ReadOptions
from habitus.traces.formats.unm import are_pairs, program_of
from habitus.traces.reading import TraceReader, read_traces
from habitus.traces.text_kernels import MAX_PID
from habitus.traces.traceset import Label, join

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.traces.traceset import TraceSet

HEAD = 1 << 16


def facts(traces: TraceSet) -> dict[str, str]:
    return {n: " ".join(row) for n, row in zip(traces.names, rows(traces), strict=True)}


def test_a_trace_is_a_process_id() -> None:
    traces, report = read("unm", "12 4\n12 2\n7 66\n12 4\n")
    assert facts(traces) == {"file#12": "unm:4 unm:2 unm:4", "file#7": "unm:66"}
    assert column(traces, "positions") == [[1, 2, 4], [3]]
    assert [info.thread for info in traces.infos] == [12, 7]
    assert traces.position_unit == "line"
    assert traces.times_ns is None
    assert (report.n_broken, dict(report.notes)) == (0, {})


def test_a_blank_line_ends_every_trace() -> None:
    traces, _ = read("unm", "5 1\n6 2\n\n \n5 3\n\t\r\n5 4\n6 5\n5 4\n")
    assert facts(traces) == {
        "file#5": "unm:1",
        "file#6": "unm:2",
        "file#5.2": "unm:3",
        "file#5.3": "unm:4 unm:4",
        "file#6.2": "unm:5",
    }
    assert column(traces, "positions") == [[1], [2], [5], [7, 9], [8]]


def test_a_blank_line_ends_traces_also_where_the_table_of_threads_has_grown() -> None:
    block = "".join(f"{pid} 1\n" for pid in range(1, 301))
    traces, _ = read("unm", block + "\n" + block)
    assert traces.n_traces == 600
    assert facts(traces)["file#77.2"] == "unm:1"
    assert len(facts(traces)) == 600


@pytest.mark.parametrize("line", ["5 1  ", "  5\t 1", "5 1\r", "05 001", "\t5 1\t\r"])
def test_blanks_and_zeros_change_nothing(line: str) -> None:
    traces, report = read("unm", f"5 1\n{line}\n5 2\n")
    assert rows(traces) == [["unm:1", "unm:1", "unm:2"]]
    assert report.n_broken == 0


@pytest.mark.parametrize(
    "line",
    [
        "5", "5 1 2", "5,1", "a 1", "5 b", "-5 1", "5 -1", "5 1.0", "5 0x1", "5 1#",
        f"{MAX_PID + 1} 1", "5 65535", "5 9999999999999999999999", "9999999999999999999999 1",
        "\x005 1", "5\x0b1", "\r5 1", "5 1\r\r",
    ],
)  # fmt: skip
def test_other_lines_are_broken(line: str) -> None:
    traces, report = read("unm", f"5 1\n{line}\n5 2\n")
    assert rows(traces) == [["unm:1", "unm:2"]]
    assert report.n_broken == 1
    assert report.broken[0].startswith("file:2: ")
    assert "is not two numbers, a process id (at most 4,194,304)" in report.broken[0]


def test_broken_lines_beyond_the_first_are_counted() -> None:
    traces, report = read("unm", "5 1\n" + "no\n" * 1000 + "5 2\n")
    assert report.n_broken == 1000
    assert len(report.broken) == 5
    assert column(traces, "positions") == [[1, 1002]]
    with pytest.raises(InputError, match="file:2: 'no' is not two numbers"):
        read("unm", "5 1\nno\n", strict=True)


def test_a_line_too_long_to_keep_is_broken_and_lines_are_counted_on() -> None:
    traces, report = read("unm", b"5 1\n" + b"7" * (3 << 20) + b"\n5 2\n")
    assert report.broken == ["file:2: a line of more than 1 MiB"]
    assert column(traces, "positions") == [[1, 3]]


def test_the_largest_numbers_are_read() -> None:
    traces, report = read("unm", f"{MAX_PID} 65534\n0 0\n")
    assert facts(traces) == {f"file#{MAX_PID}": "unm:65534", "file": "unm:0"}
    assert report.n_broken == 0


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("login-ps/intrusion/login-homegrown.int", "login"),
        ("login-ps/normal/ps-live-unm/trace_9809181415.int", "ps"),
        ("login-ps/normal/x.int", ""),
        ("sendmail-synth-unm/normal/queue.int", "sendmail"),
        ("lprcp-unm/kurama-06.26.96.log.int", "lpr"),
        ("lpr-normal-10.txt", "lpr"),
        ("NAMED-live/x.int", "named"),
        ("lprint/x.int", ""),
        ("x.int", ""),
    ],
)
def test_the_program_is_the_deepest_that_the_path_names(name: str, program: str) -> None:
    assert program_of(name, "") == program


def test_the_source_tells_the_program_where_the_name_does_not() -> None:
    assert program_of("x.int", "/data/xlock/normal/x.int") == "xlock"
    assert program_of("ftp/x.int", "/data/xlock/ftp/x.int") == "ftp"
    assert program_of("x.int", "/data/inetd.tar:x.int") == "inetd"


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def test_a_folder_with_all_that_its_paths_tell(tmp_path: Path) -> None:
    names = b"exit\nfork\nread\n"
    reader = TraceReader(
        write(
            tmp_path,
            {
                "lpr/normal/a.int": b"1 5\n1 6\n",
                "lpr/intrusion/exploit-3.int": b"1 5\n",
                "ps/normal/b.int.gz": gzip.compress(b"1 5\n2 5\n"),
                "ps/normal/empty.int": b"",
                "sendmail/unsuccessful-intrusion/sm-1.int": b"3 9\n3 9\n",
                "sendmail/calls.txt.sun": names,
                "sendmail/syscallMap.txt": b"0 exit\n1 fork\n",
            },
        )
    )
    traces = join(reader)
    found = {i.name: (i.label, i.split, i.attack, i.group) for i in traces.infos}
    assert found == {
        "lpr/intrusion/exploit-3.int#1": (
            Label.ATTACK, "", "exploit", "lpr/intrusion/exploit-3.int",
        ),
        "lpr/normal/a.int#1": (Label.NORMAL, "", "", "lpr/normal/a.int"),
        "ps/normal/b.int#1": (Label.NORMAL, "", "", "ps/normal/b.int.gz"),
        "ps/normal/b.int#2": (Label.NORMAL, "", "", "ps/normal/b.int.gz"),
        "sendmail/unsuccessful-intrusion/sm-1.int#3": (
            Label.ATTACK, "unsuccessful", "sm", "sendmail/unsuccessful-intrusion/sm-1.int",
        ),
    }  # fmt: skip
    assert set(traces.alphabet) == {"unm-lpr:5", "unm-lpr:6", "unm-ps:5", "unm-sendmail:9"}
    assert reader.report.notes == {"lists of call names, not used": 2}
    assert reader.report.skipped == [f"{tmp_path}/ps/normal/empty.int: empty"]
    assert reader.report.n_broken == 0


def recognised(head: bytes, name: str = "x.txt", abi: str | None = None) -> set[str]:
    """Which formats of numbers take a file for theirs, surest first of all."""
    sure = {
        kind: get_format(kind).sniff(head, name, ReadOptions(abi=abi))
        for kind in ("adfa", "plain", "unm", "strace")
    }
    best = max(sure.values())
    return {kind for kind, sureness in sure.items() if sureness == best and best > 0}


@pytest.mark.parametrize(
    ("head", "name", "kinds"),
    [
        (b"5 1\n5 2\n", "x.txt", {"unm"}),
        (b"5 1\n5 2", "x.txt", {"unm"}),
        (b"5 1\r\n\r\n5 2\r\n", "x.txt", {"unm"}),
        (b"5 1\n", "x.int", {"unm"}),
        (b"5 1\n", "x.txt", {"adfa", "plain"}),
        (b"5 1 6 2\n", "x.int", {"adfa", "plain"}),
        (b"5 1\n5 2 3\n", "x.txt", {"adfa", "plain"}),
        (b"5 1\n5 2\n5 2 3", "x.txt", {"adfa", "plain"}),
        (b"5\n1\n5\n2\n", "x.txt", {"adfa", "plain"}),
        (b"5,1\n5,2\n", "x.txt", {"adfa", "plain"}),
        (b"5 1\n5 2\n", "Training_Data_Master/UTD-0001.txt", {"adfa"}),
        (b"5 read\n5 close\n", "x.txt", set()),
        (b"exit\nfork\nread\n", "sendmail/calls.txt.sun", {"unm"}),
        (b"0 exit\n1 fork\n", "syscallMap.txt", {"unm"}),
        (b"exit\nfork\nread\n", "x.txt", {"plain"}),
        (b"\n\n", "x.txt", set()),
    ],
)
def test_what_is_recognised(head: bytes, name: str, kinds: set[str]) -> None:
    assert recognised(head, name) == kinds


def test_an_abi_means_nothing_here_and_is_an_error(tmp_path: Path) -> None:
    """Read as plain, each line would be a trace of two calls, the first of them a process id."""
    path = tmp_path / "x.int"
    path.write_text("5 1\n5 2\n")
    for format_ in (None, "unm"):
        with pytest.raises(InputError, match=r"x.int: lines of two numbers.* leave --abi out"):
            read_traces(path, format=format_, abi="i386")
    assert rows(read_traces(path, format="plain", abi="i386")) == [
        ["open", "exit"], ["open", "fork"]
    ]  # fmt: skip


@pytest.mark.parametrize("shift", range(15))
def test_where_the_head_is_cut_does_not_matter(shift: int) -> None:
    """A head of 64 KiB may end within a line; an odd line in it is found all the same."""
    text = (b"1" * (shift % 7 + 1) + b" 2\n") * (shift + 1) + b"12345 164\n4 5\r\n" * 5000
    assert are_pairs(text[:HEAD])
    for spoiled in (b"1 2 3\n", b"x 1\n", b"7\n"):
        for place in (0, text.rfind(b"\n", 0, HEAD - 20) + 1):
            assert not are_pairs((text[:place] + spoiled + text[place:])[:HEAD])


@pytest.mark.parametrize("piece", [b" ", b"1", b"1 ", b"\n", b"1 1", b"1 1 \r", b"\t1\t1\t"])
def test_hostile_heads_take_no_time(piece: bytes) -> None:
    head = (piece * HEAD)[: HEAD - 1] + b"x"
    for name in ("x.txt", "x.int", "calls.txt"):
        start = time.perf_counter()
        get_format("unm").sniff(head, name, ReadOptions())
        assert time.perf_counter() - start < 0.5  # a loop that tries again and again takes hours


def slowly(text: str, name: str = "file") -> tuple[dict[str, tuple[list[str], list[int]]], int]:
    """The traces, with their lines, and the number of broken lines: plain and obvious."""
    traces: dict[str, tuple[list[str], list[int]]] = {}
    lives: dict[int, int] = {}
    live: dict[int, str] = {}
    n_broken = 0
    for number, line in enumerate(text.split("\n"), start=1):
        content = line.removesuffix("\r").strip(" \t")
        if not content:
            live = {}
            continue
        pair = re.fullmatch(r"([0-9]{1,18})[ \t]+([0-9]{1,18})", content)
        if not pair or int(pair[1]) > MAX_PID or int(pair[2]) > 65_534:
            n_broken += 1
            continue
        pid = int(pair[1])
        if pid not in live:
            lives[pid] = lives.get(pid, 0) + 1
            again = f".{lives[pid]}" if lives[pid] > 1 else ""
            live[pid] = name + (f"#{pid}" if pid else "") + again
            traces[live[pid]] = ([], [])
        calls, lines = traces[live[pid]]
        calls.append(f"unm:{int(pair[2])}")
        lines.append(number)
    return traces, n_broken


PIDS = st.sampled_from([1, 2, 3, 70, 4097, MAX_PID])
LINES = st.one_of(
    st.builds("{} {}".format, PIDS, st.integers(0, 12)),
    st.builds("{}\t {} ".format, PIDS, st.integers(0, 65_534)),
    st.just(""),
    st.text(alphabet="0123456789 \t\rx", max_size=12),
)


@settings(max_examples=200)
@given(
    st.lists(LINES, max_size=60),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 200),
    st.integers(1, 20),
)
def test_any_lines_read_as_the_slow_way_reads_them(
    lines: list[str], newline: str, block: int, batch: int
) -> None:
    text = newline.join(lines)
    wanted, n_broken = slowly(text)
    traces, report = read("unm", text)
    with pieces(block_bytes=block, batch_calls=batch):
        batches, again = batches_of("unm", text)
    for found, said in ((traces, report), (join(batches), again)):
        assert facts(found) == {name: " ".join(calls) for name, (calls, _) in wanted.items()}
        assert (column(found, "positions") or []) == [lines for _, lines in wanted.values()]
        assert said.n_broken == n_broken


def test_a_large_file_goes_out_in_batches_of_segments() -> None:
    with pieces(block_bytes=1 << 10, batch_calls=1000):
        batches, _ = batches_of("unm", "1 5\n2 6\n" * 10_000)
    assert len(batches) > 10
    assert max(batch.n_calls for batch in batches) < 2000
    assert join(batches).lengths.tolist() == [10_000, 10_000]


def test_a_single_list_of_names_is_no_trace(tmp_path: Path) -> None:
    (tmp_path / "calls.txt").write_text("exit\nfork\n")
    with pytest.raises(InputError, match="no trace could be read"):
        read_traces(tmp_path / "calls.txt")
