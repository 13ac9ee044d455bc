"""The fast loops that sum each trace's surprises, and find its strangest stretch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.compiled import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel
def add_up(surprise, offsets, totals, counts):
    """Add each trace's defined surprises to ``totals``, and how many they are to ``counts``.

    One after another, so that a trace in segments comes to exactly the sum of the whole.
    """
    for trace in range(len(totals)):
        for i in range(offsets[trace], offsets[trace + 1]):
            if not np.isnan(surprise[i]):
                totals[trace] += surprise[i]
                counts[trace] += 1


@kernel
def _worst_windows(surprise, offsets, windows, begins, means):
    for trace in range(len(windows)):
        first = offsets[trace]
        end = offsets[trace + 1]
        window = min(windows[trace], end - first)
        begins[trace] = 0
        means[trace] = np.nan
        total = 0.0
        defined = 0
        for i in range(first, end):
            if not np.isnan(surprise[i]):
                total += surprise[i]
                defined += 1
            if i - first >= window:
                old = surprise[i - window]
                if not np.isnan(old):
                    total -= old
                    defined -= 1
            if i - first >= window - 1 and defined > 0:
                mean = total / defined
                # A window's sum is updated, not made anew: a hair's difference is no difference.
                if np.isnan(means[trace]) or mean > means[trace] + 1e-9:
                    means[trace] = mean
                    begins[trace] = i - first - window + 1


def worst_windows(
    surprise: NDArray[np.float32], offsets: NDArray[np.int64], windows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(begins, means): each trace's stretch of ``windows[i]`` calls with the largest mean surprise.

    Args:
        surprise: (n_calls,) float32; NaN is skipped.
        offsets: (n_traces + 1,) int64.
        windows: (n_traces,) int64; a shorter trace is one stretch.

    Returns:
        (n_traces,) int64, the first call of the stretch within its trace; (n_traces,) float64.
    """
    begins = np.zeros(len(windows), dtype=np.int64)
    means = np.zeros(len(windows), dtype=np.float64)
    _worst_windows(surprise, offsets, windows, begins, means)
    return begins, means
