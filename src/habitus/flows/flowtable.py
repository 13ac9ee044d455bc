"""From ended flows to a table: a polars DataFrame with a fixed, documented schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from habitus.flows.features.declared import features
from habitus.flows.features.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from habitus.flows.features.feature import Column, Feature, Kind

_TYPES: dict[Kind, pl.DataType] = {
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "text": pl.String(),
    "truth": pl.Boolean(),
    "integers": pl.List(pl.Int64),
}


def schema(chosen: Sequence[Feature] | None = None) -> dict[str, pl.DataType]:
    """Column names and types."""
    return {feature.name: _TYPES[feature.kind] for feature in chosen or features()}


def flow_table(flows: NDArray[np.void], chosen: Sequence[Feature] | None = None) -> pl.DataFrame:
    """A table of flows, one row each.

    Args:
        flows: (n,) `FLOW`, of flows that have ended.
        chosen: its columns; by default all features.
    """
    rows = Rows(flows)
    return pl.DataFrame(
        [_series(feature, feature.column(rows)) for feature in chosen or features()]
    )


def _series(feature: Feature, column: Column) -> pl.Series:
    values = column.values
    if isinstance(values, np.ndarray):
        values = np.ascontiguousarray(values)
    series = pl.Series(feature.name, values, dtype=_TYPES[feature.kind])
    if column.defined is None or bool(column.defined.all()):
        return series
    return series.set(pl.Series(~column.defined), None)
