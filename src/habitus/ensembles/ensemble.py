"""`ensemble`: several detectors whose scores of a trace become one.

Source of ``leaky-relu``: G. Kim et al., "LSTM-based system-call language modeling and robust
ensemble method for designing host-based intrusion detection systems", 2016, equation 3.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import AfterValidator, Field

from habitus.detectors.base import DetectorSettings, Expectation
from habitus.detectors.whole import RunningTrace, TraceDetector
from habitus.ensembles.asked import (
    EACH,
    MAX_MEMBERS,
    Asked,
    asked_groups,
    asked_members,
    checked_groups,
    checked_text,
)
from habitus.ensembles.combination import UNITS, Combination, cross_settled
from habitus.ensembles.member import Member, member_of
from habitus.ensembles.streaming import EnsembleStream, RunningEnsemble
from habitus.errors import ModelError, UsageError
from habitus.progress import SILENT, Progress
from habitus.traces.holding_out import parts_kept_together
from habitus.traces.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from numpy.typing import NDArray

    from habitus.detectors.base import SequenceDetector, State, SurpriseStream
    from habitus.ensembles.combination import Groups
    from habitus.traces.traceset import TraceSet

    Floats = NDArray[np.float64]

FOLDS = 5
"""Parts of the cross-fitting by which the combination is settled."""
LEAST_SURPRISE = 0.01
"""What a normal call costs a member at least, so that no surprise is divided by nothing."""


class EnsembleSettings(DetectorSettings):
    """Settings of `Ensemble`."""

    members: Annotated[str, AfterValidator(checked_text)] = Field(
        "ngram:order=12+disorder",
        description="detectors that it fits itself, joined by +, each with its settings as "
        "name:setting=value; `given` where it is made of models (--of)",
    )
    combine: Literal["tails", "average", "largest", "leaky-relu", "vote"] = Field(
        "tails", description="how the members' scores become one"
    )
    groups: Annotated[str, AfterValidator(checked_groups)] = Field(
        EACH,
        description="for largest: members that stand together, by their place, as 1+2,3,1+2+4, or "
        "each alone",
    )
    vote_over: float = Field(
        0.95, gt=0, lt=1,
        description="for vote: the quantile of its own normals above which a member votes",
    )  # fmt: skip


class Ensemble(TraceDetector):
    """Score of a trace is made of the members' scores of it, each held against its own normals.

    How the members are combined is settled on normal traces that they have not learned. A member
    that cannot score a trace is left out of its score; what none can score is not scoreable.

    A call's surprise is the mean of the members' surprises of it, each as a multiple of what a
    normal call costs that member. Members that know only whole traces say nothing of calls, unless
    there are no others. Rolling decisions go by that surprise.

    Fails: where all members are blind to the same; like members gain nothing on each other.
    """

    name: ClassVar[str] = "ensemble"
    summary: ClassVar[str] = "several detectors of unlike kinds, combined by how rare each score is"
    unit: ClassVar[str] = "times a normal call's"
    Settings: ClassVar[type[DetectorSettings]] = EnsembleSettings

    members: tuple[Member, ...] = ()
    _base: SequenceDetector | None = None
    combination: Combination
    normal_surprise: Floats

    @property
    def score_unit(self) -> str:
        return UNITS[self.settings.combine]

    @property
    def max_score(self) -> float | None:
        return 1.0 if self.settings.combine == "vote" else None

    def groups(self, n_members: int) -> Groups:
        """The members that stand together, by place from 0; nothing where each stands alone.

        Raises:
            UsageError: if there are not so many members, or groups are for another way to combine.
        """
        groups = asked_groups(self.settings.groups)
        if groups and self.settings.combine != "largest":
            raise UsageError(
                f"ensemble: groups={self.settings.groups}: groups are for combine=largest, and "
                f"this one combines by {self.settings.combine}"
            )
        last = max((place for group in groups for place in group), default=0)
        if last >= n_members:
            raise UsageError(
                f"ensemble: groups={self.settings.groups}: there is no member {last + 1}, but "
                f"{n_members} of them"
            )
        return groups

    @property
    def memory_calls(self) -> int:
        return max(member.detector.memory_calls for member in self.members)

    @property
    def rolls(self) -> bool:
        if self.members:
            return not all(member.is_whole for member in self.members)
        asked = asked_members(self.settings.members)
        return not all(isinstance(one.unfitted(), TraceDetector) for one in asked)

    @property
    def stream_error(self) -> float:
        errors = np.array([member.detector.stream_error for member in self.members])
        in_calls = float((errors / self.normal_surprise).max())
        return max(in_calls, self.combination.rounding(errors))

    def fit(
        self,
        normal: TraceSet,
        held_out: TraceSet | None = None,  # noqa: ARG002 - nothing here must know when to stop
        progress: Progress = SILENT,
        *,
        seed: int = 1,
    ) -> None:
        """Fit the members, and settle the combination by cross-fitting them.

        Raises:
            UsageError: if its members are to be models that were fitted before.
        """
        asked = asked_members(self.settings.members)
        self.groups(len(asked) or MAX_MEMBERS)
        if not asked:
            raise UsageError(
                "ensemble: members=given: no models are given: `habitus train ensemble --of MODEL "
                "--of MODEL`, or name the detectors that it is to fit"
            )
        fitted = [self._begun(one) for one in asked]
        for detector in fitted:
            detector.fit(normal, None, progress, seed=seed)
        members = [one.member(detector) for one, detector in zip(asked, fitted, strict=True)]
        parts = parts_kept_together(normal, n_wanted=2 * FOLDS)
        n_parts = int(parts.max()) + 1 if len(parts) else 0
        folds = min(FOLDS, n_parts)
        if folds < 2:  # all is one sequence: nothing else is there to settle it on
            scores, surprise = _scored(members, normal)
            fold_of = np.zeros(normal.n_traces, dtype=np.int64)
        else:
            fold_of = (np.random.default_rng(seed).permutation(n_parts) % folds)[parts]
            scores = np.full((normal.n_traces, len(members)), np.nan)
            surprise = np.zeros((2, len(members)))
            for fold in range(folds):
                judged = fold_of == fold
                for column, one in enumerate(asked):
                    detector = self._begun(one)
                    detector.fit(normal.select(~judged), None, progress, seed=seed)
                    found, told = _scored([one.member(detector)], normal.select(judged))
                    scores[judged, column] = found[:, 0]
                    surprise[:, column] += told[:, 0]
        self.settle(members, scores, surprise[0] / np.maximum(surprise[1], 1), fold_of)

    def start_from(self, base: SequenceDetector) -> None:
        able = 0
        for one in asked_members(self.settings.members):
            try:
                one.unfitted().start_from(base)
            except UsageError as error:
                refusal = error
            else:
                able += 1
        if not able:
            raise UsageError(f"no member of the ensemble can start from it: {refusal}")
        self._base = base

    def unfitted(self) -> Self:
        other = super().unfitted()
        other._base = self._base
        return other

    def _begun(self, asked: Asked) -> SequenceDetector:
        """A member to be fitted, which starts from the base if it can."""
        made = asked.unfitted()
        if self._base is not None:
            with suppress(UsageError):
                made.start_from(self._base)
        return made

    @property
    def base_share(self) -> float | None:
        shares = [member.detector.base_share for member in self.members]
        told = [share for share in shares if share is not None]
        return float(np.mean(told)) if told else None

    def settle(
        self,
        members: Sequence[Member],
        scores: Floats,
        normal_surprise: Floats,
        fold_of: NDArray[np.int64],
    ) -> Floats:
        """Become the ensemble of fitted members.

        Args:
            scores: (n_traces, n_members) float64, of normal traces that the members had not learned
                when they scored them.
            normal_surprise: (n_members,) float64, what such a trace's call costs each on average.
            fold_of: (n_traces,) int64, which of the traces are left out together.

        Returns:
            (n_traces,) float64, what these traces score, the combination being settled without
            them.
        """
        self.members = tuple(members)
        names = {name for member in members for name in member.detector.vocabulary.names}
        self.vocabulary = Vocabulary(tuple(sorted(names)))
        self.combination, combined = cross_settled(
            self.settings.combine, self.settings.vote_over, scores, fold_of,
            self.groups(len(members)),
        )  # fmt: skip
        self.normal_surprise = np.maximum(normal_surprise, LEAST_SURPRISE)
        return combined

    def surprise(self, traces: TraceSet) -> NDArray[np.float32]:
        return self.joined([member.detector.surprise(traces) for member in self.speaking])

    @property
    def speaking(self) -> tuple[Member, ...]:
        """The members whose surprise counts: those that know calls, or all if none does."""
        return tuple(m for m in self.members if not m.is_whole) or self.members

    def joined(self, surprises: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """(n_calls,) float32: one surprise of those of the `speaking` members."""
        total, known = np.zeros(len(surprises[0])), np.zeros(len(surprises[0]), dtype=np.int64)
        for member, surprise in zip(self.speaking, surprises, strict=True):
            scale = self.normal_surprise[self.members.index(member)]
            defined = ~np.isnan(surprise)
            total[defined] += surprise[defined].astype(np.float64) / scale
            known += defined
        with np.errstate(invalid="ignore"):
            mean: NDArray[np.float32] = (total / known).astype(np.float32)
        return mean

    def member_scores(self, traces: TraceSet) -> Floats:
        """(n_traces, n_members) float64: what each member scores; NaN where it has no score."""
        return np.stack([member.scores(traces) for member in self.members], axis=1)

    def trace_scores(self, traces: TraceSet) -> Floats:
        return self.combination.scores(self.member_scores(traces))

    def running(self) -> RunningTrace:
        return RunningEnsemble(self)

    def stream(self) -> SurpriseStream:
        return EnsembleStream(self)

    def warnings(self) -> list[str]:
        return [
            f"{member.name}: {line}"
            for member in self.members
            for line in member.detector.warnings()
        ]

    def expected(self, history: NDArray[np.uint16], top: int = 5) -> Expectation | None:
        """What the first member expects that expects anything."""
        names = self.vocabulary.names
        called = tuple(names[s] if s < len(names) else "" for s in history.tolist())
        for member in self.members:
            detector = member.detector
            symbols = detector.vocabulary.symbols_of(called)
            own = symbols[max(0, len(symbols) - detector.memory_calls) :]
            found = detector.expected(own, top)
            if found is not None:
                return found
        return None

    def state(self) -> State:
        told, arrays = [], {f"combination.{n}": a for n, a in self.combination.state().items()}
        for i, member in enumerate(self.members):
            described, own = member.described()
            told.append(described.model_dump(mode="json"))
            arrays |= {f"member.{i}.{name}": array for name, array in own.items()}
        text = json.dumps(told, sort_keys=True).encode()
        return {
            **arrays,
            "members": np.frombuffer(text, dtype=np.uint8),
            "normal_surprise": self.normal_surprise,
        }

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        text, scales = state.get("members"), state.get("normal_surprise")
        if text is None or text.dtype != np.uint8 or text.ndim != 1:
            raise ModelError("what is told of its members is missing")
        try:
            told = json.loads(text.tobytes())
        except (ValueError, RecursionError) as error:
            raise ModelError(f"what is told of its members is damaged ({error})") from None
        if not isinstance(told, list) or not 1 <= len(told) <= MAX_MEMBERS:
            raise ModelError(f"it has no members, or more than {MAX_MEMBERS}")

        def below(prefix: str) -> State:
            return {n.removeprefix(prefix): a for n, a in state.items() if n.startswith(prefix)}

        members = tuple(member_of(one, below(f"member.{i}.")) for i, one in enumerate(told))
        if any(isinstance(member.detector, Ensemble) for member in members):
            raise ModelError("one of its members is itself an ensemble")
        if scales is None or scales.dtype != np.float64 or scales.shape != (len(members),):
            raise ModelError("what a normal call costs its members is missing or of another type")
        costs = scales.astype(np.float64, copy=False)
        if not np.all((costs >= LEAST_SURPRISE) & np.isfinite(costs)):
            raise ModelError("what a normal call costs its members is no cost")
        known = {name for member in members for name in member.detector.vocabulary.names}
        if known != set(self.vocabulary.names):
            raise ModelError("its vocabulary is not that of its members")
        try:
            groups = self.groups(len(members))
        except UsageError as error:
            raise ModelError(str(error)) from None
        self.combination = Combination.from_state(
            self.settings.combine, len(members), below("combination."), groups
        )
        self.members, self.normal_surprise = members, costs


def _scored(members: Sequence[Member], traces: TraceSet) -> tuple[Floats, Floats]:
    """Of traces, (n_traces, n_members) scores, and (2, n_members) sum and number of surprises."""
    scores = np.full((traces.n_traces, len(members)), np.nan)
    surprise = np.zeros((2, len(members)))
    for column, member in enumerate(members):
        found = member.detector.surprise(traces)
        scores[:, column] = member.scores(traces, found)
        surprise[:, column] = np.nansum(found, dtype=np.float64), np.sum(~np.isnan(found))
    return scores, surprise
