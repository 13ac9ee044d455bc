"""`markov`: a Markov chain of system calls.

Source of the chain as a detector: N. Ye, "A Markov chain model of temporal behavior for anomaly
detection", IEEE SMC Workshop on Information Assurance and Security, 2000.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from habitus.detectors.backoff import BackoffDetector
from habitus.detectors.base import DetectorSettings
from habitus.detectors.borrowing import KIN_SHARE
from habitus.detectors.smoothing import Shares, dirichlet
from habitus.detectors.transitions import Transitions

if TYPE_CHECKING:
    from habitus.detectors.trie import CallTrie


class MarkovSettings(DetectorSettings):
    """Settings of `Markov`."""

    order: int = Field(1, ge=1, le=8, description="calls that make up the state")
    # On adfa-ld/dev every strength from 0.01 to 10 reads the same area to .001.
    strength: float = Field(
        1.0, ge=1e-9, le=1e9, description="how many calls the next shorter state's shares count as"
    )
    floor: float = Field(
        341.0, ge=1, le=1e9, description="size of the uniform floor: P_0 of any call is 1 / floor"
    )
    kin_share: float = KIN_SHARE


class Markov(BackoffDetector):
    """Surprise of a call is -log P(call | state), in nats; the state is the last ``order`` calls.

    ``P(c | s) = (count(s c) + strength P(c | s')) / (count(s) + strength)``, where s' is s without
    its first call, down to the shares of single calls and the uniform ``1 / floor``. The first
    calls of a trace have shorter states; the very first costs by its share among all calls. A state
    never seen costs as the next shorter one. A call outside the vocabulary is read as its kin and
    borrows of its probability (`habitus.detectors.borrowing`). One without kin has no count
    anywhere: at order and strength 1, with n calls learned, it costs ``log((count(s) + 1) (n + 1)
    floor)`` after a known s, ``log((n + 1) floor)`` after another, and is no error.

    Fails: where what is strange spans more than ``order`` + 1 calls.
    """

    name: ClassVar[str] = "markov"
    summary: ClassVar[str] = "Markov chain of calls, whose transition matrix can be drawn"
    Settings: ClassVar[type[DetectorSettings]] = MarkovSettings

    @property
    def window_calls(self) -> int:
        return int(self.settings.order) + 1

    def shares(self, trie: CallTrie) -> Shares:
        return dirichlet(trie, float(self.settings.strength))

    def transitions(self) -> Transitions:
        """Which call followed which state in training, and how often."""
        return Transitions.of(self.trie, self.vocabulary)
