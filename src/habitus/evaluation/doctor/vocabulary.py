"""Vocabularies: calls that were never learned, and alphabets that do not belong together."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.doctor.examined import most_common
from habitus.evaluation.doctor.findings import Finding, Kind
from habitus.syscalls import ABIS, family_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.evaluation.doctor.examined import Examined, Indices, Part

_PRIVATE = re.compile(r"(.+):\d+")
_WORTH_SAYING = 0.1
"""Share of a part's calls; a few unseen calls are told by `UNSEEN_CALLS` already."""

UNSEEN_CALLS = Kind(
    id="unseen-calls",
    meaning="Normal or unlabelled traces that hold a call which no learned trace makes.",
    effect="What a detector makes of an unknown call decides their score: where it takes every "
    "unknown call for an intrusion, they are false alarms.",
    remedy="Learn from more traces; read how the detector treats unknown calls; report how many "
    "judged traces hold one, as `habitus evaluate` does.",
    warning=0.01,
    serious=0.2,
    reason="a budget of 1 % false alarms can be spent on these traces alone",
)
UNSEEN_IN_ATTACKS = Kind(
    id="unseen-calls-in-attacks",
    meaning="Attack traces that hold a call which no learned trace makes.",
    effect="They can be found by looking names up in a list: detection says little about attacks "
    "that make do with known calls.",
    remedy="Report detection without them, too; learn from more normal traces, so that a name "
    "alone tells less.",
    warning=0.25,
    serious=None,
    reason="new calls are what some attacks are; from a quarter on, a list of names is a detector",
)
MIXED_ALPHABETS = Kind(
    id="mixed-alphabets",
    meaning="Some traces hold call names, others numbers that one program alone gives a meaning.",
    effect="No call of the one can occur in the other: everything looks strange, or the alphabet "
    "gives the label away.",
    remedy="Check and evaluate each program by itself; never mix its numbers with names.",
    warning=0.0,
    serious=0.05,
    reason="there is no honest reason for a mixture; below 5 % a few stray files are likelier",
)
UNKNOWN_NAMES = Kind(
    id="unknown-names",
    meaning="Calls whose names stand in no table of Linux system calls.",
    effect="They are events of a tracer, misspelt, of another system, or numbers read with the "
    "wrong table; families and comparisons between data sets do not work for them.",
    remedy="Look at the examples: was the right format, and the right --abi, chosen?",
    warning=0.01,
    serious=0.2,
    reason="a recorder's odd event is below 1 % of the calls; a wrong table reaches a fifth",
)
LITTLE_OVERLAP = Kind(
    id="little-overlap",
    meaning="A part's calls are mostly, or often, calls that what it is compared with never makes.",
    effect="A detector learned on the one says that everything in the other is strange, attack or "
    "not.",
    remedy="See whether both were read with the same --abi and recorded in the same way; learn "
    "from traces of the system that is judged.",
    warning=0.1,
    serious=0.5,
    reason="share of the calls made; one in ten touches nearly every window, and beyond a half "
    "there is more that is unknown than known",
)


def private_program(name: str) -> str | None:
    """Whose number a call is, where only one program gives it a meaning.

    >>> private_program("unm-sendmail:5"), private_program("openat"), private_program("i386:999")
    ('unm-sendmail', None, None)
    """
    found = _PRIVATE.fullmatch(name)
    return found[1] if found is not None and found[1] not in ABIS else None


def programs_of(examined: Examined) -> tuple[list[str], Indices]:
    """(the programs with numbers of their own; (n_names,) int64: whose each name is, or -1)."""
    numbers: dict[str, int] = {}
    codes = np.full(len(examined.traces.alphabet), -1, dtype=np.int64)
    for call, name in enumerate(examined.traces.alphabet):
        program = private_program(name)
        if program is not None:
            codes[call] = numbers.setdefault(program, len(numbers))
    return list(numbers), codes


def unseen_calls(examined: Examined) -> Iterator[Finding]:
    """Normal and unlabelled traces that hold calls which were never learned, by part."""
    yield from _unseen(UNSEEN_CALLS, examined, examined.with_role("normal", "unlabelled"))


def unseen_calls_in_attacks(examined: Examined) -> Iterator[Finding]:
    """Attacks that hold calls which were never learned."""
    yield from _unseen(UNSEEN_IN_ATTACKS, examined, examined.with_role("attack"))


def _unseen(kind: Kind, examined: Examined, parts: tuple[Part, ...]) -> Iterator[Finding]:
    learned = examined.indices("learned")
    if not len(learned):
        return
    is_new = examined.calls_by_name(learned) == 0
    counts = examined.call_counts
    for part in parts:
        new = np.isin(counts.trace, part.indices) & is_new[counts.call]
        holders = np.unique(counts.trace[new])
        if not len(holders):
            continue
        held = Counter(examined.traces.alphabet[call] for call in counts.call[new])
        yield kind.finding(
            f"{len(holders):,} of {len(part):,} {part.name} traces hold a call that was never "
            f"learned (such calls: {len(held):,})",
            len(holders),
            len(part),
            parts=[part],
            examples=most_common(held, "trace"),
            numbers={"calls": len(held)},
        )


def mixed_alphabets(examined: Examined) -> Iterator[Finding]:
    """Names beside private numbers."""
    is_private = programs_of(examined)[1] >= 0
    counts = examined.call_counts
    n_private = np.bincount(
        counts.trace, counts.count * is_private[counts.call], minlength=examined.traces.n_traces
    )
    rare = np.flatnonzero(n_private)
    others = np.flatnonzero(examined.lengths > n_private)
    if len(rare) and len(others):
        fewer = min(rare, others, key=len)
        yield MIXED_ALPHABETS.finding(
            f"{len(rare):,} traces hold numbers of one program's own, and {len(others):,} hold "
            "call names",
            len(fewer),
            examined.traces.n_traces,
            parts=examined.parts,
            examples=examined.names(fewer[:5]),
        )


def unknown_names(examined: Examined) -> Iterator[Finding]:
    """Names that no table knows."""
    is_unknown = [
        family_of(name) == "unknown" and private_program(name) is None
        for name in examined.traces.alphabet
    ]
    made = examined.calls_by_name(np.arange(examined.traces.n_traces)) * np.array(is_unknown, bool)
    if not made.any():
        return
    names = Counter({examined.traces.alphabet[c]: int(made[c]) for c in np.flatnonzero(made)})
    total = examined.traces.n_calls
    yield UNKNOWN_NAMES.finding(
        f"in no table of Linux calls: {made.sum():,} of {total:,} calls ({len(names):,} names)",
        int(made.sum()),
        total,
        parts=examined.parts,
        examples=most_common(names, "call"),
        numbers={"names": len(names)},
    )


def little_overlap(examined: Examined) -> Iterator[Finding]:
    """Parts that share few calls with what they are compared with."""
    reference = examined.reference_indices
    if not len(reference):
        return
    known = examined.calls_by_name(reference) > 0
    for part in examined.compared:
        made = examined.calls_by_name(part.indices)
        new = made * ~known
        if new.sum() < _WORTH_SAYING * max(made.sum(), 1):
            continue
        names = Counter({examined.traces.alphabet[c]: int(new[c]) for c in np.flatnonzero(new)})
        what = " and ".join(p.name for p in examined.reference)
        yield LITTLE_OVERLAP.finding(
            f"{new.sum() / made.sum():.0%} of the calls in {part.name} traces are never made in "
            f"{what} traces",
            int(new.sum()),
            int(made.sum()),
            parts=[part, *examined.reference],
            examples=most_common(names, "call"),
        )
