"""`disorder`: how much harder a trace is to learn from itself than normal ones like it.

Sources: `habitus.detectors.disorder_reading`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from habitus.detectors.base import DetectorSettings
from habitus.detectors.disorder_reading import (
    WINDOWS,
    LongestWindow,
    MostWindows,
    OrderReader,
    ReaderStream,
)
from habitus.detectors.whole import RunningTrace, TraceDetector
from habitus.errors import ModelError
from habitus.progress import SILENT, Progress
from habitus.traces.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.detectors.base import State, SurpriseStream
    from habitus.traces.traceset import TraceSet

_DOUBT = 1.0
"""Added to the sums of squares of both regressors, so that slopes of a few traces stay small."""
_N_WEIGHTS = 3


class DisorderSettings(DetectorSettings):
    """Settings of `Disorder`."""

    order: LongestWindow = 12
    floor: float = Field(
        341.0, ge=1.001, le=1e9, description="a trace's very first call has the chance 1 / floor"
    )
    windows: MostWindows = WINDOWS


class Disorder(TraceDetector):
    """Score is ln(nats a call spent on a trace) - ln(nats expected of a normal one like it).

    Each trace is read by an n-gram model that begins **empty**, and learns from each call after it
    has told what the call costs (`OrderReader`). What normal traces cost so falls with their length
    and rises with the number of their different calls; a regression of the logarithms on the
    training traces says how. 0 is as orderly as they are, ln 2 twice as costly.

    It does not matter which calls a trace makes, only how they repeat: likelihood under a model of
    normal traces, as of `NGram`, is other evidence. A call outside the vocabulary costs each time
    as one never met.

    Fails: on attacks as orderly as normal work; on normal traces whose recording was disturbed
    (calls lost, or of several threads mixed up), which look as attacks do.
    """

    name: ClassVar[str] = "disorder"
    summary: ClassVar[str] = "how costly a trace is to learn from itself, against normal ones"
    score_unit: ClassVar[str] = "log ratio"
    Settings: ClassVar[type[DetectorSettings]] = DisorderSettings

    weights: NDArray[np.float64]
    """(3,) of 1, ln(different calls) and ln(calls); their sum is the ln(nats a call) expected."""

    @property
    def memory_calls(self) -> int:
        """Its memory is the whole trace; an explanation shows so many calls of history."""
        return int(self.settings.order) - 1

    def fit(
        self,
        normal: TraceSet,
        held_out: TraceSet | None = None,  # noqa: ARG002 - a regression needs no stopping
        progress: Progress = SILENT,
        *,
        seed: int = 1,  # noqa: ARG002 - nothing here is random
    ) -> None:
        self.vocabulary = Vocabulary.of(normal)
        symbols = self.vocabulary.encode(normal)
        progress.stage("reading traces", len(symbols))
        rows = []
        for begin, end in zip(normal.offsets[:-1], normal.offsets[1:], strict=True):
            if begin < end:
                reader = self.reader()
                reader.read(symbols[begin:end])
                rows.append((*_likeness(reader), np.log(reader.nats / reader.n_calls)))
                progress.advance(int(end - begin))
        self.weights = _regression(np.array(rows).reshape(-1, _N_WEIGHTS))

    def surprise(self, traces: TraceSet) -> NDArray[np.float32]:
        """(n_calls,) float32 nats: what each call costs after those of its trace before it."""
        symbols = self.vocabulary.encode(traces)
        parts = [
            self.reader().read(symbols[begin:end])
            for begin, end in zip(traces.offsets[:-1], traces.offsets[1:], strict=True)
        ]
        return np.concatenate([np.empty(0, np.float32), *parts])

    def trace_scores(self, traces: TraceSet) -> NDArray[np.float64]:
        symbols = self.vocabulary.encode(traces)
        scores = np.empty(traces.n_traces)
        for row in range(traces.n_traces):
            reader = self.reader()
            reader.read(symbols[traces.offsets[row] : traces.offsets[row + 1]])
            scores[row] = self.score_of(reader)
        return scores

    def score_of(self, reader: OrderReader) -> float:
        """The score of what was read of a trace; NaN if that is nothing."""
        if not reader.n_calls:
            return float("nan")
        expected = self.weights[0] + self.weights[1:] @ np.array(_likeness(reader))
        return float(np.log(reader.nats / reader.n_calls) - expected)

    def reader(self) -> OrderReader:
        """Of another trace, from its start."""
        return OrderReader(self.settings.order, self.settings.floor, self.settings.windows)

    def running(self) -> RunningTrace:
        return _RunningDisorder(self)

    def stream(self) -> SurpriseStream:
        return ReaderStream(self.vocabulary, self.reader)

    def state(self) -> State:
        return {"weights": self.weights}

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        weights = state.get("weights")
        if weights is None or weights.shape != (_N_WEIGHTS,) or weights.dtype != np.float64:
            raise ModelError(
                f"the model's array 'weights' is missing, or not ({_N_WEIGHTS},) float64"
            )
        made = np.array(weights, dtype=np.float64)
        if not np.isfinite(made).all():
            raise ModelError("the model's array 'weights' holds what is no finite number")
        self.weights = made


def _likeness(reader: OrderReader) -> tuple[float, float]:
    """By what normal traces are held to be like a trace: ln of its different calls, and of all."""
    return float(np.log(reader.n_distinct)), float(np.log(reader.n_calls))


def _regression(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3,) the weights of 1 and of all columns but the last, which they are to give."""
    if not len(rows):
        return np.zeros(_N_WEIGHTS)
    middle = rows.mean(axis=0)
    regressors, wanted = (rows - middle)[:, :-1], (rows - middle)[:, -1]
    squares = regressors.T @ regressors + _DOUBT * np.eye(_N_WEIGHTS - 1)
    slopes = np.linalg.solve(squares, regressors.T @ wanted)
    weights: NDArray[np.float64] = np.append(middle[-1] - middle[:-1] @ slopes, slopes)
    return weights


class _RunningDisorder(RunningTrace):
    """Keeps what was learned of the trace."""

    def __init__(self, detector: Disorder) -> None:
        self._detector = detector
        self._reader = detector.reader()

    def add(self, symbols: NDArray[np.uint16]) -> None:
        self._reader.read(symbols)

    @property
    def score(self) -> float:
        return self._detector.score_of(self._reader)
