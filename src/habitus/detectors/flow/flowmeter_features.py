"""The 39 features of FlowMeter's model, of its own rows or of our flows.

Source: FlowMeter (github.com/deepfence/FlowMeter), its CSV and ``ml/parameters``: 33 columns in the
order of the CSV, and six more for each nanosecond.
"""

from __future__ import annotations

from functools import cache

import polars as pl

from habitus.flows.columns import as_columns, get_columns

FLOWMETER_CSV = (
    "flowDuration", "flowLength", "fwdFlowLength", "bwdFlowLength", "packetSizeTotal",
    "packetSizeMean", "packetSizeStd", "packetSizeMin", "packetSizeMax", "fwdPacketSizeTotal",
    "bwdPacketSizeTotal", "fwdPacketSizeMean", "bwdPacketSizeMean", "fwdPacketSizeStd",
    "bwdPacketSizeStd", "fwdPacketSizeMin", "bwdPacketSizeMin", "fwdPacketSizeMax",
    "bwdPacketSizeMax", "IATMean", "IATStd", "IATMin", "IATMax", "fwdIATTotal", "bwdIATTotal",
    "fwdIATMean", "bwdIATMean", "fwdIATStd", "bwdIATStd", "fwdIATMin", "bwdIATMin", "fwdIATMax",
    "bwdIATMax",
)  # fmt: skip
_DIVIDED = (
    "flowLength", "fwdFlowLength", "bwdFlowLength", "packetSizeTotal", "fwdPacketSizeTotal",
    "bwdPacketSizeTotal",
)  # fmt: skip
FLOWMETER_FEATURES = (*FLOWMETER_CSV, *(f"{name}PerTime" for name in _DIVIDED))
_COPY, _COPIED = "fwdPacketSizeMean", "packetSizeMean"


def has_flowmeter_columns(columns: list[str]) -> bool:
    """Whether a table holds FlowMeter's own numbers."""
    return set(columns) >= set(FLOWMETER_CSV)


def flowmeter_unit(name: str) -> str:
    """The unit of one of the 39."""
    if name.endswith("PerTime"):
        return "1/ns"
    if "IAT" in name or name == "flowDuration":
        return "ns"
    return "packets" if name.endswith("FlowLength") or name == "flowLength" else "bytes"


@cache
def flowmeter_needs(name: str) -> frozenset[str]:
    """Which columns of ours one of the 39 is made of."""
    made = {column.theirs: column.made for column in get_columns("flowmeter").columns}
    return frozenset(made[_COPIED if name == _COPY else name].meta.root_names())


def flowmeter_table(table: pl.DataFrame) -> pl.DataFrame:
    """The 39 features of each flow, null where undefined.

    Of FlowMeter's own columns exactly as written there. Of ours as ``--columns flowmeter`` has
    them, but for the mean size of forward packets: there FlowMeter writes that of all packets, and
    what was learned from its rows was learned from that.

    Args:
        table: (n,) with either's columns; what ours lack is null.
    """
    if has_flowmeter_columns(table.columns):
        theirs = table.select(pl.col(name).cast(pl.Float64) for name in FLOWMETER_CSV)
        return theirs.with_columns(
            (pl.col(name) / pl.col("flowDuration")).alias(f"{name}PerTime") for name in _DIVIDED
        )
    made = as_columns(table, "flowmeter").with_columns(pl.col(_COPIED).alias(_COPY))
    return made.select(FLOWMETER_FEATURES)
