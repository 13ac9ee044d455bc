"""Tables of calls: which columns count, what cells say, and what is no row."""

from __future__ import annotations

import csv
import io
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import batches_of, column, pieces, read, rows

from habitus.errors import InputError
from habitus.traces.formats import get_format
from habitus.traces.formats.base import ReadOptions
from habitus.traces.formats.table_columns import columns_of
from habitus.traces.reading import TraceReader, read_traces
from habitus.traces.text_kernels import MAX_PID
from habitus.traces.traceset import Label, TraceSet, join

if TYPE_CHECKING:
    from pathlib import Path

SECOND = 1_000_000_000
HEAD = 1 << 16


def facts(traces: TraceSet) -> dict[str, str]:
    return {n: " ".join(row) for n, row in zip(traces.names, rows(traces), strict=True)}


def test_the_sample_reads_whole() -> None:
    traces, report = read("table", get_format("table").sample)
    assert facts(traces) == {"file#412": "openat close", "file#413": "read"}
    assert column(traces, "positions") == [[2, 4], [3]]
    assert column(traces, "times_ns") == [
        [1_700_000_000_000_100_000, 1_700_000_000_000_250_000],
        [1_700_000_000_000_200_000],
    ]
    assert [info.label for info in traces.infos] == [Label.NORMAL, Label.NORMAL]
    assert (report.n_broken, dict(report.notes)) == (0, {"headers": 1})


def test_a_time_and_a_call_are_enough() -> None:
    traces, _ = read("table", "syscall;time\nopenat;1.5\nread;2\n")
    assert facts(traces) == {"file": "openat read"}
    assert column(traces, "times_ns") == [[1_500_000_000, 2 * SECOND]]
    assert traces.infos[0].label is Label.UNKNOWN


@pytest.mark.parametrize(
    ("header", "delimiter", "columns"),
    [
        ("Time,Syscall", ",", (0, 1, -1, -1)),
        ("evt.time\tproc.pid\tthread.tid\tevt.type", "\t", (0, 3, 2, -1)),
        ("PID;Event_Name;TIMESTAMP;label", ";", (2, 1, 0, 3)),
        ("name,event,syscall,ts", ",", (3, 2, -1, -1)),
        (' "ts" , "call" ', ",", None),
        ('"ts","call, or so",call', ",", (0, 2, -1, -1)),
        ("\ufefftime,call", ",", (0, 1, -1, -1)),
        ("time,user", ",", None),
        ("call,user", ",", None),
        ("time syscall", ",", None),
        ("# time,syscall", ",", None),
        ("x" * 5000 + ",time,syscall", ",", None),
    ],
)
def test_columns_are_found_by_name(
    header: str, delimiter: str, columns: tuple[int, ...] | None
) -> None:
    found = columns_of(f"\n{header}\r\n1,2,3\n".encode()) or columns_of(f"{header}\n".encode())
    if columns is None:
        assert found is None
    else:
        assert found is not None
        assert (found.time, found.call, found.thread, found.label) == columns
        assert found.delimiter == delimiter


@pytest.mark.parametrize(
    ("name", "first", "ns"),
    [
        ("time", "1700000000", 1_700_000_000 * SECOND),
        ("time", "1700000000.123456789", 1_700_000_000_123_456_789),
        ("time", "1700000000123", 1_700_000_000_123_000_000),
        ("time", "1700000000123.5", 1_700_000_000_123_500_000),
        ("time", "1700000000123456", 1_700_000_000_123_456_000),
        ("time", "1700000000123456789", 1_700_000_000_123_456_789),
        ("time", "0.000001", 1_000),
        ("time_ns", "17", 17),
        ("timestamp_us", "17.5", 17_500),
        ("time_ms", "17", 17_000_000),
        ("date", "2023-11-14T22:13:20Z", 1_700_000_000 * SECOND),
        ("date", "2023-11-14 22:13:20.5", 1_700_000_000_500_000_000),
        ("date", "2023-11-14T23:13:20+01:00", 1_700_000_000 * SECOND),
    ],
)
def test_times(name: str, first: str, ns: int) -> None:
    traces, report = read("table", f"{name},call\n{first},read\n,read\n")
    assert column(traces, "times_ns") == [[ns, -1]]
    assert report.n_broken == 0


def test_the_first_number_tells_the_unit_for_all() -> None:
    """A count that passes a limit goes on in the same unit."""
    traces, _ = read("table", "time,call\n1700000000000,read\n99999999999,read\n")
    assert column(traces, "times_ns") == [[1_700_000_000_000_000_000, 99_999_999_999_000_000]]
    traces, _ = read("table", "time_ms,call\n99999999999,read\n100000000001,read\n")
    assert column(traces, "times_ns") == [[99_999_999_999_000_000, 100_000_000_001_000_000]]


