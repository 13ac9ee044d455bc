"""`Memory`: the normal traces that a model remembers, to say what of them is near."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.traces.traceset import DIGEST_BYTES, TraceInfo, TraceSet, offsets_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.detectors.base import SequenceDetector

MAX_REMEMBERED_CALLS = 4_000_000
"""Beyond this many calls a model remembers only the first of its distinct training traces."""


@dataclass(frozen=True, eq=False)
class Memory:
    """The distinct normal traces a model has learned from: the measure of what is near to normal.

    Attributes:
        symbols: (n_calls,) uint16 in the detector's vocabulary; ``offsets`` (n + 1,) int64.
        names: one a remembered trace.
        digests: (n_sequences,) 16 bytes, of every distinct training trace, remembered or not.
    """

    symbols: NDArray[np.uint16]
    offsets: NDArray[np.int64]
    names: tuple[str, ...]
    digests: NDArray[np.void]

    @classmethod
    def of(cls, traces: TraceSet, detector: SequenceDetector) -> Memory:
        """What to remember of training traces."""
        digests, firsts = np.unique(traces.sequence_digests(), return_index=True)
        kept = np.sort(firsts)
        fits = np.cumsum(traces.lengths[kept]) <= MAX_REMEMBERED_CALLS
        remembered = traces.select(kept[fits])
        return cls(
            symbols=detector.vocabulary.encode(remembered),
            offsets=remembered.offsets,
            names=remembered.names,
            digests=digests,
        )

    @classmethod
    def nothing(cls) -> Memory:
        """No memory at all."""
        return cls(np.zeros(0, np.uint16), offsets_of([]), (), np.zeros(0, f"V{DIGEST_BYTES}"))

    def knows(self, traces: TraceSet) -> NDArray[np.bool_]:
        """(n_traces,) bool: whether each trace's sequence is among those learned."""
        known = {bytes(digest) for digest in self.digests}
        return np.array([bytes(d) in known for d in traces.sequence_digests()], dtype=bool)

    def traces(self, names: tuple[str, ...]) -> TraceSet:
        """The remembered traces, whose calls have these names."""
        infos = tuple(TraceInfo(name, "memory") for name in self.names)
        return TraceSet(self.symbols, self.offsets, names, infos)
