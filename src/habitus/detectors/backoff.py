"""What the probabilistic detectors over a trie share: the price of a call after its history."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from habitus.detectors.base import Expectation
from habitus.detectors.borrowing import borrowing_nats, kept_shares
from habitus.detectors.prediction import Predictor
from habitus.detectors.trie_kernels import ROOT, interpolate
from habitus.detectors.windowed import WindowDetector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.detectors.smoothing import Shares
    from habitus.detectors.trie import CallTrie
    from habitus.traces.traceset import TraceSet


class BackoffDetector(WindowDetector):
    """Surprise of a call is -log P(call | the calls before it), in nats.

    A subclass says how counts become probabilities, and has the settings ``floor`` and
    ``kin_share``. A call never seen is read as its kin, and borrows of its probability
    (`habitus.detectors.borrowing`).
    """

    @abstractmethod
    def shares(self, trie: CallTrie) -> Shares:
        """What each window keeps of its count, and what each history leaves to shorter ones."""

    def surprise(self, traces: TraceSet) -> NDArray[np.float32]:
        nats = self.known_nats(self.vocabulary.encode(traces), traces.offsets)
        return nats + borrowing_nats(traces, self.vocabulary, self.settings.kin_share)

    def known_nats(
        self, symbols: NDArray[np.uint16], offsets: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """(n_calls,) float32: what the symbols cost that calls are read as."""
        return self.trie.surprise(symbols, offsets, self._cost, self._backoff)

    def expected(self, history: NDArray[np.uint16], top: int = 5) -> Expectation:
        """The likeliest calls after ``history``, with the probabilities surprise is made of."""
        known, n_context = self.known_chances(history)
        chances = known * self._kept
        likeliest = np.argsort(-chances, kind="stable")[:top]
        return Expectation(
            n_context,
            tuple((self.vocabulary.names[symbol], float(chances[symbol])) for symbol in likeliest),
        )

    def predictor(self) -> Predictor:
        return _HistoryPredictor(self)

    def chances(self, history: NDArray[np.uint16]) -> NDArray[np.float64]:
        """(n_known,) float64: P(call | history) of every known call."""
        return self.known_chances(history)[0] * self._kept

    @property
    def _kept(self) -> NDArray[np.float64]:
        """(n_known,) what calls never seen leave each known call of its probability."""
        return kept_shares(self.vocabulary, self.settings.kin_share)

    def known_chances(self, history: NDArray[np.uint16]) -> tuple[NDArray[np.float64], int]:
        """(n_known,) float64 of each call before any is borrowed of, and the calls it goes by."""
        node = self.trie.history(history)
        probability = np.full(len(self.vocabulary), 1 / self.settings.floor)
        for before in reversed(self._shorter(node)):
            children = self.trie.children(before)
            probability *= np.exp(-self._backoff[before])
            probability[self.trie.symbol[children]] = np.exp(-self._cost[children])
        return probability, int(self.trie.depth[node])

    def unseen_chance(self, history: NDArray[np.uint16]) -> float:
        """Of a call that stands for nothing it knows: what is left of the floor."""
        left = sum(self._backoff[node] for node in self._shorter(self.trie.history(history)))
        return float(np.exp(-left) / self.settings.floor)

    def _shorter(self, node: int) -> list[int]:
        """A history, and all that it falls back to."""
        nodes = [node]
        while nodes[-1] != ROOT:
            nodes.append(int(self.trie.link[nodes[-1]]))
        return nodes

    def _use(self, trie: CallTrie) -> None:
        """Keep a trie, with what each of its windows costs."""
        super()._use(trie)
        self._cost = np.zeros(len(trie.parent))
        self._backoff = np.zeros(len(trie.parent))
        interpolate(
            trie.parent, trie.link, *self.shares(trie), float(self.settings.floor),
            self._cost, self._backoff,
        )  # fmt: skip


class _HistoryPredictor(Predictor):
    """Keeps the calls that a history can hold."""

    def __init__(self, detector: BackoffDetector) -> None:
        self._detector = detector
        self._history = np.zeros(0, dtype=np.uint16)

    def observe(self, symbols: NDArray[np.uint16]) -> None:
        joined = np.concatenate([self._history, symbols])
        self._history = joined[max(0, len(joined) - self._detector.memory_calls) :]

    def chances(self) -> NDArray[np.float64]:
        return self._detector.chances(self._history)
