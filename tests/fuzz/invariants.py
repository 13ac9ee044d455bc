"""What must hold for any bytes at all that a reader is given.

Run as a program, it replays a folder of files, each in a folder with the name of a target, through
all readers of such things: ``PYTHONPATH=tests python tests/fuzz/invariants.py tests/fuzz/corpus``.
"""

from __future__ import annotations

import io
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast
from zlib import crc32

import numpy as np
import sampling
from captures import CAPTURES
from flow_records import FLOW_RECORDS
from sampling import is_chosen, replaced

from habitus.errors import HabitusError
from habitus.files import lines
from habitus.files.inputfile import HEAD_BYTES, InputFile
from habitus.files.inputs import open_inputs
from habitus.traces import builder, merging, recording, tokens
from habitus.traces.formats import format_names, get_format
from habitus.traces.formats.base import ReadOptions
from habitus.traces.formats.lid_ds import WITHOUT_TRUTH
from habitus.traces.formats.sysdig import WITHOUT_IDS
from habitus.traces.reading import recognise
from habitus.traces.report import ReadReport
from habitus.traces.traceset import TraceSet, join

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

SMALL_BLOCK = 128  # a token of 100 bytes is still whole in it
SMALL_BATCH = 5
MOST_INFLATED = 8 << 20
# Every line of theirs is a call, a note, broken, or blank.
LINE_FORMATS = {"auditd", "falco", "lid-ds", "perf", "strace", "sysdig", "table", "tracee", "unm"}
FILE_NOTES = {WITHOUT_IDS, WITHOUT_TRUTH}  # of files, not of lines


def small_blocks() -> AbstractContextManager[None]:
    """Blocks and batches so small that every file needs many."""
    return replaced(
        (tokens, "BLOCK_BYTES", SMALL_BLOCK),
        (lines, "BLOCK_BYTES", SMALL_BLOCK),
        *((module, "BATCH_CALLS", SMALL_BATCH) for module in (tokens, builder, merging, recording)),
    )


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
    if not is_chosen(data, 6):
        return
    with small_blocks():
        batches, again = read(kind, data, abi)
    assert again.n_broken == report.n_broken
    assert again.notes == report.notes
    if report.n_broken == 0 or kind in LINE_FORMATS:  # elsewhere a broken trace's beginning is out
        assert content(join(batches)) == content(traces)


def assert_accounted(kind: str, data: bytes, traces: TraceSet, report: ReadReport) -> None:
    """Nothing is dropped in silence: every line is a call, a trace, a note, or broken."""
    if kind in LINE_FORMATS:
        lines = [line for line in data.split(b"\n") if line.removesuffix(b"\r").strip(b" \t")]
        n_notes = sum(n for note, n in report.notes.items() if note not in FILE_NOTES)
        assert traces.n_calls + n_notes + report.n_broken == len(lines)
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


def check_lid_ds(data: bytes) -> None:
    """LID-DS: any bytes as a recording, and as the ground truth beside one."""
    _check("lid-ds")(data)
    made = get_format("lid-ds")
    for name in ("calm_bell_1.json", "runs.csv", "calm_bell_1.res", "calm_bell_1.pcap"):
        made.sniff(data[: 1 << 16], name, ReadOptions())
    for truth in ("calm_bell_1.json", "runs.csv"):
        stream = io.BufferedReader(cast("io.RawIOBase", io.BytesIO(made.sample.encode())))
        found = {truth: data}
        file = InputFile("calm_bell_1.sc", "calm_bell_1.sc", stream, beside=found.get)
        traces = join(made.read(iter([file]), ReadOptions(), ReadReport()))
        assert traces.n_calls == 3
        assert all(info.attack_ns >= -1 for info in traces.infos)


def check_recognition(data: bytes) -> None:
    """Any head: at most one format, or a question which of several it is."""
    stream = io.BufferedReader(cast("io.RawIOBase", io.BytesIO(data)))
    with suppress(HabitusError):
        name = recognise(data[:HEAD_BYTES], InputFile("file", "file", stream), ReadOptions())
        assert name is None or name in format_names()


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
        abis = (None, "i386")
        for abi in abis if sampling.THOROUGH else (abis[crc32(data) % 2],):
            get_format(kind).sniff(head, "file", ReadOptions(abi=abi))
            with suppress(HabitusError):
                check_text(kind, data, abi)

    return check


TRACES: dict[str, Callable[[bytes], None]] = {
    "adfa": _check("adfa"),
    "plain": _check("plain"),
    "strace": _check("strace"),
    "sysdig": _check("sysdig"),
    "lid-ds": check_lid_ds,
    "table": _check("table"),
    "unm": _check("unm"),
    "auditd": _check("auditd"),
    "falco": _check("falco"),
    "perf": _check("perf"),
    "tracee": _check("tracee"),
    "native": check_native,
    "recognition": check_recognition,
    "inputs": check_inputs,
}


FAMILIES = (TRACES, CAPTURES, FLOW_RECORDS)
TARGETS = TRACES | CAPTURES | FLOW_RECORDS


def targets_of(kind: str) -> dict[str, Callable[[bytes], None]]:
    """All targets that read the same kind of things; of what nobody knows, all there are."""
    return next((family for family in FAMILIES if kind in family), TARGETS)


def main() -> None:
    folder = Path(sys.argv[1])
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        for name, target in targets_of(path.relative_to(folder).parts[0]).items():
            try:
                target(path.read_bytes())
            except BaseException:
                sys.stderr.write(f"{path} as {name}:\n")
                raise
    sys.stdout.write(f"{len(files)} files\n")


if __name__ == "__main__":
    main()
