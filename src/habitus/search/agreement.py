"""Whether what an objective ranks first is what attacks would have ranked first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST_TRIALS = 4
REPLICATES = 2000
_MOST_DRAWN = 2_000_000
"""Numbers that are ranked anew in all replicates together: more trials need fewer replicates."""


@dataclass(frozen=True)
class Agreement:
    """Spearman's rank correlation of an objective, better counted as higher, with AUC.

    Attributes:
        rho: 1 where both rank alike, -1 where one ranks the other way round.
        ci95: of configurations drawn anew, with replacement; None where nothing can be drawn.
        n: trials.
    """

    rho: float
    ci95: tuple[float, float] | None
    n: int


def agreement(
    values: Sequence[float], areas: Sequence[float], *, less_is_better: bool, seed: int = 1
) -> Agreement | None:
    """How well values rank what areas rank; None of too few trials, or of all alike."""
    from scipy.stats import spearmanr

    better = -np.array(values, dtype=float) if less_is_better else np.array(values, dtype=float)
    y = np.array(areas, dtype=float)
    n = len(better)
    if n < LEAST_TRIALS or len(set(better)) < 2 or len(set(y)) < 2:
        return None
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(max(200, min(REPLICATES, _MOST_DRAWN // n))):
        rows = random.integers(n, size=n)
        if len(set(better[rows])) > 1 and len(set(y[rows])) > 1:
            drawn.append(float(spearmanr(better[rows], y[rows]).statistic))
    interval = None
    if drawn:
        low, high = np.quantile(drawn, [0.025, 0.975]).tolist()
        interval = (low, high)
    return Agreement(float(spearmanr(better, y).statistic), interval, n)
