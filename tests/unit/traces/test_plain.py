"""`plain`: a trace a line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import batches_of, pieces, read, rows

from habitus.errors import InputError
from habitus.traces.reading import TraceReader, read_traces
from habitus.traces.traceset import Label, join

GOLDEN = Path(__file__).parents[2] / "golden" / "traces" / "calls.plain"


def test_a_trace_a_line_named_by_its_line() -> None:
    traces = read_traces(GOLDEN)
    assert rows(traces) == [
        ["openat", "read", "close"],
        ["socket", "connect", "sendto", "close"],
        ["read", "write"],
        ["openat"],
    ]
    assert list(traces.names) == [f"calls.plain:{line}" for line in (1, 2, 4, 5)]
    assert [info.group for info in traces.infos] == list(traces.names)
    assert set(traces.labels) == {Label.UNKNOWN}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_last_line_needs_no_newline(newline: str) -> None:
    assert rows(read("plain", f"read{newline}write")[0]) == [["read"], ["write"]]
    assert rows(read("plain", f"read{newline}write{newline}")[0]) == [["read"], ["write"]]


def test_numbers_need_to_be_told_whose_they_are(tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    path.write_text("0 1 2\n\n3,231\n")
    with pytest.raises(InputError, match=r"numbers.txt: these are call numbers.*--abi i386"):
        read_traces(path, format="plain")
    traces = read_traces(path, abi="x86_64")
    assert rows(traces) == [["read", "write", "open"], ["close", "exit_group"]]
    assert traces.names == ("numbers.txt:1", "numbers.txt:3")
    assert rows(read("plain", "0 read aarch64:7\n", abi="x86_64")[0]) == [
        ["read", "read", "aarch64:7"]
    ]


def test_a_broken_line_is_counted_with_its_place_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "calls.txt"
    path.write_text("read write\nread ! write\n\nclose 7 close\nopenat\n")
    reader = TraceReader(path, format="plain")
    traces = join(reader)
    assert traces.names == ("calls.txt:1", "calls.txt:5")
    assert reader.report.broken == [
        f"{path}:2: call 2 is '!', not a call name",
        f"{path}:4: call 2 is '7', not a call name",
    ]
    assert (reader.report.n_broken, reader.report.n_traces, reader.report.n_calls) == (2, 2, 3)
    assert reader.report.warnings()[0] == "2 broken and passed over:"
    with pytest.raises(InputError, match=r"calls.txt:2: call 2 is '!', not a call name"):
        read_traces(path, format="plain", strict=True)


def test_with_an_abi_the_message_asks_for_names_or_numbers() -> None:
    _, report = read("plain", "3 x! 4\n", abi="i386")
    assert report.broken == ["file:1: call 2 is 'x!', not a call name or i386 number"]


def test_a_long_token_is_broken_and_the_next_line_is_read() -> None:
    hundred = "a" * 100
    traces, report = read("plain", f"{hundred}\n{hundred}a\nread {'b' * 5_000_000} x\nclose\n")
    assert rows(traces) == [[hundred], ["close"]]
    assert traces.names == ("file:1", "file:4")
    assert report.broken == [
        f"file:2: call 1 is '{'a' * 20}'..., not a call name",
        f"file:3: call 2 is '{'b' * 20}'..., not a call name",
    ]


@pytest.mark.parametrize(
    ("text", "recognised"),
    [
        ("openat", True),
        ("openat read\n", True),
        ("read,write,close", True),
        ("openat read close mmap myown_call\n", True),
        ("openat read myown_call\n", False),
        ("the quick brown fox\n", False),
        ('{"a": 1}', False),
    ],
)
def test_what_is_recognised(tmp_path: Path, text: str, recognised: bool) -> None:
    path = tmp_path / "x.txt"
    path.write_text(text)
    if recognised:
        assert read_traces(path).n_calls == len(text.replace(",", " ").split())
    else:
        with pytest.raises(InputError, match="no format recognises it"):
            read_traces(path)


def test_labels_come_from_folders(tmp_path: Path) -> None:
    places = {
        "train/a.txt": (Label.NORMAL, "training", ""),
        "normal/train/b.txt": (Label.NORMAL, "training", ""),
        "benign/c.txt": (Label.NORMAL, "", ""),
        "attack/reverse-shell-02.txt": (Label.ATTACK, "", "reverse-shell"),
        "Attacks/web_shell/d-1.txt": (Label.ATTACK, "", "web_shell"),
        "intrusion/07.txt": (Label.ATTACK, "", "07"),
        "other/e.txt": (Label.UNKNOWN, "", ""),
    }
    for name in places:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("openat read\n")
    traces = read_traces(tmp_path)
    found = {i.name.removesuffix(":1"): (i.label, i.split, i.attack) for i in traces.infos}
    assert found == places


names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.:-]{0,20}", fullmatch=True)
separators = st.sampled_from([" ", "\t", ",", " , ", "\v", "  \r"])
lines = st.lists(st.lists(names, max_size=8), max_size=12)


@given(lines, separators, st.integers(64, 400), st.integers(1, 30))
def test_what_is_written_is_read_back_in_any_blocks(
    traces: list[list[str]], separator: str, block: int, batch: int
) -> None:
    text = "\n".join(separator.join(trace) for trace in traces)
    numbered = [(f"file:{i}", trace) for i, trace in enumerate(traces, 1) if trace]
    with pieces(block_bytes=block, batch_calls=batch):
        in_pieces = join(batches_of("plain", text)[0])
    for made in (read("plain", text)[0], in_pieces):
        assert [*zip(made.names, rows(made), strict=True)] == numbered


@given(st.lists(st.sampled_from(["read write", "", "read !", "x" * 101, "7", "close " * 40])))
def test_line_numbers_stay_exact_after_broken_lines(parts: list[str]) -> None:
    good = [i for i, part in enumerate(parts, 1) if part.startswith(("read write", "close"))]
    bad = [i for i, part in enumerate(parts, 1) if part.startswith(("read !", "x", "7"))]
    text = "\n".join([*parts, "read"])
    traces, report = read("plain", text)
    assert list(traces.names) == [f"file:{i}" for i in [*good, len(parts) + 1]]
    assert [int(place.split(":")[1]) for place in report.broken] == bad[:5]
    assert report.n_broken == len(bad)


@pytest.mark.parametrize("line", [b"!\n", b"1\n", b"read !\n"])
def test_many_broken_lines_take_no_long_time(line: bytes) -> None:
    read("plain", b"read\n" + b"!\n" * 9)  # compiles the loops
    n_lines = (1 << 20) // len(line)
    before = time.perf_counter()
    traces, report = read("plain", b"read\n" + line * n_lines + b"write\n")
    assert time.perf_counter() - before < 5  # about 0.2 s; it took 100
    assert rows(traces) == [["read"], ["write"]]
    assert report.n_broken == n_lines
    assert len(report.broken) == 5
    assert traces.names[-1] == f"file:{n_lines + 2}"


def test_lines_passed_over_in_any_blocks_leave_the_others_whole() -> None:
    text = "!\n" * 6 + "read write read\nclose !x\nopenat 7! read\n\nwrite" * 30 + "\n! read\n"
    whole, report = read("plain", text)
    for block in (16, 50, 128):
        with pieces(block, 1000):
            traces, again = read("plain", text)
        assert rows(traces) == rows(whole)
        assert traces.names == whole.names
        assert again.n_broken == report.n_broken == 67
