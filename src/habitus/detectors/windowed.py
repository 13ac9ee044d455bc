"""What the classical detectors share: they count the windows of their training traces in a trie."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from habitus.detectors.base import SequenceDetector
from habitus.detectors.trie import CallTrie
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from habitus.detectors.base import State
    from habitus.traces.traceset import TraceSet


class WindowDetector(SequenceDetector):
    """A detector that knows the windows of up to `window_calls` calls and how often each occurred.

    A subclass says how long windows are and what a call costs; fitting and keeping are done here.
    """

    trie: CallTrie

    @property
    @abstractmethod
    def window_calls(self) -> int:
        """Calls in the longest window counted."""

    @property
    def memory_calls(self) -> int:
        return self.window_calls - 1

    def fit(
        self,
        normal: TraceSet,
        held_out: TraceSet | None = None,  # noqa: ARG002 - counting needs no stopping
        progress: Progress = SILENT,
        *,
        seed: int = 1,  # noqa: ARG002 - nothing here is random
    ) -> None:
        self.vocabulary = self._learned_vocabulary(normal)
        symbols = self.vocabulary.encode(normal)
        n_symbols = len(self.vocabulary)
        self._use(CallTrie.grown(symbols, normal.offsets, self.window_calls, n_symbols, progress))

    def state(self) -> State:
        return self.trie.state()

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        self._use(CallTrie.from_state(self.window_calls, state, len(self.vocabulary)))

    def _use(self, trie: CallTrie) -> None:
        """Take a finished trie; a subclass derives from it what scoring needs."""
        self.trie = trie
