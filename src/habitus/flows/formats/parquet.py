"""Flows in Parquet: typed columns, which are checked before they are believed."""

from __future__ import annotations

import shutil
import tempfile
from typing import TYPE_CHECKING

import polars as pl

from habitus.errors import InputError
from habitus.flows.flowtable import SOURCE
from habitus.flows.formats.base import BATCH_ROWS, LINE, record_schema
from habitus.flows.formats.cells import (
    EXACT,
    EXPECTED,
    MAX_NS,
    MAX_NUMBERS,
    MAX_TEXT,
    READERS,
    Reads,
)  # fmt: skip
from habitus.flows.formats.completing import completed
from habitus.flows.formats.mapping import Mapped, undefined

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import pyarrow.parquet as pq

    from habitus.files.inputfile import InputFile
    from habitus.flows.record_report import FlowReport

MAGIC = b"PAR1"
MAX_GROUP_BYTES = 1 << 30
"""Of a row group, unpacked: one is held at a time."""
MAX_COLUMNS = 4096
_WORDS = {
    pl.Int64(): "whole numbers", pl.Float64(): "numbers", pl.String(): "text",
    pl.Boolean(): "booleans", pl.List(pl.Int64): "lists of whole numbers",
}  # fmt: skip
_MOST: dict[Reads, int] = {"whole": EXACT, "port": 1 << 16, "protocol": 256, "nanoseconds": MAX_NS}
"""What a number must stay below."""


def is_parquet(head: bytes) -> bool:
    """Whether a file's first bytes are those of Parquet."""
    return head[:4] == MAGIC


def parquet_tables(
    file: InputFile, mapping: Sequence[Mapped], needed: Collection[str], report: FlowReport
) -> Iterator[pl.DataFrame]:
    """Tables of about `BATCH_ROWS` flows, in bounded memory; the file is copied to the disk first.

    Args:
        needed: columns that it must have.

    Raises:
        InputError: if it is damaged, lacks a column, or a column holds what it must not.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Its table of contents stands at its end.
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file.stream, copy)
        copy.seek(0)
        try:
            opened = pq.ParquetFile(copy)
            columns = _checked(opened, file.source, mapping, needed)
            n_before = 0
            for batch in opened.iter_batches(BATCH_ROWS, columns=columns):
                batch.validate(full=True)
                frame = pl.DataFrame(pl.from_arrow(batch))
                lines = pl.int_range(n_before + 1, n_before + len(frame) + 1, eager=True)
                n_before += len(frame)
                table = completed(_typed(frame, lines, file.source, mapping, report))
                report.n_flows += len(table)
                yield table
        except (pa.ArrowException, OSError, ValueError, pl.exceptions.PolarsError) as error:
            raise InputError(
                f"{file.source}: damaged, or no Parquet: {str(error).splitlines()[0][:200]}",
                "write it anew: habitus flows extract or convert",
            ) from None


def _checked(
    opened: pq.ParquetFile, source: str, mapping: Sequence[Mapped], needed: Collection[str]
) -> list[str]:
    """The columns to read, once the file's table of contents has been looked at."""
    told = opened.metadata
    names = opened.schema_arrow.names
    lacking = [name for name in needed if name not in names]
    if lacking:
        raise InputError(
            f"{source}: is Parquet, but no flows of Habitus: it has no column {lacking[0]!r}; its "
            f"columns are {', '.join(names[:8])}{', ...' * (len(names) > 8)}"
        )
    wanted = {SOURCE, LINE, *(one.ours for one in mapping)}
    chosen = [name for name in names if name in wanted]
    if len(names) > MAX_COLUMNS or len(set(chosen)) < len(chosen):
        raise InputError(f"{source}: has more than {MAX_COLUMNS:,} columns, or one twice")
    for at in range(told.num_row_groups):
        if told.row_group(at).total_byte_size > MAX_GROUP_BYTES:
            raise InputError(
                f"{source}: its row group {at} says that it holds more than "
                f"{MAX_GROUP_BYTES >> 20:,} MiB; write smaller ones"
            )
    return chosen


def _typed(
    frame: pl.DataFrame, lines: pl.Series, source: str, mapping: Sequence[Mapped],
    report: FlowReport,
) -> pl.DataFrame:  # fmt: skip
    """A table of flows; rows with a value that cannot be are broken, as in text."""
    schema = record_schema()
    reads: dict[str, Reads] = {one.ours: one.reads for one in mapping}
    reads |= {SOURCE: "text", LINE: "whole"}
    made: dict[str, pl.Series] = {}
    broken = pl.repeat(value=False, n=len(frame), dtype=pl.Boolean, eager=True)
    for name, kind in schema.items():
        if name not in frame.columns:
            made[name] = pl.repeat(None, len(frame), dtype=kind, eager=True)
            continue
        column = _of_kind(frame[name], kind, f"{source}: the column {name}")
        values, wrong = _possible(column, kind, reads[name])
        wrong = wrong & ~broken
        for line, value in zip(lines.filter(wrong), column.filter(wrong), strict=True):
            why = f"{name}: wanted {EXPECTED[reads[name]]}, found {str(value)[:60]!r}"
            report.add_broken(f"{source}:{line}", why)
        broken = broken | wrong
        made[name] = undefined(values, report)
    table = pl.DataFrame(made, schema=schema)
    table = table.with_columns(
        pl.col(SOURCE).fill_null(source), pl.col(LINE).fill_null(lines).alias(LINE)
    )
    return table.filter(~broken)


def _of_kind(column: pl.Series, kind: pl.DataType, where: str) -> pl.Series:
    """A column of the right kind, or one that can be made so without a loss.

    Raises:
        InputError: if it is neither.
    """
    found = column.dtype
    inner = found.inner if isinstance(found, pl.List) else found
    fits = {
        pl.Int64(): found.is_integer(),
        pl.Float64(): found.is_numeric(),
        pl.String(): found in (pl.String, pl.Categorical),
        pl.Boolean(): found == pl.Boolean,
        pl.List(pl.Int64): isinstance(found, pl.List)
        and (inner == pl.Null or (isinstance(inner, pl.DataType) and inner.is_integer())),
    }
    if found != pl.Null and not fits[kind]:
        raise InputError(f"{where} holds {found}; wanted {_WORDS[kind]}")
    return column


def _possible(column: pl.Series, kind: pl.DataType, reads: Reads) -> tuple[pl.Series, pl.Series]:
    """A column's values, and which of them cannot be what the column says."""
    values = column.cast(kind, strict=False)
    wrong = values.is_null() & column.is_not_null()
    if reads in _MOST:
        wrong = wrong | (values >= _MOST[reads]).fill_null(value=False)
    elif kind == pl.List(pl.Int64):
        wrong = wrong | (values.list.len() > MAX_NUMBERS).fill_null(value=False)
    elif kind == pl.String():
        wrong = wrong | (values.str.len_chars() > MAX_TEXT).fill_null(value=False)
        if reads == "address":
            values = READERS["address"](values.set(wrong, None))
            wrong = values.is_null() & column.is_not_null()
    return values, wrong
