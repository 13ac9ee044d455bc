"""New traces, a distinct sequence each, as a model sees them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import InputError
from habitus.models.observing import Observation
from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.decisions.population import Population
    from habitus.models.model import Model
    from habitus.traces.traceset import TraceSet

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class NewTraces:
    """What a model makes of new traces.

    Attributes:
        traces: the first trace of each distinct sequence; ``counts`` (n,) int64, traces that make
            it.
        familiar: (n,) bool, whether the model learned it, or its thresholds were set on it.
        shared: (n_reference,) bool, which of the population's sequences are among them.
        scores: (n_rules, n) float64; of what was learned, the score of a detector that had not
            learned it, NaN where there is none.
        novel, unseen: (n,) float64, likewise, see `Population`; ``unseen`` is all NaN where the
            model does not remember all that it learned.
        remembers_all: whether the model remembers every call that it learned.
        n_attacks: traces labelled attacks, which are left out.
        n_own: traces left out because they are those that the thresholds were set on: a folder to
            which new traces were added holds all of them.
    """

    traces: TraceSet
    counts: NDArray[np.int64]
    familiar: Mask
    shared: Mask
    scores: Floats
    novel: Floats
    unseen: Floats
    remembers_all: bool
    n_attacks: int
    n_own: int

    @property
    def n_traces(self) -> int:
        """All new traces that are not left out."""
        return int(self.counts.sum())

    @property
    def n_learned(self) -> int:
        """Traces whose sequence is familiar."""
        return int(self.counts[self.familiar].sum())

    @property
    def compared(self) -> Mask:
        """(n,) bool: the sequences that tell of new ones; all, where none is unfamiliar."""
        return self.familiar if self.familiar.all() else ~self.familiar


def observe(model: Model, traces: TraceSet) -> NewTraces:
    """Let a model judge new traces.

    Raises:
        InputError: if no trace is left.
    """
    is_attack = traces.labels == Label.ATTACK
    n_attacks = int(is_attack.sum())
    normal = traces.select(~is_attack)
    if not normal.n_calls:
        left_out = f"all {n_attacks} are labelled attacks" if n_attacks else "they make no calls"
        raise InputError(f"there is no normal trace to hold against the model's: {left_out}")
    digests, firsts, counts = np.unique(
        normal.sequence_digests(), return_index=True, return_counts=True
    )
    population = model.population
    counts, n_own = _without_own(population, digests, counts.astype(np.int64))
    kept = np.flatnonzero(counts)
    kept = kept[np.argsort(firsts[kept])]
    digests, counts = digests[kept], counts[kept]
    distinct = replace(normal.select(firsts[kept]), times_ns=None, positions=None)

    observed = Observation.of(distinct, population.rules)
    learned = model.memory.traces(model.detector.vocabulary.names)
    observed.observe(model.detector, learned, np.ones(distinct.n_traces, dtype=bool))
    known, own = model.memory.knows(distinct), population.index_of(digests)
    for column in ("scores", "novel", "unseen"):
        values = getattr(observed, column)
        before = getattr(population, column)[..., own]  # of -1 the last, which is not used
        values[..., known] = np.where(own >= 0, before, np.nan)[..., known]
    remembers_all = 0 < len(model.memory.digests) <= learned.n_traces
    if not remembers_all:
        observed.unseen[:] = np.nan
    shared = np.zeros(len(population.digests), dtype=bool)
    shared[own[own >= 0]] = True
    return NewTraces(
        distinct, counts, known | (own >= 0), shared,
        observed.scores, observed.novel, observed.unseen, remembers_all, n_attacks, n_own,
    )  # fmt: skip


def _without_own(
    population: Population, digests: NDArray[np.void], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], int]:
    """What is left of (n,) counts without the population's own traces, and how many those are.

    They are taken for its own if all of them are there, and not they alone.
    """
    own = population.index_of(digests)
    there = own >= 0
    left = counts.copy()
    left[there] -= population.counts[own[there]]
    holds_all = int(there.sum()) == len(population.digests) and bool(np.all(left >= 0))
    if not holds_all or not left.any():
        return counts, 0
    return left, population.n_traces
