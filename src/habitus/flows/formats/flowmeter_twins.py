"""FlowMeter's rows whose reverse is another row: the two directions of one flow, joined again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from habitus.errors import InputError
from habitus.flows.flowtable import SOURCE
from habitus.flows.formats.base import LABEL, LINE, record_schema
from habitus.flows.formats.completing import completed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.flows.record_report import FlowReport

MAX_ROWS = 200_000
"""Rows of a file among which twins are looked for: all of them are in memory at that time."""
_ENDS = ("client_ip", "client_port", "server_ip", "server_port")
_KEY = (*_ENDS, "protocol", SOURCE)


def twins_merged(tables: Iterator[pl.DataFrame], report: FlowReport) -> Iterator[pl.DataFrame]:
    """A file's tables with the twins in them joined, where the file has FlowMeter's defect.

    A file that tells of a forward packet comes from a FlowMeter that knew its own address, or from
    somebody else: its directions are believed, and it stays as it is.
    """
    held: list[pl.DataFrame] = []
    n_rows = 0
    given_up: InputError | None = None
    try:
        for table in tables:
            held.append(table)
            n_rows += len(table)
            tells_forward = bool((table["forward_packets"] > 0).any())
            if tells_forward or n_rows > MAX_ROWS:
                if not tells_forward:
                    report.add_note(f"files of over {MAX_ROWS:,} rows, whose twins stay apart")
                yield from held
                yield from tables
                return
    except InputError as error:  # what stands before it counts
        given_up = error
    if held:
        rows = pl.concat(held)
        flows = merge_reverse_twins(rows)
        report.n_flows -= len(rows) - len(flows)
        report.n_one_way += len(rows)
        report.n_twins += 2 * (len(rows) - len(flows))
        yield flows
    if given_up is not None:
        raise given_up


def merge_reverse_twins(frame: pl.DataFrame) -> pl.DataFrame:
    """One flow of each two rows that are each other's reverse; others stay one each.

    Rows are taken for twins if both tell of one direction alone, and of what one sends the other
    tells the answer: same protocol and file, addresses and ports the other way round, and nothing
    else between them. No times are told, so forward is what the client sends: the server is the end
    that stands in more rows of the table, of equals that with the lower port. A row without a twin
    is turned by the same rule. A row that tells of both directions stays as it is.

    ``duration_us`` of a flow is that of its longer direction, which is the least that it can be;
    gaps both ways are unknown, and null. ``source_line`` is that of the client's row.

    Args:
        frame: as `habitus.flows.formats.flowmeter` reads it; (n,) with ``record_schema``.
    """
    is_one_way = (pl.col("forward_packets") > 0) != (pl.col("backward_packets") > 0)
    is_one_way &= pl.col("source_ip").is_not_null() & pl.col("destination_ip").is_not_null()
    numbered = frame.with_row_index("_row").with_columns(
        is_one_way.fill_null(value=False).alias("_one")
    )
    sent = _sent(numbered.filter("_one"))
    pair = (pl.col("_by_client").sum() == 1) & (pl.len() == 2)
    sent = sent.with_columns(
        pl.when(pair)
        .then(pl.col("_row").min())
        .otherwise(pl.col("_row"))
        .over(*_KEY)
        .alias("_flow")
    )
    by_client, by_server = sent.filter("_by_client"), sent.filter(~pl.col("_by_client"))
    joined = by_client.join(by_server, on="_flow", how="full", coalesce=True, suffix="_answer")
    flows = _flows(joined)
    kept = numbered.filter(~pl.col("_one")).drop("_one").with_columns(pl.col("_row").alias("_flow"))
    names = list(record_schema())
    both = pl.concat([flows.select("_flow", *names), kept.select("_flow", *names)])
    return both.sort("_flow").select(names)


def _directed() -> list[str]:
    """What there is of each direction."""
    names = record_schema()
    heads = [name.removeprefix("forward_") for name in names if name.startswith("forward_")]
    return [name for name in heads if f"backward_{name}" in names]


def _sent(frame: pl.DataFrame) -> pl.DataFrame:
    """Who sends what in rows of one direction: ``sent_...``, and whether it is the client."""
    forward = pl.col("forward_packets") > 0
    ends = {
        f"{who}_{part}": (
            pl.when(forward).then(pl.col(f"{first}_{part}")).otherwise(pl.col(f"{second}_{part}"))
        )
        for who, first, second in (
            ("sender", "source", "destination"), ("receiver", "destination", "source"),
        )
        for part in ("ip", "port")
    }  # fmt: skip
    rest = [
        name
        for name in (*record_schema(), "_row")
        if not name.startswith(("forward_", "backward_"))
    ]
    frame = frame.select(
        *rest,
        *(made.alias(name) for name, made in ends.items()),
        *(
            pl.when(forward)
            .then(pl.col(f"forward_{name}"))
            .otherwise(pl.col(f"backward_{name}"))
            .alias(f"sent_{name}")
            for name in _directed()
        ),
    )
    rows_of = pl.concat(
        [
            frame.select(pl.col(f"{who}_ip").alias("ip"), pl.col(f"{who}_port").alias("port"))
            for who in ("sender", "receiver")
        ]
    ).group_by("ip", "port").len("rows")  # fmt: skip
    for who in ("sender", "receiver"):
        frame = frame.join(
            rows_of.rename({"rows": f"_{who}_rows"}), how="left", nulls_equal=True,
            left_on=[f"{who}_ip", f"{who}_port"], right_on=["ip", "port"], maintain_order="left",
        )  # fmt: skip
    fewer = pl.col("_sender_rows") < pl.col("_receiver_rows")
    as_many = pl.col("_sender_rows") == pl.col("_receiver_rows")
    by_client = fewer | (as_many & (pl.col("sender_port") >= pl.col("receiver_port")))
    return frame.with_columns(by_client.fill_null(value=True).alias("_by_client")).with_columns(
        pl.when(pl.col("_by_client") == (who == "client"))
        .then(pl.col(f"sender_{part}"))
        .otherwise(pl.col(f"receiver_{part}"))
        .alias(f"{who}_{part}")
        for who in ("client", "server")
        for part in ("ip", "port")
    )


def _flows(joined: pl.DataFrame) -> pl.DataFrame:
    """Both directions side by side, and what follows from them."""
    schema = record_schema()
    ends = {
        "source_ip": "client_ip", "source_port": "client_port",
        "destination_ip": "server_ip", "destination_port": "server_port",
    }  # fmt: skip
    either = ("protocol", "ip_version", "vlan", SOURCE, LABEL, LINE)
    made = {name: _either(name) for name in either}
    made |= {name: _either(of) for name, of in ends.items()}
    for name in _directed():
        for side, suffix in (("forward", ""), ("backward", "_answer")):
            sent = pl.col(f"sent_{name}{suffix}")
            counts = name.endswith(("packets", "_bytes")) and not name.endswith(
                ("_mean_bytes", "_std_bytes", "_min_bytes", "_max_bytes", "_first_bytes")
            )
            # What nobody sent counts nothing, if its like is told of the other direction.
            other = pl.col(f"sent_{name}{'' if suffix else '_answer'}")
            nothing = pl.when(other.is_not_null()).then(0) if counts else pl.lit(None)
            made[f"{side}_{name}"] = pl.coalesce(sent, nothing).cast(schema[f"{side}_{name}"])
    made["duration_us"] = pl.max_horizontal("duration_us", "duration_us_answer")
    made["raw_min_bytes"] = pl.min_horizontal("sent_raw_min_bytes", "sent_raw_min_bytes_answer")
    made["raw_max_bytes"] = pl.max_horizontal("sent_raw_max_bytes", "sent_raw_max_bytes_answer")
    made["raw_std_bytes"] = _spread()
    # Of one direction alone, gaps within it are gaps between all packets.
    alone = pl.col("sent_packets").is_null() | pl.col("sent_packets_answer").is_null()
    for part in ("mean", "std", "min", "max"):
        made[f"gap_{part}_us"] = pl.when(alone).then(_either(f"gap_{part}_us"))
    flows = joined.select("_flow", *(made_of.alias(name) for name, made_of in made.items()))
    missing = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in made]
    return completed(flows.with_columns(missing))


def _either(name: str) -> pl.Expr:
    return pl.coalesce(pl.col(name), pl.col(f"{name}_answer"))


def _spread() -> pl.Expr:
    """The standard deviation of sizes both ways, of those of each.

    Source: T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm for
    computing sample variances", 1979.
    """
    n, mean, std = (
        [pl.col(f"sent_{name}{suffix}").fill_null(0) for suffix in ("", "_answer")]
        for name in ("packets", "raw_mean_bytes", "raw_std_bytes")
    )
    total = n[0] + n[1]
    within = (n[0] - 1).clip(0) * std[0] ** 2 + (n[1] - 1).clip(0) * std[1] ** 2
    between = (mean[0] - mean[1]) ** 2 * n[0] * n[1] / total
    return pl.when(total > 1).then(((within + between) / (total - 1)).sqrt())
