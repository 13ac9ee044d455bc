"""How fast each trace format is read, beside a loop over the same lines that does nothing."""

from __future__ import annotations

import gzip
import os
import shutil
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import writers
from common import WORK, Store, test_data, write_table

from habitus import TraceReader
from habitus.datasets.source import demo_path
from habitus.traces.converting import write_traces

FILE_BYTES = 100_000_000
SMALL_BYTES = 64_000_000
FOLDER = WORK / "reading"
SPLIT = "split"
PEER = "plain Python"


@dataclass(frozen=True)
class Case:
    """A file to read.

    Attributes:
        title: the row it makes.
        file: its name, from which formats that look at names know it.
        make: writes it; gives the number of calls in it, where that is known.
        lines: whether it is one file of lines, which a plain loop can go over.
        peer: reads it in plain Python.
    """

    title: str
    file: str
    make: Callable[[Path], int | None]
    lines: bool = True
    peer: Callable[[Path], object] | None = None


def cases() -> list[Case]:
    """All files, those that compiled loops read first."""
    calls = writers.recorded_calls()
    text = b"".join(writers.texts().values())

    def made_of(writer: writers.Writer, head: str = "") -> Callable[[Path], int]:
        return lambda path: writers.write_calls(path, calls, writer, SMALL_BYTES, head)

    return [
        Case("strace", "a.strace", lambda path: repeat(path, text), peer=plain_strace),
        Case("lid-ds (.sc)", "a.sc", lambda path: repeat(path, sc_text()), peer=plain_sc),
        Case("sysdig", "a.sysdig", made_of(writers.sysdig)),
        Case("plain", "a.txt", lambda path: repeat(path, plain_text())),
        Case("native", "a.traces", write_native, lines=False),
        Case("unm", "lpr.int", lambda path: repeat(path, unm_text())),
        Case("unm, tar.xz as published", "lpr-live-mit.tar.xz", link_unm, lines=False),
        Case("adfa, zip of 5,951 files", "ADFA-LD.zip", link_adfa, lines=False),
        Case("tracee", "tracee.json", made_of(writers.tracee)),
        Case("falco", "falco.json", made_of(writers.falco)),
        Case("falco (sysdig -j)", "sysdig.json", made_of(writers.sysdig_json)),
        Case("auditd", "audit.log", made_of(writers.auditd)),
        Case("perf trace", "trace.perf", made_of(writers.perf_trace)),
        Case("perf script", "script.perf", made_of(writers.perf_script)),
        Case("table", "a.csv", made_of(writers.table, writers.TABLE_HEAD)),
    ]


def repeat(path: Path, text: bytes) -> None:
    """Write a text over and over until the file is large enough."""
    with path.open("wb") as file:
        while file.tell() < FILE_BYTES:
            file.write(text)


def sc_text() -> bytes:
    """A real recording of LID-DS 2021."""
    (file,) = (test_data() / "lid-ds").glob("*.sc.gz")
    return gzip.decompress(file.read_bytes())


def unm_text() -> bytes:
    """The real files of MIT's ``lpr`` in one, with the blank line between them that ends traces."""
    with tarfile.open(test_data() / "unm" / "lpr-live-mit.tar.xz") as archive:
        files = [archive.extractfile(member) for member in archive if member.isfile()]
        return b"".join(file.read().rstrip() + b"\n\n" for file in files if file is not None)


def plain_text() -> bytes:
    """The shipped recordings as plain text."""
    path = FOLDER / "plain.txt"
    write_traces(path, TraceReader(demo_path()), "plain")
    return path.read_bytes()


