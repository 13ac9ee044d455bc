"""What holds for every log of events: bounded memory, quick refusal, a documented sample."""

from __future__ import annotations

import io
import time
import tracemalloc
from pathlib import Path

import pytest
from reading import pieces, read

from habitus.files.inputs import InputFile
from habitus.traces.formats import get_format
from habitus.traces.formats.base import ReadOptions
from habitus.traces.report import ReadReport

KINDS = ("auditd", "falco", "perf", "tracee")
DOCS = Path(__file__).parents[3] / "docs" / "formats"
MIB = 1 << 20


class Repeated(io.RawIOBase):
    """The same lines over and over, as a file of ``n_bytes``."""

    def __init__(self, lines: bytes, n_bytes: int) -> None:
        self.block = lines * (MIB // len(lines))
        self.left = n_bytes // len(self.block)
        self.rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self.rest and self.left:
            self.rest, self.left = self.block, self.left - 1
        n = min(len(buffer), len(self.rest))
        buffer[:n], self.rest = self.rest[:n], self.rest[n:]
        return n


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_log_is_not_kept(kind: str) -> None:
    form = get_format(kind)
    lines = form.sample.encode().replace(b"syscall=231", b"syscall=1")  # one process, not many
    stream = io.BufferedReader(Repeated(lines, 24 * MIB))
    report = ReadReport()
    n_calls = 0
    tracemalloc.start()
    try:
        with pieces(block_bytes=1 << 18, batch_calls=1 << 12):
            files = iter([InputFile("log", "log", stream)])
            for batch in form.read(files, ReadOptions(), report):
                n_calls += batch.n_calls
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert n_calls > 20_000
    assert report.n_broken == 0
    assert peak < 12 * MIB


HOSTILE = [
    b" " * 65_536,
    b"{" * 65_536,
    b"[" * 65_536,
    b'{"a":' * 13_000,
    b"a" * 65_536,
    b"0" * 65_536,
    b"\n" * 65_536,
    b"a b:c " * 11_000,
    b" 7" * 32_768,
    b"7 /" * 21_000,
    (b" " * 15 + b"7 " * 30 + b"\n") * 800,
    (b"    0.1 (" + b" " * 60 + b"\n") * 900,
    b"type=SYSCALL msg=audit(" * 2_800,
    b"node=" + b"x" * 65_000,
    bytes(range(256)) * 256,
]
ENDLESS = b"type=SYSCALL msg=audit(1.000:1): arch=1 syscall=1 " + b"a pid= " * 99_000


@pytest.mark.parametrize("kind", KINDS)
def test_no_head_takes_long_or_is_taken_for_a_log(kind: str) -> None:
    form = get_format(kind)
    form.sniff(form.sample.encode(), "x", ReadOptions())
    for head in HOSTILE:
        began = time.process_time()
        assert form.sniff(head, "x", ReadOptions()) == 0
        assert time.process_time() - began < 0.1  # of a few milliseconds, on a busy machine
    for line in (*HOSTILE, ENDLESS):
        began = time.process_time()
        read(kind, line)
        assert time.process_time() - began < 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_sample_is_read_whole_recognised_and_in_the_documentation(kind: str) -> None:
    form = get_format(kind)
    traces, report = read(kind, form.sample)
    assert (traces.n_calls > 1, report.n_broken) == (True, 0)
    assert form.sniff(form.sample.encode(), "x", ReadOptions()) > 80
    assert form.sample in (DOCS / f"{kind}.md").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_a_beginning_of_the_sample_is_recognised(kind: str) -> None:
    """A head ends where it ends, within a line."""
    form = get_format(kind)
    first = form.sample.index("\n") + 1
    for end in range(first, len(form.sample)):
        assert form.sniff(form.sample[:end].encode(), "x", ReadOptions()) > 80
