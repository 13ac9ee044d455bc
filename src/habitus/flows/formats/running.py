"""From raw rows to tables of a decent size, the same way for all formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from habitus.flows.formats.base import BATCH_ROWS
from habitus.flows.formats.completing import completed
from habitus.flows.formats.mapping import table_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from habitus.flows.formats.delimited import RawRows
    from habitus.flows.formats.mapping import Finish, Mapped
    from habitus.flows.record_report import FlowReport


def wanted_of(mapping: Sequence[Mapped], *more: str) -> tuple[str, ...]:
    """All of their names that a mapping reads."""
    return tuple(dict.fromkeys([*(name for one in mapping for name in one.theirs), *more]))


def tables(
    rows: Iterable[RawRows],
    source: str,
    mapping: Sequence[Mapped],
    report: FlowReport,
    finish: Finish | None = None,
) -> Iterator[pl.DataFrame]:
    """Tables of about `BATCH_ROWS` flows."""

    def made() -> pl.DataFrame:
        raw = pl.concat([frame for frame, _ in held], how="diagonal")
        lines = pl.concat([numbers for _, numbers in held])
        table = completed(table_of(raw, lines, source, mapping, report, finish))
        report.n_flows += len(table)
        return table

    held: list[RawRows] = []
    n = 0
    for part in rows:
        held.append(part)
        n += len(part[0])
        if n >= BATCH_ROWS:
            yield made()
            held, n = [], 0
    if n:
        yield made()
