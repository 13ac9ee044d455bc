"""`hmm`: a hidden Markov model of system calls.

Source: C. Warrender, S. Forrest, B. Pearlmutter, "Detecting intrusions using system calls:
alternative data models", IEEE S&P 1999; L. Rabiner, "A tutorial on hidden Markov models", Proc.
IEEE 77, 1989, for the scaled recursion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from habitus.detectors.base import (
    DetectorSettings,
    Expectation,
    SequenceDetector,
    SurpriseStream,
)
from habitus.detectors.hmm_kernels import forward
from habitus.detectors.hmm_training import Chances, train
from habitus.detectors.prediction import Predictor
from habitus.detectors.trie import CHUNK_CALLS
from habitus.errors import ModelError
from habitus.progress import SILENT, Progress
from habitus.traces.traceset import offsets_of
from habitus.traces.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.detectors.base import State
    from habitus.traces.traceset import TraceSet

MAX_STATES = 256
_SUM_ERROR = 1e-6


class HmmSettings(DetectorSettings):
    """Settings of `Hmm`."""

    states: int = Field(64, ge=1, le=MAX_STATES, description="hidden states")
    iterations: int = Field(10, ge=1, le=1000, description="passes over the traces, at most")
    calls: int = Field(
        1_000_000, ge=1, le=1_000_000_000,
        description="calls of distinct traces that it learns from, at most; the seed draws them",
    )  # fmt: skip
    floor: float = Field(
        1e-5,
        ge=1e-12,
        le=1,
        description="chance added to that of every call and next state, before they are scaled",
    )


class Hmm(SequenceDetector):
    """Surprise of a call is -log P(call | all calls of its trace before it), in nats.

    The program is thought to be in one of a few hidden states; each has its own chances of calls
    and of the state that comes next. ``floor`` is added to every chance, and stands for all calls
    never seen: ``b'(c) = (b(c) + floor) / (1 + floor (V + 1))`` for V known calls. So a call that
    is not in the vocabulary costs ``-log(floor / (1 + floor (V + 1)))`` in every state: as much as
    any call can, and it tells nothing of the state. Added to what comes next, the floor lets the
    guess find back after calls that do not fit.

    Fails: where the order within some ten calls tells more than the phase a program is in; what it
    learns depends on where its training begins, and so on the seed.
    """

    name: ClassVar[str] = "hmm"
    summary: ClassVar[str] = "hidden Markov model (Warrender 1999)"
    Settings: ClassVar[type[DetectorSettings]] = HmmSettings
    is_quick: ClassVar[bool] = False
    memory_calls: ClassVar[int] = 64
    """Its memory has no end; an explanation shows so many calls of history."""

    def fit(
        self,
        normal: TraceSet,
        held_out: TraceSet | None = None,  # noqa: ARG002 - it stops where little is gained
        progress: Progress = SILENT,
        *,
        seed: int = 1,
    ) -> None:
        self.vocabulary = Vocabulary.of(normal)
        distinct = normal.select(np.unique(normal.sequence_ids(), return_index=True)[1])
        chosen = np.random.default_rng(seed).permutation(distinct.n_traces)
        fits = np.cumsum(distinct.lengths[chosen]) <= self.settings.calls
        # One trace at least, however long it is.
        fits[: int(np.argmax(distinct.lengths[chosen] > 0)) + 1] = True
        learned = distinct.select(np.sort(chosen[fits]))
        self._use(
            train(
                self.vocabulary.encode(learned), learned.offsets, len(self.vocabulary),
                self.settings.states, self.settings.iterations, seed, progress,
            )
        )  # fmt: skip

    def surprise(self, traces: TraceSet) -> NDArray[np.float32]:
        symbols = self.vocabulary.encode(traces)
        return self.follow(symbols, traces.offsets, self.at_the_start())

    def follow(
        self, symbols: NDArray[np.uint16], offsets: NDArray[np.int64], state: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """(n_calls,) float32 nats.

        Args:
            state: (n_states,) the chances of the states at the first call; overwritten by those at
                the call after the last.
        """
        out = np.empty(len(symbols), dtype=np.float32)
        room = np.empty_like(state)
        trace = 0
        for begin in range(0, len(symbols), CHUNK_CALLS):
            trace = forward(
                symbols, begin, min(begin + CHUNK_CALLS, len(symbols)), offsets, trace,
                self._chances.start, self._transition, self._emission, state, room, out,
            )  # fmt: skip
        return out

    def expected(self, history: NDArray[np.uint16], top: int = 5) -> Expectation:
        """The likeliest calls after ``history``, as if the trace began with it."""
        predictor = self.predictor()
        predictor.observe(history)
        chances = predictor.chances()
        likeliest = np.argsort(-chances, kind="stable")[:top]
        return Expectation(
            len(history),
            tuple((self.vocabulary.names[symbol], float(chances[symbol])) for symbol in likeliest),
        )

    def stream(self) -> SurpriseStream:
        return _ForwardStream(self)

    def predictor(self) -> Predictor:
        return _StatePredictor(self)

    def chances_in(self, state: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n_known,) float64: of each known call, by the chances of the states."""
        chances: NDArray[np.float64] = (self._emission @ state)[:-1]
        return chances

    def at_the_start(self) -> NDArray[np.float64]:
        """(n_states,) the chances of the states at a trace's first call."""
        return self._chances.start.copy()

    def state(self) -> State:
        return {
            "startprob": self._chances.start,
            "transmat": self._chances.transition,
            "emissionprob": self._chances.emission,
        }

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        n_states, n_symbols = self.settings.states, len(self.vocabulary)

        def chances(name: str, *shape: int) -> NDArray[np.float64]:
            found = state.get(name)
            if found is None or found.dtype != np.float64 or found.shape != shape:
                raise ModelError(f"the model's array {name!r} is missing, or not {shape} float64")
            made = np.array(
                found, dtype=np.float64
            )  # its own: loops compile for what can be written
            # NaN fails either comparison. Of no call at all there are no chances to add up.
            sound = np.all((made >= 0) & (made <= 1))
            if not sound or (made.size and np.any(np.abs(made.sum(axis=-1) - 1) > _SUM_ERROR)):
                raise ModelError(
                    f"a row of the model's array {name!r} holds no chances: numbers from 0 to 1, "
                    "together 1"
                )
            return made

        self._use(
            Chances(
                chances("startprob", n_states),
                chances("transmat", n_states, n_states),
                chances("emissionprob", n_states, n_symbols),
            )
        )

    def _use(self, chances: Chances) -> None:
        """Keep what was learned, and what scoring needs: floors added, emissions by call."""
        self._chances = chances
        floor = self.settings.floor
        n_states, n_symbols = chances.emission.shape
        self._transition = _with_floor(chances.transition, floor, n_states)
        unknown = np.zeros((1, n_states))
        by_call = np.concatenate([chances.emission.T, unknown])
        self._emission = _with_floor(by_call, floor, n_symbols + 1)


