"""Numbers of calls: whether they were read with the right table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.doctor.bigrams import linux_bigrams, plain_name
from habitus.evaluation.doctor.findings import Finding, Kind
from habitus.syscalls import ABIS, name_of, number_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.evaluation.doctor.examined import Examined

WRONG_TABLE = Kind(
    id="wrong-call-table",
    meaning="Call numbers that look much more like Linux programs when they are read with the "
    "table of another ABI.",
    effect="Every name is wrong: explanations, families and comparisons with other data mislead. "
    "What a detector learns and judges from these data alone is not touched.",
    remedy="Read them with the --abi named here, and look whether the names make sense.",
    warning=0.5,
    serious=1.0,
    reason="nats of surprise a call, under pairs of calls of the shipped recordings, by which the "
    "other table does better; half a nat is a call in eight made sense of, measured gaps of wrong "
    "tables are above 2",
)
OTHER_LIST = Kind(
    id="published-list-is-another-table",
    meaning="A list of call names lies beside the data (or is published with them), and is not the "
    "table of the data's numbers.",
    effect="Whoever names the calls by it names nearly all of them wrongly; Habitus does not use "
    "it.",
    remedy="Do not use the list; name calls by the ABI that the data were recorded on (ADFA-LD: "
    "i386).",
    warning=0.05,
    serious=None,
    reason="share of the calls made that the list names otherwise than the table they were read "
    "with; the remainder are later names of one call",
)
MAX_CALLS = 1_000_000


def wrong_call_table(examined: Examined) -> Iterator[Finding]:
    """Whether another ABI's table makes more sense of the numbers."""
    if examined.abi is None or not examined.traces.n_calls:
        return
    surprises = surprise_by_table(examined, examined.abi)
    best = min(surprises, key=lambda abi: surprises[abi])
    gap = surprises[examined.abi] - surprises[best]
    if gap < 0.5:
        return
    yield WRONG_TABLE.finding(
        f"read as {examined.abi} numbers, calls surprise by {surprises[examined.abi]:.1f} nats; as "
        f"{best} numbers by {surprises[best]:.1f}",
        examined.traces.n_calls,
        examined.traces.n_calls,
        parts=examined.parts,
        examples=[f"{abi}: {surprises[abi]:.2f} nats a call" for abi in ABIS],
        numbers=surprises,
        graded_by=gap,
    )


def surprise_by_table(examined: Examined, abi: str) -> dict[str, float]:
    """Mean surprise of the calls (nats) under each ABI's table; at most `MAX_CALLS` are looked at.

    Args:
        abi: whose numbers the calls were read as.
    """
    calls = examined.traces.calls[:MAX_CALLS].astype(np.int64)
    owner = examined.trace_of_call[:MAX_CALLS]
    together = owner[1:] == owner[:-1]
    n = len(examined.traces.alphabet)
    pairs, times = np.unique(calls[:-1][together] * n + calls[1:][together], return_counts=True)
    if not len(pairs):
        return dict.fromkeys(ABIS, 0.0)
    numbers = [_number(abi, name) for name in examined.traces.alphabet]
    model = linux_bigrams()
    found = {}
    for table in ABIS:
        names = ["" if k is None else plain_name(name_of(table, k)) for k in numbers]
        surprise = model.surprise([(names[p // n], names[p % n]) for p in pairs.tolist()])
        found[table] = float(np.average(surprise, weights=times))
    return found


def published_list(examined: Examined) -> Iterator[Finding]:
    """Whether a list beside the data is another table than theirs; known for ADFA-LD."""
    if examined.abi is None:
        return
    made = examined.calls_by_name(np.arange(examined.traces.n_traces))
    total = int(made.sum())
    listed = examined.call_list
    if listed is None:
        if examined.is_adfa:
            yield OTHER_LIST.finding(
                "the list of call names that is published with ADFA-LD is not the table of its "
                "numbers (they are i386's): do not use it",
                0,
                total,
                parts=examined.parts,
            )
        return
    numbers = [_number(examined.abi, name) for name in examined.traces.alphabet]
    other = [
        (k, listed.names[k], name)
        for k, name in zip(numbers, examined.traces.alphabet, strict=True)
        if k is not None and k in listed.names and listed.names[k] != name
    ]
    by_name = dict(zip(examined.traces.alphabet, made.tolist(), strict=True))
    wrong = sum(by_name[name] for _, _, name in other)
    if not other:
        return
    order = sorted(other, key=lambda entry: -by_name[entry[2]])
    nearest = listed.nearest_abi
    yield OTHER_LIST.finding(
        f"{listed.source.rpartition('/')[2]} is not the table of these numbers: it is "
        f"{nearest}'s ({listed.agreement(nearest):.0%} of its entries), and names "
        f"{wrong / total:.0%} of the calls otherwise",
        wrong,
        total,
        parts=examined.parts,
        examples=[f"{k} is {name}, the list says {said}" for k, said, name in order[:5]],
        numbers={
            "entries": len(listed.names),
            "numbers_named_otherwise": len(other),
            **{f"like_{abi}": listed.agreement(abi) for abi in ABIS},
        },
    )


def _number(abi: str, name: str) -> int | None:
    """The number that a call was read from."""
    head, _, tail = name.partition(":")
    return (
        int(tail) if head == abi and tail.isdecimal() and len(tail) <= 12 else number_of(abi, name)
    )
