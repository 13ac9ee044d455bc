"""All features, as they are."""

from __future__ import annotations

import polars as pl

from habitus.flows.columns.columnset import ColumnSet, Out
from habitus.flows.formats.base import record_schema

COLUMNS = ColumnSet(
    name="habitus",
    title="all features under our names",
    columns=tuple(Out(name, pl.col(name)) for name in record_schema()),
    undefined="null, by the rule of each feature",
    left_out={},
)