def write_native(path: Path) -> None:
    """The shipped recordings as a native file, over and over."""
    batches = list(TraceReader(demo_path()))
    size = sum(batch.n_calls * (2 + 8 + 8) for batch in batches)
    again = range(FILE_BYTES // size + 1)
    write_traces(path, chain.from_iterable(batches for _ in again), "native")


def link_unm(path: Path) -> None:
    """The published archive."""
    path.symlink_to((test_data() / "unm" / path.name).resolve())


def link_adfa(path: Path) -> None:
    """The published archive."""
    path.symlink_to((test_data() / "adfa-ld" / path.name).resolve())


def content_bytes(path: Path) -> int:
    """The size of a file, or of what an archive holds."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return sum(member.file_size for member in archive.infolist())
    if path.suffix == ".xz":
        with tarfile.open(path) as tar:
            return sum(member.size for member in tar)
    return path.stat().st_size


def read(path: Path) -> TraceReader:
    """Read all of a file, keeping nothing; what was read is in the reader's report."""
    reader = TraceReader(path)
    for _ in reader:
        pass
    return reader


def loop(path: Path) -> None:
    """Go over lines, and do nothing."""
    with path.open("rb") as file:
        for _ in file:
            pass


def split(path: Path) -> None:
    """Where a parser in plain Python begins: decode a line and part it at the blanks."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            line.split(" ")


def plain_sc(path: Path) -> int:
    """The enters of a recording of LID-DS 2021, thread by thread, as one writes it at first."""
    threads: dict[int, list[tuple[str, int]]] = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            time_ns, _, _, _, thread, name, direction, *_ = line.split(" ")
            if direction[0] == ">":
                threads.setdefault(int(thread), []).append((name, int(time_ns)))
    return sum(map(len, threads.values()))


def plain_strace(path: Path) -> int:
    """The calls of a recording by ``strace -f -ttt``, likewise."""
    threads: dict[int, list[tuple[str, float]]] = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            thread, seconds, call = line.split(maxsplit=2)
            if call[0] not in "<+-":  # resumed, ended, a signal
                name = call.partition("(")[0]
                threads.setdefault(int(thread), []).append((name, float(seconds)))
    return sum(map(len, threads.values()))


def rate(work: Callable[[Path], object], path: Path, size: int) -> Callable[[], float]:
    """MB of content per processor second, which other programs disturb less than a clock's."""

    def run() -> float:
        started = time.process_time()
        work(path)
        return size / (time.process_time() - started) / 1e6

    return run


@contextmanager
def made(case: Case) -> Iterator[tuple[Path, int | None]]:
    """A case's file, while it is needed, and the number of calls that were written to it."""
    path = FOLDER / case.file
    path.unlink(missing_ok=True)
    try:
        yield path, case.make(path)
    finally:
        path.unlink(missing_ok=True)


def measured(case: Case, store: Store) -> list[tuple[str, ...]]:
    """The rows of one file."""
    with made(case) as (path, n_written):
        report = read(path).report  # warm: loops are compiled, the file is in memory
        if report.n_broken or n_written not in {None, report.n_calls}:
            sys.exit(f"{case.title}: not all was read: {report.n_calls:,} calls; {report.broken}")
        size = content_bytes(path)
        contenders = {case.title: rate(read, path, size)}
        if case.lines:
            contenders[f"{case.title}, loop"] = rate(loop, path, size)
        if case.peer:
            if (found := case.peer(path)) != report.n_calls:
                sys.exit(f"{case.title}: {report.n_calls:,} calls, plain Python finds {found:,}")
            contenders[f"{case.title}: {SPLIT}"] = rate(split, path, size)
            contenders[f"{case.title}: {PEER}"] = rate(case.peer, path, size)
        store.measure(contenders)
    call_bytes = size / report.n_calls
    loop_speed = f"{store.median(f'{case.title}, loop'):,.0f}" if case.lines else ""
    rows: list[tuple[str, ...]] = []
    for name in contenders:
        if not name.endswith(", loop"):
            speed = store.median(name)
            calls = "" if name.endswith(SPLIT) else f"{speed / call_bytes:.2f}"
            spread = store.spread(name)
            told = (f"{size / 1e6:.0f}", f"{call_bytes:.0f}", f"{speed:.0f}", spread, calls)
            rows.append((name, *told, loop_speed))
    return rows


TEXT = """\
Every format is read with `TraceReader`, all batches of it, from a file that lies in memory
already, by one core, after a reading that compiles the loops. A rate is content over processor
time: 1 MB is 1,000,000 bytes, in archives of what they hold. Each file's contenders run in turn;
medians of {runs} runs.

*Line loop* is `for line in file: pass` over the same file in binary mode: what it takes to look
at every line and do nothing. *Split* is `line.split(' ')` for each line of text, with which a
parser in plain Python begins, such as that of the LID-DS framework; it finds no call yet. *Plain
Python* goes on from there to the same number of calls, by thread, with their times, and trusts
every line: it knows no other layout, counts nothing that is broken, and keeps all in memory.

`strace` is the recordings that Habitus ships, `lid-ds` a real recording of 2021, `unm` and
`adfa` are real files, all as they are; the first three over and over until they fill 100 MB. The
other files, of 64 MB or more, are the calls of the shipped recordings, in their order, with their
threads and times, written the way each format's tool writes them, with what strace tells of
arguments and results. Their lines are as long as real ones, but no tool wrote them.

What limits the slow ones: from `tracee` down, each line is parsed in Python
(`habitus.traces.events`), which takes microseconds: MB/s follow from the length of lines,
and the rows of `table` are the shortest. An archive of small files, as `unm` and `adfa`, takes
most of its time to open, recognise and label each of them. In `plain`, `unm` and `adfa` a call
is a few bytes, so that calls a second tell more than MB/s.
"""


def main() -> None:
    """Measure, and write the table."""
    store = Store("reading")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[str, ...]] = [
        ("format", "MB", "bytes a call", "MB/s", "min to max", "M calls/s", "line loop, MB/s")
    ]
    for case in cases():
        rows += measured(case, store)
    shutil.rmtree(FOLDER)
    text = TEXT.format(runs=store.runs).strip()
    write_table("reading", "Speed of reading", text, rows, "reading.py")


if __name__ == "__main__":
    main()
