"""The attributes of NFStream's NFlow, core, statistical and of the first packets."""

from __future__ import annotations

import polars as pl

from habitus.flows.columns.columnset import (
    NS_IN_MS,
    ColumnSet,
    Out,
    column,
    whole,
    zero_below,
    zero_unless_tcp,
)

_SIDES = {"bidirectional": "", "src2dst": "forward_", "dst2src": "backward_"}
_PARTS = {"min": "min", "mean": "mean", "stddev": "std", "max": "max"}
_FLAGS = ("syn", "cwr", "ece", "urg", "ack", "psh", "rst", "fin")
_US_IN_MS = 1e-3


def _listed(made: pl.Expr) -> pl.Expr:
    """A list as Python writes it: a cell of CSV is text."""
    inner = made.cast(pl.List(pl.String)).list.join(", ")
    return pl.when(made.is_not_null()).then(pl.format("[{}]", inner))


def _core(theirs: str, ours: str) -> tuple[Out, ...]:
    if ours:
        lasted = whole(zero_below(column(f"{ours}duration_us", _US_IN_MS), f"{ours}packets"))
    else:
        lasted = pl.col("end_ns") // NS_IN_MS - pl.col("start_ns") // NS_IN_MS
    return (
        Out(f"{theirs}_duration_ms", lasted),
        Out(f"{theirs}_packets", pl.col(f"{ours}packets")),
        Out(f"{theirs}_bytes", pl.col(f"{ours}raw_bytes"), "of accounting_mode 0, the frame"),
    )


def _sizes(theirs: str, ours: str) -> tuple[Out, ...]:
    return tuple(
        Out(f"{theirs}_{word}_ps", zero_below(column(f"{ours}raw_{part}_bytes"), f"{ours}packets",
                                              2 if part == "std" else 1))
        for word, part in _PARTS.items()
    )  # fmt: skip


def _gaps(theirs: str, ours: str) -> tuple[Out, ...]:
    return tuple(
        Out(f"{theirs}_{word}_piat_ms",
            zero_below(column(f"{ours}gap_{part}_us", _US_IN_MS), f"{ours}packets",
                       3 if part == "std" else 2),
            "of exact times; theirs of times cut to whole milliseconds")
        for word, part in _PARTS.items()
    )  # fmt: skip


_SEEN = (
    Out("bidirectional_first_seen_ms", pl.col("start_ns") // NS_IN_MS),
    Out("bidirectional_last_seen_ms", pl.col("end_ns") // NS_IN_MS),
)
_CORE = {theirs: _core(theirs, ours) for theirs, ours in _SIDES.items()}

COLUMNS = ColumnSet(
    name="nfstream",
    title="NFStream's NFlow attributes, with statistics and the first packets",
    columns=(
        Out("id", pl.int_range(pl.len(), dtype=pl.Int64)),
        Out("expiration_id", pl.when(pl.col("end_reason") == "active").then(1).otherwise(0),
            "1 for an active timeout, else 0"),
        Out("src_ip", pl.col("source_ip")),
        Out("src_port", pl.col("source_port")),
        Out("dst_ip", pl.col("destination_ip")),
        Out("dst_port", pl.col("destination_port")),
        Out("protocol", pl.col("protocol")),
        Out("ip_version", pl.col("ip_version")),
        Out("vlan_id", pl.col("vlan") % 4096, "of two tags the inner"),
        *_SEEN,
        *_CORE["bidirectional"],
        *_CORE["src2dst"],
        *_CORE["dst2src"],
        *(out for theirs, ours in _SIDES.items() for out in _sizes(theirs, ours)),
        *(out for theirs, ours in _SIDES.items() for out in _gaps(theirs, ours)),
        *(Out(f"{theirs}_{flag}_packets", zero_unless_tcp(column(f"{ours}{flag}_packets")))
          for theirs, ours in _SIDES.items() for flag in _FLAGS),
        Out("splt_direction",
            _listed(pl.col("first_directions").list.eval((1 - pl.element()) // 2)),
            "not filled up with -1"),
        Out("splt_ps", _listed(pl.col("first_sizes_bytes")), "not filled up with -1"),
        Out("splt_piat_ms", _listed(pl.col("first_gaps_us").list.eval(pl.element() // 1000)),
            "not filled up with -1"),
    ),
    undefined="0, as NFStream does",
    numbered="id",
    left_out={
        "src_mac, src_oui, dst_mac, dst_oui": "we keep no addresses of links",
        "tunnel_id": "we count tunnels, but do not name them",
        "src2dst_first_seen_ms, src2dst_last_seen_ms, dst2src_first_seen_ms, dst2src_last_seen_ms":
            "when each direction began and ended; how long it lasted is there",
        "application_name, application_category_name, application_is_guessed, "
        "application_confidence, requested_server_name, client_fingerprint, server_fingerprint, "
        "user_agent, content_type": "what nDPI sees in payloads; we look at none",
        "system_process_pid, system_process_name, system_browser_tab":
            "what runs on the host that captures",
        "udps": "what plugins add",
    },
)  # fmt: skip
