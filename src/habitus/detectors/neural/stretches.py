"""Reading many traces stretch by stretch: for networks that read many calls at once quickly.

Traces are read as a tree, like step by step, but its branches part at the ends of stretches only.
All stretches begin at a multiple of their width, so traces that begin alike are cut alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.detectors.neural.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitus.detectors.neural.standing import Floats, Places

    Read = Callable[[Places, Standing], tuple[Floats, Floats]]

WIDTH = 64
"""Calls of a stretch, a power of two: what is left of a trace in the end is read in halves of it,
quarters and so on, so that none is filled up with calls that are not there."""


@dataclass
class Tree:
    """Traces that are read side by side.

    Attributes:
        read: takes (n, T) calls and n standings; returns (n, T) float32 nats that the calls cost
            and (n, n_state) float32 the states after them.
        calls: (n_calls,) int64 of all traces.
        places: (n_traces,) int64, where each goes on in ``calls``.
        left: (n_traces,) int64, calls of each that are not read yet.
        nodes: the different standings that traces are at.
        node_of: (n_traces,) int64, at which of them each trace is.
        out: (n_calls,) float32 nats, filled here.
        share: whether traces at one node that go on alike are read once.
    """

    read: Read
    calls: Places
    places: Places
    left: Places
    nodes: Standing
    node_of: Places
    out: Floats
    share: bool

    def advance(self, rows: Places, width: int) -> Standing:
        """Read so many calls of some traces, and say which node each is at then, among new ones."""
        where = self.places[rows, np.newaxis] + np.arange(width)
        now, nodes = self.calls[where], self.node_of[rows]
        if self.share:
            keys = np.column_stack([nodes, now]).astype(np.int32)
            as_one = keys.view(np.dtype((np.void, keys.itemsize * (width + 1)))).ravel()
            _, firsts, branch_of = np.unique(as_one, return_index=True, return_inverse=True)
        else:
            firsts = branch_of = np.arange(len(rows))
        costs, states = self.read(now[firsts], self.nodes.of(nodes[firsts]))
        self.out[where] = costs[branch_of]
        self.places[rows] += width
        self.left[rows] -= width
        self.node_of[rows] = branch_of
        return Standing(states, now[firsts, -1])

    def read_whole_stretches(self, few: int) -> None:
        """Read on until no more than ``few`` traces have a whole stretch left."""
        parked, n_parked = [], 0
        rows = np.arange(len(self.left))
        while True:
            long_enough = self.left[rows] >= WIDTH
            if np.count_nonzero(long_enough) <= few:
                long_enough[:] = False
            done = rows[~long_enough]
            if len(done):
                # They wait here: at every stretch of the others they would be copied.
                used, self.node_of[done] = np.unique(self.node_of[done], return_inverse=True)
                parked.append(self.nodes.of(used))
                self.node_of[done] += n_parked
                n_parked += len(used)
            rows = rows[long_enough]
            if not len(rows):
                break
            self.nodes = self.advance(rows, WIDTH)
        self.nodes = Standing.joined(parked)

    def read_what_is_left(self) -> None:
        """Read to their ends the traces that have less than a stretch left."""
        width = WIDTH // 2
        while width:
            rows = np.flatnonzero((self.left < WIDTH) & (self.left & width > 0))
            if len(rows):
                new = self.advance(rows, width)
                others = np.ones(len(self.left), dtype=bool)
                others[rows] = False
                used, self.node_of[others] = np.unique(self.node_of[others], return_inverse=True)
                self.node_of[rows] += len(used)
                self.nodes = Standing.joined([self.nodes.of(used), new])
            width //= 2
