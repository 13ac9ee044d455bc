"""Duplicates: traces that are the same sequence of calls as another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.doctor.findings import Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.evaluation.doctor.examined import Examined, Indices, Part

REPEATED = Kind(
    id="repeated-traces",
    meaning="Traces of one part that are the same sequence of calls as another of that part.",
    effect="A sequence that stands a hundred times counts a hundred times: rates are those of the "
    "most frequent traces, and intervals over single traces are too narrow.",
    remedy="Report also on distinct traces (adfa-ld/distinct does); draw intervals by distinct "
    "sequence, as Habitus does.",
    warning=0.25,
    serious=None,
    reason="where a quarter repeats, there are a quarter fewer observations than it seems; it "
    "distorts numbers, but turns no conclusion round by itself",
)
NORMALS_KNOWN = Kind(
    id="normals-equal-learned",
    meaning="Normal traces to be judged that equal a learned trace.",
    effect="They were learned by heart and score low whatever the detector is: false-alarm rates "
    "and areas look better than on new traces.",
    remedy="Leave them out of the test (the protocols folder and adfa-ld/distinct do), or divide "
    "the data so that equal sequences stay together.",
    warning=0.01,
    serious=0.25,
    reason="1 % is the false-alarm rate that people report; with a quarter known, the number is "
    "mostly about memory",
)
ATTACKS_NORMAL = Kind(
    id="attacks-equal-normals",
    meaning="Attack traces that equal a normal trace to be judged.",
    effect="No detector of calls can tell them apart: detection without false alarms cannot reach "
    "100 %, and one of the two labels says nothing.",
    remedy="Look whether the label belongs to the trace or to its recording (an attack's recording "
    "holds ordinary processes, too); judge recordings, or leave these out and say so.",
    warning=0.0,
    serious=0.05,
    reason="each one is a contradiction, and worth a warning; beyond 5 % of the traces (of "
    "recordings of several threads: of those that are so as a whole) they bound every result",
)
ATTACKS_KNOWN = Kind(
    id="attacks-equal-learned",
    meaning="Attack traces that equal a learned trace.",
    effect="The detector was taught that they are normal; it will not find them.",
    remedy="Remove them from what is learned if they are attacks, or from the attacks if they are "
    "ordinary processes of an attack's recording.",
    warning=0.0,
    serious=0.05,
    reason="each one is a contradiction, and worth a warning; beyond 5 % of the traces (of "
    "recordings of several threads: of those that are so as a whole) they bound every result",
)


def repeated_traces(examined: Examined) -> Iterator[Finding]:
    """Duplicates within each part, and the sequence that stands most often."""
    for part in examined.parts:
        sequences, firsts, times = np.unique(
            examined.sequences[part.indices], return_index=True, return_counts=True
        )
        n_more = len(part) - len(sequences)
        if not n_more:
            continue
        order = np.argsort(-times, kind="stable")[:5]
        yield REPEATED.finding(
            f"{n_more:,} of {len(part):,} {part.name} traces repeat another: "
            f"{len(sequences):,} are distinct, and one stands {times.max():,} times",
            n_more,
            len(part),
            parts=[part],
            examples=[
                f"{examined.traces.infos[part.indices[firsts[i]]].name} stands {times[i]:,} times"
                for i in order
                if times[i] > 1
            ],
            numbers={"distinct": len(sequences), "most_frequent": int(times.max())},
        )


def normals_equal_learned(examined: Examined) -> Iterator[Finding]:
    """Normal traces that were learned."""
    learned = examined.indices("learned")
    for part in examined.with_role("normal", "unlabelled"):
        yield from _equal(NORMALS_KNOWN, examined, part, learned, "a learned trace")


def attacks_equal_normals(examined: Examined) -> Iterator[Finding]:
    """Attacks that are no different from a normal trace."""
    normal = examined.indices("normal")
    for part in examined.with_role("attack"):
        yield from _equal(ATTACKS_NORMAL, examined, part, normal, "a normal trace")


def attacks_equal_learned(examined: Examined) -> Iterator[Finding]:
    """Attacks that were learned."""
    learned = examined.indices("learned")
    for part in examined.with_role("attack"):
        yield from _equal(ATTACKS_KNOWN, examined, part, learned, "a learned trace")


def _equal(
    kind: Kind, examined: Examined, part: Part, others: Indices, what: str
) -> Iterator[Finding]:
    same = part.indices[examined.is_equal_to(part, others)]
    if not len(same):
        return
    shown = same[:5]
    equals = [
        examined.traces.infos[others[np.argmax(examined.sequences[others] == number)]].name
        for number in examined.sequences[shown]
    ]
    n_distinct = len(np.unique(examined.sequences[same]))
    share = len(same) / len(part)
    wholly = ""
    if part.role == "attack" and all(examined.traces.infos[i].thread >= 0 for i in part.indices):
        # An attack's recording holds ordinary threads, too: it is hidden if all of them are.
        n_recordings = len(np.unique(examined.groups[part.indices]))
        strange = np.setdiff1d(part.indices, same)
        n_hidden = n_recordings - len(np.unique(examined.groups[strange]))
        share = n_hidden / n_recordings
        wholly = f", and of {n_recordings:,} recordings {n_hidden:,} wholly"
    yield kind.finding(
        f"{len(same):,} of {len(part):,} {part.name} traces equal {what} "
        f"({n_distinct:,} distinct){wholly}",
        len(same),
        len(part),
        parts=[part],
        examples=[f"{a} = {b}" for a, b in zip(examined.names(shown), equals, strict=True)],
        numbers={"distinct": n_distinct},
        graded_by=share,
    )
