"""The seam of detectors that guess the next call: surprise is how unlikely what came was."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from habitus.detectors.base import Expectation, SurpriseStream
from habitus.detectors.borrowing import KIN_SHARE, borrowing_nats, kept_shares
from habitus.detectors.neural.baseline import checked, discount, first_order_nats
from habitus.detectors.neural.network_detector import NetworkDetector
from habitus.detectors.neural.settings import TrainingSettings
from habitus.errors import ModelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.detectors.base import State
    from habitus.detectors.neural.reader import Standing
    from habitus.detectors.prediction import Predictor
    from habitus.learning.task import Task
    from habitus.networks.language import LanguageNetwork
    from habitus.traces.traceset import TraceSet


_BASELINE = "baseline"


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
    baseline: float = Field(
        0.5, ge=0, le=1,
        description="share of what a first-order chain of calls is surprised by that is taken off; "
        "0: nothing is",
    )  # fmt: skip
    kin_share: float = KIN_SHARE


class LanguageModel(NetworkDetector):
    """Surprise of a call is -log P(call | all calls of its trace before it), in nats.

    What the network makes of the calls before is mixed with a *floor*: ``P = (1 - floor) p +
    floor / (V + 1)`` for V known calls. A call outside the vocabulary is read as its kin, by whose
    embedding it goes into the network, and borrows of its probability
    (`habitus.detectors.borrowing`). One without kin has the floor alone: it costs
    ``-log(floor / (V + 1))``, the most that a known call can, and is read as *unknown*.

    Of what a known call costs, a share of what it costs a first-order chain of calls is taken off:
    ``s - baseline * min(-log P_1, 5) * s / (s + .05)`` with ``s = -log P``. What is strange by the
    call before it alone is strange in every unusual program; what a network adds is the order. A
    surprise may be less than 0: the call was much surer than its pair is common.
    """

    stream_error: ClassVar[float] = 1e-4
    _baseline: NDArray[np.float32] | None = None

    @property
    def memory_calls(self) -> int:
        """Its memory has no end; an explanation shows so many calls of history."""
        return 64

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

    def _learn_beside(self, learned: TraceSet) -> None:
        if not len(self.vocabulary):
            raise UsageError("there is no call to learn from")
        if self.settings.baseline:
            self._baseline = first_order_nats(
                self.vocabulary.encode(learned), learned.offsets, len(self.vocabulary)
            )

    def state(self) -> State:
        beside = {} if self._baseline is None else {_BASELINE: self._baseline}
        return {**super().state(), **beside}

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        if not len(self.vocabulary):
            raise ModelError("it knows no call, and so has none to guess")
        if self.settings.baseline:
            self._baseline = checked(state.get(_BASELINE), len(self.vocabulary))
        super().restore(state)

    def _use(self, network: Any) -> None:
        import torch

        from habitus.detectors.neural.reader import Reader

        super()._use(network)
        beside, share = self._baseline, self.settings.baseline
        self.reader = Reader(
            network, self.settings.floor, torch.get_num_threads(),
            discount=None if beside is None else discount(beside, share),
        )  # fmt: skip

    def surprise(self, traces: TraceSet) -> NDArray[np.float32]:
        calls = self.reader.symbols(self.vocabulary.encode(traces))
        return self.reader.surprise(calls, traces.offsets) + self._borrowed(traces)

    def _borrowed(self, traces: TraceSet) -> NDArray[np.float32] | float:
        """What calls cost on top of the symbols that they are read as."""
        return borrowing_nats(traces, self.vocabulary, self.settings.kin_share)

    def expected(self, history: NDArray[np.uint16], top: int = 5) -> Expectation | None:
        """The likeliest calls after ``history``, as if the trace began with it."""
        chances = self.reader.chances(self._standing_after(history))[0] * self._kept
        likeliest = np.argsort(-chances, kind="stable")[:top]
        return Expectation(
            len(history),
            tuple((self.vocabulary.names[symbol], float(chances[symbol])) for symbol in likeliest),
        )

    def _standing_after(self, history: NDArray[np.uint16]) -> Standing:
        """Where a trace stands that began with ``history``."""
        calls = self.reader.symbols(history)
        return self.reader.score(calls, np.array([0, len(calls)]))[1]

    def stream(self) -> SurpriseStream:
        from habitus.detectors.neural.threads import ThreadStream

        return ThreadStream(self.reader, self.vocabulary, self.settings.kin_share)

    def predictor(self) -> Predictor:
        from habitus.detectors.neural.predicting import ReaderPredictor

        return ReaderPredictor(self.reader, self._kept)

    @property
    def _kept(self) -> NDArray[np.float64]:
        """(n_known,) what each known call keeps of its probability."""
        return kept_shares(self.vocabulary, self.settings.kin_share)

    def activations(
        self, symbols: NDArray[np.uint16], first: int = 0
    ) -> NDArray[np.float32] | None:
        """What the network makes of a trace, call by call: what its output layer reads.

        Args:
            symbols: a trace's calls from its beginning.
            first: from which one on, from 0; the calls before it are only read.

        Returns:
            (len(symbols) - first, n_features) float32, each row once its call is read; None if the
            network does not read a trace call after call.
        """
        import torch

        calls = self.reader.symbols(symbols)
        standing = self._standing_after(symbols[:first])
        # What was read last goes into the state with the first of these.
        read = np.concatenate([standing.last, calls[first:]])
        with torch.inference_mode():
            state = torch.from_numpy(standing.states)
            features = self.network(torch.from_numpy(read[np.newaxis]), state)[0]
        found: NDArray[np.float32] = features[0, 1:].numpy()
        return found
