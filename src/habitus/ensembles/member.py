"""`Member`: a fitted detector within an ensemble, and what is kept of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from habitus.decisions.scores import aggregation_of, score_unit, trace_scores
from habitus.detectors import get_detector
from habitus.detectors.whole import TraceDetector
from habitus.errors import ModelError
from habitus.syscalls import danger_of
from habitus.traces.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.decisions.aggregation import Aggregation
    from habitus.detectors.base import SequenceDetector
    from habitus.traces.traceset import TraceSet

    Arrays = Mapping[str, NDArray[np.generic]]


class MemberFile(BaseModel):
    """What is told of a member beside its arrays.

    Attributes:
        name: the model that it was, or how it was asked for.
        digest: SHA-256 of that model's manifest; empty for one that the ensemble fitted itself.
        content: SHA-256 of all that makes it score as it does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: Literal[1] = 1
    name: str
    digest: str
    detector: str
    settings: dict[str, bool | int | float | str | None]
    vocabulary: tuple[str, ...]
    kin: dict[str, str] = {}
    aggregation: str
    content: str = ""


@dataclass(frozen=True, eq=False)
class Member:
    """A fitted detector and how it makes a trace's score.

    Attributes:
        name, digest: see `MemberFile`.
        aggregation: of its surprises to the score of a trace; ``whole`` where it knows whole traces
            alone.
    """

    name: str
    detector: SequenceDetector
    aggregation: Aggregation
    digest: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether its surprise only tells where to look."""
        return isinstance(self.detector, TraceDetector)

    @property
    def unit(self) -> str:
        """Of its score of a trace."""
        return score_unit(self.detector)

    def scores(
        self, traces: TraceSet, surprise: NDArray[np.float32] | None = None
    ) -> NDArray[np.float64]:
        """(n_traces,) float64: its score of each whole trace; NaN where it has none."""
        return trace_scores(self.detector, traces, self.aggregation, surprise)

    def described(self) -> tuple[MemberFile, dict[str, NDArray[np.generic]]]:
        """What is told of it, and its arrays by name."""
        arrays = self.detector.state()
        told = MemberFile(
            name=self.name,
            digest=self.digest,
            detector=self.detector.name,
            settings=self.detector.settings.model_dump(mode="json"),
            vocabulary=self.detector.vocabulary.names,
            kin=dict(self.detector.vocabulary.kin),
            aggregation=str(self.aggregation),
        )
        return told.model_copy(update={"content": _content(told, arrays)}), arrays


def member_of(told: object, arrays: Arrays) -> Member:
    """The member that `Member.described` told of; nothing is believed before it is checked.

    Raises:
        ModelError: if it is not what it was when the ensemble was made, or is no detector at all.
    """
    try:
        known = MemberFile.model_validate_json(json.dumps(told))
    except (ValidationError, ValueError) as error:
        raise ModelError(f"what is told of a member is damaged ({error})") from None
    if _content(known.model_copy(update={"content": ""}), arrays) != known.content:
        raise ModelError(
            f"its member {known.name!r} is not the one that the ensemble was made of (its content "
            "has another SHA-256): make the ensemble again"
        )
    detector = get_detector(known.detector).with_settings(known.settings)
    if dangerous := [name for pair in known.kin.items() for name in pair if danger_of(name)]:
        raise ModelError(f"its member {known.name!r} has kin of a dangerous call: {dangerous[0]!r}")
    detector.vocabulary = Vocabulary(known.vocabulary, tuple(known.kin.items()))
    detector.restore(arrays)
    if set(detector.state()) != set(arrays):
        raise ModelError(f"its member {known.name!r} has arrays that no {known.detector} has")
    return Member(known.name, detector, aggregation_of(detector, known.aggregation), known.digest)


def _content(told: MemberFile, arrays: Arrays) -> str:
    """SHA-256 of what is told and of every array: name, type, shape and bytes."""
    digest = hashlib.sha256(json.dumps(told.model_dump(mode="json"), sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(json.dumps([name, array.dtype.str, list(array.shape)]).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
