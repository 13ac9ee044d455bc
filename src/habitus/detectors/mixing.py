"""The weight of a model's own word against that of its base, learned on calls neither has learned.

Source: F. Jelinek, R. Mercer, "Interpolated estimation of Markov source parameters from sparse
data", Pattern Recognition in Practice, 1980: weights of a mixture found by expectation maximisation
on held-out data, each for a class of histories.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DOUBT_CALLS = 50.0
"""A class of histories takes over the weight of all calls as if it had seen so many of it. From 5
to 500 the nats that held-out normals of adfa-ld/dev cost differ by less than .02."""
LEAST_WEIGHT = 1e-4
"""Neither side is ever silenced: what one never foresees must not cost without end."""
_ROUNDS = 200
_SETTLED = 1e-5


@dataclass(frozen=True, eq=False)
class Mixture:
    """How much a model goes by what it learned itself, and how much by its base.

    Attributes:
        weights: (own depths, base depths) float64, the weight of the model's own chance after
            histories of which the two know so many calls; the base has what is missing to 1.
        base_share: of the calls that it was learned on, the share that the base told.
    """

    weights: Floats
    base_share: float

    @classmethod
    def given(cls, base_share: float, shape: tuple[int, int]) -> Mixture:
        """The same share for the base everywhere."""
        weight = min(max(1 - base_share, LEAST_WEIGHT), 1 - LEAST_WEIGHT)
        return cls(np.full(shape, weight), base_share)

    @classmethod
    def undecided(cls, shape: tuple[int, int]) -> Mixture:
        """Where nothing could be held out to learn it on."""
        return cls.given(0.5, shape)

    @classmethod
    def learned(
        cls,
        own_nats: Floats,
        base_nats: Floats,
        depths: tuple[NDArray[np.int64], NDArray[np.int64]],
        shape: tuple[int, int],
    ) -> Mixture:
        """The weights by which calls are likeliest.

        Args:
            own_nats, base_nats: (n_calls,) what held-out calls cost either side.
            depths: (n_calls,) twice: how many calls of history each side went by.
            shape: how many depths either side has.
        """
        if not len(own_nats):
            return cls.undecided(shape)
        # Only how they compare counts: likelier sides are taken as 1, so that nothing is lost to 0.
        likelier = np.minimum(own_nats, base_nats)
        own, base = np.exp(likelier - own_nats), np.exp(likelier - base_nats)
        everywhere = np.zeros(len(own), dtype=np.int64)
        overall = float(_settled(own, base, everywhere, np.array([0.5]), 0.0)[0])
        classes = depths[0] * shape[1] + depths[1]
        begin = np.full(shape[0] * shape[1], overall)
        weights = _settled(own, base, classes, begin, DOUBT_CALLS)
        told = 1 - _told_by_own(own, base, weights[classes])
        return cls(weights.reshape(shape), float(told.mean()))

    @classmethod
    def restored(
        cls,
        weights: NDArray[np.generic] | None,
        base_share: NDArray[np.generic] | None,
        shape: tuple[int, int],
    ) -> Mixture:
        """Of arrays that come from a file anyone may have made.

        Raises:
            ModelError: if they make none.
        """
        bounded = np.clip(_shares(weights, shape), LEAST_WEIGHT, 1 - LEAST_WEIGHT)
        return cls(bounded, float(_shares(base_share, (1,))[0]))

    def nats(
        self,
        own_nats: Floats,
        base_nats: Floats,
        depths: tuple[NDArray[np.int64], NDArray[np.int64]],
    ) -> NDArray[np.float32]:
        """(n_calls,) float32: what calls cost, after what each side says."""
        own = self.weights[depths]
        mixed: NDArray[np.float32] = -np.logaddexp(
            np.log(own) - own_nats, np.log1p(-own) - base_nats
        ).astype(np.float32)
        return mixed


def _shares(array: NDArray[np.generic] | None, shape: tuple[int, ...]) -> Floats:
    """The array, if it holds shares and is of this shape."""
    if array is None or array.dtype != np.float64 or array.shape != shape:
        raise ModelError(f"how much its base counts is missing, or not {shape} float64")
    shares = array.astype(np.float64)
    if not np.all((shares >= 0) & (shares <= 1)):
        raise ModelError("how much its base counts holds what is no share, from 0 to 1")
    return shares


def _settled(
    own: Floats, base: Floats, classes: NDArray[np.int64], begin: Floats, doubt: float
) -> Floats:
    """Weights by class that no further round changes; unmet classes keep where they began."""
    weights = begin
    counts = np.bincount(classes, minlength=len(begin)) + doubt
    for _ in range(_ROUNDS):
        told = _told_by_own(own, base, weights[classes])
        sums = np.bincount(classes, weights=told, minlength=len(begin)) + doubt * begin
        found = np.where(counts > 0, sums / np.maximum(counts, 1e-9), begin)
        found = np.clip(found, LEAST_WEIGHT, 1 - LEAST_WEIGHT)
        change = float(np.abs(found - weights).max())
        weights = found
        if change < _SETTLED:
            break
    return weights


def _told_by_own(own: Floats, base: Floats, weight: Floats) -> Floats:
    """(n_calls,) of each call's chance, the share that the model's own side gave."""
    ours = weight * own
    told: Floats = ours / (ours + (1 - weight) * base)
    return told
