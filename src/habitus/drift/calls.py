"""Which calls are new, and which known ones are made more or less often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.drift.result import ChangedCall, NovelCall, NovelTrace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.drift.observed import NewTraces
    from habitus.models.model import Model
    from habitus.traces.traceset import TraceSet

MAX_NOVEL_CALLS = 10
MAX_NOVEL_TRACES = 5
MAX_CHANGED = 5
LEAST_CHANGE = 0.01
"""Of calls whose share changed less nobody wants to hear."""


def novel_calls(model: Model, new: NewTraces) -> tuple[int, tuple[NovelCall, ...]]:
    """How many calls were never learned, and the most frequent of them."""
    traces = new.traces
    owner = np.repeat(np.arange(traces.n_traces), traces.lengths)
    novel = model.detector.vocabulary.novel(traces)
    n_names = len(traces.alphabet)
    calls, owner = traces.calls[novel].astype(np.int64), owner[novel]
    made = np.bincount(calls, new.counts[owner], n_names)
    pairs = np.unique(owner * n_names + calls)
    in_traces = np.bincount(pairs % n_names, new.counts[pairs // n_names], n_names)
    found = np.flatnonzero(made)
    first = found[np.lexsort((found, -made[found]))][:MAX_NOVEL_CALLS]
    return len(found), tuple(
        NovelCall(name=traces.alphabet[i], count=int(made[i]), n_traces=int(in_traces[i]))
        for i in first
    )


def novel_traces(model: Model, new: NewTraces) -> tuple[NovelTrace, ...]:
    """The traces with the largest shares of calls that were never learned."""
    traces = new.traces
    novel = model.detector.vocabulary.novel(traces)
    owner = np.repeat(np.arange(traces.n_traces), traces.lengths)
    counts = np.bincount(owner[novel], minlength=traces.n_traces)
    shares = counts / np.maximum(1, traces.lengths)
    order = np.argsort(-shares, kind="stable")[:MAX_NOVEL_TRACES]
    return tuple(
        NovelTrace(
            name=traces.infos[i].name, n_novel=int(counts[i]), n_calls=int(traces.lengths[i])
        )
        for i in order
        if counts[i]
    )


def changed_calls(model: Model, new: NewTraces) -> tuple[ChangedCall, ...]:
    """The known calls whose mean share of a sequence changed most, the largest change first."""
    names = model.detector.vocabulary.names
    learned = mean_shares(model, model.memory.traces(names))
    now = mean_shares(model, new.traces.select(new.compared))
    change = np.abs(now - learned)
    order = np.argsort(-change, kind="stable")[:MAX_CHANGED]
    return tuple(
        ChangedCall(name=names[i], learned=float(learned[i]), new=float(now[i]))
        for i in order
        if change[i] >= LEAST_CHANGE
    )


def mean_shares(model: Model, traces: TraceSet) -> NDArray[np.float64]:
    """(n_known,) float64: each known call's share of a trace, on average over the traces.

    So that one long trace does not speak for all.
    """
    vocabulary = model.detector.vocabulary
    symbols = vocabulary.encode(traces)
    filled = max(1, int(np.sum(traces.lengths > 0)))
    weights = np.repeat(1 / np.maximum(1, traces.lengths), traces.lengths)
    known = ~vocabulary.novel(traces)
    return np.bincount(symbols[known], weights[known], len(vocabulary)) / filled
