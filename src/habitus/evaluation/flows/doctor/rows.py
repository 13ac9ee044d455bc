"""Flows that stand in the data twice: as their own reverse, as themselves, or as each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from habitus.detectors.flow.feature_sets import DEFAULT, features_named
from habitus.detectors.flow.matrix import FlowInputs
from habitus.errors import UsageError
from habitus.evaluation.doctor.findings import Finding, Kind
from habitus.flows.labelled import LabelledFlows  # noqa: TC001 - checks are called with it

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

TWINS = Kind(
    id="reverse-twins",
    meaning="Flows whose own reverse is another flow of the same file: one conversation is two "
    "rows, each with one direction.",
    effect="Features of the other direction are empty, every conversation counts twice, and random "
    "rows learn one half and are judged on the other.",
    remedy="Make the flows again from the capture (`habitus flows extract`), or join the halves.",
    warning=0.01,
    serious=0.2,
    reason="share of the flows; a few come about where an answer outlives its flow, a fifth where "
    "a program never joins directions",
)
TWICE = Kind(
    id="recorded-twice",
    meaning="Flows with the same ends, the same start to the nanosecond and the same packets as "
    "another: the same flow, read twice.",
    effect="Splits put one copy on either side, and the model is judged on what it has learned; "
    "across classes, one of the labels is wrong.",
    remedy="Leave out captures that hold the same packets, and copies of files.",
    warning=0.0001,
    serious=0.05,
    reason="share of the flows; by accident there is none",
)
ALIKE = Kind(
    id="alike-flows",
    meaning="Flows all of whose features equal those of another flow, though they are not the "
    "same: retries, scans, floods.",
    effect="By random rows copies of one flow stand on both sides; a thousand copies are one "
    "observation, and intervals over flows are too narrow.",
    remedy="Split by file, weigh files equally, as `habitus evaluate` does.",
    warning=0.2,
    serious=0.7,
    reason="share of the flows; short flows are often alike, floods nearly always",
)
BOTH = Kind(
    id="alike-across-labels",
    meaning="Malicious flows all of whose features equal those of a benign one.",
    effect="No model can tell them apart by these features: they bound detection, or their label "
    "is wrong.",
    remedy="Look at the examples: what makes them malicious may lie in no flow by itself.",
    warning=0.01,
    serious=0.3,
    reason="share of the malicious flows",
)
_ENDS = ("source_ip", "source_port", "destination_ip", "destination_port", "protocol")
_MOST_PAIRS = 5_000_000


def reverse_twins(flows: LabelledFlows, seed: int) -> Iterator[Finding]:
    """Flows of which the reverse is there, too, at the same time where times are told."""
    del seed
    if not set(_ENDS) <= set(flows.flows.columns):
        return
    table = _keyed(flows).filter(
        pl.all_horizontal(pl.col(name).is_not_null() for name in _ENDS)
        & ((pl.col("source_ip") != pl.col("destination_ip"))
           | (pl.col("source_port") != pl.col("destination_port")))
    )  # fmt: skip
    turned = table.rename(
        {
            "source_ip": "destination_ip", "destination_ip": "source_ip",
            "source_port": "destination_port", "destination_port": "source_port",
        }
    )  # fmt: skip
    keys = ["file", *_ENDS]
    found = table.join(turned.select(keys).unique(), on=keys, how="semi")
    pairs = found.group_by(keys).len()["len"].cast(pl.Float64).pow(2).sum() if len(found) else 0
    if {"start", "end"} <= set(found.columns) and pairs <= _MOST_PAIRS:
        both = found.join(turned, on=keys, suffix="_other")
        at_once = (pl.col("start") <= pl.col("end_other")) & (
            pl.col("start_other") <= pl.col("end")
        )
        found = both.filter(at_once.fill_null(value=True)).unique("row")
    if len(found):
        rows = np.sort(found["row"].to_numpy())
        yield TWINS.finding(
            f"{len(rows):,} of {len(flows):,} flows have their own reverse as another row",
            len(rows),
            len(flows),
            examples=[described(flows, row) for row in rows[:5].tolist()],
        )


def joined_twins(flows: LabelledFlows, n_twins: int) -> Finding:
    """What reading joined already: the file itself holds each direction by itself."""
    n_rows = len(flows) + flows.n_unlabelled + n_twins // 2
    return TWINS.finding(
        f"{n_twins:,} of {n_rows:,} rows were the two directions of {n_twins // 2:,} flows, and "
        "reading joined them; whoever learns from the rows learns each conversation twice",
        n_twins,
        n_rows,
    )


def recorded_twice(flows: LabelledFlows, seed: int) -> Iterator[Finding]:
    """Flows with the ends, start and packets of another."""
    del seed
    wanted = [*_ENDS, "start_ns", "packets"]
    if not set(wanted) <= set(flows.flows.columns):
        return
    table = flows.flows.select(wanted).with_columns(
        pl.int_range(pl.len()).alias("row"), pl.Series("bad", flows.malicious)
    )
    told = table.filter(pl.col("start_ns").is_not_null() & pl.col("source_ip").is_not_null())
    again = told.filter(pl.struct(wanted).is_duplicated())
    if len(again):
        labels = again.group_by(wanted).agg(pl.col("bad").n_unique().alias("n"), pl.len())
        n_both = int(labels.filter(pl.col("n") > 1)["len"].sum())
        across = f", {n_both:,} of them with both labels" if n_both else ""
        yield TWICE.finding(
            f"{len(again):,} of {len(flows):,} flows are recorded twice{across}",
            len(again),
            len(flows),
            examples=[described(flows, row) for row in again["row"][:5].to_list()],
            numbers={"with_both_labels": n_both},
        )


def alike_flows(flows: LabelledFlows, seed: int) -> Iterator[Finding]:
    """Flows with the features of another, within classes and across them."""
    del seed
    codes = _by_features(flows)
    if codes is None:
        return
    n_same = np.bincount(codes)
    alike = n_same[codes] > 1
    n_distinct = len(n_same)
    if alike.any():
        yield ALIKE.finding(
            f"{int(alike.sum()):,} of {len(flows):,} flows equal another in all features: "
            f"{n_distinct:,} are distinct",
            int(alike.sum()),
            len(flows),
            numbers={"distinct": n_distinct, "largest": int(n_same.max())},
        )
    if not 0 < flows.n_malicious < len(flows):
        return
    is_benign = np.bincount(codes[~flows.malicious], minlength=n_distinct) > 0
    across = flows.malicious & is_benign[codes]
    if across.any():
        rows = np.flatnonzero(across)
        yield BOTH.finding(
            f"{len(rows):,} of {flows.n_malicious:,} malicious flows equal a benign one in all "
            "features",
            len(rows),
            flows.n_malicious,
            examples=[described(flows, row) for row in rows[:5].tolist()],
        )


def described(flows: LabelledFlows, row: int) -> str:
    """A flow, so that it can be found."""
    table, file = flows.flows, flows.files[int(flows.file_of[row])].name
    if not set(_ENDS) <= set(table.columns):
        return f"{file}, row {row + 1}"
    told = table.row(row, named=True)
    ends = " -> ".join(
        f"{told[f'{end}_ip']}:{told[f'{end}_port']}" for end in ("source", "destination")
    )
    return f"{file}: {ends}, protocol {told['protocol']}"


def _keyed(flows: LabelledFlows) -> pl.DataFrame:
    times = [
        pl.col(name).alias(short)
        for name, short in (("start_ns", "start"), ("end_ns", "end"))
        if name in flows.flows.columns
    ]
    return flows.flows.select(*_ENDS, *times).with_columns(
        pl.int_range(pl.len()).alias("row"), pl.Series("file", flows.file_of)
    )


def _by_features(flows: LabelledFlows) -> NDArray[np.int64] | None:
    """(n,) the same number for flows alike in all default features; None without features."""
    try:
        _, matrix, _ = FlowInputs.chosen(flows.flows, features_named(DEFAULT))
    except UsageError:
        return None
    rows = np.ascontiguousarray(np.nan_to_num(matrix, nan=-1.0))
    whole = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    return np.unique(whole, return_inverse=True)[1].astype(np.int64)
