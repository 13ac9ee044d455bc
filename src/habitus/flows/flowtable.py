"""From ended flows to a table: a polars DataFrame with a fixed, documented schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from habitus.flows.features.declared import features
from habitus.flows.features.feature import Lists, Texts
from habitus.flows.features.rows import Rows
from habitus.traces.traceset import offsets_of

if TYPE_CHECKING:
    from collections.abc import Collection

    import pyarrow as pa
    from numpy.typing import NDArray

    from habitus.flows.features.feature import Column, Feature, Kind

_TYPES: dict[Kind, pl.DataType] = {
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "text": pl.String(),
    "truth": pl.Boolean(),
    "integers": pl.List(pl.Int64),
}


SOURCE = "source_file"
"""The column that tells which file a flow is of."""


def schema() -> dict[str, pl.DataType]:
    """Column names and types, in the order of the table."""
    return {SOURCE: pl.String()} | {feature.name: _TYPES[feature.kind] for feature in features()}


def no_flows() -> pl.DataFrame:
    """A table without a row."""
    return pl.DataFrame(schema=schema())


def flow_table(
    flows: NDArray[np.void], source: str, columns: Collection[str] | None = None
) -> pl.DataFrame:
    """A table of flows, one row each, with all features.

    Args:
        flows: (n,) `FLOW`, of flows that have ended.
        source: which file they are of.
        columns: make these features alone, whoever asks for few: it is quicker.

    Returns:
        A table of its own: the rows may change as soon as it is there.
    """
    rows = Rows(flows)
    made = [
        _series(feature, feature.column(rows))
        for feature in features()
        if columns is None or feature.name in columns
    ]
    return pl.DataFrame([pl.repeat(source, len(flows), eager=True).alias(SOURCE), *made])


class _Handed:
    """An array of Arrow as any library takes it.

    Polars puts pyarrow's own through a compute kernel first, whose library takes long to import.
    """

    def __init__(self, array: pa.Array) -> None:
        self._array = array

    def __arrow_c_array__(self, requested_schema: object | None = None) -> Any:
        return self._array.__arrow_c_array__(requested_schema)


def _arrow(values: Texts | Lists) -> pa.Array:
    import pyarrow as pa

    ends = offsets_of(values.lengths)
    if isinstance(values, Lists):
        return pa.LargeListArray.from_arrays(ends, values.values)
    parts = [None, pa.py_buffer(ends), pa.py_buffer(values.text)]
    return pa.LargeStringArray.from_buffers(len(values.lengths), *parts[1:])


def _series(feature: Feature, column: Column) -> pl.Series:
    values = column.values
    if isinstance(values, Texts | Lists):
        return pl.Series(_Handed(_arrow(values)), dtype=_TYPES[feature.kind]).alias(feature.name)
    if isinstance(values, np.ndarray):
        values = np.ascontiguousarray(values)
    series = pl.Series(feature.name, values, dtype=_TYPES[feature.kind])
    if column.defined is None or bool(column.defined.all()):
        return series
    return series.set(pl.Series(~column.defined), None)
