"""Files of flows too large to write, and what reading one takes: for tests in their own process.

    python endless.py SCENARIO FORMAT

prints how many flows, broken rows and kinds of notes there were, and by how many MiB memory grew.
"""

from __future__ import annotations

import io
import itertools
import resource
import sys
from typing import TYPE_CHECKING, cast

from habitus.errors import InputError
from habitus.files.inputfile import InputFile
from habitus.flows.formats import get_flow_format
from habitus.flows.record_report import FlowReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from _typeshed import WriteableBuffer

BILLION = 10**9
MEGABYTE = b"x" * 1_000_000


class Endless(io.RawIOBase):
    """Parts one after the other, none of which is held."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = iter(parts)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        self._left = self._left or next(filter(None, self._parts), b"")
        data, self._left = self._left[: len(view)], self._left[len(view) :]
        view[: len(data)] = data
        return len(data)


def sample_of(name: str) -> tuple[bytes, bytes]:
    """What stands before a row, and the row."""
    head, _, row = get_flow_format(name).sample.rstrip("\n").rpartition("\n")
    return f"{head}\n".encode() if head else b"", f"{row}\n".encode()


def parts_of(scenario: str, name: str) -> Iterator[bytes]:
    head, row = sample_of(name)
    yield head if scenario != "header" else b""
    if scenario == "none":
        yield row
    elif scenario == "field":
        yield row
        yield from itertools.repeat(MEGABYTE, BILLION // len(MEGABYTE))
        yield b"\n" + row
    elif scenario == "header":
        yield from itertools.repeat(MEGABYTE.replace(b"xx", b"x,"), BILLION // len(MEGABYTE))
        yield b"\n" + row
    elif scenario == "addresses":  # each another, and each as long as a line may be
        for i in range(400):
            yield row.replace(b"10.0.0.1", b"%d." % i + MEGABYTE)
    elif scenario == "headers":
        yield from itertools.repeat(row + head, 60_000)
    elif scenario == "events":
        for i in range(300_000):
            yield b'{"timestamp":"1","src_ip":"::1","event_type":"kind %d"}\n' % i


def file_of(scenario: str, name: str) -> Iterator[InputFile]:
    stream = io.BufferedReader(Endless(parts_of(scenario, name)), 1 << 16)
    yield InputFile("f", "f", cast("io.BufferedReader", stream))


def main(scenario: str, name: str) -> None:
    stream = cast("io.BufferedReader", io.BufferedReader(Endless(parts_of("none", name)), 1 << 16))
    list(get_flow_format(name).read(iter([InputFile("f", "f", stream)]), FlowReport()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stream = cast(
        "io.BufferedReader", io.BufferedReader(Endless(parts_of(scenario, name)), 1 << 16)
    )
    report, told = FlowReport(), "-"
    try:
        for _ in get_flow_format(name).read(iter([InputFile("f", "f", stream)]), report):
            pass
    except InputError as error:
        told = str(error)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    numbers = (report.n_flows, report.n_broken, len(report.notes), grown >> 10)
    sys.stdout.write(f"{' '.join(map(str, numbers))} {told}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
