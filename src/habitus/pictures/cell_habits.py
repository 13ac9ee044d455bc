"""What cells of a network do over training traces: what explains them, what they fire on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from habitus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.models.memory import Memory

Floats = NDArray[np.float32]
Activations = Callable[[NDArray[np.uint16], int], Floats]
"""From a trace's calls, and which is the first that is wanted: (n_calls, n_cells)."""
Means = tuple[tuple[str, float], ...]

MAX_CALLS = 20_000
MAX_NUMBERS = 1 << 25
"""Calls that are read, and numbers of theirs that are held, at most."""
MAX_TRACE_CALLS = 1000
"""Calls of one trace: none drowns the others."""
LEAST_SEEN = 10
"""What stands more rarely among the calls read is not named."""
N_NAMED = 3


@dataclass(frozen=True, eq=False)
class Groups:
    """Calls put into groups.

    Attributes:
        names: what each group is; ``sizes`` (n_groups,) int64, the calls it has.
        means: (n_groups, n_cells) float64, what each cell is on average.
    """

    names: tuple[str, ...]
    sizes: NDArray[np.int64]
    means: NDArray[np.float64]

    @classmethod
    def of(cls, values: Floats, keys: NDArray[np.int64], name: Callable[[int], str]) -> Groups:
        """Rows of values by their key, and each key's name."""
        found, of_row, sizes = np.unique(keys, return_inverse=True, return_counts=True)
        in_order = values[np.argsort(of_row, kind="stable")].astype(np.float64)
        begins = np.cumsum(sizes) - sizes
        sums = np.add.reduceat(in_order, begins, axis=0)
        return cls(tuple(map(name, found.tolist())), sizes, sums / sizes[:, np.newaxis])


@dataclass(frozen=True, eq=False)
class Habits:
    """What cells do over training traces.

    Attributes:
        values: (n_calls, n_cells) float32; ``spread`` (n_cells,) their standard deviation.
        calls: by the call just read; ``pairs`` by it and the one before it.
    """

    values: Floats
    spread: NDArray[np.float64]
    calls: Groups
    pairs: Groups

    @classmethod
    def of(cls, memory: Memory, names: tuple[str, ...], activations: Activations) -> Habits:
        """Read some of the traces that a model remembers.

        Raises:
            UsageError: if it remembers none.
        """
        unknown, nothing = len(names), len(names) + 1
        shown = (*names, "a call never seen", "nothing")
        keys, values, n_read = [], [], 0
        for trace in _some_of(memory):
            found = activations(trace, 0)
            calls = np.minimum(trace.astype(np.int64), unknown)
            keys.append(np.append(nothing, calls[:-1]) * len(shown) + calls)
            values.append(found)
            n_read += len(found)
            if n_read >= min(MAX_CALLS, MAX_NUMBERS // max(1, found.shape[1])):
                break
        if not values:
            raise UsageError("this model remembers no training trace to tell of its cells by")
        pairs, numbers = np.concatenate(keys), np.concatenate(values)

        def pair_name(key: int) -> str:
            before, call = divmod(key, len(shown))
            return f"{shown[call]} after {shown[before]}"

        return cls(
            numbers,
            numbers.std(axis=0, dtype=np.float64),
            Groups.of(numbers, pairs % len(shown), lambda key: shown[key]),
            Groups.of(numbers, pairs, pair_name),
        )

    def explained(self, groups: Groups) -> NDArray[np.float64]:
        """(n_cells,) float64: the share of each cell's variance that groups explain.

        Corrected for their number: groups of pure chance explain nothing on average.
        """
        n_calls, n_groups = len(self.values), len(groups.sizes)
        if n_calls <= n_groups:
            return np.zeros(len(self.spread))
        mean = self.values.mean(axis=0, dtype=np.float64)
        total = n_calls * self.spread**2
        within = total - groups.sizes @ (groups.means - mean) ** 2
        left = np.divide(within, total, out=np.ones_like(total), where=total > 0)
        shares: NDArray[np.float64] = 1 - left * (n_calls - 1) / (n_calls - n_groups)
        return np.clip(shares, 0, 1)

    def ends(self, groups: Groups, cell: int) -> tuple[Means, Means]:
        """(what, mean) of the groups where a cell is highest, and of those where it is lowest."""
        often = np.flatnonzero(groups.sizes >= LEAST_SEEN)
        order = often[np.argsort(-groups.means[often, cell], kind="stable")]
        named = [(groups.names[g], float(groups.means[g, cell])) for g in order.tolist()]
        return tuple(named[:N_NAMED]), tuple(named[::-1][:N_NAMED])


def _some_of(memory: Memory) -> Iterator[NDArray[np.uint16]]:
    """The remembered traces that make a call, or their first calls, in an order of pure chance."""
    n_traces = len(memory.offsets) - 1
    for place in np.random.default_rng(1).permutation(n_traces).tolist():
        begin, end = int(memory.offsets[place]), int(memory.offsets[place + 1])
        if end > begin:
            yield memory.symbols[begin : min(end, begin + MAX_TRACE_CALLS)]
