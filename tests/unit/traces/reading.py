"""Reading bytes with one format, in one block or in many, for the tests of the formats."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

from habitus.files import lines
from habitus.files.inputfile import InputFile
from habitus.traces import builder, events, merging, recording, tokens
from habitus.traces.formats import get_format
from habitus.traces.formats.base import ReadOptions
from habitus.traces.report import ReadReport
from habitus.traces.traceset import TraceSet, join

if TYPE_CHECKING:
    from collections.abc import Iterator


def batches_of(
    kind: str, *contents: bytes | str, abi: str | None = None, strict: bool = False
) -> tuple[list[TraceSet], ReadReport]:
    """The batches of files called ``file``, ``file2``, ... in one reading."""
    report = ReadReport(strict=strict)

    def files() -> Iterator[InputFile]:
        for i, content in enumerate(contents):
            data = content.encode() if isinstance(content, str) else content
            name = f"file{i + 1 if i else ''}"
            stream = io.BufferedReader(cast("io.RawIOBase", io.BytesIO(data)))
            yield InputFile(name, name, stream)

    return list(get_format(kind).read(files(), ReadOptions(abi=abi), report)), report


def read(kind: str, *contents: bytes | str, **options: Any) -> tuple[TraceSet, ReadReport]:
    """The files' traces in one set."""
    batches, report = batches_of(kind, *contents, **options)
    return join(batches), report


@contextmanager
def pieces(block_bytes: int, batch_calls: int) -> Iterator[None]:
    """Read in blocks and batches of this size, as if files were larger than they are."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (tokens, lines):
            patch.setattr(module, "BLOCK_BYTES", block_bytes)
        for module in (tokens, merging, recording, builder):
            patch.setattr(module, "BATCH_CALLS", batch_calls)
        patch.setattr(events, "TAKEN_EVENTS", batch_calls)
        yield


def rows(traces: TraceSet) -> list[list[str]]:
    """The call names of every trace."""
    return [traces.trace(i) for i in range(traces.n_traces)]


def column(traces: TraceSet, name: str) -> list[list[int]] | None:
    """``positions`` or ``times_ns``, a list for each trace."""
    values = getattr(traces, name)
    if values is None:
        return None
    bounds = zip(traces.offsets[:-1], traces.offsets[1:], strict=True)
    return [values[begin:end].tolist() for begin, end in bounds]
