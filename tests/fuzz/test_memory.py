"""No input takes memory out of proportion: at most fifty times its own size.

Each format reads files made to fill tables, in a process of its own, whose peak is measured.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from habitus.traces.formats import format_names, get_format

if TYPE_CHECKING:
    from pathlib import Path

N_BYTES = 2 << 20
MOST_TIMES = 50
_MEASURE = """
import re, sys
from pathlib import Path
from habitus.errors import HabitusError
from habitus.traces.reading import TraceReader
kind, small, *files = sys.argv[1:]
def read(path):
    try:
        for batch in TraceReader(path, format=kind):
            pass
    except HabitusError:
        pass
def memory(what):
    return int(re.search(what + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) << 10
read(small)
for file in files:
    Path("/proc/self/clear_refs").write_text("5")  # the peak is the present size
    before = memory("VmRSS")
    read(file)
    print((memory("VmHWM") - before) / Path(file).stat().st_size)
"""
# A line of each format, its thread and its call to be filled in: shorter lines fill tables faster.
LINES = {
    "auditd": "type=SYSCALL msg=audit(1.0:1): arch=c000003e syscall={number} pid={thread} comm=\n",
    "falco": '{{"evt.type":"{name}","evt.dir":">","thread.tid":{thread}}}\n',
    "lid-ds": "1631078867380457267 0 1 a {thread} {name} > \n",
    "perf": "1.0 ( 0.1 ms): a/{thread} {name}() = 0\n",
    "strace": "{thread} {name}() = 0\n",
    "sysdig": "1 1.0 0 a ({thread}) > {name} \n",
    "table": "1,{thread},{name}\n",
    "tracee": '{{"timestamp":1,"hostThreadId":{thread},"eventName":"{name}"}}\n',
    "unm": "{thread} {number}\n",
}
HEADS = {"table": "time,tid,name\n"}


def hostile_files(kind: str) -> dict[str, bytes]:
    """Files of `N_BYTES`, by what they are made to fill."""
    sample = get_format(kind).sample.encode()
    files = {
        "lines that mean nothing": b"?!\n" * (N_BYTES // 3),
        "a line without an end": sample.rstrip(b"\n") + b"x" * N_BYTES,
        "blank lines": b"\n" * N_BYTES,
        "words": b"a " * (N_BYTES // 2),
        "lines of a word": b"a\n" * (N_BYTES // 2),
        "numbers": b"1 " * (N_BYTES // 2),
        "different words": b" ".join(b"c%d" % i for i in range(N_BYTES // 8)),
        "the sample": sample * (N_BYTES // max(len(sample), 1)),
    }
    if kind in LINES:
        line = LINES[kind]
        n = N_BYTES // len(line)

        def of(**parts: object) -> str:
            return line.format(**{"thread": 7, "name": "read", "number": 3, **parts})

        head = HEADS.get(kind, "")
        files["new threads"] = (head + "".join(of(thread=i % 4_000_000) for i in range(n))).encode()
        names = "".join(of(name=f"c{i}", number=i % 60_000) for i in range(n))
        files["new names"] = (head + names).encode()
        ends = "".join(of(name="exit", number=60, thread=i % 9) for i in range(n))
        files["ends of threads"] = (head + ends).encode()
    return files


@pytest.mark.parametrize("kind", sorted(set(format_names()) - {"native"}))
def test_no_text_takes_more_than_fifty_times_its_size(kind: str, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.write_text(HEADS.get(kind, "") + get_format(kind).sample)
    files = hostile_files(kind)
    paths = [tmp_path / str(number) for number in range(len(files))]
    for path, data in zip(paths, files.values(), strict=True):
        path.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, kind, small, *paths],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    times = dict(zip(files, map(float, done.stdout.split()), strict=True))
    assert {what: round(n) for what, n in times.items() if n > MOST_TIMES} == {}
