"""Features that never change, and clocks that cannot be right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from habitus.detectors.flow.feature_sets import DEFAULT, feature_sets
from habitus.evaluation.doctor.findings import Finding, Kind
from habitus.evaluation.flows.doctor.rows import described
from habitus.flows.labelled import LabelledFlows  # noqa: TC001 - checks are called with it

if TYPE_CHECKING:
    from collections.abc import Iterator

CONSTANT = Kind(
    id="constant-features",
    meaning="Features that are null, or the same, in every flow.",
    effect="A model says nothing of them; where the data of another day do tell them, it cannot "
    "know what they mean. Whole directions that are constant mean one-sided flows.",
    remedy="Look whether the program that made the flows can tell them; train on flows of the kind "
    "that is judged.",
    warning=0.3,
    serious=0.6,
    reason="share of the default features; connection logs of Zeek lack half of them by nature",
)
CLOCK = Kind(
    id="clock-nonsense",
    meaning="Flows that end before they begin, whose duration is another than their times say, or "
    "whose time is before 1990 or after 2100.",
    effect="Times, gaps and rates are wrong, and a model may learn the broken clock of a capture; "
    "alarms per hour and splits by time mean nothing.",
    remedy="Make the flows again from packets; leave times out (--set features=default,-times).",
    warning=0.0001,
    serious=0.05,
    reason="share of the flows; a sound clock makes none",
)
PIECES = Kind(
    id="pieces-of-other-times",
    meaning="Files with more than a day without a flow between two flows: pieces of several "
    "recordings, put together.",
    effect="Hours of capture, and with them alarms per hour, are those of the pieces; splits by "
    "time put one piece on either side.",
    remedy="Divide such files, a piece a file; read alarms per hour with care.",
    warning=0.3,
    serious=None,
    reason="the share of files with such a pause",
)
AT_ONCE = Kind(
    id="no-times",
    meaning="Flows without a time.",
    effect="Nothing can be said by the hour, and splits by time are not possible.",
    remedy="Use the program's output that tells times.",
    warning=None,
    serious=None,
    reason="many programs tell none",
)
_1990, _2100 = 631_152_000_000_000_000, 4_102_444_800_000_000_000
_DAY_NS = 86_400_000_000_000


def constant_features(flows: LabelledFlows, seed: int) -> Iterator[Finding]:
    """Default features that say nothing here."""
    del seed
    names = feature_sets()[DEFAULT]
    still = [
        name
        for name in names
        if name not in flows.flows.columns or flows.flows[name].n_unique() == 1
    ]
    if still:
        empty = [
            name
            for name in still
            if name not in flows.flows.columns or flows.flows[name].is_null().all()
        ]
        yield CONSTANT.finding(
            f"{len(still)} of {len(names)} features never change, {len(empty)} of them told by no "
            "flow",
            len(still),
            len(names),
            examples=[f"{name}{' (told by no flow)' if name in empty else ''}" for name in still],
        )


def clock_nonsense(flows: LabelledFlows, seed: int) -> Iterator[Finding]:
    """Times that cannot be, and files that are pieces."""
    del seed
    if not {"start_ns", "end_ns"} <= set(flows.flows.columns):
        yield _no_times(flows, len(flows))
        return
    starts, ends = pl.col("start_ns"), pl.col("end_ns")
    wrong = {
        "end before they begin": ends < starts,
        "began before 1990": starts < _1990,
        "began after 2100": starts > _2100,
    }
    if "duration_us" in flows.flows.columns:
        by_times = (ends - starts).cast(pl.Float64) / 1000
        apart = (pl.col("duration_us").cast(pl.Float64) - by_times).abs()
        # Programs round times to microseconds or milliseconds, each on its own.
        wrong["last another time than from start to end"] = apart > 2000 + 0.01 * by_times.abs()
    told = flows.flows.select(
        expression.fill_null(value=False).alias(what) for what, expression in wrong.items()
    )
    any_wrong = np.logical_or.reduce([told[what].to_numpy() for what in wrong])
    if any_wrong.any():
        counts = {what: int(told[what].sum()) for what in wrong}
        rows = np.flatnonzero(any_wrong)
        said = ", ".join(f"{n:,} {what}" for what, n in counts.items() if n)
        yield CLOCK.finding(
            f"{len(rows):,} of {len(flows):,} flows have times that cannot be: {said}",
            len(rows),
            len(flows),
            examples=[described(flows, row) for row in rows[:5].tolist()],
        )
    n_none = int(flows.flows["start_ns"].is_null().sum())
    if n_none:
        yield _no_times(flows, n_none)
    yield from _pieces(flows)


def _pieces(flows: LabelledFlows) -> Iterator[Finding]:
    numbers = np.unique(flows.file_of)
    broken = []
    for number in numbers.tolist():
        times = flows.flows.filter(flows.file_of == number).select("start_ns", "end_ns")
        ordered = times.drop_nulls().sort("start_ns")
        if len(ordered) < 2:
            continue
        begun = ordered["start_ns"].to_numpy()
        until = np.maximum.accumulate(ordered["end_ns"].to_numpy())
        longest = int((begun[1:] - until[:-1]).max())
        if longest > _DAY_NS:
            broken.append((longest, flows.files[number].name))
    if broken:
        yield PIECES.finding(
            f"{len(broken):,} of {len(numbers):,} files are pieces of other days put together",
            len(broken),
            len(numbers),
            examples=[
                f"{name}: {length // _DAY_NS:,} days without a flow"
                for length, name in sorted(broken, reverse=True)
            ],
        )


def _no_times(flows: LabelledFlows, n: int) -> Finding:
    return AT_ONCE.finding(f"{n:,} of {len(flows):,} flows tell no time", n, len(flows))
