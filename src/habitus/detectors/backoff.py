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
        symbols = self.vocabulary.encode(traces)
        nats = self.trie.surprise(symbols, traces.offsets, self._cost, self._backoff)
        return nats + borrowing_nats(traces, self.vocabulary, self.settings.kin_share)

    def expected(self, history: NDArray[np.uint16], top: int = 5) -> Expectation:
        """The likeliest calls after ``history``, with the probabilities surprise is made of."""
        node = self.trie.history(history)
        probability = self.probabilities(node)
        likeliest = np.argsort(-probability, kind="stable")[:top]
        return Expectation(
            int(self.trie.depth[node]),
            tuple(
                (self.vocabulary.names[symbol], float(probability[symbol])) for symbol in likeliest
            ),
        )

    def predictor(self) -> Predictor:
        return _HistoryPredictor(self)

    def probabilities(self, node: int) -> NDArray[np.float64]:
        """(n_symbols,) float64: P(call | history) of every known call; ``node`` is the history."""
        nodes = [node]
        while nodes[-1] != ROOT:
            nodes.append(int(self.trie.link[nodes[-1]]))
        probability = np.full(len(self.vocabulary), 1 / self.settings.floor)
        for history in reversed(nodes):
            children = self.trie.children(history)
            probability *= np.exp(-self._backoff[history])
            probability[self.trie.symbol[children]] = np.exp(-self._cost[children])
        return probability * kept_shares(self.vocabulary, self.settings.kin_share)

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
        return self._detector.probabilities(self._detector.trie.history(self._history))
