"""`lstm`: a recurrent language model of system calls.

Source: G. Kim, H. Yi, J. Lee, Y. Paek, S. Yoon, "LSTM-based system-call language modeling and
robust ensemble method for designing host-based intrusion detection systems", 2016, arXiv
1611.01726. Of the preset `window19`: an open repository that set out to reproduce it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, model_validator

from habitus.detectors.base import Expectation, SurpriseStream, WindowStream
from habitus.detectors.neural.recurrent_model import RecurrentModel, RecurrentSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    import numpy as np
    from numpy.typing import NDArray

    from habitus.detectors.base import DetectorSettings
    from habitus.detectors.neural.reader import Standing
    from habitus.detectors.prediction import Predictor
    from habitus.learning.task import Task
    from habitus.traces.traceset import TraceSet


class LstmSettings(RecurrentSettings):
    """Settings of `Lstm`."""

    window: int = Field(
        0, ge=0, le=1024,
        description="each call is guessed from so many before it alone; 0: from all of its trace",
    )  # fmt: skip
    windows: int = Field(
        0, ge=0, le=10**9,
        description="with window: learn from the first so many alone, the last stop_share of them "
        "held out; 0: from all",
    )  # fmt: skip

    @model_validator(mode="after")
    def _counts_what_there_is(self) -> Self:
        if self.windows and not self.window:
            raise ValueError("windows says how many are learned: say in window how long they are")
        return self


_WINDOW19: dict[str, object] = {
    "window": 19, "windows": 20_298, "stop_share": 0.05, "layers": 3, "cells": "64,256,100",
    "embedding": 0, "dropout": 0.2, "unknown_share": 0, "optimiser": "rmsprop", "rate": 1e-3,
    "batch": 50, "epochs": 1, "calls": 0, "patience": 0, "warm_up": 0, "decay": "none", "clip": 0,
    "weight_decay": 0, "average": 0, "baseline": 0, "kin_share": 0,
}  # fmt: skip


class Lstm(RecurrentModel):
    """Surprise of a call is -log P(call | all calls of its trace before it), in nats.

    An LSTM (or GRU) reads the trace call by call; its state is all it remembers. With ``window``
    each call is guessed from so many before it, read anew for each: the first ones of a trace have
    no surprise (NaN), and a trace that is no longer than the window cannot be scored.

    Fails: where an attack does in familiar order what the program always does; and a better guesser
    is not a better detector, see its page.
    """

    name: ClassVar[str] = "lstm"
    summary: ClassVar[str] = "LSTM or GRU language model (Kim 2016)"
    Settings: ClassVar[type[DetectorSettings]] = LstmSettings
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {
        **RecurrentModel.presets,
        "window19": _WINDOW19,
    }

    @property
    def memory_calls(self) -> int:
        return int(self.settings.window) or super().memory_calls

    @property
    def _learnable_calls(self) -> int:
        return int(self.settings.window) + 1

    def _divided(
        self, normal: TraceSet, held_out: TraceSet | None, seed: int
    ) -> tuple[TraceSet, TraceSet]:
        if self.settings.windows and held_out is None:
            return normal, normal.select([])  # windows are held out, not traces
        return super()._divided(normal, held_out, seed)

    def _task(self, network: Any, learned: TraceSet, judged: TraceSet) -> Task:
        if not self.settings.window:
            return super()._task(network, learned, judged)
        from habitus.learning.next_call import NextCallTask, windows_to_learn

        settings = self.settings
        some, others, n_held_out = windows_to_learn(
            *((self.vocabulary.encode(part), part.offsets) for part in (learned, judged)),
            n_symbols=len(self.vocabulary),
            length=settings.window,
            first=settings.windows,
            stop_share=settings.stop_share,
        )
        return NextCallTask(
            network, some, others, n_held_out=n_held_out, batch=settings.batch,
            unknown_share=settings.unknown_share,
        )  # fmt: skip

    def surprise(self, traces: TraceSet) -> NDArray[np.float32]:
        if not self.settings.window:
            return super().surprise(traces)
        from habitus.detectors.neural.window_scoring import window_surprise

        encoded = self.vocabulary.encode(traces)
        costs = window_surprise(self.reader, encoded, traces.offsets, self.settings.window)
        return costs + self._borrowed(traces)

    def expected(self, history: NDArray[np.uint16], top: int = 5) -> Expectation | None:
        """The likeliest calls after ``history``; None where it does not fill a window."""
        if len(history) < self.settings.window:
            return None
        return super().expected(history, top)

    def _standing_after(self, history: NDArray[np.uint16]) -> Standing:
        if not self.settings.window:
            return super()._standing_after(history)
        from habitus.detectors.neural.window_scoring import standing_after

        return standing_after(self.reader, history[-self.settings.window :])

    def stream(self) -> SurpriseStream:
        return WindowStream(self) if self.settings.window else super().stream()

    def predictor(self) -> Predictor:
        if not self.settings.window:
            return super().predictor()
        from habitus.detectors.neural.predicting import WindowPredictor

        return WindowPredictor(self.reader, self.settings.window, self._kept)

    def activations(
        self, symbols: NDArray[np.uint16], first: int = 0
    ) -> NDArray[np.float32] | None:
        return None if self.settings.window else super().activations(symbols, first)
