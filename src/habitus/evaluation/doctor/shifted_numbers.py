"""Two numberings in one set: a program's calls counted from 0 in some files, from 1 in others."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.doctor.findings import Finding, Kind
from habitus.evaluation.doctor.vocabulary import programs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.evaluation.doctor.examined import Examined, Indices

    Opening = tuple[int, ...]

OPENING_CALLS = 8
MIN_DIFFERENT = 4
"""Numbers in an opening; one call eight times is a shift of any other call eight times."""
MIN_SHARE = 0.05
"""Of a program's traces that begin so; fewer is chance, or one odd file."""

SHIFTED_NUMBERS = Kind(
    id="shifted-numbers",
    meaning="Traces of one program that begin with the same calls, but for a number that is added "
    "to each: they were numbered by two tables.",
    effect="The same call has two names. Where the numbering goes with the label, a detector has "
    "only to see numbers that it never learned: an area near 1 is the numbering's, not the "
    "detector's.",
    remedy="Judge only traces that are numbered alike, or bring the numbers into line first; do "
    "not believe published numbers on such a set.",
    warning=0.0,
    serious=0.5,
    reason="difference between attacks and normals in the share that is numbered the rarer way; "
    "half of it decides every result, and any mixture is wrong",
)


def shifted_numbers(examined: Examined) -> Iterator[Finding]:
    """Programs with numbers of their own whose traces begin alike but for a shift."""
    programs, codes = programs_of(examined)
    long = np.flatnonzero(examined.lengths >= OPENING_CALLS)
    if not programs or not len(long):
        return
    places = examined.traces.offsets[long][:, None] + np.arange(OPENING_CALLS)
    calls = examined.traces.calls[places]  # (n_long, OPENING_CALLS)
    numbers = np.array(
        [
            int(name.rpartition(":")[2]) if code >= 0 else -1
            for name, code in zip(examined.traces.alphabet, codes, strict=True)
        ]
    )[calls]
    for code, program in enumerate(programs):
        mine = np.all(codes[calls] == code, axis=1)
        yield from _in_program(examined, program, long[mine], numbers[mine])


def _in_program(
    examined: Examined, program: str, traces: Indices, numbers: Indices
) -> Iterator[Finding]:
    rows = [tuple(row) for row in numbers.tolist()]
    counted = Counter(rows)
    usual = [
        opening
        for opening, count in counted.most_common(int(1 / MIN_SHARE))
        if count >= MIN_SHARE * len(rows) and len(set(opening)) >= MIN_DIFFERENT
    ]
    for more, fewer in combinations(usual, 2):
        shift = fewer[0] - more[0]
        if shift == 0 or any(b - a != shift for a, b in zip(more, fewer, strict=True)):
            continue
        bad, others = (traces[[row == opening for row in rows]] for opening in (fewer, more))
        attacks = _share(bad, examined.indices("attack"))
        normals = _share(bad, examined.indices("learned", "normal"))
        yield SHIFTED_NUMBERS.finding(
            f"{len(bad):,} traces of {program} are numbered {abs(shift)} "
            f"{'higher' if shift > 0 else 'lower'} than {len(others):,} others: {attacks:.0%} of "
            f"the attacks and {normals:.0%} of the normals",
            len(bad),
            len(rows),
            parts=examined.parts,
            examples=[
                f"{name} begins {' '.join(map(str, opening))}"
                for group, opening in ((bad, fewer), (others, more))
                for name in examined.names(group[:1])
            ],
            numbers={"shift": shift, "attacks": attacks, "normals": normals},
            graded_by=abs(attacks - normals),
        )


def _share(traces: Indices, of: Indices) -> float:
    return float(np.isin(of, traces).mean()) if len(of) else 0.0
