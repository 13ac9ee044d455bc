"""FlowMeter's columns: 39 in its CSV, and six that its model adds."""

from __future__ import annotations

import polars as pl

from habitus.flows.columns.columnset import (
    NS_IN_US,
    ColumnSet,
    Out,
    column,
    population,
    protocol_name,
    zero_below,
)

_SIDES = {"": "", "fwd": "forward_", "bwd": "backward_"}
_PARTS = {"Total": "", "Mean": "mean", "Std": "std", "Min": "min", "Max": "max"}
_SWAPPED = "as theirs: src is the end that answers, dst the initiator"
_JOINED = "of gaps within each direction, both together"


def _theirs(side: str, name: str) -> str:
    return side + name if side else name[0].lower() + name[1:]


def _number(made: pl.Expr) -> pl.Expr:
    return made.cast(pl.Float64)


def _size(side: str, part: str) -> Out:
    ours = _SIDES[side]
    packets = f"{ours}packets"
    if part == "Total":
        return Out(_theirs(side, "PacketSizeTotal"), _number(pl.col(f"{ours}raw_bytes")))
    made = column(f"{ours}raw_{_PARTS[part]}_bytes")
    if part != "Std":
        return Out(_theirs(side, f"PacketSize{part}"), zero_below(made, packets))
    spread = population(made, pl.col(packets))
    return Out(_theirs(side, "PacketSizeStd"), zero_below(spread, packets, 2), "divides by n")


def _gap(side: str, part: str) -> Out:
    """Of one direction."""
    ours = _SIDES[side]
    packets = f"{ours}packets"
    theirs = _theirs(side, f"IAT{part}")
    if part == "Total":
        return Out(theirs, zero_below(column(f"{ours}duration_us", NS_IN_US), packets))
    made = column(f"{ours}gap_{_PARTS[part]}_us", NS_IN_US)
    if part != "Std":
        return Out(theirs, zero_below(made, packets, 2))
    spread = population(made, pl.col(packets) - 1)
    note = "divides by n; theirs also leaves out the first gap's share"
    return Out(theirs, zero_below(spread, packets, 3), note)


def _joined_gaps() -> tuple[Out, ...]:
    """Of both directions together."""
    ways = ("forward_", "backward_")
    n = [(pl.col(f"{way}packets") - 1).clip(0) for way in ways]
    mean = [zero_below(pl.col(f"{way}gap_mean_us"), f"{way}packets", 2) for way in ways]
    std = [zero_below(pl.col(f"{way}gap_std_us"), f"{way}packets", 3) for way in ways]
    total = n[0] + n[1]
    none = total == 0
    middle = (n[0] * mean[0] + n[1] * mean[1]) / total
    within = sum(((n[i] - 1).clip(0) * std[i] ** 2 for i in (0, 1)), start=pl.lit(0.0))
    between = n[0] * n[1] / total * (mean[0] - mean[1]) ** 2
    ends = ("forward_gap_{}_us", "backward_gap_{}_us")
    made = {
        "Mean": middle,
        "Std": ((within + between) / total).sqrt(),
        "Min": pl.min_horizontal(end.format("min") for end in ends),
        "Max": pl.max_horizontal(end.format("max") for end in ends),
    }
    return tuple(
        Out(f"IAT{part}", pl.when(none).then(0).otherwise(values * NS_IN_US), _JOINED)
        for part, values in made.items()
    )


def _per_time() -> tuple[Out, ...]:
    lasted = pl.col("duration_us") * NS_IN_US
    return tuple(
        Out(_theirs(side, f"{name}PerTime"), pl.when(lasted > 0).then(pl.col(ours + kind) / lasted),
            "for each ns")
        for name, kind in (("FlowLength", "packets"), ("PacketSizeTotal", "raw_bytes"))
        for side, ours in _SIDES.items()
    )  # fmt: skip


_FIVE = pl.concat_str(
    "source_ip", "destination_ip", protocol_name(), pl.col("source_port").cast(pl.String),
    pl.col("destination_port").cast(pl.String), separator="--",
)  # fmt: skip

COLUMNS = ColumnSet(
    name="flowmeter",
    title="FlowMeter's CSV and the features of its model",
    columns=(
        Out("fiveTuple", _FIVE, "the initiator first"),
        Out("srcIP", pl.col("destination_ip"), _SWAPPED),
        Out("dstIP", pl.col("source_ip"), _SWAPPED),
        Out("protocol", protocol_name()),
        Out("srcPort", pl.col("destination_port").cast(pl.String), f"{_SWAPPED}; no name behind"),
        Out("dstPort", pl.col("source_port").cast(pl.String), f"{_SWAPPED}; no name behind"),
        Out("flowDuration", _number(column("duration_us", NS_IN_US)), "ns"),
        *(Out(_theirs(side, "FlowLength"), _number(pl.col(f"{ours}packets")), "not cut at 83")
          for side, ours in _SIDES.items()),
        *(_size("", part) for part in _PARTS),
        *(_size(side, part) for part in _PARTS for side in ("fwd", "bwd")),
        *_joined_gaps(),
        *(_gap(side, part) for part in _PARTS for side in ("fwd", "bwd")),
        *_per_time(),
    ),
    undefined="0, as FlowMeter does; ...PerTime of a flow that lasted no time, where it writes "
    "infinity, is null",
    left_out={},
)  # fmt: skip
