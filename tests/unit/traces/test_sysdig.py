"""sysdig's text: golden recordings with hand-computed threads, calls, lines and times."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest
from reading import batches_of, column, pieces, read, rows

from habitus.errors import InputError
from habitus.traces import recording
from habitus.traces.formats import get_format
from habitus.traces.formats.base import ReadOptions
from habitus.traces.formats.sysdig import WITHOUT_IDS

if TYPE_CHECKING:
    from habitus.traces.traceset import TraceSet

DEFAULT = """\
1 01:40:19.601363716 0 httpd (7513) < accept fd=14
2 01:40:19.601374197 0 httpd (7513) > read fd=14(<4t>1.2.3.4:80->5.6.7.8:9) size=8000
3 01:40:19.601506564 1 my tool (7514) > pread fd=3 size=8
4 01:40:19.601512497 0 httpd (7513) < read res=85 data=x > close (9) > unlink
5 01:40:19.601516976 1 httpd (3750) > switch next=0 pgft_maj=0
6 01:40:19.601661779 1 my tool (7514) < pread res=-11(EAGAIN) data=
7 01:40:19.602000000 0 httpd (7513) > clone
8 01:40:19.602100000 1 httpd (7520) < clone res=0 exe=httpd
9 01:40:19.602200000 0 httpd (7513) < clone res=7520(httpd)
10 01:40:19.602300000 1 httpd (7520) > exit_group status=0
11 01:40:19.602400000 1 httpd (7520) > procexit status=0
12 01:40:19.602500000 0 <NA> (-1) > drop ratio=1
13 01:40:19.602600000 0 <NA> (<NA>) > container json={"a":1}
14 01:40:19.602700000 0 httpd (7514) > procexit status=0
15 01:40:19.602800000 0 new (7514) > brk addr=0
16 01:40:19.602900000 0 new (7520) < newcall res=0
17 01:40:19.603000000 0 new (7514) > newcall x=1
"""


def threads(traces: TraceSet) -> dict[str, str]:
    return {n: " ".join(row) for n, row in zip(traces.names, rows(traces), strict=True)}


def lines(traces: TraceSet) -> dict[str, list[int]]:
    return dict(zip(traces.names, column(traces, "positions") or [], strict=True))


def test_a_recording_as_sysdig_prints_it() -> None:
    traces, report = read("sysdig", DEFAULT)
    assert threads(traces) == {
        "file#7513": "read clone",
        "file#7514": "pread64",
        "file#7520": "exit_group",
        "file#7514.2": "brk newcall",
    }
    assert lines(traces) == {
        "file#7513": [2, 7],
        "file#7514": [3],
        "file#7520": [10],
        "file#7514.2": [15, 17],
    }
    assert column(traces, "times_ns")[2] == [(1 * 3600 + 40 * 60) * 10**9 + 19_602_300_000]  # type: ignore[index]
    assert [info.thread for info in traces.infos] == [7513, 7514, 7520, 7514]
    assert report.n_broken == 0
    assert report.notes == {
        "exits of calls": 3,
        "calls that began before the recording": 2,
        "first returns of new threads": 1,
        "switch events": 1,
        "procexit events": 2,
        "container events": 1,
        "marks of lost events": 1,
    }


def test_containers_and_windows_line_ends_change_nothing() -> None:
    plain, plain_report = read("sysdig", DEFAULT)
    crlf, crlf_report = read("sysdig", DEFAULT.replace("\n", "\r\n"))
    boxed = DEFAULT.replace(" httpd (", " web (3f2a9c0d1e2b) httpd (").replace("13)", "13:9)")
    containers, containers_report = read("sysdig", boxed)
    assert threads(crlf) == threads(plain) == threads(containers)
    assert lines(crlf) == lines(plain) == lines(containers)
    assert crlf_report == plain_report == containers_report


def test_the_layout_of_lid_ds() -> None:
    text = (
        "1631078867380457267 0 290 apache2 291 select < res=0 \n"
        "1631078867380460410 0 290 apache2 291 wait4 > \n"
        "1631078867380462154 0 290 apache2 291 wait4 < \n"
        "1631078867467692105 33 290 a b > c 292 accept > flags=0 \n"
    )
    traces, report = read("sysdig", text)
    assert threads(traces) == {"file#291": "wait4", "file#292": "accept"}
    assert column(traces, "times_ns") == [[1631078867380460410], [1631078867467692105]]
    assert report.notes["calls that began before the recording"] == 1
    assert report.n_broken == 0


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("1631078867380457267", 1_631_078_867_380_457_267),
        ("1631078867.380457267", 1_631_078_867_380_457_267),
        ("1631078867.38", 1_631_078_867_380_000_000),
        ("05:27:47.380457267", 19_667_380_457_267),
        ("05:27:47", 19_667_000_000_000),
        ("2021-09-08 05:27:47.380457267", 1_631_078_867_380_457_267),
        ("2021-09-08T05:27:47.380457267Z", 1_631_078_867_380_457_267),
        ("2021-09-08T07:27:47.380457267+0200", 1_631_078_867_380_457_267),
        ("2021-09-08T02:57:47.380457267-02:30", 1_631_078_867_380_457_267),
        ("1972-02-29 00:00:00", 68_169_600_000_000_000),
        ("2000-03-01 00:00:00", 951_868_800_000_000_000),
        ("12.000000005", 12_000_000_005),
    ],
)
def test_times(written: str, time: int) -> None:
    traces, report = read("sysdig", f"{written} 7 > read fd=3 \n{written} 7 < read res=0 \n")
    assert column(traces, "times_ns") == [[time]]
    assert report.n_broken == 0


@pytest.mark.parametrize(
    "written", ["99999999999999999999", "9300000000000000000", "x", "25:00:00", "2021-13-01"]
)
def test_a_time_that_cannot_be_is_unknown(written: str) -> None:
    good = "1631078867380457267 7 > read fd=3 \n"
    traces, report = read("sysdig", good * 20 + f"{written} 7 > close fd=3 \n")
    assert column(traces, "times_ns") == [[1631078867380457267] * 20 + [-1]]
    assert report.n_broken == 0


def test_midnight_does_not_turn_time_back() -> None:
    """Times of day go on after midnight, and an event told late stays before it."""
    clocks = ("23:59:59.5", "00:00:00.5", "23:59:59.9", "00:00:01.0")
    traces, _ = read("sysdig", "".join(f"{clock} 7 > read fd=3 \n" for clock in clocks))
    day = 86_400 * 10**9
    half = 500_000_000
    assert column(traces, "times_ns") == [
        [day - half, day + half, day - 100_000_000, day + 1_000_000_000]
    ]


def test_exits_are_calls_where_no_enter_events_are_recorded() -> None:
    text = (
        "1 01:40:19.1 0 sh (7) < openat fd=3\n"
        "2 01:40:19.2 0 sh (7) < read res=0\n"
        "3 01:40:19.3 0 sh (8) < clone res=0\n"
        "4 01:40:19.4 0 sh (7) > switch next=0\n"
        "5 01:40:19.5 0 sh (7) < procexit status=0\n"
        "6 01:40:19.6 0 sh (7) < brk res=0\n"
    )
    traces, report = read("sysdig", text)
    assert threads(traces) == {"file#7": "openat read", "file#8": "clone", "file#7.2": "brk"}
    assert report.notes == {"switch events": 1, "procexit events": 1}


def test_an_enter_event_after_many_exits_is_not_another_call() -> None:
    text = "7 < read res=0 \n" * 100 + "7 > read fd=3 \n7 < read res=0 \n"
    traces, report = read("sysdig", text)
    assert traces.n_calls == 101
    assert report.notes == {"exits of calls": 1}


def test_without_ids_a_file_is_one_trace() -> None:
    text = "".join(f"{n} 01:40:19.{n} 0 sh {'><'[n % 2]} read fd=3 \n" for n in range(40))
    traces, report = read("sysdig", text + "41 01:40:20.1 0 sh > exit_group status=0 \n" + text)
    assert [len(row) for row in rows(traces)] == [41]
    assert traces.names == ("file",)
    assert report.notes[WITHOUT_IDS] == 1


def test_text_without_a_direction_is_refused_with_what_to_print() -> None:
    with pytest.raises(InputError, match=r"%evt\.dir"):
        read("sysdig", "1 01:40:19.1 0 sh (7) read fd=3\n2 01:40:19.1 0 sh (7) close fd=3\n")


def test_broken_lines_are_counted_shown_and_passed_over() -> None:
    good = "".join(f"{n} 01:40:19.{n} 0 sh (7) > read fd=3 \n" for n in range(1, 65))
    bad = (
        "no event\n"
        "9 01:40:19.9 0 sh (7) > 9lives x=1\n"
        "9 01:40:19.9 0 sh (4194305) > read fd=3\n"
        "9 01:40:19.9 0 sh (-1) > read fd=3\n"
        f"9 01:40:19.9 0 sh (7) > {'x' * 65} fd=3\n"
        "9 01:40:19.9 0 sh (7) >\n"
        "\x00\xff\n"
        "9 01:40:19.9 0 sh (7) > ope"
    )
    traces, report = read("sysdig", good + bad)
    assert threads(traces) == {"file#7": " ".join(["read"] * 64)}
    assert report.n_broken == 8
    assert [where.split(":")[1] for where in report.broken] == ["65", "66", "67", "68", "69"]
    assert report.broken[0] == (
        "file:65: no event of sysdig, by the layout of the first lines: 'no event'"
    )
    assert not report.notes


def test_strict_stops_at_the_first_broken_line() -> None:
    with pytest.raises(InputError, match="file:2: no event of sysdig"):
        read("sysdig", "7 > read fd=3 \nwhat\n7 > close fd=3 \n", strict=True)


@pytest.mark.parametrize(("cut", "broken"), [("ope", 1), ("openat", 0), ("openat dirfd=", 0)])
def test_a_name_that_the_recordings_end_cuts_off_is_no_call(cut: str, broken: int) -> None:
    text = "7 > read fd=3 \n7 < read res=0 \n7 > " + cut
    traces, report = read("sysdig", text)
    assert (traces.n_calls, report.n_broken) == (2 - broken, broken)
    if broken:
        assert report.broken == ["file:3: cut off within the name of a call: 'ope'"]


def test_new_calls_count_where_nothing_is_printed_behind_them() -> None:
    traces, report = read("sysdig", "7 > read\n7 < read\n7 > futurecall\n7 < futurecall\n")
    assert threads(traces) == {"file#7": "read futurecall"}
    assert report.n_broken == 0


def test_the_first_direction_that_fits_counts() -> None:
    """A process may be called ``a > b``; arguments are not looked at."""
    text = (
        "1 01:40:19.1 0 a > b (7) > read fd=3 \n"
        "2 01:40:19.2 0 a > b (7) < read res=1 data=(8) > unlink > x\n"
        "3 01:40:19.3 0 > < (7) > close fd=3\n"
    )
    traces, report = read("sysdig", text)
    assert threads(traces) == {"file#7": "read close"}
    assert report.n_broken == 0


def test_many_threads_at_once_and_one_after_the_other() -> None:
    begin = "".join(f"{tid} > read fd=3 \n" for tid in [1, 1, *range(1, 701)])
    again = "".join(f"{tid} > exit status=0 \n" for tid in range(1, 701))
    traces, _ = read("sysdig", begin + again + begin)
    assert traces.n_traces == 1_400
    assert threads(traces)["file#350"] == "read exit"
    assert threads(traces)["file#350.2"] == "read"


def test_too_many_open_threads_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MAX_OPEN_THREADS", 100)
    with pytest.raises(InputError, match="more than 100 threads at once"):
        read("sysdig", "7 > read fd=3 \n" * 9 + "".join(f"{t} > read \n" for t in range(8, 300)))


def test_line_numbers_are_exact_beyond_the_first_block() -> None:
    filler = "x" * 200
    parts, expected, broken = [], [], []
    for number in range(1, 9_001):
        if number in {100, 8_000}:
            parts.append("no event")
            broken.append(number)
        elif number == 3_000:
            parts.append("7 > write data=" + "y" * (3 << 20))
            broken.append(number)
        elif number % 100 == 7:
            parts.append("")
        else:
            parts.append(f"7 > write data={filler}")
            expected.append(number)
    traces, report = read("sysdig", "\n".join(parts))
    assert column(traces, "positions") == [expected]
    assert [int(where.split(":")[1]) for where in report.broken] == broken


def test_memory_does_not_grow_with_a_file() -> None:
    """50 MB in small batches: what is kept is a batch, not the file."""
    text = ("7 > write data=" + "x" * 85 + "\n").encode() * 500_000
    read("sysdig", text[:10_100])
    with pieces(block_bytes=1 << 16, batch_calls=1 << 12):
        tracemalloc.start()  # a process's own peak is of all tests that ran before in it
        try:
            batches, _ = batches_of("sysdig", text)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert sum(batch.n_calls for batch in batches) == 500_000
    assert max(batch.n_calls for batch in batches) < 1 << 14
    assert peak < 40_000_000  # the batches themselves, which this test holds, are 13 MB


def test_the_sample_of_the_format_reads_whole() -> None:
    traces, report = read("sysdig", get_format("sysdig").sample)
    assert threads(traces) == {"file#7513": "accept read", "file#3750": "close"}
    assert report.n_broken == 0


def test_it_is_recognised_and_other_text_is_not() -> None:
    sniff = get_format("sysdig").sniff
    assert sniff(DEFAULT.encode(), "x", ReadOptions()) == 80
    for other in (get_format("strace").sample, "read close\n", "6 6 63\n", "> read this\n<html>\n"):
        assert sniff(other.encode(), "x", ReadOptions()) == 0
