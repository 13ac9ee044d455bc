"""Tables of flows as files: Parquet, CSV and JSON lines, written as flows come."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

import polars as pl

from habitus.errors import UsageError
from habitus.storage import atomic_write

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

KINDS = ("parquet", "csv", "jsonl")
GROUP_FLOWS = 1 << 15
"""Flows of a row group of Parquet."""
LIST_SEPARATOR = ";"
"""Between the numbers of a list in CSV."""


class FlowWriter(Protocol):
    """Takes tables of one schema, and puts them into a file."""

    def write(self, table: pl.DataFrame) -> None:
        """More rows."""
        ...

    def close(self) -> None:
        """No more rows come."""
        ...


def kind_of(path: str, kind: str | None = None) -> str:
    """What a file is to be, by its name unless that is said; standard output gets JSON lines.

    Raises:
        UsageError: if neither tells.
    """
    if kind is not None:
        if kind not in KINDS:
            raise UsageError(f"flows are not written as {kind!r}; there are {', '.join(KINDS)}")
        return kind
    if path in {"-", "/dev/stdout"}:
        return "jsonl"
    suffix = Path(path).suffix.lstrip(".").lower()
    named = {"ndjson": "jsonl", "json": "jsonl"}.get(suffix, suffix)
    if named not in KINDS:
        raise UsageError(
            f"{path}: its name does not tell what to write: end it in .parquet, .csv or .jsonl, or "
            "say so (--to)"
        )
    return named


@contextmanager
def flow_writer(
    path: str | os.PathLike[str], schema: dict[str, pl.DataType], kind: str
) -> Iterator[FlowWriter]:
    """A writer into a file, which stands there whole in the end, or not at all."""
    with atomic_write(path) as file:
        writers: dict[str, type[_Parquet | _Csv | _JsonLines]] = {
            "parquet": _Parquet, "csv": _Csv, "jsonl": _JsonLines,
        }  # fmt: skip
        writer = writers[kind](file, schema)
        yield writer
        writer.close()


class _Parquet:
    """Row groups: of some thousand flows each, since each tells of every column what is in it."""

    def __init__(self, file: IO[bytes], schema: dict[str, pl.DataType]) -> None:
        import pyarrow.parquet as pq

        empty = pl.DataFrame(schema=schema).to_arrow(compat_level=pl.CompatLevel.oldest())
        self._schema = empty.schema
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")
        self._held: list[pl.DataFrame] = []
        self._n_held = 0

    def write(self, table: pl.DataFrame) -> None:
        self._held.append(table)
        self._n_held += len(table)
        if self._n_held >= GROUP_FLOWS:
            self._write_group()

    def close(self) -> None:
        self._write_group()
        self._writer.close()

    def _write_group(self) -> None:
        if self._held:
            arrow = pl.concat(self._held).to_arrow(compat_level=pl.CompatLevel.oldest())
            self._writer.write_table(arrow.cast(self._schema))
        self._held, self._n_held = [], 0


class _Csv:
    """A head, then a line for each flow; a null is nothing."""

    def __init__(self, file: IO[bytes], schema: dict[str, pl.DataType]) -> None:
        self._file = file
        self._lists = [name for name, kind in schema.items() if isinstance(kind, pl.List)]
        self.write(pl.DataFrame(schema=schema), head=True)

    def write(self, table: pl.DataFrame, *, head: bool = False) -> None:
        texts = [
            pl.col(name).cast(pl.List(pl.String)).list.join(LIST_SEPARATOR) for name in self._lists
        ]
        self._file.write(table.with_columns(texts).write_csv(include_header=head).encode())
        self._file.flush()  # somebody may look on

    def close(self) -> None:
        pass


class _JsonLines:
    """An object for each flow."""

    def __init__(self, file: IO[bytes], schema: dict[str, pl.DataType]) -> None:  # noqa: ARG002
        self._file = file

    def write(self, table: pl.DataFrame) -> None:
        if len(table):
            self._file.write(table.write_ndjson().encode())
            self._file.flush()

    def close(self) -> None:
        pass
