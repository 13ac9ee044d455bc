"""Recordings: what was recorded together, and whether it was labelled and divided together."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.doctor.examined import most_common
from habitus.evaluation.doctor.findings import Finding, Kind
from habitus.evaluation.doctor.vocabulary import programs_of
from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.evaluation.doctor.examined import Examined, Indices

FEW = 5
LABEL_IS_RECORDING = Kind(
    id="label-is-recording",
    meaning="Every recording of several traces is all normal or all attack.",
    effect="A label is then that of a whole recording: ordinary threads of an attack's recording "
    "count as attacks, and whatever else differs between recordings (day, machine, load) can be "
    "learned in place of the attack. Traces of one recording are one observation, not many.",
    remedy="Judge recordings (the protocol folder does); record normals and attacks on the same "
    "machine, alternately; draw intervals by recording.",
    warning=None,
    serious=None,
    reason="most data are so, and it is no fault; it must be known",
)
FEW_RECORDINGS = Kind(
    id="few-recordings",
    meaning=f"Normals or attacks come from fewer than {FEW} recordings.",
    effect="There are only so many independent observations, however many traces they hold: "
    "intervals over traces are far too narrow.",
    remedy="Record more; until then report the number of recordings beside every rate.",
    warning=0.0,
    serious=None,
    reason=f"with fewer than {FEW}, one recording more or less moves any rate by 20 points",
)
TORN_RECORDINGS = Kind(
    id="torn-recordings",
    meaning="Recordings of which some threads are learned and others judged.",
    effect="What is judged was recorded beside what was learned: same run, same data, same minute. "
    "False-alarm rates are too good.",
    remedy="Divide by recording (the group of a trace), never thread by thread.",
    warning=0.0,
    serious=0.1,
    reason="a single one is a slip of the division; a tenth of the recordings is its rule",
)
PROGRAM_IS_LABEL = Kind(
    id="program-is-label",
    meaning="A program with numbers of its own stands under one label only.",
    effect="Its numbers give the label away: a detector that only knows which program runs reads a "
    "perfect area.",
    remedy="Evaluate each program by itself, with normals and attacks of that program.",
    warning=0.0,
    serious=0.1,
    reason="share of the labelled traces; a tenth decides any area",
)

SEVERAL_PROGRAMS = Kind(
    id="several-programs",
    meaning="Traces of several programs, each with numbers of its own.",
    effect="No call of one can occur in another: statistics over all of them, as the shortcut's, "
    "say which program runs, and a detector that learned one finds every other strange.",
    remedy="Check and evaluate each program by itself (--protocol unm/PROGRAM).",
    warning=0.0,
    serious=None,
    reason="what is found in such a mixture is mostly the mixture",
)


def label_is_recording(examined: Examined) -> Iterator[Finding]:
    """Whether the labels are those of recordings."""
    labelled = examined.indices("learned", "normal", "attack")
    if not len(labelled):
        return
    groups, is_attack = examined.groups[labelled], examined.traces.labels[labelled] == Label.ATTACK
    sizes = np.bincount(groups)
    attacks = np.bincount(groups, weights=is_attack)
    several = np.flatnonzero(sizes > 1)
    is_mixed = (attacks[several] > 0) & (attacks[several] < sizes[several])
    if len(several) < 2 or is_mixed.any() or not 0 < is_attack.sum() < len(labelled):
        return
    yield LABEL_IS_RECORDING.finding(
        f"all {len(several):,} recordings of several traces hold one label each",
        len(several),
        int(np.sum(sizes > 0)),
        parts=examined.with_role("learned", "normal", "attack"),
        numbers={"all_attack": int(np.sum(attacks[several] > 0))},
    )


def few_recordings(examined: Examined) -> Iterator[Finding]:
    """Parts of many traces from few recordings."""
    for part in examined.with_role("normal", "attack"):
        n_groups = len(np.unique(examined.groups[part.indices]))
        if n_groups < FEW and len(part) > n_groups:
            yield FEW_RECORDINGS.finding(
                f"the {len(part):,} {part.name} traces come from {n_groups:,} "
                f"recording{'s' * (n_groups != 1)}",
                n_groups,
                len(part),
                parts=[part],
                examples=_group_names(examined, part.indices),
            )


def torn_recordings(examined: Examined) -> Iterator[Finding]:
    """Recordings divided between what is learned and what is judged."""
    learned = np.unique(examined.groups[examined.indices("learned")])
    judged = examined.indices("normal", "attack", "unlabelled")
    torn = np.intersect1d(learned, examined.groups[judged])
    if len(torn):
        yield TORN_RECORDINGS.finding(
            f"{len(torn):,} recordings are divided: some of their traces are learned, others are "
            "judged",
            len(torn),
            len(np.unique(examined.groups)),
            parts=examined.parts,
            examples=_group_names(examined, judged[np.isin(examined.groups[judged], torn)]),
        )


def program_is_label(examined: Examined) -> Iterator[Finding]:
    """Programs with numbers of their own that are always normal, or always attacks."""
    labelled = examined.indices("learned", "normal", "attack")
    names, codes = programs_of(examined)
    filled = labelled[examined.lengths[labelled] > 0]
    programs = codes[examined.traces.calls[examined.traces.offsets[filled]]]
    is_attack = examined.traces.labels[filled][programs >= 0] == Label.ATTACK
    programs = programs[programs >= 0]
    attacks = np.bincount(programs[is_attack], minlength=len(names))
    normals = np.bincount(programs[~is_attack], minlength=len(names))
    one_sided = np.flatnonzero((attacks > 0) != (normals > 0))
    if not len(one_sided) or not attacks.any() or not normals.any():
        return
    times = (attacks + normals)[one_sided]
    yield PROGRAM_IS_LABEL.finding(
        f"{len(one_sided):,} of {np.sum(attacks + normals > 0):,} programs with numbers of their "
        "own stand under one label only",
        int(times.sum()),
        len(labelled),
        parts=examined.with_role("learned", "normal", "attack"),
        examples=[
            f"{names[p]}: {n:,} traces, all {'attack' if attacks[p] else 'normal'}"
            for p, n in zip(one_sided[:5], times, strict=False)
        ],
        numbers={"programs": len(one_sided)},
    )


def several_programs(examined: Examined) -> Iterator[Finding]:
    """Whether programs whose numbers mean different things are together."""
    names, codes = programs_of(examined)
    filled = np.flatnonzero(examined.lengths)
    programs = codes[examined.traces.calls[examined.traces.offsets[filled]]]
    times = np.bincount(programs[programs >= 0], minlength=len(names))
    there = Counter({names[p]: int(times[p]) for p in np.flatnonzero(times)})
    if len(there) > 1:
        yield SEVERAL_PROGRAMS.finding(
            f"traces of {len(there):,} programs whose call numbers mean different things: "
            "check each by itself",
            there.total(),
            examined.traces.n_traces,
            parts=examined.parts,
            examples=most_common(there, "trace"),
            numbers={"programs": len(there)},
        )


def _group_names(examined: Examined, indices: Indices) -> list[str]:
    return list(dict.fromkeys(examined.traces.infos[i].group for i in indices))[:5]