def test_quoted_cells_are_read_by_the_rules_of_csv() -> None:
    text = 'time,"call",note,pid\n1,"read","a ""b"", c",7\n"2",write,,"7"\n3,close,"x;y",7\n'
    traces, report = read("table", text)
    assert facts(traces) == {"file#7": "read write close"}
    assert report.n_broken == 0


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("1,read", "2 cells, where the header names 3 columns"),
        ("1,read,7,8", "4 cells, where the header names 3 columns"),
        ('1,"read,7', "not a row of a table: unexpected end of data"),
        ('1,"re"ad,7', "not a row of a table: ',' expected after '\"'"),
        ("yesterday,read,7", "'yesterday' is no time: wanted a number or ISO 8601"),
        ("-1,read,7", "'-1' is no time"),
        ("1,read,x", "'x' is no thread id: Linux's largest is 4,194,304"),
        (f"1,read,{MAX_PID + 1}", "is no thread id"),
        ("1,read,-7", "'-7' is no thread id"),
        ("1,read,\u0667", "is no thread id"),
        ("1,Login Failed,7", "'Login Failed' is no call"),
        ("1,,7", "'' is no call"),
        ("1,257,7", "'257' is no call; say whose number it is: --abi"),
        ("1,rm -rf,7", "'rm -rf' is no call"),
        (f"1,{'x' * 65},7", "is no call"),
        ('1,"' + "x" * 140_000 + '",7', "not a row of a table: field larger than field limit"),
    ],
)
def test_broken_rows(row: str, why: str) -> None:
    traces, report = read("table", f"time,call,tid\n1,read,7\n{row}\n2,close,7\n")
    assert facts(traces) == {"file#7": "read close"}
    assert report.n_broken == 1
    assert report.broken[0].startswith("file:3: ")
    assert why in report.broken[0]


def test_bytes_that_are_no_text_are_a_broken_row() -> None:
    traces, report = read("table", b"time,call\n1,read\n2,\xff\xfe\n")
    assert (traces.n_calls, report.n_broken) == (1, 1)


def test_numbers_are_named_by_the_abi() -> None:
    text = "time,syscall\n1,11\n2,3\n"
    assert rows(read("table", text, abi="i386")[0]) == [["execve", "read"]]
    with pytest.raises(InputError, match=r"file: these are call numbers.*--abi i386"):
        read("table", text)


def test_a_table_without_a_header_is_refused() -> None:
    with pytest.raises(InputError, match="its first line is no header with a column for the time"):
        read("table", "1,read\n")


def test_a_header_again_is_no_call() -> None:
    """Tables are put together with ``cat``."""
    traces, report = read("table", "time,call\n1,read\ntime,call\n2,close\r\n\r\n \n")
    assert facts(traces) == {"file": "read close"}
    assert (dict(report.notes), report.n_broken) == ({"headers": 2}, 0)


def test_an_id_that_comes_back_is_another_thread() -> None:
    traces, _ = read("table", "time,call,tid\n1,read,7\n2,exit,7\n3,read,7\n")
    assert facts(traces) == {"file#7": "read exit", "file#7.2": "read"}


def test_a_process_ends_with_all_its_threads_only() -> None:
    traces, _ = read("table", "time,call,pid\n1,exit,7\n2,read,7\n3,exit_group,7\n4,read,7\n")
    assert facts(traces) == {"file#7": "exit read exit_group", "file#7.2": "read"}


def test_a_trace_with_one_row_of_an_attack_is_an_attack() -> None:
    text = (
        "time,call,tid,label\n"
        "1,read,1,normal\n1,read,2,0\n1,read,3,\n1,read,4,benign\n1,read,5,0\n"
        "2,read,1,1\n2,read,2,normal\n2,read,3,unknown\n2,exit,4,Hydra_FTP\n2,read,5,\n"
        "3,read,1,normal\n3,read,4,normal\n"
    )
    traces, report = read("table", text)
    assert {i.name: (i.label, i.attack) for i in traces.infos} == {
        "file#1": (Label.ATTACK, "attack"),
        "file#2": (Label.NORMAL, ""),
        "file#3": (Label.UNKNOWN, ""),
        "file#4": (Label.ATTACK, "Hydra_FTP"),
        "file#4.2": (Label.NORMAL, ""),
        "file#5": (Label.NORMAL, ""),
    }
    assert all(info.group == info.name for info in traces.infos)
    assert report.n_broken == 0


def test_a_label_that_is_no_word_breaks_its_row() -> None:
    traces, report = read("table", "time,call,label\n1,read,0\n2,read,<script>\n")
    assert (traces.n_calls, report.n_broken) == (1, 1)
    assert traces.infos[0].label is Label.NORMAL


