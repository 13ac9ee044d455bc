"""`adaptive`: an n-gram model of normal traces that goes on learning from the trace it reads.

Source: R. Kuhn, R. De Mori, "A cache-based natural language model for speech recognition", IEEE
Trans. PAMI 12, 1990, who mix a model of a language with one of the text so far.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from habitus.detectors.base import SequenceDetector, SurpriseStream
from habitus.detectors.disorder_reading import (
    WINDOWS,
    LongestWindow,
    MostWindows,
    OrderReader,
    ReaderStream,
)
from habitus.detectors.ngram import NGram, NGramSettings
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from numpy.typing import NDArray

    from habitus.detectors.base import DetectorSettings, State
    from habitus.traces.traceset import TraceSet


class AdaptiveSettings(NGramSettings):
    """Settings of `Adaptive`."""

    own: LongestWindow = 12
    least: int = Field(
        1, ge=0, le=63, description="calls of history in a trace that change what a call costs"
    )
    windows: MostWindows = WINDOWS


class Adaptive(SequenceDetector):
    """Surprise of a call is -log P(call | normal traces, and all of its own trace before it).

    Each trace is read by an n-gram model that begins empty and learns from each call after it has
    told what the call costs. What it has not seen in the trace is left to `NGram`, as learned from
    normal traces: what a trace does again and again becomes cheap, whether or not training held it.
    So a new program that is at work regularly costs little, and what is both unlike normal traces
    and unlike itself costs most.

    Fails: on attacks that repeat themselves, which it gets used to; on short traces, of which it
    learns nothing, it is `NGram`.

    Attributes:
        learned: the model of normal traces.
    """

    name: ClassVar[str] = "adaptive"
    summary: ClassVar[str] = "n-gram model that goes on learning from the trace it reads"
    Settings: ClassVar[type[DetectorSettings]] = AdaptiveSettings

    learned: NGram
    _base: SequenceDetector | None = None

    def start_from(self, base: SequenceDetector) -> None:
        self._unfitted_model().start_from(base)  # refused now if ever
        self._base = base

    @property
    def lends(self) -> SequenceDetector:
        return self.learned

    @property
    def base_share(self) -> float | None:
        return self.learned.base_share

    def unfitted(self) -> Self:
        other = super().unfitted()
        other._base = self._base
        return other

    @property
    def memory_calls(self) -> int:
        """Its memory is the whole trace; an explanation shows so many calls of history."""
        return int(self.settings.order) - 1

    def fit(
        self,
        normal: TraceSet,
        held_out: TraceSet | None = None,
        progress: Progress = SILENT,
        *,
        seed: int = 1,
    ) -> None:
        self.learned = self._unfitted_model()
        if self._base is not None:
            self.learned.start_from(self._base)
        self.learned.fit(normal, held_out, progress, seed=seed)
        self.vocabulary = self.learned.vocabulary

    def surprise(self, traces: TraceSet) -> NDArray[np.float32]:
        symbols, learned = self.vocabulary.encode(traces), self.learned.surprise(traces)
        out = np.empty(len(symbols), dtype=np.float32)
        for begin, end in zip(traces.offsets[:-1], traces.offsets[1:], strict=True):
            out[begin:end] = self.reader().read(symbols[begin:end], learned[begin:end])
        return out

    def stream(self) -> SurpriseStream:
        return ReaderStream(self.vocabulary, self.reader, self.learned.stream())

    def reader(self) -> OrderReader:
        """Of another trace, from its start."""
        settings = self.settings
        return OrderReader(settings.own, settings.floor, settings.windows, least=settings.least)

    def state(self) -> State:
        return self.learned.state()

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        self.learned = self._unfitted_model()
        self.learned.vocabulary = self.vocabulary
        self.learned.restore(state)

    def _unfitted_model(self) -> NGram:
        of_model = self.settings.model_dump(include=set(NGramSettings.model_fields))
        return NGram(NGramSettings(**of_model))
