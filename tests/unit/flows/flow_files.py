"""Files of flows for tests: written, read, and looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitus.flows.reading import read_flow_records
from habitus.flows.record_report import FlowReport

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


def read_text(folder: Path, text: str | bytes, name: str | None = None) -> pl.DataFrame:
    """What is read of a file with this content."""
    return reported(folder, text, name)[0]


def reported(
    folder: Path, text: str | bytes, name: str | None = None
) -> tuple[pl.DataFrame, FlowReport]:
    """The same, and what was left out."""
    path = folder / "flows"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    report = FlowReport()
    rows = read_flow_records(path, format=name, merge_twins=False, report=report)
    return rows, report


def only(table: pl.DataFrame) -> dict[str, Any]:
    """What is told of its one flow, without what is null."""
    assert len(table) == 1
    return {name: value for name, value in table.row(0, named=True).items() if value is not None}
