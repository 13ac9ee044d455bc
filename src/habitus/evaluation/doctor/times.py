"""Times: clocks that run backwards, and learning from what was recorded after the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.doctor.findings import Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.evaluation.doctor.examined import Examined, Indices

_DAY_NS = 86_400 * 10**9
_LATEST = np.iinfo(np.int64).max

BACKWARDS = Kind(
    id="times-backwards",
    meaning="Traces in which a call is made before the one that stands above it.",
    effect="The order of calls, which is all that a sequence detector sees, may be wrong; delays "
    "are.",
    remedy="Record with one clock; sort merged files by time before reading them.",
    warning=0.0,
    serious=0.05,
    reason="a set clock explains one; one in twenty is a merge that went wrong",
)
LEARNED_LATER = Kind(
    id="learned-after-test",
    meaning="Learned traces that begin after most of the judged ones.",
    effect="A detector knows what the system became later: its results are not those it would have "
    "had at the time.",
    remedy="Learn from the earlier recordings and judge the later ones.",
    warning=0.25,
    serious=0.5,
    reason="share of the learned traces with times; programs recorded one after the other reach "
    "some, and beyond a half it is learned from the future",
)
AT_ONCE = Kind(
    id="recorded-at-once",
    meaning="Learned traces that were recorded while judged ones were.",
    effect="They share the system's state, its load and its clients: judged traces are less new "
    "than later ones would be.",
    remedy="Leave a gap of time between what is learned and what is judged.",
    warning=0.1,
    serious=None,
    reason="share of the learned traces with times; it flatters, but turns nothing round by itself",
)


def times_backwards(examined: Examined) -> Iterator[Finding]:
    """Traces whose times run backwards."""
    times = examined.traces.times_ns
    if times is None or len(times) < 2:
        return
    owner = examined.trace_of_call
    known = np.flatnonzero(times >= 0)
    back = (np.diff(times[known]) < 0) & (owner[known][1:] == owner[known][:-1])
    bad = np.unique(owner[known][1:][back])
    if len(bad):
        yield BACKWARDS.finding(
            f"{len(bad):,} of {examined.traces.n_traces:,} traces run backwards in time, at "
            f"{back.sum():,} calls",
            len(bad),
            examined.traces.n_traces,
            parts=examined.parts,
            examples=examined.names(bad[:5]),
            numbers={"calls": int(back.sum())},
        )


def learned_after_test(examined: Examined) -> Iterator[Finding]:
    """Learned traces that begin after the median judged one."""
    spans = _spans(examined)
    if spans is None:
        return
    learned, begins, _, judged, judged_begins, _ = spans
    middle = np.median(judged_begins)
    later = learned[begins > middle]
    if len(later):
        yield LEARNED_LATER.finding(
            f"{len(later):,} of {len(learned):,} learned traces begin after half of the "
            f"{len(judged):,} judged ones",
            len(later),
            len(learned),
            parts=examined.parts,
            examples=examined.names(later[:5]),
        )


def recorded_at_once(examined: Examined) -> Iterator[Finding]:
    """Learned traces during which a judged one was recorded."""
    spans = _spans(examined)
    if spans is None:
        return
    learned, begins, ends, _, judged_begins, judged_ends = spans
    order = np.argsort(judged_begins)
    latest_end = np.maximum.accumulate(judged_ends[order])
    # Of the judged traces that begin before this one ends, does any end after this one begins?
    before = np.searchsorted(judged_begins[order], ends, side="right")
    meets = (before > 0) & (latest_end[np.maximum(before - 1, 0)] >= begins)
    if meets.any():
        yield AT_ONCE.finding(
            f"{meets.sum():,} of {len(learned):,} learned traces were recorded while judged ones "
            "were",
            int(meets.sum()),
            len(learned),
            parts=examined.parts,
            examples=examined.names(learned[meets][:5]),
        )


def _spans(
    examined: Examined,
) -> tuple[Indices, Indices, Indices, Indices, Indices, Indices] | None:
    """Learned traces with their first and last times, and judged ones with theirs.

    None where nothing can be said: no times on one side, or times of a day without its date.
    """
    times = examined.traces.times_ns
    if times is None or not len(times) or not examined.with_role("learned"):
        return None
    filled = np.flatnonzero(examined.lengths)
    starts = examined.traces.offsets[filled]
    begins = np.full(examined.traces.n_traces, _LATEST)
    ends = np.full(examined.traces.n_traces, -1)
    begins[filled] = np.minimum.reduceat(np.where(times < 0, _LATEST, times), starts)
    ends[filled] = np.maximum.reduceat(times, starts)
    learned = examined.indices("learned")
    judged = examined.indices("normal", "attack", "unlabelled")
    learned, judged = learned[ends[learned] >= 0], judged[ends[judged] >= 0]
    if not len(learned) or not len(judged):
        return None
    if min(begins[learned].min(), begins[judged].min()) < _DAY_NS:
        return None
    return learned, begins[learned], ends[learned], judged, begins[judged], ends[judged]
