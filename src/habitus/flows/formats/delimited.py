"""Rows of delimited text, as text by the names of their columns; broken ones are counted."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Protocol

import polars as pl

from habitus.errors import InputError
from habitus.files.lines import OVERLONG, first_lines, line_blocks, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from habitus.files.inputfile import InputFile
    from habitus.flows.record_report import FlowReport

    RawRows = tuple[pl.DataFrame, pl.Series]
    """(n, columns) of String, and (n,) the lines that they stand in."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_COLUMNS = 4096


class Layout(Protocol):
    """What a file says of its columns, and of which lines are no rows."""

    delimiter: str
    may_quote: bool
    names: list[str]

    def is_row(self, line: bytes) -> bool:
        """Whether a line is a row; if not, it goes to `hear`."""
        ...

    def changes(self, line: bytes) -> bool:
        """Whether rows behind a line that is none are read otherwise than those before it."""
        ...

    def hear(self, line: bytes, place: str) -> None:
        """A header or a comment."""
        ...

    def as_row(self, line: bytes) -> bytes:
        """A row with the delimiter between all of its cells."""
        ...


def raw_rows(
    file: InputFile, layout: Layout, wanted: Collection[str], report: FlowReport
) -> Iterator[RawRows]:
    """The columns that are wanted of all rows, about a MiB of text at a time."""
    number = 0

    def on_overlong() -> None:
        nonlocal number
        number += 1
        report.add_broken(f"{file.source}:{number}", OVERLONG)

    rows: list[bytes] = []
    lines: list[int] = []

    def taken() -> Iterator[RawRows]:
        if rows:
            yield _frame(rows, lines, layout, wanted, file.source, report)
            rows.clear()
            lines.clear()

    for block in line_blocks(file, on_overlong):
        for whole in block.split(b"\n")[:-1]:
            number += 1
            line = whole.removesuffix(b"\r")
            if number == 1:
                line = line.removeprefix(BYTE_ORDER_MARK)
            if not line.strip():
                continue
            if layout.is_row(line):
                rows.append(layout.as_row(line))
                lines.append(number)
            else:
                if layout.changes(line):  # what stands before it belongs to the header before it
                    yield from taken()
                layout.hear(line, f"{file.source}:{number}")
        yield from taken()


def _frame(
    rows: list[bytes], lines: list[int], layout: Layout, wanted: Collection[str], source: str,
    report: FlowReport,
) -> RawRows:  # fmt: skip
    n = len(layout.names)
    delimiter = layout.delimiter.encode()
    kept: list[bytes] = []
    numbers: list[int] = []
    has_quotes = layout.may_quote and any(b'"' in row for row in rows)
    quoted: list[list[str]] | None = [] if has_quotes else None
    for line, number in zip(rows, lines, strict=True):
        try:
            if quoted is not None:
                cells = next(csv.reader([line.decode()], delimiter=layout.delimiter, strict=True))
                n_cells = len(cells)
            else:
                n_cells = line.count(delimiter) + 1
                if not line.isascii():
                    line.decode()
        except (UnicodeDecodeError, csv.Error, StopIteration) as error:
            report.add_broken(f"{source}:{number}", f"not a row of a table: {str(error)[:80]}")
            continue
        if n_cells != n:
            report.add_broken(
                f"{source}:{number}",
                f"{n_cells} cells, where the header names {n} columns: {shown(line)}",
            )
            continue
        if quoted is not None:
            quoted.append(cells)
        else:
            kept.append(line)
        numbers.append(number)
    # Of a name that stands in the header twice, the first counts.
    first = {name: i for i, name in reversed(list(enumerate(layout.names))) if name in wanted}
    if not numbers:
        frame = pl.DataFrame(schema=dict.fromkeys(first, pl.String()))
    elif quoted is not None:
        frame = pl.DataFrame(
            {name: [cells[i] for cells in quoted] for name, i in first.items()},
            schema=dict.fromkeys(first, pl.String()),
        )
    else:
        frame = pl.read_csv(
            io.BytesIO(b"\n".join(kept) + b"\n"), separator=layout.delimiter, has_header=False,
            infer_schema=False, quote_char=None,
            new_columns=[f"{i}" for i in range(n)],
        ).select(pl.col(f"{i}").alias(name) for name, i in first.items())  # fmt: skip
    return frame, pl.Series(numbers, dtype=pl.Int64)


class CsvLayout:
    """A table whose first line names its columns, perhaps again further down.

    Args:
        key: makes a column's key of its name.
        may_repeat: keys that this program is known to write twice.

    Raises:
        InputError: if the header lacks what a row must have, or names a column twice.
    """

    may_quote = True

    def __init__(
        self, file: InputFile, key: Callable[[str], str], what: str,
        needed: Collection[Collection[str]], wanted: Collection[str],
        may_repeat: Collection[str] = (),
    ) -> None:  # fmt: skip
        found = header_of(file.head())
        if found is None:
            raise InputError(f"{file.source}: its first line is no header of {what}")
        self.header, self.delimiter, names = found
        self.names = [key(name) for name in names]
        for any_of in needed:
            if not set(any_of) & set(self.names):
                raise InputError(
                    f"{file.source}:1: {what} has a column {' or '.join(any_of)}; the header names "
                    f"{', '.join(self.names[:8])}{', ...' * (len(names) > 8)} "
                    "(another format may fit: --format)"
                )
        twice = {n for n in self.names if n in wanted and self.names.count(n) > 1} - {*may_repeat}
        if twice:
            raise InputError(
                f"{file.source}:1: the header names {min(twice)!r} twice; which of the two "
                "counts? Remove or rename one"
            )
        self._n_headers = 0

    def is_row(self, line: bytes) -> bool:
        return line.strip() != self.header

    def changes(self, line: bytes) -> bool:  # noqa: ARG002
        return False

    def hear(self, line: bytes, place: str) -> None:  # noqa: ARG002
        self._n_headers += 1

    def tell(self, report: FlowReport) -> None:
        """Count the headers further down, which files that were joined have."""
        if self._n_headers > 1:
            report.add_note("headers further down", self._n_headers - 1)

    def as_row(self, line: bytes) -> bytes:
        return line


def header_of(head: bytes) -> tuple[bytes, str, list[str]] | None:
    """A file's first line, what stands between its cells, and these; None if it is no header."""
    lines = first_lines(head.removeprefix(BYTE_ORDER_MARK), 1)
    if not lines or b"\0" in lines[0]:
        return None
    line = lines[0].strip()
    try:
        text = line.decode()
        for delimiter in ",;\t":
            names = next(csv.reader([text], delimiter=delimiter, strict=True), [])
            if 2 <= len(names) <= MAX_COLUMNS:
                return line, delimiter, [name.strip() for name in names]
    except (UnicodeDecodeError, csv.Error):
        pass
    return None
