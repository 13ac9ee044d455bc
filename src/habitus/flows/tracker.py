"""`FlowTracker`: follows the flows of a stream of packets in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from habitus.compiled import hash_multiplier
from habitus.flows import track_kernels as loop
from habitus.flows.keys_kernels import EMPTY
from habitus.flows.layout import FLOW, MAX_FIRST
from habitus.flows.measure_kernels import n_log_n_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

OUT_FLOWS = 4096
"""Flows that are handed on at a time."""
_NS = 1_000_000_000


class TrackSettings(BaseModel):
    """When flows begin and end, and how much is kept of them. All times are the capture's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    idle_s: float = Field(
        120, gt=0, le=1e6, description="a flow ends once it has been silent for longer"
    )
    active_s: float = Field(
        1800, gt=0, le=1e7, description="a flow is cut once it has lasted longer"
    )
    linger_s: float = Field(
        5, ge=0, le=1e6,
        description="a flow that FIN or RST has closed waits so long for stragglers",
    )  # fmt: skip
    by_flags: bool = Field(True, description="whether a FIN from each side, or a RST, closes a flow")
    activity_s: float = Field(5, gt=0, le=1e6, description="a longer silence is an idle time")
    subflow_s: float = Field(
        1, gt=0, le=1e6, description="a longer silence begins a subflow, and ends a bulk"
    )
    first: int = Field(
        20, ge=0, le=MAX_FIRST,
        description="packets from the beginning whose size, direction and gap are kept",
    )  # fmt: skip
    max_flows: int = Field(
        1_000_000, ge=1, le=1 << 28,
        description="flows under way at a time; of more, the one longest silent is ended",
    )  # fmt: skip


@dataclass
class TrackCounts:
    """What came of flows.

    Attributes:
        n_evicted: ended because there was no room for more.
        n_turned: first seen by a SYN-ACK, so that forward is the other way.
        n_midstream: of TCP, first seen without a SYN.
    """

    n_evicted: int = 0
    n_turned: int = 0
    n_midstream: int = 0


class FlowTracker:
    """Follows flows.

    Memory is taken as flows need it, up to ``max_flows`` times about a kilobyte.
    """

    def __init__(self, settings: TrackSettings | None = None) -> None:
        made = settings or TrackSettings()
        self.settings = made
        spans = (made.idle_s, made.active_s, made.linger_s, made.activity_s, made.subflow_s)
        self._settings = np.array(
            [*(round(span * _NS) for span in spans), made.first, int(made.by_flags)]
        )
        # Of zeros that nobody has touched the system holds no memory.
        self._flows = np.zeros(made.max_flows, dtype=FLOW)
        self._hashes = np.zeros(made.max_flows, dtype=np.uint64)
        self._links = np.zeros((made.max_flows, 2), dtype=np.int32)
        self._free = np.arange(made.max_flows, dtype=np.int32)[::-1].copy()
        self._table = np.full(1 << (2 * made.max_flows - 1).bit_length(), EMPTY, dtype=np.int32)
        self._blank = np.zeros(1, dtype=FLOW)
        self._state = np.full(loop.N_STATE, loop.NOBODY, dtype=np.int64)
        self._state[: loop.OPEN_OLDEST] = 0
        self._state[loop.CLOCK_NS] = np.iinfo(np.int64).min
        self._state[loop.N_FREE] = made.max_flows
        self._n_log_n = n_log_n_table()
        self._counts = np.zeros(256, dtype=np.int64)
        self._out = np.zeros(OUT_FLOWS, dtype=FLOW)
        self._secret = np.uint64(hash_multiplier())

    @property
    def counts(self) -> TrackCounts:
        """What came of flows so far."""
        evicted, turned, midstream = (
            int(self._state[at]) for at in (loop.N_EVICTED, loop.N_TURNED, loop.N_MIDSTREAM)
        )
        return TrackCounts(evicted, turned, midstream)

    @property
    def n_open(self) -> int:
        """Flows under way."""
        return len(self._flows) - int(self._state[loop.N_FREE])

    def push(self, packets: NDArray[np.void], data: NDArray[np.uint8]) -> Iterator[NDArray[np.void]]:
        """Take packets in; yields (n,) `FLOW` that have ended, valid until the next are asked for.

        Args:
            packets: (n,) `PACKET`; ``data`` is the buffer that their payloads lie in.
        """
        place, status = 0, loop.OUTPUT_FULL
        while status != loop.DONE:
            status, place, n = loop.track(
                packets, len(packets), place, data, self._settings, self._state, self._flows,
                self._hashes, self._links, self._table, self._free, self._blank, self._secret, self._n_log_n, self._counts,
                self._out,
            )  # fmt: skip
            if n:
                yield self._out[:n]

    def finish(self) -> Iterator[NDArray[np.void]]:
        """End all flows that are under way; yields as `push`."""
        status = loop.OUTPUT_FULL
        while status != loop.DONE:
            status, n = loop.finish(
                0, self._state, self._flows, self._hashes, self._links, self._table, self._free,
                self._out,
            )
            if n:
                yield self._out[:n]
