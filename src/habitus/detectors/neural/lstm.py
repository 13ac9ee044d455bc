"""`lstm`: a recurrent language model of system calls.

Source: G. Kim, H. Yi, J. Lee, Y. Paek, S. Yoon, "LSTM-based system-call language modeling and
robust ensemble method for designing host-based intrusion detection systems", 2016, arXiv
1611.01726. Of the preset `window19`: an open repository that set out to reproduce it.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from habitus.detectors.base import Expectation, SurpriseStream, WindowStream
from habitus.detectors.neural.recurrent_model import RecurrentModel, RecurrentSettings
from habitus.detectors.neural.starting import begin_with, rows_by_name
from habitus.errors import UsageError
from habitus.traces.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from numpy.typing import NDArray
    from torch import nn

    from habitus.detectors.base import DetectorSettings, SequenceDetector
    from habitus.detectors.neural.reader import Standing
    from habitus.detectors.prediction import Predictor
    from habitus.learning.task import Task
    from habitus.traces.traceset import TraceSet

BUILT_BY = ("kind", "layers", "cells", "embedding", "tied", "window")
"""Settings that say which weights there are, and what they were trained for."""
STARTED_EPOCHS = 20
"""Passes over the traces, at most, where it starts from another model."""


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

    Started from another model, it begins with that one's weights, whose calls are joined by name: a
    call that the other never saw begins as its kin there. It then knows the other's calls, too.

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

    _base: Lstm | None = None

    def start_from(self, base: SequenceDetector) -> None:
        lent = base.lends
        if not isinstance(lent, Lstm):
            raise UsageError(
                f"lstm starts from a model of lstm, whose weights it takes over, and not from one "
                f"of {base.name}: leave --from out, or train ngram or redundancy from that"
            )
        for name in BUILT_BY:
            asked, there = getattr(self.settings, name), getattr(lent.settings, name)
            if asked != there:
                raise UsageError(
                    f"lstm: {name}={asked}: the model to start from has {name}={there}, and its "
                    f"weights fit no other: leave {name} out"
                )
        self._base = lent

    @classmethod
    def settings_after(cls, base: SequenceDetector) -> dict[str, object]:
        """The base's, with few epochs and a lower rate: it is to be changed, not undone."""
        lent = base.lends
        if not isinstance(lent, Lstm):
            return {}
        chosen = lent.settings.model_dump()
        return {**chosen, "epochs": STARTED_EPOCHS, "rate": chosen["rate"] / 2}

    def unfitted(self) -> Self:
        other = super().unfitted()
        other._base = self._base
        return other

    def _learned_vocabulary(self, normal: TraceSet) -> Vocabulary:
        own = super()._learned_vocabulary(normal)
        if self._base is None:
            return own
        # What was learned here stands for what nobody knows, before what the base alone knows.
        counts = np.bincount(normal.calls, minlength=len(normal.alphabet)).tolist()
        known = dict.fromkeys(self._base.vocabulary.names, 1)
        for name, n in zip(normal.alphabet, counts, strict=True):
            if n:
                known[name] = known.get(name, 0) + n
        return Vocabulary.of_counts(known, is_open=self.settings.kin_share > 0)

    def _begun_network(self, n_symbols: int) -> nn.Module:
        network = super()._begun_network(n_symbols)
        if self._base is not None:
            rows = rows_by_name(self.vocabulary, self._base.vocabulary)
            before = self._base.network.state_dict()
            begin_with(network, before, rows, one_hot=not self.settings.embedding)
        return network

    def _identity(self, learned: TraceSet, judged: TraceSet, seed: int) -> dict[str, str]:
        identity = super()._identity(learned, judged, seed)
        if self._base is not None:
            digest = hashlib.sha256(json.dumps(self._base.vocabulary.names).encode())
            for name, array in sorted(self._base.state().items()):
                digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
            identity["base"] = digest.hexdigest()
        return identity

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
