"""Ends: traces that were cut off, cut to a length, or end otherwise in attacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.doctor.findings import Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.evaluation.doctor.examined import Examined

_MOST = 0.8
_EXITS = ("exit", "exit_group")
_CAPPED = 5
_WORTH_SAYING = 0.1

UNUSUAL_ENDS = Kind(
    id="unusual-ends",
    meaning=f"Traces that do not end with the call that at least {_MOST:.0%} of a part's traces "
    "end with.",
    effect="They may be cut off: what a process does at its end is missing in some and not in "
    "others.",
    remedy="See whether the recorder was stopped early; record to the end of the process.",
    warning=0.05,
    serious=None,
    reason="a few processes are killed or end otherwise; one in twenty is a habit of the recorder",
)
ENDS_DIFFER = Kind(
    id="ends-differ",
    meaning="Attack traces end with other calls than normal ones.",
    effect="How the recording was stopped may tell the label: an attack's process is often killed, "
    "or still running.",
    remedy="Stop recording in the same way for both; see whether results hold without the last "
    "calls.",
    warning=0.3,
    serious=0.7,
    reason="total variation between the two parts' last calls, in distinct traces: the share by "
    "which a guess from the last call alone beats chance; the area of that guess is half of it "
    "above .5",
)
LENGTH_CAP = Kind(
    id="length-cap",
    meaning="Many different traces of exactly the largest length.",
    effect="They were cut to that length: whatever came later, an attack perhaps, is not there, "
    "and an attack's label may stand over calls that came before it.",
    remedy="Get the uncut recordings; if there are none, say that traces are prefixes.",
    warning=0.01,
    serious=0.25,
    reason="share of a part's distinct traces; lengths vary by themselves, and five of 500 equal "
    "ones at the very end are no chance",
)


def unusual_ends(examined: Examined) -> Iterator[Finding]:
    """Traces that end otherwise than most of their part."""
    filled, last = examined.ends
    for part in examined.parts:
        inside = np.isin(filled, part.indices)
        total = int(inside.sum())
        if not total:
            continue
        times = np.bincount(last[inside])
        most = int(times.argmax())
        usual = examined.traces.alphabet[most]
        # A thread that ends, and one that ends its process, are both whole.
        whole = _EXITS if usual in _EXITS else (usual,)
        fits = np.isin(last, [c for c, n in enumerate(examined.traces.alphabet) if n in whole])
        odd = filled[inside & ~fits]
        if len(odd) and times[most] >= _MOST * total:
            yield UNUSUAL_ENDS.finding(
                f"{len(odd):,} of {total:,} {part.name} traces do not end with {usual}, as the "
                "others do",
                len(odd),
                total,
                parts=[part],
                examples=[
                    f"{examined.traces.infos[i].name} ends with "
                    f"{examined.traces.alphabet[examined.calls_of(i)[-1]]}"
                    for i in odd[:5]
                ],
            )


def ends_differ(examined: Examined) -> Iterator[Finding]:
    """Whether the last call tells attacks from normals."""
    filled, last = examined.ends
    shares = []
    sizes = []
    for traces in (examined.indices("normal"), examined.indices("attack")):
        inside = np.isin(filled, examined.first_of_each(traces))
        times = np.bincount(last[inside], minlength=len(examined.traces.alphabet))
        sizes.append(int(times.sum()))
        shares.append(times / max(times.sum(), 1))
    if not all(sizes):
        return
    difference = shares[1] - shares[0]
    variation = float(np.abs(difference).sum() / 2)
    # Of few traces, last calls differ by chance; what two samples of one source would show is off.
    by_chance = float(
        np.sqrt((shares[0] + shares[1]) / np.pi * (1 / sizes[0] + 1 / sizes[1])).sum() / 2
    )
    if variation < max(_WORTH_SAYING, 2 * by_chance):
        return
    order = np.argsort(-np.abs(difference), kind="stable")[:5]
    names = examined.traces.alphabet
    yield ENDS_DIFFER.finding(
        f"attack traces end with other calls than normal ones: a guess from the last call alone is "
        f"{variation:.0%} better than chance",
        sizes[1],
        sum(sizes),
        parts=examined.with_role("normal", "attack"),
        examples=[
            f"{names[c]} ends {shares[1][c]:.0%} of attacks and {shares[0][c]:.0%} of normals"
            for c in order
        ],
        numbers={"variation": variation, "by_chance": by_chance},
        graded_by=variation,
    )


def length_cap(examined: Examined) -> Iterator[Finding]:
    """Parts of which many distinct traces have exactly the largest length."""
    for part in examined.parts:
        distinct = examined.first_of_each(part.indices)
        lengths = examined.lengths[distinct]
        longest = int(lengths.max())
        capped = distinct[lengths == longest]
        if longest > 1 and len(capped) >= _CAPPED:
            yield LENGTH_CAP.finding(
                f"{len(capped):,} of {len(distinct):,} distinct {part.name} traces have exactly "
                f"{longest:,} calls, and none more",
                len(capped),
                len(distinct),
                parts=[part],
                examples=examined.names(capped[:5]),
                numbers={"calls": longest},
            )
