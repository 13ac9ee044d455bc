"""Small batches joined into larger ones: a folder may hold thousands of small recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import InputError
from habitus.files.report import StrictError
from habitus.traces.builder import MAX_BATCH_TRACES
from habitus.traces.formats.base import BATCH_CALLS
from habitus.traces.text_kernels import NO_TIME
from habitus.traces.traceset import TraceSet, offsets_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from habitus.traces.interning import NameTable


def together(batches: Iterable[tuple[NameTable, TraceSet]]) -> Iterator[TraceSet]:
    """Small batches joined into larger ones: a folder may hold thousands of small recordings.

    Each comes with the names its calls are numbered by; those of one table go together.

    Raises:
        InputError: as ``batches`` does, once all that came before it has been given; in a strict
            reading a broken line is one at once.
    """
    waiting: list[TraceSet] = []
    n_calls = n_traces = 0
    table: NameTable | None = None
    given_up: InputError | None = None
    try:
        for names, batch in batches:
            is_enough = n_calls >= BATCH_CALLS // 2 or n_traces >= MAX_BATCH_TRACES
            if waiting and table is not None and (names is not table or is_enough):
                yield _concatenated(waiting, table.alphabet)
                waiting, n_calls, n_traces = [], 0, 0
            table = names
            waiting.append(batch)
            n_calls += batch.n_calls
            n_traces += batch.n_traces
    except StrictError:
        raise
    except InputError as error:
        given_up = error
    if waiting and table is not None:
        yield _concatenated(waiting, table.alphabet)
    if given_up is not None:
        raise given_up


def _concatenated(batches: list[TraceSet], alphabet: tuple[str, ...]) -> TraceSet:
    """Batches of one reading, whose alphabets are beginnings of the last one, in one."""
    if len(batches) == 1:
        return batches[0]
    has_times = any(batch.times_ns is not None for batch in batches)
    times = [
        np.full(batch.n_calls, NO_TIME, dtype=np.int64)
        if batch.times_ns is None
        else batch.times_ns
        for batch in batches
    ]
    return TraceSet(
        calls=np.concatenate([batch.calls for batch in batches]),
        offsets=offsets_of(np.concatenate([batch.lengths for batch in batches])),
        alphabet=alphabet,
        infos=tuple(info for batch in batches for info in batch.infos),
        positions=np.concatenate([b.positions for b in batches if b.positions is not None]),
        position_unit="line",
        times_ns=np.concatenate(times) if has_times else None,
    )
