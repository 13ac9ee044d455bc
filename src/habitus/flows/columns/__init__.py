"""Tables of flows under the names, units and habits of other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from habitus.errors import UsageError
from habitus.flows.formats.base import record_schema
from habitus.registry import Registry

if TYPE_CHECKING:
    from habitus.flows.columns.columnset import ColumnSet

_SETS: Registry[ColumnSet] = Registry(
    "set of columns",
    {
        "cicflowmeter": "habitus.flows.columns.cicflowmeter:COLUMNS",
        "flowmeter": "habitus.flows.columns.flowmeter:COLUMNS",
        "habitus": "habitus.flows.columns.habitus:COLUMNS",
        "nfstream": "habitus.flows.columns.nfstream:COLUMNS",
    },
    "habitus.flow_columns",
)


def column_set_names() -> tuple[str, ...]:
    """The words for ``--columns``, sorted."""
    return _SETS.names()


def get_columns(name: str) -> ColumnSet:
    """The set of this name.

    Raises:
        UsageError: if there is none; the message lists those there are.
    """
    return _SETS.get(name)


def as_columns(table: pl.DataFrame, name: str, *, n_before: int = 0) -> pl.DataFrame:
    """A table of flows as another program would write it.

    What that program writes where a value is undefined is in its set; what is not known of a flow,
    because it was read from a program that does not tell it, is null. Nothing is infinite or NaN.

    Args:
        table: (n,) with columns of `habitus.flows.flowtable.schema`, or of `record_schema`.
        name: one of `column_set_names`.
        n_before: rows of the same output that came before, for sets that number them.

    Returns:
        (n,) with the set's columns, in its order.

    Raises:
        UsageError: if there is no such set, or the table has none of its columns.
    """
    chosen = get_columns(name)
    schema = record_schema()
    if not set(table.columns) & (set(schema) - {"source_file", "source_line", "label"}):
        raise UsageError(
            "this is no table of flows: it has none of the columns of habitus flows features "
            f"(found {', '.join(table.columns[:5])})"
        )
    missing = [pl.lit(None, kind).alias(n) for n, kind in schema.items() if n not in table.columns]
    table = table.with_columns(missing)
    if chosen.name == "habitus":  # as it is
        return table.select(*schema)
    made = table.select(column.made.alias(column.theirs) for column in chosen.columns)
    if chosen.numbered:
        made = made.with_columns(pl.col(chosen.numbered) + n_before)
    floats = [n for n, kind in made.schema.items() if kind.is_float()]
    return made.with_columns(
        pl.when(pl.col(n).is_finite()).then(pl.col(n)).alias(n) for n in floats
    )
