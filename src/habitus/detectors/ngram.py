"""`ngram`: an interpolated n-gram language model of system calls, alone or built on another one.

Sources of the smoothings: `habitus.detectors.smoothing`; of the mixture with a base:
`habitus.detectors.mixing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from habitus.detectors.backoff import BackoffDetector
from habitus.detectors.base import DetectorSettings, SequenceDetector
from habitus.detectors.borrowing import KIN_SHARE
from habitus.detectors.lent import Lent
from habitus.detectors.mixing import Mixture
from habitus.detectors.smoothing import Shares, kneser_ney, witten_bell
from habitus.detectors.trie import CallTrie
from habitus.detectors.trie_kernels import ROOT
from habitus.errors import HabitusError, ModelError, UsageError
from habitus.progress import SILENT, Progress
from habitus.traces.holding_out import parts_kept_together
from habitus.traces.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Self

    from numpy.typing import NDArray

    from habitus.detectors.base import State
    from habitus.traces.traceset import TraceSet

FOLDS = 5
"""Parts of the cross-fitting by which the weight of a base is learned."""
LEARNED = "learned"
_BASE, _TOLD = "base.", "base_told"
_WEIGHTS, _SHARE = "base_weights", "base_share"


def _as_text(value: object) -> object:
    """A share may be given as a number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:.9f}".rstrip("0").rstrip(".") if is_number else value


class NGramSettings(DetectorSettings):
    """Settings of `NGram`."""

    order: int = Field(12, ge=1, le=64, description="calls in a window: order - 1 of history")
    floor: float = Field(
        341.0, ge=1, le=1e9, description="size of the uniform floor: P_0 of any call is 1 / floor"
    )
    smoothing: Literal["witten-bell", "kneser-ney"] = Field(
        "witten-bell", description="how much a history leaves to the next shorter one"
    )
    kin_share: float = KIN_SHARE
    seen: int = Field(
        1, ge=1, le=10**9,
        description="windows of two calls or more seen less often are forgotten: a smaller model",
    )  # fmt: skip
    base_share: Annotated[str, BeforeValidator(_as_text)] = Field(
        LEARNED, pattern=r"^(learned|[01](\.0{1,9})?|0?\.\d{1,9})$",
        description="with --from: of each call's chance, the share of the base: learned, or 0 to 1",
    )  # fmt: skip


