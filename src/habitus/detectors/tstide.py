"""`tstide`: STIDE with a threshold of frequency, windows rare in normal traces or never seen there.

Source: C. Warrender, S. Forrest, B. Pearlmutter, "Detecting intrusions using system calls:
alternative data models", IEEE S&P 1999, where it is called t-stide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from habitus.detectors.stide import Stide, StideSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.detectors.base import DetectorSettings
    from habitus.detectors.trie import CallTrie
    from habitus.traces.traceset import TraceSet


class TStideSettings(StideSettings):
    """Settings of `TStide`."""

    rare: float = Field(
        1e-5, ge=0, lt=1, description="windows that are less than this share of all are rare"
    )


class TStide(Stide):
    """Surprise is 1 where the window of n calls that ends here is rare or was never seen, else 0.

    A window is rare if it made up less than the share ``rare`` of the training windows. Otherwise
    as `Stide`: NaN for the first n - 1 calls of a trace, whose mean is the share of mismatches.

    Fails: as `Stide`; where training is short, no window is rare by the default; rare windows of
    normal work raise false alarms however often training is repeated.
    """

    name: ClassVar[str] = "tstide"
    summary: ClassVar[str] = "windows of n calls that normal traces hold rarely or never (1999)"
    unit: ClassVar[str] = "unseen or rare"
    Settings: ClassVar[type[DetectorSettings]] = TStideSettings

    def surprise(self, traces: TraceSet) -> NDArray[np.float32]:
        symbols = self.vocabulary.encode(traces)
        return self.trie.window_values(symbols, traces.offsets, self._is_rare)

    def _use(self, trie: CallTrie) -> None:
        """Keep a trie, and which of its windows are rare."""
        super()._use(trie)
        n_windows = int(trie.count[trie.depth == trie.order].sum())
        self._is_rare = (trie.count < self.settings.rare * n_windows).astype(np.float32)
