"""The map of the calls: where a network put them, and whether their families lie together.

Source of the picture: G. Kim, H. Yi, J. Lee, Y. Paek, S. Yoon, 2016, arXiv 1611.01726, figure 5; of
the projection: L. van der Maaten, G. Hinton, "Visualizing data using t-SNE", JMLR 9, 2008.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from habitus.pictures.neighbourhood import FamilyRank, family_rank, neighbour_ranks
from habitus.syscalls import family_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.models.model import Model

Of = Literal["read", "expected"]

LEAST_SEEN = 20
"""Calls that occur less often in training hardly moved from where chance put them."""
MAX_CALLS = 400
"""Calls on a map, the most frequent ones."""
LEAST_CALLS = 5
NEAREST = 5
GROUPS = {
    "read and write": ("read", "write", "pread64", "pwrite64", "readv", "writev"),
    "open and close": ("open", "openat", "close"),
    "waiting": (
        "select", "_newselect", "pselect6", "poll", "ppoll", "epoll_wait", "epoll_pwait",
        "nanosleep", "clock_nanosleep",
    ),
}  # fmt: skip
"""Calls that do alike, named on the map: those of the source's figure, and their kin."""


@dataclass(frozen=True)
class Group:
    """Calls that do alike.

    Attributes:
        calls: those of them that are on the map.
        rank: the mean rank of the others among each one's neighbours; None if there is one alone.
    """

    name: str
    calls: tuple[str, ...]
    rank: float | None


@dataclass(frozen=True, eq=False)
class CallMap:
    """Calls of a vocabulary and where they lie.

    Attributes:
        of: which numbers of the network's they lie by: those that calls are ``read`` as, or those
            that they are ``expected`` by.
        calls: names, the most frequent first; ``counts`` (n,) int64, how often each occurs in the
            distinct training traces; ``families``, one a call.
        places: (n, 2) float64, by t-SNE on cosine distances: near is alike, far says nothing.
        ranks: (n, n) float64, `neighbour_ranks`.
        rank: None if no call has a relative.
        n_known: calls that the model knows.
    """

    of: Of
    calls: tuple[str, ...]
    counts: NDArray[np.int64]
    families: tuple[str, ...]
    places: NDArray[np.float64]
    ranks: NDArray[np.float64]
    rank: FamilyRank | None
    groups: tuple[Group, ...]
    n_known: int

    def nearest(self, place: int) -> tuple[str, ...]:
        """The calls nearest to one."""
        order = np.argsort(self.ranks[place], kind="stable")[1 : NEAREST + 1]
        return tuple(self.calls[other] for other in order)


def call_map(
    model: Model, vectors: NDArray[np.float32], of: Of, *, seed: int = 1
) -> CallMap | None:
    """The map of a model's calls; None if too few of them occurred often enough.

    Args:
        vectors: (n_known, width) float32; ``of`` says what they are.
        seed: of the projection and of the shuffles.
    """
    names = model.detector.vocabulary.names
    counts = np.bincount(model.memory.symbols, minlength=len(names))[: len(names)]
    order = np.argsort(-counts, kind="stable")
    chosen = order[counts[order] >= LEAST_SEEN][:MAX_CALLS]
    if len(chosen) < LEAST_CALLS:
        return None
    calls = tuple(names[symbol] for symbol in chosen)
    families = tuple(map(family_of, calls))
    ranks = neighbour_ranks(vectors[chosen])
    return CallMap(
        of=of,
        calls=calls,
        counts=counts[chosen],
        families=families,
        places=projected(vectors[chosen], seed=seed),
        ranks=ranks,
        rank=family_rank(ranks, families, seed=seed),
        groups=tuple(_group(name, members, calls, ranks) for name, members in GROUPS.items()),
        n_known=len(names),
    )


def projected(vectors: NDArray[np.float32], *, seed: int = 1) -> NDArray[np.float64]:
    """(n, 2) float64: places by t-SNE, the same for the same vectors and seed.

    Args:
        vectors: (n, width) float32; n is 5 or more.
    """
    from sklearn.manifold import TSNE

    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    tsne = TSNE(
        metric="cosine", perplexity=min(12.0, (len(wide) - 1) / 3), init="random",
        random_state=seed, n_jobs=1,
    )  # fmt: skip
    places: NDArray[np.float64] = tsne.fit_transform(wide / np.where(lengths > 0, lengths, 1))
    return places.astype(np.float64)


def map_record(drawn: CallMap) -> dict[str, Any]:
    """The map as plain values."""
    rank = drawn.rank
    return {
        "of": drawn.of,
        "least_seen": LEAST_SEEN,
        "n_known": drawn.n_known,
        "family_rank": None if rank is None else {
            "value": rank.value, "by_chance": list(rank.by_chance), "p_value": rank.p_value,
            "n_calls": rank.n_calls, "n_others": rank.n_others,
        },
        "groups": [
            {"name": group.name, "calls": list(group.calls), "rank": group.rank}
            for group in drawn.groups
        ],
        "calls": [
            {
                "name": name, "family": family, "count": int(count),
                "x": float(x), "y": float(y), "nearest": list(drawn.nearest(place)),
            }
            for place, (name, family, count, (x, y)) in enumerate(
                zip(drawn.calls, drawn.families, drawn.counts, drawn.places, strict=True)
            )
        ],
    }  # fmt: skip


def _group(
    name: str, members: tuple[str, ...], calls: tuple[str, ...], ranks: NDArray[np.float64]
) -> Group:
    at = [place for place, call in enumerate(calls) if call in members]
    pairs = ranks[np.ix_(at, at)][~np.eye(len(at), dtype=bool)]
    rank = float(pairs.mean()) if len(at) > 1 else None
    return Group(name, tuple(calls[place] for place in at), rank)