class BaseTold(BaseModel):
    """What is told, beside its arrays, of the model that another is built on."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: Literal[1] = 1
    settings: dict[str, bool | int | float | str | None]
    vocabulary: tuple[str, ...]


class NGram(BackoffDetector):
    """Surprise of a call is -log P(call | up to order - 1 calls before it), in nats.

    By Witten-Bell, ``P_k(c | h) = (count(h c) + T(h) P_{k-1}(c | h')) / (count(h) + T(h))``, where
    T(h) is the number of different calls seen after h and h' is h without its first call, down to
    the uniform ``P_0 = 1 / floor``. By modified Kneser-Ney, counts are discounted instead, and
    shorter windows count the different calls before them. A history never seen falls back to the
    next shorter one. A call outside the vocabulary is read as its kin and
    borrows of its probability (`habitus.detectors.borrowing`). One without kin has no count
    anywhere: it costs what is left of the floor, and is no error.

    Built on another model of this kind, its base, ``P(c | h) = w P_own(c | h) + (1 - w) P_base(c |
    h)``. The weight w depends on how many calls of history each of the two knows, and is learned by
    cross-fitting: on normal traces that the own counts do not hold. It then knows the base's
    calls, too.

    Fails: on attacks that repeat what is common (a loop of reads is cheap); where what matters lies
    further back than ``order`` calls.

    Attributes:
        base: what it is built on, if anything.
        mixture: how much it goes by it.
    """

    name: ClassVar[str] = "ngram"
    summary: ClassVar[str] = "n-gram language model, interpolated (Witten-Bell or Kneser-Ney)"
    Settings: ClassVar[type[DetectorSettings]] = NGramSettings

    base: NGram | None = None
    mixture: Mixture
    _lent: Lent

    @property
    def window_calls(self) -> int:
        return int(self.settings.order)

    @property
    def memory_calls(self) -> int:
        return max(super().memory_calls, 0 if self.base is None else self.base.memory_calls)

    @property
    def base_share(self) -> float | None:
        return None if self.base is None else self.mixture.base_share

    def start_from(self, base: SequenceDetector) -> None:
        lent = base.lends
        if not isinstance(lent, NGram):
            raise UsageError(
                f"{self.name} starts from a model of ngram, adaptive or redundancy, which count "
                f"windows of calls, and not from one of {base.name}"
            )
        if lent.base is not None:
            raise UsageError(
                "the model to start from is itself built on a base: start from that base, and "
                "learn the traces of both (--data)"
            )
        self.base = lent

    def unfitted(self) -> Self:
        other = super().unfitted()
        other.base = self.base
        return other

    def fit(
        self,
        normal: TraceSet,
        held_out: TraceSet | None = None,
        progress: Progress = SILENT,
        *,
        seed: int = 1,
    ) -> None:
        given_share = self.settings.base_share
        if self.base is None and given_share != LEARNED:
            raise UsageError(
                f"{self.name}: base_share={given_share}: there is no base that could have a share: "
                "start from a trained model (--from)"
            )
        super().fit(normal, held_out, progress, seed=seed)
        if self.base is None:
            return
        if given_share != LEARNED:
            self.mixture = Mixture.given(float(given_share), self._n_depths(self.base))
            return
        progress.stage("weighing the base")
        self.mixture = self._weighed(self.base, normal, seed)

    def known_nats(
        self, symbols: NDArray[np.uint16], offsets: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        if self.base is None:
            return super().known_nats(symbols, offsets)
        own, theirs, *depths = self.sides(symbols, offsets)
        return self.mixture.nats(own, theirs, (depths[0], depths[1]))

    def known_chances(self, history: NDArray[np.uint16]) -> tuple[NDArray[np.float64], int]:
        own, depth = super().known_chances(history)
        if self.base is None:
            return own, depth
        theirs, their_depth = self._lent.chances(history)
        weight = self.mixture.weights[depth, their_depth]
        return weight * own + (1 - weight) * theirs, max(depth, their_depth)

    def shares(self, trie: CallTrie) -> Shares:
        return kneser_ney(trie) if self.settings.smoothing == "kneser-ney" else witten_bell(trie)

    def counts_by_name(self) -> dict[str, int]:
        """How often it has itself seen each call that it has."""
        counts = self._own_counts().tolist()
        return {name: n for name, n in zip(self.vocabulary.names, counts, strict=True) if n}

    def state(self) -> State:
        own = super().state()
        if self.base is None:
            return own
        told = BaseTold(
            settings=self.base.settings.model_dump(mode="json"),
            vocabulary=self.base.vocabulary.names,
        )
        return {
            **own,
            **{_BASE + name: array for name, array in self.base.state().items()},
            _TOLD: np.frombuffer(told.model_dump_json().encode(), dtype=np.uint8),
            _WEIGHTS: self.mixture.weights,
            _SHARE: np.array([self.mixture.base_share]),
        }

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        told = state.get(_TOLD)
        if told is not None:
            below = {n.removeprefix(_BASE): a for n, a in state.items() if n.startswith(_BASE)}
            self.base = _restored_base(told, below)
        super().restore(state)
        if self.base is not None:
            self.mixture = Mixture.restored(
                state.get(_WEIGHTS), state.get(_SHARE), self._n_depths(self.base)
            )

    def _learned_vocabulary(self, normal: TraceSet) -> Vocabulary:
        own = super()._learned_vocabulary(normal)
        if self.base is None:
            return own
        counts = np.bincount(normal.calls, minlength=len(normal.alphabet)).tolist()
        known = self.base.counts_by_name()
        for name, n in zip(normal.alphabet, counts, strict=True):
            if n:
                known[name] = known.get(name, 0) + n
        return Vocabulary.of_counts(known, is_open=self.settings.kin_share > 0)

    def _use(self, trie: CallTrie) -> None:
        super()._use(trie.pruned(self.settings.seen))
        if self.base is not None:
            self._lent = Lent(
                self.base, self.vocabulary, self._own_counts(), self.settings.kin_share
            )

    def _own_counts(self) -> NDArray[np.int64]:
        """(n_known,) how often each call stood in the traces that it learned itself."""
        counts = np.zeros(len(self.vocabulary), dtype=np.int64)
        singles = self.trie.children(ROOT)
        counts[self.trie.symbol[singles]] = self.trie.count[singles]
        return counts

    def _n_depths(self, base: NGram) -> tuple[int, int]:
        """Of how many different lengths the histories are that either side can know."""
        return self.window_calls, base.window_calls

    def _weighed(self, base: NGram, normal: TraceSet, seed: int) -> Mixture:
        """How much the base is to tell, by traces that other parts of them have not learned."""
        parts = list(self.parts_of(normal, seed))
        if not parts:  # all is one sequence: nothing tells how others would be
            return Mixture.undecided(self._n_depths(base))
        found = [one.sides(self.vocabulary.encode(rest), rest.offsets) for one, rest in parts]
        own, theirs, depths, their_depths = (
            np.concatenate([side[i] for side in found]) for i in range(4)
        )
        return Mixture.learned(own, theirs, (depths, their_depths), self._n_depths(base))

    def parts_of(self, normal: TraceSet, seed: int) -> Iterator[tuple[NGram, TraceSet]]:
        """Others like this one, each fitted on a part of traces, and what is left of those.

        Their `mixture` is not set. None where all traces are one sequence.
        """
        parts = parts_kept_together(normal, n_wanted=2 * FOLDS)
        n_parts = int(parts.max()) + 1 if len(parts) else 0
        folds = min(FOLDS, n_parts)
        fold_of = (np.random.default_rng(seed).permutation(n_parts) % max(folds, 1))[parts]
        for fold in range(folds if folds > 1 else 0):
            learned = normal.select(fold_of != fold)
            one = self.unfitted()
            one.vocabulary = self.vocabulary
            symbols = self.vocabulary.encode(learned)
            one._use(
                CallTrie.grown(symbols, learned.offsets, self.window_calls, len(self.vocabulary))
            )
            yield one, normal.select(fold_of == fold)

    def sides(
        self, symbols: NDArray[np.uint16], offsets: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """What calls cost by its own windows and by its base, and the histories that each knows.

        Four times (n_calls,): float64 nats twice, and int64 calls of history twice.
        """
        own = super().known_nats(symbols, offsets).astype(np.float64)
        theirs, their_depths = self._lent.nats(symbols, offsets)
        return own, theirs, self.trie.history_depths(symbols, offsets), their_depths


def _restored_base(told: NDArray[np.generic], state: State) -> NGram:
    """The model that another is built on, from arrays that anyone may have made."""
    try:
        if told.dtype != np.uint8 or told.ndim != 1:
            raise ModelError("it is no text")
        known = BaseTold.model_validate_json(told.tobytes())
        base = NGram.with_settings(known.settings)
        base.vocabulary = Vocabulary(known.vocabulary)
        BackoffDetector.restore(base, state)
    except (ValidationError, HabitusError, ValueError) as error:
        raise ModelError(f"the base that it is built on is damaged: {error}") from None
    return base
