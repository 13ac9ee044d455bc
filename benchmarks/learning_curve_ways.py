"""Ways to join what a base says of calls with what own traces say, for `learning_curve_base.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from transfer import SEED

from habitus import TraceSet
from habitus.detectors import trie_kernels as k
from habitus.detectors.mixing import Mixture
from habitus.detectors.ngram import NGram
from habitus.detectors.redundancy import Redundancy, score_of

if TYPE_CHECKING:
    from kept import Row

Floats = NDArray[np.float64]
Depths = NDArray[np.int64]
PRIOR = 0.9
"""As a prior: what a history leaves, so much of it to the next shorter one and the rest to the
base. Of .3 to .95 the best by nats."""
SHORT = 3
"""Where the own traces know a history of fewer calls, the base is asked instead."""


@dataclass(frozen=True, eq=False)
class Sides:
    """What calls cost either side, and how many calls of history each went by.

    Attributes:
        model: whose own windows it is.
        symbols, offsets: of the traces that are scored.
    """

    model: NGram
    traces: TraceSet

    @cached_property
    def symbols(self) -> NDArray[np.uint16]:
        """Of the calls."""
        return self.model.vocabulary.encode(self.traces)

    @cached_property
    def _both(self) -> tuple[Floats, Floats, Depths, Depths]:
        return self.model.sides(self.symbols, self.traces.offsets)

    @property
    def own(self) -> Floats:
        """(n_calls,) nats."""
        return self._both[0]

    @property
    def theirs(self) -> Floats:
        """(n_calls,) nats, by the base."""
        return self._both[1]

    @property
    def depths(self) -> tuple[Depths, Depths]:
        """(n_calls,) twice."""
        return self._both[2], self._both[3]


Way = Callable[[Sides, Mixture | None], Floats]
Classes = Callable[[tuple[Depths, Depths]], tuple[Depths, Depths]]


def _none(depths: tuple[Depths, Depths]) -> tuple[Depths, Depths]:
    nothing = np.zeros_like(depths[0])
    return nothing, nothing


def _own_alone(depths: tuple[Depths, Depths]) -> tuple[Depths, Depths]:
    return depths[0], np.zeros_like(depths[1])


def _mixed(classes: Classes) -> Way:
    def way(sides: Sides, mixture: Mixture | None) -> Floats:
        if mixture is None:
            raise ValueError("a way that mixes wants a mixture")
        return mixture.nats(sides.own, sides.theirs, classes(sides.depths)).astype(np.float64)

    return way


def _prior(sides: Sides, _: Mixture | None) -> Floats:
    """P_k(c | h) = (count + T (PRIOR P_{k-1} + (1 - PRIOR) P_base)) / (count(h) + T)."""
    trie = sides.model.trie
    mass, escape, norm = sides.model.shares(trie)
    cost, backoff = np.zeros(len(mass)), np.zeros(len(mass))
    k.interpolate(
        trie.parent, trie.link, mass, PRIOR * escape, norm, float(sides.model.settings.floor),
        cost, backoff,
    )  # fmt: skip
    # What is left to the base after each history: it is the same for every call.
    kept = np.divide(escape, norm, out=np.ones_like(escape), where=norm > 0)
    left = np.zeros(len(mass))
    left[k.ROOT] = kept[k.ROOT] * (1 - PRIOR)
    for depth in range(1, trie.order + 1):
        at = np.flatnonzero(trie.depth == depth)
        shorter = left[trie.link[at]]
        left[at] = np.where(norm[at] > 0, kept[at] * (PRIOR * shorter + 1 - PRIOR), shorter)
    counted = np.exp(-trie.surprise(sides.symbols, sides.traces.offsets, cost, backoff))
    at_call = left[_histories(sides)]
    return -np.log(counted.astype(float) + at_call * np.exp(-sides.theirs))


def _histories(sides: Sides) -> Depths:
    """(n_calls,) the node of the history before each call."""
    trie, symbols, offsets = sides.model.trie, sides.symbols, sides.traces.offsets
    numbers = np.arange(len(trie.parent), dtype=np.int64)
    # A history is told by its node where that stands in the place of its depth.
    found = np.empty(len(symbols), dtype=np.int64)
    k.history_depths(
        symbols, 0, len(symbols), offsets, 0, k.ROOT, trie._multiplier, trie.keys, trie.link,
        numbers, found,
    )  # fmt: skip
    return found


def _short(sides: Sides, _: Mixture | None) -> Floats:
    return np.where(sides.depths[0] < SHORT, sides.theirs, sides.own)


def _mean(sides: Sides, _: Mixture | None) -> Floats:
    return (sides.own + sides.theirs) / 2


# A way is added by a line: what makes its nats, what its mixture is learned by, and whether it
# says how likely calls are.
WAYS: Mapping[str, tuple[Way, Classes | None, bool]] = {
    "own traces alone": (lambda sides, _: sides.own, None, True),
    "the base alone, names joined": (lambda sides, _: sides.theirs, None, True),
    "mixed, one weight": (_mixed(_none), _none, True),
    "mixed, by the own history": (_mixed(_own_alone), _own_alone, True),
    "mixed, by both histories": (_mixed(lambda depths: depths), lambda depths: depths, True),
    f"the base where the own history is shorter than {SHORT}": (_short, None, True),
    "the base as a prior after every history": (_prior, None, True),
    "mean of both surprises": (_mean, None, False),
}
REDUNDANT = ("own traces alone", "mixed, by both histories", "mean of both surprises")
"""Ways by which `redundancy` is given what calls cost at first, too."""


def way_rows(
    learned: TraceSet,
    test: TraceSet,
    base: NGram,
    areas_of: Callable[[Floats], Mapping[str, float]],
) -> Row:
    """Each way's nats and areas."""
    whole = Redundancy()
    whole.start_from(base)
    whole.fit(learned, seed=SEED)
    model = whole.read_by.learned
    held_out = [Sides(one, rest) for one, rest in model.parts_of(learned, SEED)]
    judged, found = Sides(model, test), {}
    shape = (model.window_calls, base.window_calls)
    for name, (way, classes, is_chance) in WAYS.items():
        mixture = None
        if classes is not None:
            depths = [classes(sides.depths) for sides in held_out]
            mixture = Mixture.learned(
                np.concatenate([sides.own for sides in held_out]),
                np.concatenate([sides.theirs for sides in held_out]),
                (np.concatenate([d[0] for d in depths]), np.concatenate([d[1] for d in depths])),
                shape,
            )
        costs = np.concatenate([way(sides, mixture) for sides in held_out])
        nats = way(judged, mixture)
        row = dict(areas_of(np.add.reduceat(nats, test.offsets[:-1]) / test.lengths))
        found[name] = {"nats": float(costs.mean()) if is_chance else None, **row}
        if name in REDUNDANT:
            row = dict(areas_of(_redundancies(whole, judged, nats)))
            found[f"`redundancy`, first costs: {name}"] = {"nats": None, **row}
    return {"ways": found, "size": learned.n_traces}


def _redundancies(whole: Redundancy, sides: Sides, first: Floats) -> Floats:
    """(n_traces,) what `redundancy` scores where these are the costs that it begins with."""
    scores = np.empty(sides.traces.n_traces)
    for row, (begin, end) in enumerate(
        zip(sides.traces.offsets[:-1], sides.traces.offsets[1:], strict=True)
    ):
        reader = whole.read_by.reader()
        reader.read(sides.symbols[begin:end], first[begin:end].astype(np.float32))
        scores[row] = score_of(reader)
    return scores
