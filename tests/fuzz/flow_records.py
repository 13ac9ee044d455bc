"""What must hold of any bytes at all as flows that another program wrote down."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import polars as pl
from sampling import is_chosen, replaced

from habitus.errors import HabitusError
from habitus.files import lines
from habitus.files.inputfile import InputFile
from habitus.flows.formats import flow_format_names, get_flow_format
from habitus.flows.formats.base import record_schema
from habitus.flows.formats.flowmeter_twins import merge_reverse_twins
from habitus.flows.formats.parquet import is_parquet
from habitus.flows.reading import recognise
from habitus.flows.record_report import FlowReport

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL_BLOCK = 128


def read(kind: str, data: bytes) -> tuple[pl.DataFrame, FlowReport]:
    """Read bytes as a file of one format."""
    report = FlowReport()
    file = InputFile("flows", "flows", io.BufferedReader(cast("io.RawIOBase", io.BytesIO(data))))
    tables = list(get_flow_format(kind).read(iter([file]), report))
    return pl.concat(tables) if tables else pl.DataFrame(schema=record_schema()), report


def check(kind: str, data: bytes) -> None:
    """A table with the schema or a clear refusal; the same in one block and in many."""
    for name in flow_format_names():
        assert 0 <= get_flow_format(name).sniff(data[: 1 << 16], "flows") <= 100
    file = InputFile("flows", "flows", io.BufferedReader(cast("io.RawIOBase", io.BytesIO(data))))
    with suppress(HabitusError):
        assert recognise(data[: 1 << 16], file) in {None, *flow_format_names()}
    try:
        table, report = read(kind, data)
    except HabitusError:
        return
    assert_sound(table)
    assert len(table) == report.n_flows
    if kind == "flowmeter":
        assert_sound(merge_reverse_twins(table))
    if not is_parquet(data):  # which has no lines
        n_lines = sum(bool(line.strip()) for line in data.split(b"\n"))
        assert len(table) + report.n_broken <= n_lines
    if is_chosen(data, 7):
        with replaced((lines, "BLOCK_BYTES", SMALL_BLOCK)):
            again, told = read(kind, data)
        assert again.equals(table)
        assert (told.n_broken, told.notes) == (report.n_broken, report.notes)


def assert_sound(table: pl.DataFrame) -> None:
    """Nothing is infinite, NaN or less than nothing, and each flow leads back to its line."""
    assert dict(table.schema) == record_schema()
    for column in table:
        if column.dtype.is_float():
            assert column.is_finite().fill_null(value=True).all(), column.name
        if column.dtype.is_numeric() and not column.name.endswith("_ns"):
            assert (column >= 0).fill_null(value=True).all(), column.name
    for name in ("source_file", "source_line"):
        assert table[name].null_count() == 0


def _check(kind: str) -> Callable[[bytes], None]:
    return lambda data: check(kind, data)


FLOW_RECORDS = {f"flows-{kind}": _check(kind) for kind in flow_format_names()}
