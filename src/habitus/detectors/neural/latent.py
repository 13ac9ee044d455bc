"""`latent`: how far a trace's last state in a language model lies from those of training traces.

Source: G. Kim, H. Yi, J. Lee, Y. Paek, S. Yoon, "LSTM-based system-call language modeling and
robust ensemble method for designing host-based intrusion detection systems", 2016, arXiv
1611.01726, section 2.3: its baselines kNN and k-means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from habitus.detectors.neural.recurrent_model import RecurrentModel, RecurrentSettings
from habitus.detectors.whole import RunningTrace, TraceDetector
from habitus.errors import ModelError
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.detectors.base import DetectorSettings, State
    from habitus.detectors.neural.reader import Standing
    from habitus.traces.traceset import TraceSet

    Floats = NDArray[np.float32]

BLOCK_TRACES = 4096
"""Traces whose states are held at once."""
BLOCK_CELLS = 1 << 21
"""Distances are formed for so many pairs of a trace and a training trace at a time, at most."""
LLOYD_STEPS = 100
_POINTS = "latent"


class LatentSettings(RecurrentSettings):
    """Settings of `Latent`."""

    method: Literal["knn", "k-means"] = Field(
        "knn", description="knn: to the k-th nearest training trace; k-means: to the nearest centre"
    )
    k: int = Field(
        0, ge=0, le=1000, description="neighbours or centres; 0: 11 of one, 1 of the other"
    )
    traces: int = Field(
        5000, ge=1, le=100_000,
        description="distinct training traces that are kept, at most; the seed draws them",
    )  # fmt: skip

    @property
    def k_used(self) -> int:
        """How many neighbours or centres: those of the paper unless others are wanted."""
        return self.k or (11 if self.method == "knn" else 1)


class Latent(RecurrentModel, TraceDetector):
    """Score is the Euclidean distance of a trace's last state from those of training traces.

    The state is what the last recurrent layer puts out when the whole trace was read. `knn`: the
    distance to the k-th nearest distinct training trace, the radius that holds k of them (the
    farthest, where there are fewer). `k-means`: the distance to the nearest of k centres. A trace
    without a call has no state and no score (NaN).

    Fails: a state is of the last calls more than of those long ago; what was strange early on is
    forgotten.
    """

    name: ClassVar[str] = "latent"
    summary: ClassVar[str] = "distance of an LSTM's last state from training traces' (Kim 2016)"
    score_unit: ClassVar[str] = "distance"
    Settings: ClassVar[type[DetectorSettings]] = LatentSettings
    points: Floats

    def fit(
        self,
        normal: TraceSet,
        held_out: TraceSet | None = None,
        progress: Progress = SILENT,
        *,
        seed: int = 1,
    ) -> None:
        """Train the language model, then see where the distinct training traces end.

        Those that told training when to stop are among them.
        """
        super().fit(normal, held_out, progress, seed=seed)
        first = np.unique(normal.sequence_ids(), return_index=True)[1]
        first = first[normal.lengths[first] > 0]
        random = np.random.default_rng(seed)
        kept = np.sort(random.permutation(first)[: self.settings.traces])
        points = self.last_states(normal.select(kept))
        if self.settings.method == "k-means":
            points = centres_of(points, self.settings.k_used, random)
        self.points = points

    def last_states(self, traces: TraceSet) -> Floats:
        """(n_traces, cells) float32: what the last layer puts out after each trace's last call."""
        calls = self.reader.symbols(self.vocabulary.encode(traces))
        blocks = [np.zeros((0, self._cells), dtype=np.float32)]
        for begin in range(0, traces.n_traces, BLOCK_TRACES):
            offsets = traces.offsets[begin : begin + BLOCK_TRACES + 1]
            block = calls[offsets[0] : offsets[-1]]
            blocks.append(self.output_of(self.reader.score(block, offsets - offsets[0])[1]))
        return np.concatenate(blocks)

    def output_of(self, standing: Standing) -> Floats:
        """(n, cells) float32: what the last layer puts out when traces' last calls are read."""
        # A step reads the call before the one that it judges: which one that is makes no odds.
        any_call = np.zeros(len(standing.last), dtype=np.int64)
        states = self.reader.step(standing, any_call)[1]
        end = states.shape[1] - (self._cells if self.settings.kind == "lstm" else 0)
        return states[:, end - self._cells : end]

    def distances(self, states: Floats) -> NDArray[np.float64]:
        """(n,) float64: the score of each state."""
        from scipy.spatial.distance import cdist

        k = min(self.settings.k_used if self.settings.method == "knn" else 1, len(self.points))
        step = max(1, BLOCK_CELLS // len(self.points))
        blocks = [np.zeros(0)]
        for begin in range(0, len(states), step):
            apart = cdist(states[begin : begin + step], self.points)
            blocks.append(np.partition(apart, k - 1, axis=1)[:, k - 1])
        return np.concatenate(blocks)

    def trace_scores(self, traces: TraceSet) -> NDArray[np.float64]:
        scores = np.full(traces.n_traces, np.nan)
        filled = np.flatnonzero(traces.lengths)
        scores[filled] = self.distances(self.last_states(traces.select(filled)))
        return scores

    def running(self) -> RunningTrace:
        return _RunningState(self)

    def state(self) -> State:
        return super().state() | {_POINTS: self.points}

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        super().restore(state)
        points = state.get(_POINTS)
        settings = self.settings
        most = settings.traces if settings.method == "knn" else settings.k_used
        if points is None or points.dtype != np.float32 or points.ndim != 2:
            raise ModelError(f"the model's array {_POINTS!r} is missing or no table of float32")
        if not 1 <= len(points) <= most or points.shape[1] != self._cells:
            raise ModelError(
                f"the model's array {_POINTS!r} is {points.shape}, not up to ({most}, "
                f"{self._cells}), as its settings ask for"
            )
        if not np.all(np.isfinite(points)):
            raise ModelError(f"the model's array {_POINTS!r} holds what is no number")
        self.points = points.astype(np.float32)

    @property
    def _cells(self) -> int:
        return int(self.settings.cells_of_layers[-1])


class _RunningState(RunningTrace):
    """Reads a trace as it comes: of its calls nothing is kept but the state and the last one."""

    def __init__(self, detector: Latent) -> None:
        self._detector = detector
        self._standing = detector.reader.fresh(1)
        self._has_begun = False

    def add(self, symbols: NDArray[np.uint16]) -> None:
        reader = self._detector.reader
        offsets = np.array([0, len(symbols)])
        self._standing = reader.score(reader.symbols(symbols), offsets, self._standing)[1]
        self._has_begun |= len(symbols) > 0

    @property
    def score(self) -> float:
        if not self._has_begun:
            return float("nan")
        return float(self._detector.distances(self._detector.output_of(self._standing))[0])


def centres_of(points: Floats, k: int, random: np.random.Generator) -> Floats:
    """(at most k, cells) float32: centres of clusters, by Lloyd's algorithm.

    It begins with k of the points, drawn so that they differ, and finds no more centres than there
    are different points.
    """
    from scipy.spatial.distance import cdist

    centres = random.permutation(np.unique(points, axis=0))[:k].astype(np.float64)
    for _ in range(LLOYD_STEPS):
        nearest = np.argmin(cdist(points, centres), axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, points)
        counts = np.bincount(nearest, minlength=len(centres))[:, np.newaxis]
        # A centre that no point is nearest to stays where it is.
        moved = np.where(counts > 0, sums / np.maximum(counts, 1), centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres.astype(np.float32)
