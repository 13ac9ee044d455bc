"""The seam of sequence detectors: fit on normal traces, then a surprise for every call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from habitus.detectors.settings import checked_settings
from habitus.errors import UsageError
from habitus.progress import SILENT, Progress
from habitus.traces.traceset import TraceInfo, TraceSet, offsets_of
from habitus.traces.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from numpy.typing import NDArray

    from habitus.detectors.prediction import Predictor

    State = dict[str, NDArray[np.generic]]


class DetectorSettings(BaseModel):
    """A detector's settings: declared once, for checks, documentation and the command line."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Expectation:
    """What a detector expected as the next call.

    Attributes:
        context_calls: how many calls before this one it went by.
        calls: (name, probability), likeliest first.
    """

    context_calls: int
    calls: tuple[tuple[str, float], ...]


class SequenceDetector(ABC):
    """Learns normal traces and gives every call of other traces a surprise, higher = stranger.

    A subclass sets `name`, `summary` and `Settings`, sets ``self.vocabulary`` in `fit`, and
    implements `fit`, `surprise`, `state` and `restore`. Scoring never changes a detector.

    Attributes:
        max_surprise: the highest that a surprise can be, or None.
        aggregation: how a trace's score is made of its surprises, unless a user says otherwise.
        presets: settings of published configurations, by name.
        is_quick: whether it is fitted quickly enough to be fitted several times, as cross-fitting
            does; thresholds of others are set on normals held out from training.
        settings: checked settings.
        vocabulary: the calls it knows, once fitted.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    max_surprise: ClassVar[float | None] = None
    is_quick: ClassVar[bool] = True
    aggregation: ClassVar[str] = "mean"
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = MappingProxyType({})
    Settings: ClassVar[type[DetectorSettings]] = DetectorSettings

    def __init__(self, settings: DetectorSettings | None = None) -> None:
        self.settings: Any = self.Settings() if settings is None else settings
        self.vocabulary = Vocabulary(())

    @classmethod
    def with_settings(cls, settings: Mapping[str, object]) -> Self:
        """An unfitted detector with settings given by name, as text or as values.

        ``preset`` names one of `presets`, whose settings stand where no other value is given.

        Raises:
            UsageError: if a setting or preset is unknown or a value is not allowed.
        """
        return cls(checked_settings(cls.name, cls.Settings, cls.presets, settings))

    @property
    def unit(self) -> str:
        """Of its surprise, with its settings."""
        return "nats"

    @property
    def stream_error(self) -> float:
        """How far surprises of a stream may lie from those of whole traces, in its unit.

        Or those of another number of threads: sums of numbers taken in another order. Thresholds
        stand so far above the scores that they are set by.
        """
        return 0.0

    @property
    @abstractmethod
    def memory_calls(self) -> int:
        """How many earlier calls of its trace a call's surprise depends on, at most.

        Traces longer than a batch are scored right because of it: nothing can guess it.
        """

    @abstractmethod
    def fit(
        self,
        normal: TraceSet,
        held_out: TraceSet | None = None,
        progress: Progress = SILENT,
        *,
        seed: int = 1,
    ) -> None:
        """Learn from normal traces.

        Args:
            normal: what to learn from; whole traces.
            held_out: other normal traces, for detectors that must know when to stop.
            progress: hears how far it is.
            seed: makes every random choice.
        """

    @abstractmethod
    def surprise(self, traces: TraceSet) -> NDArray[np.float32]:
        """(n_calls,) float32: each call's surprise; NaN where it is undefined."""

    def _learned_vocabulary(self, normal: TraceSet) -> Vocabulary:
        """What it learns to know: open to calls never seen, if its settings say so."""
        return Vocabulary.of(normal, is_open=bool(getattr(self.settings, "kin_share", 0)))

    def warnings(self) -> list[str]:
        """What a user should hear of how it was fitted before relying on it; empty if nothing."""
        return []

    def start_from(self, base: SequenceDetector) -> None:
        """Let `fit` start from what another detector has learned of other traces.

        Raises:
            UsageError: if it cannot start from that one, or from none.
        """
        raise UsageError(
            f"{self.name} cannot start from a trained model: train it on normal traces alone "
            f"(leave {base.name}'s model, --from, out)"
        )

    @property
    def lends(self) -> SequenceDetector:
        """What others start from where they start from it: what has learned normal traces."""
        return self

    @classmethod
    def settings_after(cls, base: SequenceDetector) -> dict[str, object]:
        """The settings that stand where none are given, if it starts from another detector."""
        del base
        return {}

    @property
    def base_share(self) -> float | None:
        """Where it starts from another: the share of its normals' calls that the other told."""
        return None

    def unfitted(self) -> Self:
        """Another of the same settings and start, to be fitted on other traces."""
        return type(self)(self.settings)

    @abstractmethod
    def state(self) -> State:
        """Every array the fitted detector needs, by name."""

    @abstractmethod
    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Become the fitted detector whose `state` this is; settings and vocabulary are set.

        Raises:
            ModelError: if the arrays do not make one: they come from a file anyone may have made.
        """

    def expected(self, history: NDArray[np.uint16], top: int = 5) -> Expectation | None:
        """What was expected after ``history`` (symbols); None if it forms no such expectation."""
        del history, top
        return None

    def predictor(self) -> Predictor | None:
        """What follows one trace and says how likely each call is next; None if it cannot."""
        return None

    def stream(self) -> SurpriseStream:
        """A scorer of traces that arrive in segments; it equals `surprise` on whole traces."""
        return WindowStream(self)


class SurpriseStream(ABC):
    """Surprise of traces whose segments arrive batch by batch, remembering each open trace."""

    @abstractmethod
    def push(self, batch: TraceSet) -> NDArray[np.float32]:
        """(n_calls,) float32: the surprise of each call of ``batch``, given all batches before."""


class WindowStream(SurpriseStream):
    """The stream of any detector that looks back over a fixed number of calls."""

    def __init__(self, detector: SequenceDetector) -> None:
        self._detector = detector
        self._tails: dict[str, list[str]] = {}

    def push(self, batch: TraceSet) -> NDArray[np.float32]:
        """Score a batch; an open trace's last calls stand before its new ones while it does."""
        if all(info.whole for info in batch.infos):
            return self._detector.surprise(batch)
        extended, is_new = self._with_tails(batch)
        return self._detector.surprise(extended)[is_new]

    def _with_tails(self, batch: TraceSet) -> tuple[TraceSet, NDArray[np.bool_]]:
        index = {name: i for i, name in enumerate(batch.alphabet)}
        calls, lengths, is_new = [], [], []
        for row, info in enumerate(batch.infos):
            tail = self._tails.pop(info.name, []) if info.first_call else []
            before = [index.setdefault(name, len(index)) for name in tail]
            new = batch.calls[batch.offsets[row] : batch.offsets[row + 1]]
            calls += [np.array(before, dtype=np.uint16), new]
            is_new += [np.zeros(len(before), dtype=bool), np.ones(len(new), dtype=bool)]
            lengths.append(len(before) + len(new))
            # Row by row: a batch may hold several segments of one trace.
            self._remember(info, tail, batch.alphabet, new)
        infos = tuple(TraceInfo(info.name, info.source) for info in batch.infos)
        extended = TraceSet(np.concatenate(calls), offsets_of(lengths), tuple(index), infos)
        return extended, np.concatenate(is_new)

    def _remember(
        self, info: TraceInfo, tail: list[str], alphabet: tuple[str, ...], new: NDArray[np.uint16]
    ) -> None:
        """Keep the last calls of a trace that goes on."""
        if info.ends:
            return
        keep = self._detector.memory_calls
        recent = tail + [alphabet[call] for call in new[max(0, len(new) - keep) :]]
        self._tails[info.name] = recent[max(0, len(recent) - keep) :]
