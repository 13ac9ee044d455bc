"""The seam of detectors that guess the next call: surprise is how unlikely what came was."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from habitus.detectors.base import Expectation, SurpriseStream
from habitus.detectors.neural.network_detector import NetworkDetector
from habitus.detectors.neural.settings import TrainingSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.learning.task import Task
    from habitus.networks.language import LanguageNetwork
    from habitus.traces.traceset import TraceSet


class LanguageSettings(TrainingSettings):
    """Settings of language models."""

    stretch: int = Field(
        100, ge=1, le=8192, description="calls that the gradient goes back through"
    )
    dropout: float = Field(
        0.5, ge=0, le=0.95, description="share of a layer's numbers that training sets to zero"
    )
    unknown_share: float = Field(
        0.01, ge=0, le=0.5, description="of the calls read in training, replaced by an unknown one"
    )
    floor: float = Field(
        1e-4, ge=1e-12, le=0.5,
        description="share of chance spread evenly over all known calls and the unknown one",
    )  # fmt: skip


class LanguageModel(NetworkDetector):
    """Surprise of a call is -log P(call | all calls of its trace before it), in nats.

    What the network makes of the calls before is mixed with a *floor*: ``P = (1 - floor) p +
    floor / (V + 1)`` for V known calls. A call outside the vocabulary has the floor alone: it costs
    ``-log(floor / (V + 1))``, the most that any call can, and is read as *unknown*.
    """

    memory_calls: ClassVar[int] = 64
    """Its memory has no end; an explanation shows so many calls of history."""
    stream_error: ClassVar[float] = 1e-4

    @abstractmethod
    def _new_network(self, n_symbols: int) -> LanguageNetwork: ...

    def _task(self, network: Any, learned: TraceSet, judged: TraceSet) -> Task:
        from habitus.learning.language import LanguageTask
        from habitus.learning.pieces import Pieces

        pieces = [
            Pieces.of(self.vocabulary.encode(part), part.offsets, len(self.vocabulary))
            for part in (learned, judged)
        ]
        return LanguageTask(
            network, *pieces, n_held_out=judged.n_traces, batch=self.settings.batch,
            calls=self.settings.stretch, unknown_share=self.settings.unknown_share,
        )  # fmt: skip

    def _use(self, network: Any) -> None:
        import torch

        from habitus.detectors.neural.reader import Reader

        super()._use(network)
        self.reader = Reader(network, self.settings.floor, torch.get_num_threads())

    def surprise(self, traces: TraceSet) -> NDArray[np.float32]:
        calls = self.reader.symbols(self.vocabulary.encode(traces))
        return self.reader.score(calls, traces.offsets)[0]

    def expected(self, history: NDArray[np.uint16], top: int = 5) -> Expectation:
        """The likeliest calls after ``history``, as if the trace began with it."""
        calls = self.reader.symbols(history)
        standing = self.reader.score(calls, np.array([0, len(calls)]))[1]
        chances = self.reader.chances(standing)[0]
        likeliest = np.argsort(-chances, kind="stable")[:top]
        return Expectation(
            len(history),
            tuple((self.vocabulary.names[symbol], float(chances[symbol])) for symbol in likeliest),
        )

    def stream(self) -> SurpriseStream:
        from habitus.detectors.neural.threads import ThreadStream

        return ThreadStream(self.reader, self.vocabulary)
