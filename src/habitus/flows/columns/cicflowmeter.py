"""The columns of CICFlowMeter's Java program, by the header of its present version."""

from __future__ import annotations

import polars as pl

from habitus.flows.columns.columnset import (
    ColumnSet,
    Out,
    column,
    whole,
    zero_below,
    zero_unless_tcp,
)

_SIDES = {"Fwd": "forward_", "Bwd": "backward_"}
_ONCE = "theirs counts the first packet twice"


def _lengths(side: str) -> tuple[Out, ...]:
    ours = _SIDES[side]
    return tuple(
        Out(f"{side} Packet Length {word}",
            zero_below(column(f"{ours}payload_{part}_bytes"), f"{ours}packets",
                       2 if part == "std" else 1))
        for word, part in (("Max", "max"), ("Min", "min"), ("Mean", "mean"), ("Std", "std"))
    )  # fmt: skip


def _gaps(name: str, ours: str, *, with_total: bool) -> tuple[Out, ...]:
    packets = f"{ours}packets"
    parts = tuple(
        Out(f"{name} IAT {word}",
            zero_below(column(f"{ours}gap_{part}_us"), packets, 3 if part == "std" else 2))
        for word, part in (("Mean", "mean"), ("Std", "std"), ("Max", "max"), ("Min", "min"))
    )  # fmt: skip
    total = Out(f"{name} IAT Total", zero_below(column(f"{ours}duration_us"), packets))
    return ((total,) if with_total else ()) + parts


def _flag(name: str, ours: str, note: str = "") -> Out:
    return Out(name, zero_unless_tcp(column(f"{ours}_packets")), note)


def _bulk(side: str) -> tuple[Out, ...]:
    ours = _SIDES[side]
    return tuple(
        Out(f"{side} {name} Avg", whole(zero_below(column(f"{ours}bulk_{part}"), f"{ours}bulks")),
            "theirs counts most bulks as backward")
        for name, part in (
            ("Bytes/Bulk", "bytes_mean"), ("Packet/Bulk", "packets_mean"),
            ("Bulk Rate", "bytes_per_s"),
        )
    )  # fmt: skip


def _spans(name: str, ours: str) -> tuple[Out, ...]:
    return tuple(
        Out(f"{name} {word}",
            zero_below(column(f"{ours}_{part}_us"), f"{ours}_count", 2 if part == "std" else 1))
        for word, part in (("Mean", "mean"), ("Std", "std"), ("Max", "max"), ("Min", "min"))
    )  # fmt: skip


_FLOW_ID = pl.concat_str(
    "source_ip", "destination_ip", pl.col("source_port").cast(pl.String),
    pl.col("destination_port").cast(pl.String), pl.col("protocol").cast(pl.String), separator="-",
)  # fmt: skip
_WHEN = pl.col("start_ns").cast(pl.Datetime("ns")).dt.strftime("%d/%m/%Y %I:%M:%S %p")
_DOWN_UP = pl.col("backward_packets") / pl.col("forward_packets")
_SUBFLOWS = "theirs takes every packet for a subflow"

COLUMNS = ColumnSet(
    name="cicflowmeter",
    title="CICFlowMeter's CSV (Java, present header)",
    columns=(
        Out("Flow ID", _FLOW_ID),
        Out("Src IP", pl.col("source_ip")),
        Out("Src Port", pl.col("source_port")),
        Out("Dst IP", pl.col("destination_ip")),
        Out("Dst Port", pl.col("destination_port")),
        Out("Protocol", pl.col("protocol")),
        Out("Timestamp", _WHEN, "in UTC; theirs by the machine's own clock"),
        Out("Flow Duration", whole(pl.col("duration_us")), "us"),
        Out("Total Fwd Packet", pl.col("forward_packets")),
        Out("Total Bwd packets", pl.col("backward_packets")),
        Out("Total Length of Fwd Packet", pl.col("forward_payload_bytes"), "payload"),
        Out("Total Length of Bwd Packet", pl.col("backward_payload_bytes"), "payload"),
        *_lengths("Fwd"),
        *_lengths("Bwd"),
        Out("Flow Bytes/s", pl.col("payload_bytes_per_s"), "null where theirs is Infinity or NaN"),
        Out("Flow Packets/s", pl.col("packets_per_s"), "null where theirs is Infinity"),
        *_gaps("Flow", "", with_total=False),
        *_gaps("Fwd", "forward_", with_total=True),
        *_gaps("Bwd", "backward_", with_total=True),
        _flag("Fwd PSH Flags", "forward_psh", "theirs of the first packet alone"),
        _flag("Bwd PSH Flags", "backward_psh", "theirs of the first packet alone"),
        _flag("Fwd URG Flags", "forward_urg", "theirs of the first packet alone"),
        _flag("Bwd URG Flags", "backward_urg", "theirs of the first packet alone"),
        Out("Fwd Header Length", pl.col("forward_header_bytes"), "of transport"),
        Out("Bwd Header Length", pl.col("backward_header_bytes"), "of transport"),
        *(Out(f"{side} Packets/s", pl.when(pl.col("duration_us") == 0).then(0)
              .otherwise(pl.col(f"{ours}packets_per_s"))) for side, ours in _SIDES.items()),
        Out("Packet Length Min", zero_below(column("payload_min_bytes"), "packets")),
        Out("Packet Length Max", zero_below(column("payload_max_bytes"), "packets")),
        Out("Packet Length Mean", zero_below(column("payload_mean_bytes"), "packets"), _ONCE),
        Out("Packet Length Std", zero_below(column("payload_std_bytes"), "packets", 2), _ONCE),
        Out("Packet Length Variance", zero_below(column("payload_std_bytes") ** 2, "packets", 2),
            _ONCE),
        *(_flag(f"{flag.upper()} Flag Count", flag)
          for flag in ("fin", "syn", "rst", "psh", "ack", "urg", "cwr", "ece")),
        Out("Down/Up Ratio", zero_below(whole(_DOWN_UP), "forward_packets"),
            "of packets, cut to a whole number"),
        Out("Average Packet Size", zero_below(column("payload_mean_bytes"), "packets"), _ONCE),
        Out("Fwd Segment Size Avg", zero_below(column("forward_payload_mean_bytes"),
                                               "forward_packets")),
        Out("Bwd Segment Size Avg", zero_below(column("backward_payload_mean_bytes"),
                                               "backward_packets")),
        *_bulk("Fwd"),
        *_bulk("Bwd"),
        *(Out(f"Subflow {side} {word}", whole(pl.col(ours + kind) / pl.col("subflows")), _SUBFLOWS)
          for side, ours in _SIDES.items()
          for word, kind in (("Packets", "packets"), ("Bytes", "payload_bytes"))),
        Out("FWD Init Win Bytes", zero_unless_tcp(
            zero_below(column("forward_window_first_bytes"), "forward_packets"))),
        Out("Bwd Init Win Bytes", zero_unless_tcp(
            zero_below(column("backward_window_first_bytes"), "backward_packets")),
            "theirs is that of the last backward packet"),
        Out("Fwd Act Data Pkts", pl.col("forward_payload_packets"),
            "theirs leaves out the first packet"),
        Out("Fwd Seg Size Min", zero_below(column("forward_header_min_bytes"), "forward_packets"),
            "the shortest transport header"),
        *_spans("Active", "active"),
        *_spans("Idle", "idle"),
        Out("Label", pl.col("label").fill_null("NeedManualLabel")),
    ),
    undefined="0, as CICFlowMeter does; rates of a flow that lasted no time, where it writes "
    "Infinity or NaN, are null",
    left_out={},
)  # fmt: skip
