"""Successive halving: which trials are not worth going on with, told on rungs of epochs.

L. Li et al., *A System for Massively Parallel Hyperparameter Tuning*, MLSys 2020 (ASHA), as
Optuna's `SuccessiveHalvingPruner` decides and writes it down. That one reads all trials at every
rung of each; here what the rungs hold is kept in order, so that a decision costs the same in the
ten thousandth trial as in the first.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from habitus.search.search_file import Pruning


def rung_key(rung: int) -> str:
    """Under which Optuna keeps, with a trial, the value that it had on a rung."""
    return f"completed_rung_{rung}"


class Halving:
    """What trials were worth on each rung.

    Args:
        direction: ``minimize`` or ``maximize``.
    """

    def __init__(self, pruning: Pruning, direction: str) -> None:
        self._first, self._factor = pruning.first_epoch, pruning.factor
        self._sign = 1.0 if direction == "minimize" else -1.0
        self._values: defaultdict[int, list[float]] = defaultdict(list)  # best first
        self._n_rungs: defaultdict[int, int] = defaultdict(int)  # that a trial has passed

    def remember(self, number: int, kept: Mapping[str, float]) -> None:
        """A trial that was begun before: what is kept with it, by `rung_key`."""
        while (key := rung_key(self._n_rungs[number])) in kept:
            self._pass(number, kept[key])

    def passed(self, number: int, epoch: int, value: float) -> Iterator[tuple[str, float, bool]]:
        """The rungs that a trial has come to with an epoch.

        Yields:
            (`rung_key`, value, whether the trial ends there); after one on which it ends, no other.
        """
        while epoch >= self._first * self._factor ** self._n_rungs[number]:
            rung = self._n_rungs[number]
            self._pass(number, value)
            ends = not self._is_among_the_best(rung, value)
            yield rung_key(rung), value, ends
            if ends:
                return

    def _pass(self, number: int, value: float) -> None:
        insort(self._values[self._n_rungs[number]], self._sign * value)
        self._n_rungs[number] += 1

    def _is_among_the_best(self, rung: int, value: float) -> bool:
        """Whether it is among the best share of its rung; of the first few, whether it is best."""
        values = self._values[rung]
        n_best = max(1, len(values) // self._factor)
        return self._sign * value <= values[n_best - 1]
