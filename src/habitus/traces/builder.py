"""`BatchBuilder`: collects traces and segments until they make a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.traces.formats.base import BATCH_CALLS
from habitus.traces.traceset import TraceInfo, TraceSet, offsets_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_BATCH_TRACES = 1 << 13


class BatchBuilder:
    """Collects the calls of traces, already as indices into an alphabet that only grows."""

    def __init__(self) -> None:
        self._infos: list[TraceInfo] = []
        self._calls: list[NDArray[np.uint16]] = []
        self._n_calls = 0

    def __len__(self) -> int:
        return len(self._infos)

    @property
    def full(self) -> bool:
        """Whether it is time to `flush`."""
        return self._n_calls >= BATCH_CALLS or len(self._infos) >= MAX_BATCH_TRACES

    def add(self, info: TraceInfo, calls: NDArray[np.uint16]) -> None:
        """Add a trace, or the next segment of one."""
        self._infos.append(info)
        self._calls.append(calls)
        self._n_calls += len(calls)

    def flush(self, alphabet: tuple[str, ...]) -> TraceSet:
        """The batch so far; the builder is empty again."""
        batch = TraceSet(
            calls=np.concatenate(self._calls) if self._calls else np.zeros(0, np.uint16),
            offsets=offsets_of([len(calls) for calls in self._calls]),
            alphabet=alphabet,
            infos=tuple(self._infos),
        )
        self._infos, self._calls, self._n_calls = [], [], 0
        return batch
