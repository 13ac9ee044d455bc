"""Lengths: traces with nothing in them, and parts whose lengths are another population's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.doctor.findings import Finding, Kind
from habitus.evaluation.doctor.statistics import deviation_of_area
from habitus.evaluation.metrics import roc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.evaluation.doctor.examined import Examined

SHORT_CALLS = 1

SHORT_TRACES = Kind(
    id="short-traces",
    meaning="Traces with no call, or with one.",
    effect="No detector can say anything of them: they are not scoreable, and in no rate.",
    remedy="See why they are short (a process id used again, a recorder started late); leave them "
    "out on purpose, and say so.",
    warning=0.01,
    serious=0.2,
    reason="a false-alarm rate of 1 % cannot be told where 1 % of the traces is in no rate",
)
LENGTHS_DIFFER = Kind(
    id="lengths-differ",
    meaning="Learned and normal traces have lengths of different populations.",
    effect="A threshold set on the learned traces gives another false-alarm rate on the others: "
    "scores that add up or take a maximum grow with length.",
    remedy="Learn from traces recorded as the judged ones are; set the threshold on such traces; "
    "prefer aggregations that do not grow with length (mean, median, quantile).",
    warning=0.2,
    serious=0.4,
    reason="by how far the chance that one part's trace is longer is off one half: .2 is what two "
    "bell curves .74 standard deviations apart have, .4 are nearly separate",
)
_WORTH_SAYING = 0.1


def short_traces(examined: Examined) -> Iterator[Finding]:
    """Empty traces and those of one call, by part."""
    for part in examined.parts:
        short = part.indices[examined.lengths[part.indices] <= SHORT_CALLS]
        if len(short):
            n_empty = int(np.sum(examined.lengths[short] == 0))
            yield SHORT_TRACES.finding(
                f"{len(short):,} of {len(part):,} {part.name} traces make at most one call "
                f"({n_empty:,} of them none)",
                len(short),
                len(part),
                parts=[part],
                examples=examined.names(short[:5]),
                numbers={"empty": n_empty},
            )


def lengths_differ(examined: Examined) -> Iterator[Finding]:
    """Normal parts that are longer or shorter than what is learned."""
    learned = examined.indices("learned")
    for part in examined.with_role("normal") if len(learned) else ():
        ours = examined.lengths[part.indices].astype(np.float64)
        theirs = examined.lengths[learned].astype(np.float64)
        chance = roc(theirs, ours).auc
        # Lengths of few traces differ by chance, and copies of a trace are no more of them.
        n_ours, n_theirs = (len(examined.first_of_each(i)) for i in (part.indices, learned))
        by_chance = 2 * deviation_of_area(n_theirs, n_ours)
        if abs(chance - 0.5) >= max(_WORTH_SAYING, by_chance):
            word = "longer" if chance > 0.5 else "shorter"
            yield LENGTHS_DIFFER.finding(
                f"{part.name} traces are {word} than learned ones: {np.median(ours):,.0f} calls "
                f"in the middle against {np.median(theirs):,.0f}",
                len(part),
                len(part),
                parts=[*examined.with_role("learned"), part],
                numbers={"chance_longer": chance, "by_chance": by_chance},
                graded_by=abs(chance - 0.5),
            )
