"""What must hold for any bytes at all that a reader is given.

Run as a program, it replays files through every reader: ``python invariants.py FOLDER``.
"""

from __future__ import annotations

import io
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from habitus.errors import HabitusError
from habitus.traces import builder, lines, recording, tokens
from habitus.traces.formats import get_format
from habitus.traces.formats.base import ReadOptions
from habitus.traces.inputfile import InputFile
from habitus.traces.inputs import open_inputs
from habitus.traces.report import ReadReport
from habitus.traces.traceset import TraceSet, join

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SMALL_BLOCK = 128  # a token of 100 bytes is still whole in it
SMALL_BATCH = 5
MOST_INFLATED = 8 << 20


@contextmanager
def small_blocks() -> Iterator[None]:
    """Blocks and batches so small that every file needs many."""
    changes = [
        (tokens, "BLOCK_BYTES", SMALL_BLOCK),
        (lines, "BLOCK_BYTES", SMALL_BLOCK),
        *((module, "BATCH_CALLS", SMALL_BATCH) for module in (tokens, builder, recording)),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in changes]
    for module, name, value in changes:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def read(kind: str, data: bytes, abi: str | None = None) -> tuple[list[TraceSet], ReadReport]:
    """Read bytes as a file of one format."""
    stream = io.BufferedReader(cast("io.RawIOBase", io.BytesIO(data)))
    report = ReadReport()
    files = iter([InputFile("file", "file", stream)])
    return list(get_format(kind).read(files, ReadOptions(abi=abi), report)), report


def content(traces: TraceSet) -> tuple[object, ...]:
    """What can be compared of a set."""
    columns = (traces.positions, traces.times_ns)
    return (
        traces.infos,
        [traces.trace(i) for i in range(traces.n_traces)],
        [None if column is None else column.tolist() for column in columns],
    )


def check_text(kind: str, data: bytes, abi: str | None = None) -> None:
    """A text format: in one block and in many it reads the same, and accounts for every line."""
    batches, report = read(kind, data, abi)
    traces = join(batches)
    assert traces.n_calls <= len(data)
    assert_accounted(kind, data, traces, report)
    if traces.positions is not None and traces.n_calls:
        assert traces.positions.min() >= 1
        assert traces.positions.max() <= data.count(b"\n") + 1
    if traces.times_ns is not None:
        assert traces.times_ns.min() >= -1
    with small_blocks():
        batches, again = read(kind, data, abi)
    assert again.n_broken == report.n_broken
    assert again.notes == report.notes
    if report.n_broken == 0 or kind == "strace":  # elsewhere a broken trace's beginning is out
        assert content(join(batches)) == content(traces)


def assert_accounted(kind: str, data: bytes, traces: TraceSet, report: ReadReport) -> None:
    """Nothing is dropped in silence: every line is a call, a trace, a note, or broken."""
    if kind == "strace":
        lines = [line for line in data.split(b"\n") if line.removesuffix(b"\r").strip(b" \t")]
        assert traces.n_calls + sum(report.notes.values()) + report.n_broken == len(lines)
        return
    parts = data.split(b"\n") if kind == "plain" else [data]
    filled = sum(bool(part.strip(b" \t\n\r\v\f,")) for part in parts)
    assert traces.n_traces + report.n_broken == filled


def check_native(data: bytes) -> None:
    """The native format: a set or a clear refusal."""
    with suppress(HabitusError):
        traces = join(read("native", data)[0])
        assert np.all(traces.labels >= -1)
        traces.sequence_digests()


def check_inputs(data: bytes) -> None:
    """Archives and compressed files: contents or a clear refusal."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        with suppress(HabitusError):
            for found in open_inputs(file.name, on_skip=lambda *_: None):
                assert len(found.head()) <= 1 << 16
                assert not found.name.startswith("/")
                assert ".." not in found.name.split("/")
                size = 0
                while size < MOST_INFLATED and (block := found.stream.read(1 << 20)):
                    size += len(block)


def _check(kind: str) -> Callable[[bytes], None]:
    def check(data: bytes) -> None:
        head = data[: 1 << 16]
        for abi in (None, "i386"):
            get_format(kind).sniff(head, "file", ReadOptions(abi=abi))
            with suppress(HabitusError):
                check_text(kind, data, abi)

    return check


TARGETS: dict[str, Callable[[bytes], None]] = {
    "adfa": _check("adfa"),
    "plain": _check("plain"),
    "strace": _check("strace"),
    "native": check_native,
    "inputs": check_inputs,
}


def main() -> None:
    files = sorted(path for path in Path(sys.argv[1]).rglob("*") if path.is_file())
    for path in files:
        for name, target in TARGETS.items():
            try:
                target(path.read_bytes())
            except BaseException:
                sys.stderr.write(f"{path} as {name}:\n")
                raise
    sys.stdout.write(f"{len(files)} files\n")


if __name__ == "__main__":
    main()
