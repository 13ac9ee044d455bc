"""Synthetic anomalies: normal traces in which a stretch is not normal, so that no attack is needed.

Each is a normal trace that no trial learns, of which one stretch is replaced:

spliced
    by calls of another normal trace, from a place of it drawn by chance: normal calls where they
    are not normal.
permuted
    by its own calls in another order.
swapped
    by itself with every second call drawn anew, by how often normal traces make each call.
foreign
    by calls of a program that the data do not hold: a normal run of those that Habitus ships,
    without the calls that the data never make, which would betray it alone.

A stretch is a quarter of its trace to all of it, at least 8 calls; its length is drawn evenly by
its logarithm, its place evenly. Half of the stretches are longer than half of the trace: of shorter
ones a median never hears. What comes out equal to a normal trace is no anomaly and is drawn again.
They are made without looking at any attack: how well what they rank first agrees with true attacks
is measured, not assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import UsageError
from habitus.traces.traceset import Label, TraceInfo, TraceSet, offsets_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Calls = NDArray[np.uint16]

KINDS = ("spliced", "permuted", "swapped", "foreign")
LEAST_CALLS = 8
"""Of a stretch; a trace must have twice as many."""
_TRIES = 20
"""Draws of an anomaly that comes out normal, before it is given up."""


@dataclass
class _Maker:
    """Draws anomalies of all kinds.

    Attributes:
        traces: normal traces, as calls of one alphabet.
        programs: (n_traces,) what must differ between a trace and what is foreign to it.
        foreign: calls of other programs, in the same alphabet; with their programs.
        shares: (n_alphabet,) how often normal traces make each call.
    """

    traces: list[Calls]
    programs: list[str]
    foreign: list[Calls]
    foreign_programs: list[str]
    shares: NDArray[np.float64]
    random: np.random.Generator

    def anomaly(self, kind: str, row: int) -> Calls | None:
        """A trace with a stretch of a kind; None if there is nothing to make it of."""
        calls = self.traces[row]
        least, most = max(LEAST_CALLS, len(calls) // 4), len(calls)
        length = round(np.exp(self.random.uniform(np.log(least), np.log(most))))
        begin = int(self.random.integers(len(calls) - length + 1))
        stretch = getattr(self, f"_{kind}")(row, calls[begin : begin + length])
        if stretch is None:
            return None
        return np.concatenate([calls[:begin], stretch, calls[begin + length :]])

    def _spliced(self, row: int, stretch: Calls) -> Calls | None:
        return self._piece(self.traces, [i != row for i in range(len(self.traces))], len(stretch))

    def _permuted(self, row: int, stretch: Calls) -> Calls:
        del row
        return self.random.permutation(stretch)

    def _swapped(self, row: int, stretch: Calls) -> Calls:
        del row
        swapped = stretch.copy()
        drawn = self.random.choice(len(self.shares), size=len(swapped[::2]), p=self.shares)
        swapped[::2] = drawn.astype(np.uint16)
        return swapped

    def _foreign(self, row: int, stretch: Calls) -> Calls | None:
        other = [program != self.programs[row] for program in self.foreign_programs]
        return self._piece(self.foreign, other, len(stretch))

    def _piece(self, pool: list[Calls], usable: list[bool], length: int) -> Calls | None:
        """So many calls in a row of a trace of the pool; of a shorter one, all it has."""
        rows = [i for i, fits in enumerate(usable) if fits and len(pool[i]) >= LEAST_CALLS]
        if not rows:
            return None
        calls = pool[rows[int(self.random.integers(len(rows)))]]
        begin = int(self.random.integers(max(1, len(calls) - length + 1)))
        return calls[begin : begin + length]


def synthetic_anomalies(
    normal: TraceSet, learned: TraceSet, shipped: TraceSet, *, n_each: int, seed: int
) -> TraceSet:
    """Anomalies made of held-out normal traces, by kind; `TraceInfo.attack` tells which.

    Args:
        normal: the traces that they are made of, which no trial learns.
        learned: what trials learn; no anomaly equals one of these.
        shipped: normal runs of other programs, for what is foreign.
        n_each: how many of each kind, where there is enough to make them of.

    Raises:
        UsageError: if the traces are too few or too short for any.
    """
    known = {bytes(digest) for part in (normal, learned) for digest in part.sequence_digests()}
    maker = _maker(normal, learned, shipped, np.random.default_rng([seed, 1]))
    usable = np.flatnonzero(normal.lengths >= 2 * LEAST_CALLS)
    # Each distinct sequence as often as another: what a system does all the time is no better base.
    firsts = np.unique(normal.sequence_ids()[usable], return_index=True)[1]
    usable = usable[np.sort(firsts)]
    if not len(usable):
        raise UsageError(
            f"no held-out normal trace has {2 * LEAST_CALLS} calls, so that no synthetic anomaly "
            "can be made: record longer runs, or take the objective nll"
        )
    made: list[Calls] = []
    infos: list[TraceInfo] = []
    for kind in KINDS:
        rows = np.resize(maker.random.permutation(usable), n_each)
        for row in rows.tolist():
            calls = _unlike(maker, kind, row, known, normal.alphabet)
            if calls is not None:
                made.append(calls)
                name = f"{kind}-{len(infos):05}"
                infos.append(TraceInfo(name, "synthetic", Label.ATTACK, kind, group=name))
    if not made:
        raise UsageError("no synthetic anomaly that differs from all normal traces could be made")
    return TraceSet(
        np.concatenate(made), offsets_of([len(calls) for calls in made]), normal.alphabet,
        tuple(infos),
    )  # fmt: skip


def _unlike(
    maker: _Maker, kind: str, row: int, known: set[bytes], alphabet: tuple[str, ...]
) -> Calls | None:
    """An anomaly that is no normal trace."""
    for _ in range(_TRIES):
        calls = maker.anomaly(kind, row)
        if calls is None:
            return None
        alone = TraceSet(calls, offsets_of([len(calls)]), alphabet, (TraceInfo("", ""),))
        if bytes(alone.sequence_digests()[0]) not in known:
            return calls
    return None


def _maker(
    normal: TraceSet, learned: TraceSet, shipped: TraceSet, random: np.random.Generator
) -> _Maker:
    """Everything in the alphabet of ``normal``."""
    alphabet = normal.alphabet
    counts = np.bincount(normal.calls, minlength=len(alphabet)).astype(np.float64)
    used = {learned.alphabet[call] for call in np.unique(learned.calls)}
    place = {name: i for i, name in enumerate(alphabet) if name in used or counts[i]}
    number = np.array([place.get(name, -1) for name in shipped.alphabet] or [-1], dtype=np.int64)
    foreign, programs = [], []
    for row, info in enumerate(shipped.infos):
        calls = number[shipped.calls[shipped.offsets[row] : shipped.offsets[row + 1]]]
        if info.label is not Label.ATTACK:
            foreign.append(calls[calls >= 0].astype(np.uint16))
            programs.append(program_of(info))
    return _Maker(
        traces=[_calls_of(normal, row) for row in range(normal.n_traces)],
        programs=[program_of(info) for info in normal.infos],
        foreign=foreign,
        foreign_programs=programs,
        shares=counts / max(1.0, counts.sum()),
        random=random,
    )


def program_of(info: TraceInfo) -> str:
    """What runs of one program share: the first folder of the recording's name."""
    return (info.group or info.name).partition("/")[0]


def _calls_of(traces: TraceSet, row: int) -> Calls:
    return traces.calls[traces.offsets[row] : traces.offsets[row + 1]]
