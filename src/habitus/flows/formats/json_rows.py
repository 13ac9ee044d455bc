"""Objects of JSON, one a line, as text by the paths of what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from habitus.files.lines import OVERLONG, first_lines, line_blocks, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from habitus.files.inputfile import InputFile
    from habitus.flows.formats.delimited import RawRows
    from habitus.flows.record_report import FlowReport

MAX_SNIFFED_LINES = 20
MAX_LIST = 64
"""A longer list is none that we read."""
# Numbers with a point stay text: a time in seconds has more digits than a float.
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=str).decode


def json_rows(
    file: InputFile, wanted: Collection[str], is_row: Callable[[dict[str, Any]], str | None],
    report: FlowReport, *, nested: bool,
) -> Iterator[RawRows]:  # fmt: skip
    """What is wanted of all objects, about a MiB of text at a time.

    Args:
        is_row: told of an object, answers None if it is a row, else what it is, to be counted.
        nested: whether a point in a name leads into an object; otherwise it is part of the name.
    """
    number = 0

    def on_overlong() -> None:
        nonlocal number
        number += 1
        report.add_broken(f"{file.source}:{number}", OVERLONG)

    paths = {name: tuple(name.split(".")) if nested else (name,) for name in wanted}
    for block in line_blocks(file, on_overlong):
        lines: list[int] = []
        cells: dict[str, list[str | None]] = {name: [] for name in wanted}
        for line in block.split(b"\n")[:-1]:
            number += 1
            if not line.strip():
                continue
            try:
                told = decoded(line)
            except ValueError as error:
                why = f"not an object of JSON: {str(error)[:80]}: {shown(line)}"
                report.add_broken(f"{file.source}:{number}", why)
                continue
            other = is_row(told)
            if other is not None:
                report.add_note(other)
                continue
            lines.append(number)
            for name, path in paths.items():
                cells[name].append(_text(told, path))
        if lines:
            schema = dict.fromkeys(cells, pl.String())
            yield pl.DataFrame(cells, schema=schema), pl.Series(lines, dtype=pl.Int64)


def decoded(line: bytes) -> dict[str, Any]:
    """A line's object.

    Raises:
        ValueError: if it is none.
    """
    try:
        if not line.isascii():
            line.decode()
        return _decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def sniffed(head: bytes) -> list[dict[str, Any]]:
    """The first objects of a head; empty if a whole line is none."""
    if head.lstrip()[:1] != b"{":
        return []
    found = []
    for line in first_lines(head, MAX_SNIFFED_LINES):
        try:
            found.append(decoded(line))
        except ValueError:
            continue
    return found


def _text(told: Any, path: tuple[str, ...]) -> str | None:
    for step in path:
        if not isinstance(told, dict):
            return None
        told = told.get(step)
    if isinstance(told, list) and len(told) <= MAX_LIST:
        return ",".join(str(one) for one in told)
    if told is None or isinstance(told, (dict, list)):
        return None
    if isinstance(told, bool):
        return "T" if told else "F"
    return str(told)
