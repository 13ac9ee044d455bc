"""Near-duplicates: judged traces whose windows nearly all stand in one single learned trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from habitus.compiled import hash_multiplier
from habitus.evaluation.doctor.findings import Finding, Kind
from habitus.evaluation.doctor.near_duplicates_kernels import most_contained

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from habitus.evaluation.doctor.examined import Examined, Indices, Part

WINDOW = 6
CONTAINED = 0.95
MAX_CALLS = 2_000_000
"""Of each side, learned and judged, in distinct sequences; beyond it a sample is looked at."""
MAX_WORK = 200_000_000
"""Steps of the loop for a part, about a second (ADFA-LD takes under 30 million); beyond it the rest
of the part's traces is not looked at."""
_SEED = 1

NEAR_DUPLICATES = Kind(
    id="near-duplicates",
    meaning=f"Judged traces of whose different windows of {WINDOW} calls at least {CONTAINED:.0%} "
    "stand in one single learned trace, equal ones not counted.",
    effect="A detector that learned the one knows nearly all of the other. Normal ones flatter the "
    "false-alarm rate as duplicates do; attacks among them hide in what was learned.",
    remedy="Divide data by recording, program run or day, never trace by trace; look at results "
    "without them.",
    warning=0.05,
    serious=0.3,
    reason="programs do repeat themselves, so a few are no fault of the data; from a third on the "
    "test asks mostly for memory",
)


def near_duplicates(examined: Examined) -> Iterator[Finding]:
    """Judged traces that are nearly a learned one, by part."""
    reference = examined.reference_indices
    random = np.random.default_rng(_SEED)
    learned, n_learned = _sample(examined, examined.first_of_each(reference), random)
    if not len(learned):
        return
    samples = []
    for part in examined.compared:
        others = part.indices[~examined.is_equal_to(part, reference)]
        samples.append(_sample(examined, examined.first_of_each(others), random))
    held = containment(examined, learned, [judged for judged, _ in samples])
    for part, (judged, n_wanted), found in zip(examined.compared, samples, held, strict=True):
        looked = Looked(learned, n_learned, judged, n_wanted, *found)
        if (found[0] >= CONTAINED).any():
            yield _finding(examined, part, looked)


class Looked(NamedTuple):
    """What was looked at, and what was seen.

    Attributes:
        learned, judged: the traces held against each other, samples of ``n_learned`` and
            ``n_judged`` distinct sequences.
        share, holder, n_done: as `containment` gives them.
    """

    learned: Indices
    n_learned: int
    judged: Indices
    n_judged: int
    share: NDArray[np.float64]
    holder: Indices
    n_done: int


def _finding(examined: Examined, part: Part, looked: Looked) -> Finding:
    near = np.flatnonzero(looked.share >= CONTAINED)
    near = near[np.argsort(looked.judged[near])]
    # Distinct sequences were compared; every copy of one counts.
    sequences, seen = examined.sequences[part.indices], looked.judged[: looked.n_done]
    n_copies = int(np.isin(sequences, examined.sequences[looked.judged[near]]).sum())
    n_seen = int(np.isin(sequences, examined.sequences[seen]).sum())
    sampled = ""
    if looked.n_done < looked.n_judged or len(looked.learned) < looked.n_learned:
        sampled = (
            f" (a sample: {looked.n_done:,} of {looked.n_judged:,} sequences, held against "
            f"{len(looked.learned):,} of {looked.n_learned:,})"
        )
    what = " or ".join(p.name for p in examined.reference)
    return NEAR_DUPLICATES.finding(
        f"{n_copies:,} of {n_seen:,} {part.name} traces that equal no {what} trace are nearly one"
        f"{sampled}",
        n_copies,
        n_seen,
        parts=[part, *examined.reference],
        examples=[
            f"{examined.traces.infos[looked.judged[i]].name} is {looked.share[i]:.0%} in "
            f"{examined.traces.infos[looked.learned[looked.holder[i]]].name}"
            for i in near[:5]
        ],
        numbers={
            "distinct": len(near),
            "looked_at": looked.n_done,
            "of_sequences": looked.n_judged,
        },
        graded_by=n_copies / len(part),
    )


def _sample(
    examined: Examined, indices: Indices, random: np.random.Generator
) -> tuple[Indices, int]:
    """(traces long enough for a window, within `MAX_CALLS`; how many there were)."""
    indices = indices[examined.lengths[indices] >= WINDOW]
    shuffled = random.permutation(indices[examined.lengths[indices] <= MAX_CALLS])
    total = np.cumsum(examined.lengths[shuffled])
    return shuffled[total <= MAX_CALLS], len(indices)


def containment(
    examined: Examined, learned: Indices, judged: Sequence[Indices]
) -> list[tuple[NDArray[np.float64], Indices, int]]:
    """How much of each judged trace stands in the one learned trace that holds most of it.

    Args:
        learned: traces of at least `WINDOW` calls, at least one.
        judged: for each part, traces of at least `WINDOW` calls.

    Returns:
        For each part (n,) float64, the share of a trace's different windows; (n,) int64, which
        learned trace; and for how many of the part, from the first on, it was looked up before
        `MAX_WORK` was done. The others read 0.
    """
    windows, offsets = _windows(examined, np.concatenate([learned, *judged]))
    ids = np.unique(windows, return_inverse=True)[1]
    n_ids = int(ids.max()) + 1
    owner = np.repeat(np.arange(len(learned)), np.diff(offsets[: len(learned) + 1]))
    pairs = np.unique(ids[: offsets[len(learned)]] * len(learned) + owner)
    starts = np.searchsorted(pairs, np.arange(n_ids + 1) * len(learned))
    holders = pairs % len(learned)
    held, seen = np.zeros(len(learned), dtype=np.int64), np.full(n_ids, -1, dtype=np.int64)
    found = []
    first = len(learned)
    for part in judged:
        share, holder = np.zeros(len(part)), np.zeros(len(part), dtype=np.int64)
        bounds = offsets[first : first + len(part) + 1]
        n_done = most_contained(ids, bounds, starts, holders, held, seen, MAX_WORK, share, holder)
        found.append((share, holder, int(n_done)))
        first += len(part)
    return found


def _windows(examined: Examined, indices: Indices) -> tuple[NDArray[np.uint64], Indices]:
    """((n,) uint64, a number for every window of the traces; (n_traces + 1,) where each begins).

    Exact while the alphabet has at most 1,625 names, so that six calls fit a number; beyond it a
    polynomial whose base is secret, so that nobody can choose windows that fall together.
    """
    n_names = len(examined.traces.alphabet)
    base = np.uint64(n_names if n_names**WINDOW < 1 << 64 else hash_multiplier())
    rows = []
    for index in indices:
        calls = examined.calls_of(index).astype(np.uint64)
        row = np.zeros(len(calls) - WINDOW + 1, dtype=np.uint64)
        for k in range(WINDOW):
            row = row * base + calls[k : len(calls) - WINDOW + 1 + k]
        rows.append(row)
    offsets = np.zeros(len(indices) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    return np.concatenate(rows), offsets
