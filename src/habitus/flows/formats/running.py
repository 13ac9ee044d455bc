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

BATCH_BYTES = 32 << 20
"""A table is made of at most so much text and one block more: rows may be of any length."""
MAX_PARTS = 256
"""More parts are put together: a header further down ends one, however short it is."""


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

    def together() -> RawRows:
        frames, numbers = zip(*held, strict=True)
        return pl.concat(frames, how="diagonal"), pl.concat(numbers)

    def made() -> pl.DataFrame:
        raw, lines = together()
        table = completed(table_of(raw, lines, source, mapping, report, finish))
        report.n_flows += len(table)
        return table

    held: list[RawRows] = []
    n = n_bytes = 0
    for part in rows:
        held.append(part)
        n += len(part[0])
        n_bytes += int(part[0].estimated_size())
        if n >= BATCH_ROWS or n_bytes >= BATCH_BYTES:
            yield made()
            held, n, n_bytes = [], 0, 0
        elif len(held) >= MAX_PARTS:
            held = [together()]
    if n:
        yield made()
