"""`ngram`: an interpolated n-gram language model of system calls.

Source: I. Witten and T. Bell, "The zero-frequency problem", IEEE Trans. Information Theory 37,
1991; in the interpolated form of S. Chen and J. Goodman, 1998, section 2.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from habitus.detectors.base import DetectorSettings, Expectation
from habitus.detectors.trie_kernels import ROOT, witten_bell
from habitus.detectors.windowed import WindowDetector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.detectors.trie import CallTrie
    from habitus.traces.traceset import TraceSet


class NGramSettings(DetectorSettings):
    """Settings of `NGram`."""

    order: int = Field(12, ge=1, le=64, description="calls in a window: order - 1 of history")
    floor: float = Field(
        341.0, ge=1, le=1e9, description="size of the uniform floor: P_0 of any call is 1 / floor"
    )


class NGram(WindowDetector):
    """Surprise of a call is -log P(call | up to order - 1 calls before it), in nats.

    ``P_k(c | h) = (count(h c) + T(h) P_{k-1}(c | h')) / (count(h) + T(h))``, where T(h) is the
    number of different calls seen after h and h' is h without its first call, down to the uniform
    ``P_0 = 1 / floor``. A history never seen falls back to the next shorter one. A call outside the
    vocabulary has no count anywhere: it costs what is left of the floor, and is no error.

    Fails: on attacks that repeat what is common (a loop of reads is cheap); where what matters lies
    further back than ``order`` calls.
    """

    name: ClassVar[str] = "ngram"
    summary: ClassVar[str] = "n-gram language model, Witten-Bell interpolation"
    Settings: ClassVar[type[DetectorSettings]] = NGramSettings

    @property
    def window_calls(self) -> int:
        return int(self.settings.order)

    def surprise(self, traces: TraceSet) -> NDArray[np.float32]:
        symbols = self.vocabulary.encode(traces)
        return self.trie.surprise(symbols, traces.offsets, self._cost, self._backoff)

    def expected(self, history: NDArray[np.uint16], top: int = 5) -> Expectation:
        """The likeliest calls after ``history``, with their interpolated probabilities."""
        trie = self.trie
        node = trie.history(history)
        nodes = [node]
        while nodes[-1] != ROOT:
            nodes.append(int(trie.link[nodes[-1]]))
        probability = np.full(len(self.vocabulary), 1 / self.settings.floor)
        for context in reversed(nodes):
            counts = np.zeros(len(self.vocabulary))
            children = trie.children(context)
            counts[trie.symbol[children]] = trie.count[children]
            total, types = trie.total[context], trie.types[context]
            if total:
                probability = (counts + types * probability) / (total + types)
        likeliest = np.argsort(-probability, kind="stable")[:top]
        return Expectation(
            int(trie.depth[node]),
            tuple(
                (self.vocabulary.names[symbol], float(probability[symbol])) for symbol in likeliest
            ),
        )

    def _use(self, trie: CallTrie) -> None:
        """Keep a trie, with what each of its windows costs."""
        super()._use(trie)
        self._cost = np.zeros(len(trie.parent))
        self._backoff = np.zeros(len(trie.parent))
        witten_bell(
            trie.parent, trie.link, trie.count, trie.total, trie.types,
            float(self.settings.floor), self._cost, self._backoff,
        )  # fmt: skip
