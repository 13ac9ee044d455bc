"""Flows in Parquet: typed columns, which are checked before they are believed."""

from __future__ import annotations

import shutil
import tempfile
from typing import TYPE_CHECKING, Any, TypeAlias

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
    from collections.abc import Callable, Collection, Iterator, Sequence

    import pyarrow as pa
    import pyarrow.parquet as pq

    from habitus.files.inputfile import InputFile
    from habitus.flows.record_report import FlowReport

Told: TypeAlias = "tuple[str, bool, pa.DataType | None]"

MAGIC = b"PAR1"
MAX_GROUP_BYTES = 1 << 30
"""Of a row group, unpacked: one is held at a time."""
MAX_COLUMNS = 4096
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
                batch.validate(full=True)  # text that is not UTF-8 among it
                frame = _frame(batch, file.source)
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
        column = frame[name]
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


def _frame(batch: pa.RecordBatch, source: str) -> pl.DataFrame:
    """The columns of a batch, once their types are what they should be.

    They come without what a file says about itself beside them: polars panics where that is no
    text.

    Raises:
        InputError: if a column holds another type.
    """
    import pyarrow as pa

    kinds, made = record_schema(), {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        wanted, fits, cast = _KINDS[str(kinds[name])](pa, column.type)
        if not fits and not pa.types.is_null(column.type):
            raise InputError(
                f"{source}: the column {name} holds {column.type}; wanted {wanted}",
                "write it anew: habitus flows extract or convert",
            )
        made[name] = pl.Series(name, column.cast(cast) if cast is not None else column)
    return pl.DataFrame(made)


def _whole(pa: Any, found: pa.DataType) -> Told:
    return "whole numbers", pa.types.is_integer(found), None


def _number(pa: Any, found: pa.DataType) -> Told:
    return "numbers", pa.types.is_integer(found) or pa.types.is_floating(found), None


def _text(pa: Any, found: pa.DataType) -> Told:
    inner = found.value_type if pa.types.is_dictionary(found) else found
    names = ("is_string", "is_large_string", "is_string_view")
    return "text", any(getattr(pa.types, name)(inner) for name in names), pa.large_string()


def _truth(pa: Any, found: pa.DataType) -> Told:
    return "booleans", pa.types.is_boolean(found), None


def _list(pa: Any, found: pa.DataType) -> Told:
    names = ("is_list", "is_large_list", "is_fixed_size_list")
    fits = any(getattr(pa.types, name)(found) for name in names)
    fits = fits and (pa.types.is_integer(found.value_type) or pa.types.is_null(found.value_type))
    return "lists of whole numbers", fits, pa.large_list(pa.int64())


_KINDS: dict[str, Callable[[Any, pa.DataType], Told]] = {
    "Int64": _whole, "Float64": _number, "String": _text, "Boolean": _truth, "List(Int64)": _list,
}  # fmt: skip
"""Of each type of ours: its name, whether a type of Arrow is such, and what to make of that."""


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
