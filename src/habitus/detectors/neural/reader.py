"""`Reader`: follows traces with a fitted language network and says what each call costs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from habitus.detectors.neural.standing import Standing
from habitus.detectors.neural.stepping import Stepper
from habitus.detectors.neural.stretches import WIDTH, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from habitus.networks.language import LanguageNetwork

    Floats = NDArray[np.float32]
    Places = NDArray[np.int64]

__all__ = ["Reader", "Standing"]

BLOCK_BYTES = 64 << 20
"""Of states that are held at once while traces are scored side by side."""
MAX_BLOCK, MIN_BLOCK = 4096, 16
FEW = 4
"""Traces that are quicker read in stretches one after another than step by step side by side."""
STRETCH_CALLS = 256
STRETCHES_CALLS = 4096
"""Of stretches that are read side by side; more do not fit the processor's cache."""
CERTAIN_NATS = 0.05
"""Of a call that costs much less, next to nothing is taken off: what is certain costs nothing, and
a program all of whose calls are nearly certain is not judged by how common its pairs are."""
SORTED_CALLS = 256
"""By so many of their first calls traces are sorted, so that like ones are scored together."""


class Reader:
    """Scores traces by a language network; pure, and the same however traces are cut.

    Args:
        network: fitted, in evaluation mode.
        floor: the share of chance that is spread evenly over all known calls and *unknown*: no
            call costs more than ``-log(floor / (n_symbols + 1))``, and unknown ones just that.
        discount: (n_symbols + 2, n_symbols) float32 nats taken off what a call costs after the one
            before it, the less the surer the network was; None takes off nothing.
        n_threads: of the processor.
    """

    def __init__(
        self,
        network: LanguageNetwork,
        floor: float,
        n_threads: int,
        discount: Floats | None = None,
    ) -> None:
        self._stepper = Stepper(network, n_threads)
        self._n_symbols, self._start = network.n_symbols, network.start
        self.n_state = network.n_state
        self._score_block = self._by_steps if network.steps_are_quick else self._by_stretches
        self._scale, self._floor = 1 - floor, floor / (network.n_symbols + 1)
        # Of unknown calls nothing is taken off: nobody could have foreseen them.
        self._discount = None if discount is None else np.pad(discount, ((0, 0), (0, 1)))

    def fresh(self, n_traces: int) -> Standing:
        """Before the first call of so many traces."""
        states = np.zeros((n_traces, self.n_state), dtype=np.float32)
        return Standing(states, np.full(n_traces, self._start, dtype=np.int64))

    def symbols(self, encoded: NDArray[np.uint16]) -> Places:
        """(n,) int64: what the network reads for each call of a vocabulary."""
        return np.minimum(encoded.astype(np.int64), self._n_symbols)

    def chances(self, standing: Standing) -> Floats:
        """(n, n_symbols) float32: of each known call to come next in each trace."""
        chances = self._stepper.step(standing.last, standing.states)[0]
        return chances * self._scale + self._floor

    def step(self, standing: Standing, calls: Places) -> tuple[Floats, Floats]:
        """One more call of each trace.

        Returns:
            (n,) float32 nats that it costs, and (n, n_state) the states that go with it.
        """
        chances, after = self._stepper.step(standing.last, standing.states)
        if len(calls) == 1:
            return self._cost(chances[0], standing.last[0], calls[0]), after
        return self._costs(chances, np.arange(len(calls)), standing.last, calls), after

    def score(
        self,
        calls: Places,
        offsets: Places,
        standing: Standing | None = None,
        *,
        share: bool = True,
    ) -> tuple[Floats, Standing]:
        """Read traces, or segments of them, side by side.

        What several traces begin with is read once: from one standing on, equal calls lead to
        equal standings.

        Args:
            calls: (n_calls,) int64, as `symbols` gives them.
            offsets: (n_traces + 1,) int64.
            standing: where each of them goes on; by default all begin.
            share: read what is alike once. Without it every call is computed, as is fair when
                speed is measured.

        Returns:
            (n_calls,) float32 nats a call, and where the traces stand then.
        """
        out = np.empty(len(calls), dtype=np.float32)
        n_traces = len(offsets) - 1
        begun = self.fresh(n_traces) if standing is None else standing
        ended = begun if standing is None else begun.of(np.arange(n_traces))
        for block, after in self._blocks(calls, offsets, standing, out, share):
            ended.put(block, after)
        return out, ended

    def surprise(self, calls: Places, offsets: Places) -> Floats:
        """(n_calls,) float32 nats a call of traces that all begin.

        As `score`, but where traces stand in the end is forgotten block by block: of a million
        short ones it would take more memory than all else.
        """
        out = np.empty(len(calls), dtype=np.float32)
        for _ in self._blocks(calls, offsets, None, out, share=True):
            pass
        return out

    def _blocks(
        self, calls: Places, offsets: Places, standing: Standing | None, out: Floats, share: bool
    ) -> Iterator[tuple[Places, Standing]]:
        """Read as many traces at a time as memory is meant for: which, and where they stand then.

        Traces without a call are left out.
        """
        filled = np.flatnonzero(np.diff(offsets) > 0)
        if share and len(filled) > 1:
            filled = filled[_sorted_by_calls(calls, offsets, filled)]
        size = int(np.clip(BLOCK_BYTES // (4 * self.n_state), MIN_BLOCK, MAX_BLOCK))
        for first in range(0, len(filled), size):
            block = filled[first : first + size]
            begins, lengths = offsets[block], offsets[block + 1] - offsets[block]
            node_of = np.arange(len(block))
            if standing is not None:
                nodes = standing.of(block)
            elif share:
                nodes, node_of = self.fresh(1), np.zeros_like(node_of)
            else:
                nodes = self.fresh(len(block))
            yield block, self._score_block(calls, begins, lengths, nodes, node_of, out, share)

    def _by_steps(
        self,
        calls: Places,
        begins: Places,
        lengths: Places,
        nodes: Standing,
        node_of: Places,
        out: Floats,
        share: bool,
    ) -> Standing:
        """Read some traces step by step, as a tree whose branches part where their calls do."""
        order = np.argsort(-lengths, kind="stable")
        begins, lengths, node_of = begins[order], lengths[order], node_of[order]
        ended = self.fresh(len(order))
        alive, done = len(order), 0
        while alive > FEW:
            chances, after = self._stepper.step(nodes.last, nodes.states)
            now = calls[begins[:alive] + done]
            out[begins[:alive] + done] = self._costs(
                chances, node_of[:alive], nodes.last[node_of[:alive]], now
            )
            done += 1
            left = int(np.searchsorted(-lengths[:alive], -done))
            gone = slice(left, alive)
            ended.put(order[gone], Standing(after[node_of[gone]], now[gone]))
            node_of, now, alive = node_of[:left], now[:left], left
            if share:
                key = node_of * (self._start + 1) + now
                branches, node_of = np.unique(key, return_inverse=True)
                nodes = Standing(after[branches // (self._start + 1)], branches % (self._start + 1))
            else:
                nodes = Standing(after[node_of], now)
                node_of = np.arange(alive)
        for row in range(alive):
            at = slice(int(begins[row] + done), int(begins[row] + lengths[row]))
            out[at], last = self._score_one(calls[at], nodes.of(node_of[row : row + 1]))
            ended.put(order[row : row + 1], last)
        return ended

    def _by_stretches(
        self,
        calls: Places,
        begins: Places,
        lengths: Places,
        nodes: Standing,
        node_of: Places,
        out: Floats,
        share: bool,
    ) -> Standing:
        """Read some traces stretch by stretch; the few longest to their ends one by one."""
        ended = self.fresh(len(begins))
        tree = Tree(self._score_stretches, calls, begins, lengths, nodes, node_of, out, share)
        tree.read_whole_stretches(FEW)
        for row in np.flatnonzero(tree.left >= WIDTH).tolist():
            at = slice(int(tree.places[row]), int(tree.places[row] + tree.left[row]))
            out[at], last = self._score_one(calls[at], tree.nodes.of(tree.node_of[row : row + 1]))
            ended.put(np.array([row]), last)
        short = np.flatnonzero(tree.left < WIDTH)
        tree.read_what_is_left()
        ended.put(short, tree.nodes.of(tree.node_of[short]))
        return ended

    def _score_stretches(self, calls: Places, standing: Standing) -> tuple[Floats, Floats]:
        """(n, T) float32 nats of the next T calls of n traces, and their states then."""
        n_traces, width = calls.shape
        out, states = np.empty((n_traces, width), np.float32), np.empty_like(standing.states)
        before = np.concatenate([standing.last[:, np.newaxis], calls[:, :-1]], axis=1)
        size = max(1, STRETCHES_CALLS // width)
        for first in range(0, n_traces, size):
            part = slice(first, first + size)
            chances, states[part] = self._stepper.stretch(before[part], standing.states[part])
            now = calls[part].ravel()
            rows = chances.reshape(len(now), -1)
            costs = self._costs(rows, np.arange(len(now)), before[part].ravel(), now)
            out[part] = costs.reshape(-1, width)
        return out, states

    def _score_one(self, calls: Places, standing: Standing) -> tuple[Floats, Standing]:
        """Read one trace, stretch by stretch."""
        out = np.empty(len(calls), dtype=np.float32)
        before = np.concatenate([standing.last, calls[:-1]])
        states = standing.states
        read, known, costs = b"", b"", np.zeros(0, np.float32)
        for begin in range(0, len(calls), STRETCH_CALLS):
            stretch = slice(begin, begin + STRETCH_CALLS)
            symbols, now = before[np.newaxis, stretch], calls[stretch]
            key = np.column_stack([symbols[0], now]).tobytes()
            # A trace that repeats itself leads a network to where it was before: all is known then,
            # and a last, shorter stretch costs what it did, without a rounding of its own.
            is_known = read.startswith(key) and states.tobytes() == known
            if not is_known or len(key) < len(read):
                before_it = states.tobytes()
                chances, states = self._stepper.stretch(symbols, states)
                if not is_known:
                    read, known = key, before_it
                    costs = self._costs(chances[0], np.arange(len(now)), symbols[0], now)
                    if states.tobytes() == known and (symbols[0] == now).all():
                        # One call again and again that leads nowhere: what differs is rounding.
                        costs[:] = costs[-1]
            out[stretch] = costs[: len(now)]
        return out, Standing(states, calls[-1:])

    def _costs(self, chances: Floats, rows: Places, before: Places, calls: Places) -> Floats:
        """(n,) float32 nats of calls.

        Args:
            rows: by which row of chances each was expected; ``before`` is the call before it.
        """
        costs: Floats = chances[rows, np.minimum(calls, self._n_symbols - 1)] * self._scale
        costs[calls >= self._n_symbols] = 0
        costs = -np.log(costs + self._floor)
        if self._discount is not None:
            costs -= self._discount[before, calls] * costs / (costs + CERTAIN_NATS)
        return costs

    def _cost(self, chances: Floats, before: np.int64, call: np.int64) -> Floats:
        """(1,) float32: as `_costs`, of one call; for one number, an array takes several times."""
        chance = float(chances[call]) * self._scale if call < self._n_symbols else 0.0
        cost = -math.log(chance + self._floor)
        if self._discount is not None:
            cost -= float(self._discount[before, call]) * cost / (cost + CERTAIN_NATS)
        return np.array([cost], dtype=np.float32)


def _sorted_by_calls(calls: Places, offsets: Places, traces: Places) -> list[int]:
    """The order of traces by their first calls."""
    coded = calls.astype(">u2")
    begins, ends = offsets[traces], offsets[traces + 1]
    keys = [
        coded[begin : min(end, begin + SORTED_CALLS)].tobytes()
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
    ]
    return sorted(range(len(keys)), key=keys.__getitem__)
