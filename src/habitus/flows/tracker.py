"""`FlowTracker`: follows the flows of a stream of packets in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from habitus.compiled import hash_multiplier, rows
from habitus.errors import UsageError
from habitus.flows import track_kernels as loop
from habitus.flows.layout import FLOW, MAX_FIRST
from habitus.flows.measure_kernels import n_log_n_table
from habitus.packets.table_kernels import EMPTY, rehash

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

FIRST_TABLE = 1 << 12
OUT_FLOWS = 4096
"""Flows that are handed on at a time."""
_NS = 1_000_000_000
_TICK_S = 1 / _NS
"""Captures tell times so finely, and no finer."""


class TrackSettings(BaseModel):
    """When flows begin and end, and how much is kept of them. All times are the capture's."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    idle_s: float = Field(
        default=120,
        ge=_TICK_S,
        le=1e6,
        description="a flow ends once it has been silent for longer",
    )
    active_s: float = Field(
        default=1800, ge=_TICK_S, le=1e7, description="a flow is cut once it has lasted longer"
    )
    linger_s: float = Field(
        default=5, ge=0, le=1e6,
        description="a flow that FIN or RST has closed waits so long for stragglers",
    )  # fmt: skip
    by_flags: bool = Field(
        default=True, description="whether a FIN from each side, or a RST, closes a flow"
    )
    activity_s: float = Field(
        default=5, ge=_TICK_S, le=1e6, description="a longer silence is an idle time"
    )
    subflow_s: float = Field(
        default=1,
        ge=_TICK_S,
        le=1e6,
        description="a longer silence begins a subflow, and ends a bulk",
    )
    first: int = Field(
        default=20, ge=0, le=MAX_FIRST,
        description="packets from the beginning whose size, direction and gap are kept",
    )  # fmt: skip
    max_flows: int = Field(
        default=1_000_000, ge=1, le=1 << 28,
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

    def add(self, other: TrackCounts) -> None:
        """Count another's with these."""
        self.n_evicted += other.n_evicted
        self.n_turned += other.n_turned
        self.n_midstream += other.n_midstream


class UnderWay(NamedTuple):
    """The flows under way, as compiled loops want them.

    Attributes:
        flows: (capacity,) `FLOW`.
        hashes: (capacity,) uint64 of their keys, and ``links`` (capacity, 2) int32 to the next
            older and newer flow in their list; apart, because they are looked at more often.
        table: (a power of two,) int32, from hashes to flows.
        free: (capacity,) int32, places that flows have left, the last one on top.
        state: (N_STATE,) int64, what stands between two packets.
    """

    flows: NDArray[np.void]
    hashes: NDArray[np.uint64]
    links: NDArray[np.int32]
    table: NDArray[np.int32]
    free: NDArray[np.int32]
    state: NDArray[np.int64]


class Scratch(NamedTuple):
    """What compiled loops look up, and reckon on.

    Attributes:
        blank: (1,) `FLOW` of zeros.
        n_log_n, counts: as `habitus.flows.measure_kernels.add_entropy` wants them.
        coming: (AHEAD,) uint64, the hashes of the packets that come next.
    """

    blank: NDArray[np.void]
    n_log_n: NDArray[np.float64]
    counts: NDArray[np.int64]
    coming: NDArray[np.uint64]


def _nothing_under_way(capacity: int) -> UnderWay:
    state = np.zeros(loop.N_STATE, dtype=np.int64)
    state[loop.OPEN_OLDEST : loop.CLOSED_NEWEST + 1] = loop.NOBODY
    return UnderWay(
        # Of zeros that nobody has touched the system holds no memory.
        flows=rows(capacity, FLOW),
        hashes=np.zeros(capacity, dtype=np.uint64),
        links=np.zeros((capacity, 2), dtype=np.int32),
        table=np.full(FIRST_TABLE, EMPTY, dtype=np.int32),
        free=np.zeros(capacity, dtype=np.int32),
        state=state,
    )


class FlowTracker:
    """Follows flows.

    Memory is taken as flows need it, up to ``max_flows`` times about a kilobyte.

    Raises:
        UsageError: if the system does not even promise so much.
    """

    def __init__(self, settings: TrackSettings | None = None) -> None:
        made = settings or TrackSettings()
        self.settings = made
        spans = (made.idle_s, made.active_s, made.linger_s, made.activity_s, made.subflow_s)
        self._settings = np.array(
            [*(round(span * _NS) for span in spans), made.first, int(made.by_flags)]
        )
        try:
            self._under_way = _nothing_under_way(made.max_flows)
        except MemoryError:
            raise UsageError(
                f"{made.max_flows:,} flows under way (--max-flows) would take up to "
                f"{made.max_flows * FLOW.itemsize >> 30:,} GiB, which this machine does not give; "
                "ask for fewer"
            ) from None
        self._scratch = Scratch(
            rows(1, FLOW),
            n_log_n_table(),
            np.zeros(256, dtype=np.int64),
            np.zeros(loop.AHEAD, dtype=np.uint64),
        )
        self._out = rows(OUT_FLOWS, FLOW)
        self._secret = np.uint64(hash_multiplier())

    @property
    def counts(self) -> TrackCounts:
        """What came of flows so far."""
        evicted, turned, midstream = (
            int(self._under_way.state[at])
            for at in (loop.N_EVICTED, loop.N_TURNED, loop.N_MIDSTREAM)
        )
        return TrackCounts(evicted, turned, midstream)

    @property
    def n_open(self) -> int:
        """Flows under way."""
        state = self._under_way.state
        return int(state[loop.N_TAKEN] - state[loop.N_FREE])

    def push(
        self, packets: NDArray[np.void], data: NDArray[np.uint8]
    ) -> Iterator[NDArray[np.void]]:
        """Take packets in; yields (n,) `FLOW` that have ended, valid until the next are asked for.

        Args:
            packets: (n,) `PACKET`; ``data`` is the buffer that their payloads lie in.
        """
        place, status = 0, loop.OUTPUT_FULL
        while status != loop.DONE:
            status, place, n = loop.track(
                packets, len(packets), place, data, self._settings, self._under_way,
                self._scratch, self._secret, self._out,
            )  # fmt: skip
            if n:
                yield self._out[:n]
            if status == loop.TABLE_FULL:
                self._grow_table()

    def _grow_table(self) -> None:
        """Make the table twice as large: one that is larger than need be is slow, too."""
        old = self._under_way.table
        new = np.full(2 * len(old), EMPTY, dtype=np.int32)
        rehash(old, new, self._under_way.hashes)
        self._under_way = self._under_way._replace(table=new)

    def finish(self) -> Iterator[NDArray[np.void]]:
        """End all flows that are under way; yields as `push`."""
        status = loop.OUTPUT_FULL
        while status != loop.DONE:
            status, n = loop.finish(self._under_way, self._out)
            if n:
                yield self._out[:n]