def _with_floor(chances: NDArray[np.float64], floor: float, n: int) -> NDArray[np.float64]:
    """Chances of ``n`` things, the floor added to each, laid out as the loop is compiled for."""
    return np.ascontiguousarray((chances + floor) / (1 + floor * n))


class _ForwardStream(SurpriseStream):
    """Keeps the chances of the states of each open trace: all that its calls have left behind."""

    def __init__(self, detector: Hmm) -> None:
        self._detector = detector
        self._states: dict[str, NDArray[np.float64]] = {}

    def push(self, batch: TraceSet) -> NDArray[np.float32]:
        if all(info.whole for info in batch.infos):
            return self._detector.surprise(batch)
        symbols = self._detector.vocabulary.encode(batch)
        out = np.empty(len(symbols), dtype=np.float32)
        for row, info in enumerate(batch.infos):
            state = self._states.pop(info.name, None) if info.first_call else None
            if state is None:
                state = self._detector.at_the_start()
            calls = slice(int(batch.offsets[row]), int(batch.offsets[row + 1]))
            out[calls] = self._detector.follow(
                symbols[calls], offsets_of([calls.stop - calls.start]), state
            )
            if not info.ends:
                self._states[info.name] = state
        return out


class _StatePredictor(Predictor):
    """Keeps the chances of the states."""

    def __init__(self, detector: Hmm) -> None:
        self._detector = detector
        self._state = detector.at_the_start()

    def observe(self, symbols: NDArray[np.uint16]) -> None:
        self._detector.follow(symbols, offsets_of([len(symbols)]), self._state)

    def chances(self) -> NDArray[np.float64]:
        return self._detector.chances_in(self._state)
