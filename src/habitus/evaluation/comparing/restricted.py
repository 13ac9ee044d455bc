"""A result on some of its units only, for pictures of two models side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.curves import histogram, roc_curve
from habitus.evaluation.metrics import roc
from habitus.evaluation.results import Detection

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.evaluation.results import Result

    Floats = NDArray[np.float64]


def restricted(result: Result, normal: Floats, attack: Floats) -> Result:
    """What a model reaches on these scores of its, measured anew.

    Intervals and band are kept where these are all its scores, and are gone where they are not.
    Everything that is not drawn side by side stays that of the whole.
    """
    curve = roc(normal, attack)
    is_whole = (len(normal), len(attack)) == (result.n_normal, result.n_attack)
    rates = {}
    for rate, kept in result.dr_at_fpr.items():
        dr, achieved = curve.detection_at(float(rate))
        interval = kept.dr_ci95 if is_whole else None
        rates[rate] = Detection(dr=dr, dr_ci95=interval, achieved_fpr=achieved)
    band = result.roc.band
    keeps_band = is_whole and band is not None and len(band.at) == len(band.low) == len(band.high)
    at = result.at_threshold
    if at is not None:
        false, found = (int(np.sum(scores > at.threshold)) for scores in (normal, attack))
        at = at.model_copy(
            update={
                "fpr": false / len(normal),
                "dr": found / len(attack),
                "n_false_alarms": false,
                "n_detected": found,
            }
        )
    return result.model_copy(
        update={
            "n_normal": len(normal),
            "n_attack": len(attack),
            "auc": curve.auc,
            "auc_ci95": result.auc_ci95 if is_whole else None,
            "dr_at_fpr": rates,
            "at_threshold": at,
            "roc": roc_curve(curve).model_copy(update={"band": band if keeps_band else None}),
            "histogram": histogram(normal, attack),
        }
    )
