"""What every format of flows must do, whoever wrote the file."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from habitus.errors import InputError, UsageError
from habitus.files.inputfile import InputFile
from habitus.flows.formats import flow_format_names, get_flow_format
from habitus.flows.formats.base import FlowFormat, record_schema
from habitus.flows.formats.cells import READERS
from habitus.flows.formats.completing import completable
from habitus.flows.formats.mapping import TCP, told_columns
from habitus.flows.record_report import FlowReport

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = flow_format_names()
SAMPLES = {name: get_flow_format(name).sample.encode() for name in NAMES}


def read(name: str, content: bytes) -> tuple[pl.DataFrame, FlowReport]:
    report = FlowReport()
    file = InputFile("flows", "flows", io.BufferedReader(io.BytesIO(content)))  # type: ignore[arg-type]
    tables = list(get_flow_format(name).read(iter([file]), report))
    return pl.concat(tables) if tables else pl.DataFrame(schema=record_schema()), report


def is_sound(table: pl.DataFrame) -> None:
    """The schema, and nothing in it that is infinite, NaN or less than nothing."""
    assert dict(table.schema) == record_schema()
    for column in table:
        if column.dtype.is_float():
            assert column.is_finite().fill_null(value=True).all(), column.name
        if column.dtype.is_numeric() and "ns" not in column.name:
            assert (column >= 0).fill_null(value=True).all(), column.name
    for name in ("source_file", "source_line"):
        assert table[name].null_count() == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_its_own_formats_alone_and_reads_without_a_broken_row(name: str) -> None:
    made = get_flow_format(name)
    assert isinstance(made, FlowFormat)
    assert made.name == name
    assert [other for other in NAMES if get_flow_format(other).sniff(SAMPLES[name], "x")] == [name]
    table, report = read(name, SAMPLES[name])
    assert len(table) == report.n_flows == 1
    assert not report.warnings()
    is_sound(table)
    flow = table.row(0, named=True)
    for told in (
        "source_ip",
        "source_port",
        "destination_ip",
        "packets",
        "duration_us",
        "protocol",
    ):
        assert flow[told] is not None, told


@pytest.mark.parametrize("name", NAMES)
def test_a_mapping_speaks_of_columns_that_there_are(name: str) -> None:
    mapping = get_flow_format(name).mapping
    ours = [one.ours for one in mapping]
    assert len(set(ours)) == len(ours)
    schema = record_schema()
    for one in mapping:
        assert one.ours in schema
        assert one.theirs
        assert one.reads in {*READERS, "made"}
        assert set(one.all_needs) <= {TCP, *schema}
    assert completable(told_columns(mapping)) <= set(schema)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("end", [b"", b"\n\n", b"\r\n \n"])
def test_how_a_file_ends_changes_nothing(name: str, end: bytes) -> None:
    table, report = read(name, SAMPLES[name].rstrip() + end)
    assert table.equals(read(name, SAMPLES[name])[0])
    assert not report.n_broken


@pytest.mark.parametrize("name", NAMES)
def test_line_ends_of_windows_and_a_byte_order_mark_change_nothing(name: str) -> None:
    text = SAMPLES[name].replace(b"\n", b"\r\n")
    if not text.startswith(b"{"):
        text = b"\xef\xbb\xbf" + text
    assert read(name, text)[0].equals(read(name, SAMPLES[name])[0])


@pytest.mark.parametrize("name", NAMES)
def test_rows_that_are_no_rows_are_counted_with_their_place(name: str) -> None:
    *_, row = SAMPLES[name].rstrip(b"\n").split(b"\n")
    n = SAMPLES[name].count(b"\n")
    bad = [row[: len(row) // 2], b"\xff\xfe" + row, b"x" * ((1 << 20) + 5), row + row]
    table, report = read(name, SAMPLES[name] + b"\n".join([*bad, row]) + b"\n")
    assert table["source_line"].to_list() == [n, n + len(bad) + 1]
    assert report.n_broken == len(bad)
    assert {line.split(": ")[0] for line in report.broken} == {
        f"flows:{n + 1 + i}" for i in range(len(bad))
    }


@pytest.mark.parametrize("name", NAMES)
def test_many_rows_come_in_batches_of_a_bounded_size(name: str) -> None:
    head, _, row = SAMPLES[name].rstrip(b"\n").rpartition(b"\n")
    many = head + b"\n" + b"\n".join([row] * 120_000) + b"\n"
    file = InputFile("flows", "flows", io.BufferedReader(io.BytesIO(many)))  # type: ignore[arg-type]
    sizes = [len(table) for table in get_flow_format(name).read(iter([file]), FlowReport())]
    assert sum(sizes) == 120_000
    assert max(sizes) < 70_000


def cells() -> st.SearchStrategy[bytes]:
    """What may stand where a number should."""
    return st.sampled_from(
        [b"", b"-", b"inf", b"-Infinity", b"NaN", b"1e400", b"-1", b"9" * 30, b"0x10", b"1_0", b"T",
         b"[1, 2", b"\xff", b"\x00", b'"', b"1e308", b"9223372036854775807", b"::1", b"4" * 5000,
         "\u0661".encode()]
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=80)
@given(data=st.data())
def test_hostile_content_raises_nothing_but_errors_that_say_so(
    name: str, data: st.DataObject
) -> None:
    """Bytes are cut out, put in and replaced; what is read all the same is sound."""
    content = bytearray(SAMPLES[name] * 2)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        upto = data.draw(st.integers(at, min(len(content), at + 20)))
        content[at:upto] = data.draw(st.binary(max_size=20) | cells())
    with suppress(InputError, UsageError):
        is_sound(read(name, bytes(content))[0])


def changed_cells(name: str) -> Iterator[bytes]:
    """The sample with every cell of its row replaced by each odd thing."""
    odd = (b"", b"inf", b"NaN", b"-1", b"1e400", b"9" * 30, b"x", b"1e308", b"9223372036854775807",
           "\u0661".encode())  # fmt: skip
    head, _, row = SAMPLES[name].rstrip(b"\n").rpartition(b"\n")
    separator = b"\t" if name == "zeek" else b","
    parts = row.split(separator)
    for i in range(len(parts)):
        for one in odd:
            cell = one
            if name == "suricata":  # of an object the value alone
                key, colon, _ = parts[i].rpartition(b":")
                cell = key + colon + (one or b"null")
            yield head + b"\n" + separator.join([*parts[:i], cell, *parts[i + 1 :]]) + b"\n"


@pytest.mark.parametrize("name", NAMES)
def test_no_cell_makes_a_value_that_is_none(name: str) -> None:
    for content in changed_cells(name):
        with suppress(InputError):
            is_sound(read(name, content.lstrip(b"\n"))[0])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "head", [b"", b"\0" * 100, b"{", b"[]", b"\x93" * 9, b'"' * 99, b"#\n" * 9]
)
def test_foreign_heads_are_nobodys(name: str, head: bytes) -> None:
    assert get_flow_format(name).sniff(head, "x") == 0
