"""What a check for drift says: the verdict, what to do, and what else to know."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.drift.result import Alarms, Drift

OTHER_PROGRAM = 0.5
"""Where half of the new sequences consist by half of what was never learned, and the reference
hardly any of them, it is another program, or its calls were read by the wrong table."""


def sentence_of(drift: Drift) -> str:
    """The verdict in words."""
    n_tested = drift.shifts[0].n_new
    if drift.verdict == "drifted":
        return f"drifted: {'; '.join(_findings(drift))}"
    if drift.verdict == "same":
        return (
            f"same: {n_tested:,} new sequences are no stranger than those that the thresholds were "
            "set on"
        )
    if drift.n_learned == drift.n_traces:
        return (
            f"cannot tell: every one of the {drift.n_traces:,} traces makes a sequence that the "
            "model has learned, or was given its threshold on; if they were recorded after that, "
            "nothing could be more alike, and if not, they say nothing"
        )
    if drift.n_more is None:
        return (
            "cannot tell: the thresholds were set on too few sequences that are not among the new "
            f"ones ({drift.shifts[0].n_reference:,}) to show even a marked drift"
        )
    return (
        f"cannot tell: {n_tested:,} new sequences are too few to show even a marked drift; about "
        f"{drift.n_more:,} more would do"
    )


def alarms_sentence(alarms: Alarms) -> str:
    """How many alarms there were, and how many were forecast."""
    if alarms.p is None:
        return "no trace has a score"
    seen = f"{alarms.n_over:,} of {alarms.n_traces:,} traces above the threshold"
    forecast = f"{alarms.low:,} to {alarms.high:,} were forecast (95 %)"
    if alarms.side == "more" and not alarms.drifted:
        return f"{seen}, {forecast}: more, but of so many tests one may say so by chance"
    return f"{seen}, {forecast}: {alarms.side}"


def _findings(drift: Drift) -> Iterator[str]:
    """What each test found that found something."""
    many = len(drift.alarms) > 1
    for alarms in drift.alarms:
        if alarms.drifted:
            by = f" by {alarms.decision}" if many else ""
            share = alarms.n_over / alarms.n_traces
            yield f"{share:.1%} false alarms{by}, not {alarms.expected:.1%}"
    for shift in drift.shifts:
        if shift.drifted:
            yield {
                "score": f"higher scores{f' by {shift.decision}' if many else ''}",
                "novel": "calls that were never learned",
                "unseen": "orders of calls that were never learned",
            }[shift.measure]


def advice_of(drift: Drift) -> Iterator[str]:
    """What to do."""
    model, data = shlex.quote(drift.model or "MODEL"), shlex.quote(drift.data)
    if drift.verdict == "cannot tell":
        yield from _advice_for_few(drift)
        return
    if drift.verdict == "same":
        yield "nothing: the forecast of false alarms still holds"
        return
    if _is_another_program(drift):
        yield (
            "is it the same program, and are --format and --abi right? So much was never learned "
            "that it may be another one, or its calls were read by another table"
        )
        return
    yield (
        "make sure that these traces are normal, for an intrusion looks like this, too: "
        f"`habitus explain {model} {data}` shows the strangest"
    )
    if drift.shift("novel").drifted:
        yield (
            "calls that were never learned are often a new version of the program, or of a "
            "library: train again, on the old traces and the new ones together"
        )
    elif drift.shift("unseen").drifted:
        yield (
            "known calls in orders that were never learned are other work, or another "
            "configuration: train again, on the old traces and the new ones together"
        )
    if all(alarms.side != "more" for alarms in drift.alarms):
        yield (
            "false alarms are as forecast, so that it can wait; check again when there are more "
            "traces"
        )
    else:
        yield (
            f"until then, or instead, set the threshold on the new ones, without training: "
            f"`habitus model threshold {model} --false-alarms ... --data {data}`"
        )


def _advice_for_few(drift: Drift) -> Iterator[str]:
    if drift.n_learned == drift.n_traces:
        yield "record new runs, after the training, and check those"
    elif drift.n_more is not None:
        yield f"collect about {drift.n_more:,} more traces that differ, and check again"
    else:
        yield "train on more traces that differ, or set the threshold on more (`--data`)"


def _is_another_program(drift: Drift) -> bool:
    shares = [drift.shift("novel"), drift.shift("unseen")]
    return any(
        share.drifted and share.new["0.5"] >= max(OTHER_PROGRAM, share.reference["0.9"])
        for share in shares
    )


def notes_of(drift: Drift, *, remembers_all: bool) -> Iterator[str]:
    """What else to know."""
    if drift.n_attacks:
        yield f"{drift.n_attacks:,} traces labelled attacks are left out"
    if drift.n_own:
        yield (
            f"{drift.n_own:,} traces are left out: they are those that the thresholds were set on"
        )
    if 0 < drift.n_learned < drift.n_traces:
        yield (
            f"{drift.n_learned:,} of the {drift.n_traces:,} traces make sequences that the model "
            "learned or was given its threshold on: they say nothing of new ones, and only the "
            "count of alarms has them in it"
        )
    if drift.n_unscoreable:
        yield f"{drift.n_unscoreable:,} traces are too short to be scored"
    if drift.method == "cross-fitting" and drift.verdict != "drifted":
        yield (
            "the thresholds' traces were scored by detectors that had learned a little less than "
            "the model (cross-fitting), so that a small drift may go unseen"
        )
    if drift.method == "training traces":
        yield (
            "the thresholds were set on what the model learned: any other trace looks stranger "
            "than those"
        )
    if not remembers_all:
        yield (
            "the model learned more than it remembers, so that it cannot tell which orders of "
            "calls it never learned"
        )
    if any(alarms.side == "fewer" for alarms in drift.alarms):
        yield "there are fewer alarms than were forecast: the threshold may be higher than need be"
