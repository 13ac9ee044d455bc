"""`ngram`: an interpolated n-gram language model of system calls.

Sources of the smoothings: `habitus.detectors.smoothing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from habitus.detectors.backoff import BackoffDetector
from habitus.detectors.base import DetectorSettings
from habitus.detectors.borrowing import KIN_SHARE
from habitus.detectors.smoothing import Shares, kneser_ney, witten_bell

if TYPE_CHECKING:
    from habitus.detectors.trie import CallTrie


class NGramSettings(DetectorSettings):
    """Settings of `NGram`."""

    order: int = Field(12, ge=1, le=64, description="calls in a window: order - 1 of history")
    floor: float = Field(
        341.0, ge=1, le=1e9, description="size of the uniform floor: P_0 of any call is 1 / floor"
    )
    smoothing: Literal["witten-bell", "kneser-ney"] = Field(
        "witten-bell", description="how much a history leaves to the next shorter one"
    )
    kin_share: float = KIN_SHARE


class NGram(BackoffDetector):
    """Surprise of a call is -log P(call | up to order - 1 calls before it), in nats.

    By Witten-Bell, ``P_k(c | h) = (count(h c) + T(h) P_{k-1}(c | h')) / (count(h) + T(h))``, where
    T(h) is the number of different calls seen after h and h' is h without its first call, down to
    the uniform ``P_0 = 1 / floor``. By modified Kneser-Ney, counts are discounted instead, and
    shorter windows count the different calls before them. A history never seen falls back to the
    next shorter one. A call outside the vocabulary is read as its kin and
    borrows of its probability (`habitus.detectors.borrowing`). One without kin has no count
    anywhere: it costs what is left of the floor, and is no error.

    Fails: on attacks that repeat what is common (a loop of reads is cheap); where what matters lies
    further back than ``order`` calls.
    """

    name: ClassVar[str] = "ngram"
    summary: ClassVar[str] = "n-gram language model, interpolated (Witten-Bell or Kneser-Ney)"
    Settings: ClassVar[type[DetectorSettings]] = NGramSettings

    @property
    def window_calls(self) -> int:
        return int(self.settings.order)

    def shares(self, trie: CallTrie) -> Shares:
        return kneser_ney(trie) if self.settings.smoothing == "kneser-ney" else witten_bell(trie)
