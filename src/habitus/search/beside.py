"""Attacks looked at beside a search: they rank no trial, end none and propose none.

What is measured tells how well the objective, which saw no attack, agrees with what attacks say,
and where they lie beside a threshold that normals alone have set. Whoever then takes the trial that
does best here has chosen by attacks, and needs others to report on.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from habitus.decisions.budget import Budget
from habitus.decisions.scores import aggregation_of, trace_scores
from habitus.models.training import DEFAULT_FALSE_ALARMS
from habitus.search.objectives import FOLD_AUC, area_of
from habitus.search.parts import BESIDE, JUDGED, RECORDING
from habitus.search.told import number_of, whole_of
from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.detectors.base import SequenceDetector
    from habitus.search.objectives import Parts
    from habitus.search.run_folder import Run

    Floats = NDArray[np.float64]
    Quartiles = tuple[float, float, float]

SAID = "attacks were looked at beside; they ranked nothing"


def attacks_said(run: Run) -> str:
    """What part attacks had in a search, in a sentence."""
    if run.beside_attacks:
        return SAID
    if run.objective == FOLD_AUC:
        return "labels of flows ranked the trials"
    if run.supervised:
        return "labelled attacks ranked the trials"
    return "no attack was looked at"


@dataclass(frozen=True)
class Beside:
    """How a trial's detector scores the attacks and the normals of a protocol's test part.

    Attributes:
        auc: area of test normals against attacks; one without a score lies below all others.
        n_normal, n_attack: traces (recordings, where the protocol judges these).
        n_unscored: those of them that the detector could not score.
        attack_quartiles, normal_quartiles: 25 %, 50 % and 75 % of the scores; None if none has one.
        held_out_median: of the held-out normals' scores, which no trial learns: the loss in
            validation where scores are losses.
        threshold: the least score that at most a share of the held-out normals exceed: no attack
            has moved it.
        false_alarms: that share.
        detection: share of the attacks above the threshold; ``false_alarm_rate`` of test normals.
    """

    auc: float
    n_normal: int
    n_attack: int
    n_unscored: int
    attack_quartiles: Quartiles | None
    normal_quartiles: Quartiles | None
    held_out_median: float | None
    threshold: float | None
    false_alarms: float
    detection: float | None
    false_alarm_rate: float | None

    @classmethod
    def of(cls, told: Any) -> Beside | None:
        """What `look_beside` made, read back; None of None.

        Raises:
            ValueError, TypeError, KeyError: if it is something else.
        """
        if told is None:
            return None
        made: dict[str, Any] = {}
        for field in fields(cls):
            value = told[field.name]
            if value is None and field.name not in _NEVER_NONE:
                made[field.name] = None
            elif field.name.endswith("quartiles"):
                low, middle, high = map(number_of, value)
                made[field.name] = (low, middle, high)
            else:
                made[field.name] = (whole_of if field.name[:2] == "n_" else number_of)(value)
        return cls(**made)


_NEVER_NONE = {"auc", "n_normal", "n_attack", "n_unscored", "false_alarms"}


def look_beside(
    detector: SequenceDetector, parts: Parts, aggregation: str | None = None
) -> dict[str, Any]:
    """Score what the search does not go by, as JSON."""
    chosen = aggregation_of(detector, aggregation)
    test, held_out = parts[BESIDE], parts[JUDGED]
    scores = trace_scores(detector, test, chosen)
    kept = trace_scores(detector, held_out, chosen)
    is_attack = np.asarray(test.labels == Label.ATTACK)
    if test.infos[0].split == RECORDING:
        scores, is_attack = _strangest(scores, is_attack, [info.group for info in test.infos])
        groups = [info.group or info.name for info in held_out.infos]
        kept, _ = _strangest(kept, np.zeros(len(kept), dtype=bool), groups)
    normal, attack = scores[~is_attack], scores[is_attack]
    share = Budget.parse(DEFAULT_FALSE_ALARMS).alarms
    threshold = threshold_of(kept, share)
    return asdict(
        Beside(
            auc=area_of(normal, attack),
            n_normal=len(normal),
            n_attack=len(attack),
            n_unscored=int(np.sum(~np.isfinite(scores))),
            attack_quartiles=_quartiles(attack),
            normal_quartiles=_quartiles(normal),
            held_out_median=None if (middle := _quartiles(kept)) is None else middle[1],
            threshold=threshold,
            false_alarms=share,
            detection=None if threshold is None else float(np.mean(attack > threshold)),
            false_alarm_rate=None if threshold is None else float(np.mean(normal > threshold)),
        )
    )


def threshold_of(scores: Floats, share: float) -> float | None:
    """The least of the scores that at most a share of them exceed; None if there is none.

    >>> threshold_of(np.arange(1.0, 201.0), 0.01)
    198.0
    """
    finite = scores[np.isfinite(scores)]
    if not len(finite):
        return None
    # What has no score raises no alarm, and is one of those that could.
    allowed = int(share * len(scores) + 1e-9)
    return float(np.sort(finite)[::-1][min(allowed, len(finite) - 1)])


def _quartiles(scores: Floats) -> Quartiles | None:
    finite = scores[np.isfinite(scores)]
    if not len(finite):
        return None
    low, middle, high = np.quantile(finite, [0.25, 0.5, 0.75]).tolist()
    return low, middle, high


def _strangest(
    scores: Floats, is_attack: NDArray[np.bool_], groups: list[str]
) -> tuple[Floats, NDArray[np.bool_]]:
    """A score a recording: its strangest thread's; an attack if one of its threads is."""
    names, of_trace = np.unique(np.array(groups, dtype=object), return_inverse=True)
    highest = np.full(len(names), np.nan)
    np.fmax.at(highest, of_trace, scores)
    attacked = np.zeros(len(names), dtype=bool)
    np.logical_or.at(attacked, of_trace, is_attack)
    return highest, attacked
