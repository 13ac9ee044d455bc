"""Curves and histograms as results keep them: few enough points to draw, none of them moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.result_parts import BandOf, Histogram, PrCurve, RocCurve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.evaluation.bootstrap import Band, Intervals
    from habitus.evaluation.metrics import Roc

    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]

MAX_POINTS = 240
MAX_BINS = 48
TOLD_RATES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""False-alarm rates at which tables read a ROC: the points that they read are always kept."""
TOLD_RECALLS = (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
"""Likewise of precision; places of its band, too."""
_DECADES = 0.1
"""What a decade of false alarms counts for when points are chosen, as a share of the whole axis."""


def roc_curve(curve: Roc, band: Band | None = None) -> RocCurve:
    """A ROC in at most `MAX_POINTS` points, its ends among them."""
    told = np.searchsorted(curve.fpr, np.array(TOLD_RATES) + 1e-12, side="right") - 1
    kept = _kept(curve.fpr, curve.tpr, told)
    thresholds = curve.thresholds[kept].tolist()
    return RocCurve(
        fpr=_rounded(curve.fpr[kept]),
        tpr=_rounded(curve.tpr[kept]),
        thresholds=tuple(t if np.isfinite(t) else None for t in thresholds),
        band=_band_of(band),
    )


def pr_curve(curve: Roc, n_normal: int, n_attack: int, intervals: Intervals) -> PrCurve:
    """Precision and recall in at most `MAX_POINTS` points, the ends among them."""
    whole = curve.precision_recall(n_normal, n_attack)
    told = np.searchsorted(whole.recall, np.array(TOLD_RECALLS) - 1e-12, side="left")
    kept = _kept(whole.recall, whole.precision, np.minimum(told, len(whole.recall) - 1))
    return PrCurve(
        recall=_rounded(whole.recall[kept]),
        precision=_rounded(whole.precision[kept]),
        band=_band_of(intervals.precision),
        average=whole.average,
        average_ci95=intervals.average_precision,
        attack_share=n_attack / (n_normal + n_attack),
    )


def histogram(normal: Floats, attack: Floats) -> Histogram:
    """Both samples of finite scores in the same bins of equal width."""
    both = np.concatenate([normal, attack])
    low, high = float(both.min()), float(both.max())
    n_bins = int(min(MAX_BINS, max(1, np.ceil(2 * np.sqrt(len(both))))))
    # Quarters first: the difference of two scores may be more than a number holds.
    edges = np.unique(4 * np.linspace(low / 4, high / 4, n_bins + 1))
    edges[0], edges[-1] = low, high
    if len(edges) == 1:
        edges = np.array([low, high])
    counts = [
        np.bincount(
            np.clip(np.searchsorted(edges, sample, side="right") - 1, 0, len(edges) - 2),
            minlength=len(edges) - 1,
        )
        for sample in (normal, attack)
    ]
    return Histogram(
        edges=tuple(edges.tolist()),
        normal=tuple(counts[0].tolist()),
        attack=tuple(counts[1].tolist()),
    )


def _kept(x: Floats, y: Floats, told: Indices) -> Indices:
    """Which points to draw: the corners, or so many of them as stand at even steps of the way.

    Args:
        told: (n_told,) points that are kept in any case.
    """
    most = MAX_POINTS - len(told)
    across, up = np.diff(x), np.diff(y)
    turns = np.abs(across[:-1] * up[1:] - across[1:] * up[:-1])
    corners = np.concatenate([[0], np.flatnonzero(turns > 1e-15) + 1, [len(x) - 1]])
    if len(corners) <= most:
        return np.union1d(corners, told)
    x, y = x[corners], y[corners]
    finest = x[x > 0].min()
    decades = np.abs(np.diff(np.log10(np.maximum(x, finest))))
    way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    way += np.concatenate([[0.0], np.cumsum(_DECADES * decades)])
    even = np.searchsorted(way, np.linspace(0, way[-1], most), side="left")
    return np.union1d(corners[np.clip(even, 0, len(corners) - 1)], told)


def _band_of(band: Band | None) -> BandOf | None:
    if band is None:
        return None
    return BandOf(at=_rounded(band.at), low=_rounded(band.low), high=_rounded(band.high))


def _rounded(values: Floats) -> tuple[float, ...]:
    """To six digits behind the point: finer than one of a million traces."""
    return tuple(np.round(values, 6).tolist())