def test_labels_reach_traces_in_whatever_batch(tmp_path: Path) -> None:
    text = "time,call,tid,label\n" + "".join(
        f"{i},read,{i % 50 + 1},{int(i % 50 == 7)}\n" for i in range(1000)
    )
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(text)
    with pieces(block_bytes=200, batch_calls=30):
        traces = read_traces(tmp_path)
    attacks = [i.name for i in traces.infos if i.label is Label.ATTACK]
    assert attacks == ["a.csv#8", "b.csv#8"]
    assert sum(i.label is Label.NORMAL for i in traces.infos) == 98


def test_without_a_label_column_folders_give_labels(tmp_path: Path) -> None:
    (tmp_path / "attack").mkdir()
    (tmp_path / "attack" / "shell-1.tsv").write_text("ts\tsyscall\tpid\n1\tread\t5\n")
    reader = TraceReader(tmp_path)
    (info,) = join(reader).infos
    assert (info.label, info.attack, info.group) == (Label.ATTACK, "shell", "attack/shell-1.tsv")
    assert reader.report.formats == {"table": 1}


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        (get_format("table").sample, True),
        ("time,syscall\n", True),
        ("time,syscall\n1,11\n", True),
        ("time;event_name\n1;openat\n2;close\n", True),
        ("time,event\n1,Login\n2,Logout\n", False),
        ("time,syscall\n1,Login Failed\n", False),
        ("time,name\n1,bob\n", False),
        ("time,name\n", False),
        ("openat,read\n", False),
        ("ts,te,td,sa,da\n", False),
        ("", False),
    ],
)
def test_what_is_recognised(text: str, sure: bool) -> None:
    head = text.encode()
    assert (get_format("table").sniff(head, "x.csv", ReadOptions()) > 0) == sure
    if sure:  # also where the head ends within a row
        cut = (head + head.splitlines(keepends=True)[-1] * 3)[:-2]
        assert get_format("table").sniff(cut, "x.csv", ReadOptions()) > 0


@pytest.mark.parametrize(
    "piece", [b",", b'"', b'",', b"a", b"a,", b"\n", b"1,1\n", b'"\n', b"\xff"]
)
def test_hostile_heads_take_no_time(piece: bytes) -> None:
    for begin in (b"", b"time,syscall\n", b'time,syscall,"'):
        start = time.perf_counter()
        get_format("table").sniff((begin + piece * HEAD)[:HEAD], "x", ReadOptions())
        assert time.perf_counter() - start < 0.5


CALLS = st.sampled_from(["read", "openat", "exit", "futex", "_newselect", "x86_64:999"])
TEXTS = st.text(alphabet='ab,;"\t .', max_size=8)


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, dict[str, list[tuple[str, int, int]]]]:
    """A table in a random layout, and (call, line, time) of each trace in it."""
    delimiter = draw(st.sampled_from([",", ";", "\t"]))
    columns = draw(st.permutations(["time_ns", "Syscall", "TID", "comment", "comm"]))
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    wanted: dict[str, list[tuple[str, int, int]]] = {}
    lives: dict[int, int] = {}
    for line in range(2, draw(st.integers(2, 30))):
        tid, call = draw(st.integers(0, 3)), draw(CALLS)
        ns = draw(st.integers(0, 1 << 62))
        cells = {
            "time_ns": str(ns), "Syscall": call, "TID": str(tid),
            "comment": draw(TEXTS), "comm": draw(TEXTS),
        }  # fmt: skip
        writer.writerow([cells[name] for name in columns])
        life = lives.setdefault(tid, 1)
        name = "file" + (f"#{tid}" if tid else "") + (f".{life}" if life > 1 else "")
        wanted.setdefault(name, []).append((call, line, ns))
        if call == "exit" and tid:
            lives[tid] += 1
    return out.getvalue(), wanted


@settings(max_examples=150)
@given(tables(), st.integers(1, 200), st.integers(1, 20))
def test_what_was_written_is_read(
    table: tuple[str, dict[str, list[tuple[str, int, int]]]], block: int, batch: int
) -> None:
    text, wanted = table
    with pieces(block_bytes=block, batch_calls=batch):
        batches, again = batches_of("table", text)
    for traces, report in (read("table", text), (join(batches), again)):
        assert report.n_broken == 0, report.broken
        assert facts(traces) == {n: " ".join(c for c, _, _ in w) for n, w in wanted.items()}
        assert (column(traces, "positions") or []) == [[r[1] for r in w] for w in wanted.values()]
        assert (column(traces, "times_ns") or []) == [[r[2] for r in w] for w in wanted.values()]
