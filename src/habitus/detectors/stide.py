"""`stide`: sequence time-delay embedding, windows never seen in normal traces.

Source: S. Forrest, S. Hofmeyr, A. Somayaji, T. Longstaff, "A sense of self for Unix processes",
IEEE S&P 1996; S. Hofmeyr et al., Journal of Computer Security 6, 1998.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from habitus.detectors.base import DetectorSettings, Expectation
from habitus.detectors.windowed import WindowDetector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from habitus.traces.traceset import TraceSet


class StideSettings(DetectorSettings):
    """Settings of `Stide`."""

    n: int = Field(6, ge=1, le=64, description="calls in a window")


class Stide(WindowDetector):
    """Surprise is 1 where the window of n calls that ends here was never seen, else 0.

    The first n - 1 calls of a trace end no window: their surprise is undefined (NaN), and a trace
    shorter than n cannot be scored. The mean over a trace is the share of unseen windows.

    Fails: an attack made of windows that normal traces hold (mimicry) is invisible; a rare normal
    window counts as much as a common one; a call outside the vocabulary makes n windows unseen.
    """

    name: ClassVar[str] = "stide"
    summary: ClassVar[str] = "windows of n calls that normal traces never held (Forrest 1996)"
    unit: ClassVar[str] = "unseen"
    max_surprise: ClassVar[float | None] = 1.0
    Settings: ClassVar[type[DetectorSettings]] = StideSettings

    @property
    def window_calls(self) -> int:
        return int(self.settings.n)

    def surprise(self, traces: TraceSet) -> NDArray[np.float32]:
        return self.trie.mismatches(self.vocabulary.encode(traces), traces.offsets)

    def expected(self, history: NDArray[np.uint16], top: int = 5) -> Expectation:
        """The calls that followed the longest known end of ``history``, by their share."""
        node = self.trie.history(history)
        children = self.trie.children(node)
        counts = self.trie.count[children]
        likeliest = sorted(zip(-counts, children, strict=True))[:top]
        names = self.vocabulary.names
        return Expectation(
            int(self.trie.depth[node]),
            tuple(
                (names[self.trie.symbol[child]], float(-count / self.trie.total[node]))
                for count, child in likeliest
            ),
        )
