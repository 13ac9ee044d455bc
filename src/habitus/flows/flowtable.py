"""From ended flows to a table: a polars DataFrame with a fixed, documented schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from habitus.flows.features.declared import features
from habitus.flows.features.feature import Chosen, Lists, Texts
from habitus.flows.features.rows import Rows
from habitus.traces.traceset import offsets_of

if TYPE_CHECKING:
    from collections.abc import Collection

    import pyarrow as pa
    from numpy.typing import NDArray

    from habitus.flows.features.feature import Column, Kind

_TYPES: dict[Kind, pl.DataType] = {
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "text": pl.String(),
    "truth": pl.Boolean(),
    "integers": pl.List(pl.Int64),
}
_NUMPY = {"integer": np.int64, "number": np.float64}

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
    import pyarrow as pa

    rows = Rows(flows)
    wanted = [one for one in features() if columns is None or one.name in columns]
    arrays = [_arrow(one.kind, one.column(rows), flows) for one in wanted]
    # All in one: each column that polars is handed takes the interpreter's lock from whoever else
    # makes tables, and waits for it again.
    made = pl.DataFrame(pa.RecordBatch.from_arrays(arrays, names=[one.name for one in wanted]))
    return made.insert_column(0, pl.repeat(source, len(flows), eager=True).alias(SOURCE))


def _arrow(kind: Kind, column: Column, flows: NDArray[np.void]) -> pa.Array:
    """A column, of which nothing lies in the rows of the flows."""
    import pyarrow as pa

    values = column.values
    if isinstance(values, Chosen):
        values = _spelled(values)
    if isinstance(values, Texts):
        text = [pa.py_buffer(offsets_of(values.lengths)), pa.py_buffer(values.text)]
        return pa.LargeStringArray.from_buffers(len(values.lengths), *text)
    if isinstance(values, Lists):
        return pa.LargeListArray.from_arrays(offsets_of(values.lengths), values.values)
    defined = None
    if column.defined is not None and not column.defined.all():
        defined = pa.py_buffer(np.packbits(column.defined, bitorder="little"))
    if kind == "truth":
        data = np.packbits(values, bitorder="little")
    else:
        data = np.ascontiguousarray(values, dtype=_NUMPY[kind])
        if np.may_share_memory(data, flows):  # as one row alone does, which is contiguous as it is
            data = data.copy()
    return pa.Array.from_buffers(_arrow_type(kind), len(values), [defined, pa.py_buffer(data)])


def _spelled(chosen: Chosen) -> Texts:
    """Each text written out. Arrow would do it, by a library that takes long to import."""
    lengths = np.array([len(text.encode()) for text in chosen.texts], dtype=np.int64)
    padded = np.zeros((len(lengths), max(1, lengths.max(initial=0))), dtype=np.uint8)
    for row, text in zip(padded, chosen.texts, strict=True):
        row[: len(text.encode())] = np.frombuffer(text.encode(), dtype=np.uint8)
    of_each = lengths[chosen.which]
    is_text = np.arange(padded.shape[1]) < of_each[:, np.newaxis]
    return Texts(padded[chosen.which][is_text], of_each)


def _arrow_type(kind: Kind) -> pa.DataType:
    import pyarrow as pa

    return {"integer": pa.int64(), "number": pa.float64(), "truth": pa.bool_()}[kind]
