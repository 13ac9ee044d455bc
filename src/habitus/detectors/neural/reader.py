"""`Reader`: follows traces with a fitted language network and says what each call costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.detectors.neural.stepping import Stepper

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.networks.language import LanguageNetwork

    Floats = NDArray[np.float32]
    Places = NDArray[np.int64]

BLOCK_BYTES = 64 << 20
"""Of states that are held at once while traces are scored side by side."""
MAX_BLOCK, MIN_BLOCK = 4096, 16
FEW = 4
"""Traces that are quicker read in stretches one after another than step by step side by side."""
STRETCH_CALLS = 256
SORTED_CALLS = 256
"""By so many of their first calls traces are sorted, so that like ones are scored together."""


@dataclass
class Standing:
    """How far a reader is in some traces.

    Attributes:
        states: (n, n_state) float32, what is remembered of all calls but the last.
        last: (n,) int64, the last call; what stands before the first, if there is none yet.
    """

    states: Floats
    last: Places


class Reader:
    """Scores traces by a language network; pure, and the same however traces are cut.

    Args:
        network: fitted, in evaluation mode.
        floor: the share of chance that is spread evenly over all known calls and *unknown*: no
            call costs more than ``-log(floor / (n_symbols + 1))``, and unknown ones just that.
        n_threads: of the processor.
    """

    def __init__(self, network: LanguageNetwork, floor: float, n_threads: int) -> None:
        self._stepper = Stepper(network, n_threads)
        self._n_symbols, self._start = network.n_symbols, network.start
        self.n_state = network.n_state
        self._scale = np.float32(1 - floor)
        self._floor = np.float32(floor / (network.n_symbols + 1))

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
        return self._costs(chances, np.arange(len(calls)), calls), after

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
        n_traces = len(offsets) - 1
        out = np.empty(len(calls), dtype=np.float32)
        begun = self.fresh(n_traces) if standing is None else standing
        ended = Standing(begun.states.copy(), begun.last.copy()) if n_traces else begun
        filled = np.flatnonzero(np.diff(offsets) > 0)
        if share and len(filled) > 1:
            filled = filled[_sorted_by_calls(calls, offsets, filled)]
        size = int(np.clip(BLOCK_BYTES // (4 * self.n_state), MIN_BLOCK, MAX_BLOCK))
        for first in range(0, len(filled), size):
            block = filled[first : first + size]
            fresh_ones = share and standing is None
            self._score_block(calls, offsets, block, begun, ended, out, share, fresh_ones)
        return out, ended

    def _score_block(
        self,
        calls: Places,
        offsets: Places,
        block: Places,
        begun: Standing,
        ended: Standing,
        out: Floats,
        share: bool,
        all_begin: bool,
    ) -> None:
        """Read some traces step by step, as a tree whose branches part where their calls do."""
        lengths = offsets[block + 1] - offsets[block]
        order = np.argsort(-lengths, kind="stable")
        block, lengths = block[order], lengths[order]
        begins = offsets[block]
        if all_begin:
            node_of = np.zeros(len(block), dtype=np.int64)
            nodes = self.fresh(1)
        else:
            node_of = np.arange(len(block))
            nodes = Standing(begun.states[block], begun.last[block])
        alive, done = len(block), 0
        while alive > FEW:
            chances, after = self._stepper.step(nodes.last, nodes.states)
            now = calls[begins[:alive] + done]
            out[begins[:alive] + done] = self._costs(chances, node_of[:alive], now)
            done += 1
            left = int(np.searchsorted(-lengths[:alive], -done))
            gone = slice(left, alive)
            ended.states[block[gone]] = after[node_of[gone]]
            ended.last[block[gone]] = now[gone]
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
            node = slice(int(node_of[row]), int(node_of[row]) + 1)
            standing = Standing(nodes.states[node], nodes.last[node])
            out[at], last = self._score_one(calls[at], standing)
            ended.states[block[row]], ended.last[block[row]] = last.states[0], last.last[0]

    def _score_one(self, calls: Places, standing: Standing) -> tuple[Floats, Standing]:
        """Read one trace, stretch by stretch."""
        out = np.empty(len(calls), dtype=np.float32)
        before = np.concatenate([standing.last, calls[:-1]])
        states = standing.states
        read, known, costs = b"", b"", np.zeros(0, np.float32)
        for begin in range(0, len(calls), STRETCH_CALLS):
            stretch = slice(begin, begin + STRETCH_CALLS)
            symbols, now = before[np.newaxis, stretch], calls[stretch]
            key = symbols.tobytes() + now.tobytes()
            # A trace that repeats itself leads a network to where it was before: all is known then.
            if key != read or states.tobytes() != known:
                read, known = key, states.tobytes()
                chances, states = self._stepper.stretch(symbols, states)
                costs = self._costs(chances[0], np.arange(len(now)), now)
            out[stretch] = costs
        return out, Standing(states, calls[-1:])

    def _costs(self, chances: Floats, rows: Places, calls: Places) -> Floats:
        """(n,) float32 nats of calls, by the row of chances that each was expected with."""
        is_known = calls < self._n_symbols
        chance = chances[rows, np.where(is_known, calls, 0)]
        return -np.log(np.where(is_known, chance * self._scale, 0) + self._floor)


def _sorted_by_calls(calls: Places, offsets: Places, traces: Places) -> list[int]:
    """The order of traces by their first calls."""
    coded = calls.astype(">u2")
    begins, ends = offsets[traces], offsets[traces + 1]
    keys = [
        coded[begin : min(end, begin + SORTED_CALLS)].tobytes()
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
    ]
    return sorted(range(len(keys)), key=keys.__getitem__)
