"""Tables of flows into a file, under whosever names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.flows.columns import as_columns
from habitus.flows.flowtable import no_flows
from habitus.flows.writing import flow_writer, kind_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    import polars as pl


def write_flows(
    path: str | os.PathLike[str],
    tables: Iterable[pl.DataFrame],
    *,
    columns: str = "habitus",
    to: str | None = None,
) -> int:
    """Write tables of flows to a new file, which appears whole or not at all.

    Whether flows were made of packets or read from another program, the file has the same columns;
    ``source_line`` and ``label`` are null of packets.

    Args:
        tables: as `extract_flows` and `flow_record_tables` make them.
        columns: whose names: habitus, cicflowmeter, flowmeter or nfstream.
        to: parquet, csv or jsonl; by default what the path ends in.

    Returns:
        How many flows there are in it.

    Raises:
        UsageError: if there are no such columns, or nothing tells what to write.
        OSError: if it cannot be written.
    """
    kind = kind_of(str(path), to)
    schema = dict(as_columns(no_flows(), columns).schema)
    n_flows = 0
    with flow_writer(path, schema, kind) as writer:
        for table in tables:
            writer.write(as_columns(table, columns, n_before=n_flows))
            n_flows += len(table)
    return n_flows
