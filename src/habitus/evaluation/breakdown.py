"""A result by type of attack, by folder, and with or without calls never seen in training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.bootstrap import area_interval
from habitus.evaluation.judged import numbered
from habitus.evaluation.result_parts import FolderResult, Subset
from habitus.evaluation.results import AttackResult
from habitus.storage import readable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.evaluation.judged import Judged
    from habitus.traces.traceset import TraceSet

    Floats = NDArray[np.float64]

MAX_FOLDERS = 500
MAX_INTERVALS = 24
"""With more types of attack than this, intervals would take longer than everything else."""


def per_attack(
    normal: Judged, attack: Judged, rates: tuple[float, ...], *, seed: int, replicates: int
) -> dict[str, AttackResult]:
    """Each type of attack against all normals."""
    areas, false_alarms = _against(normal.scores, attack.scores)
    kinds, kind_of = numbered([readable(kind) or "unnamed" for kind in attack.attacks])
    found = {}
    for number, kind in enumerate(kinds):
        its = kind_of == number
        interval = None
        if len(kinds) <= MAX_INTERVALS:
            clusters = np.unique(attack.clusters[its], return_inverse=True)[1]
            interval = area_interval(
                normal.scores, attack.scores[its], normal.clusters, clusters,
                seed=seed, replicates=replicates,
            )  # fmt: skip
        found[kind] = AttackResult(
            n=int(its.sum()),
            auc=float(areas[its].mean()),
            auc_ci95=interval,
            dr_at_fpr=_detection(false_alarms[its], rates),
        )
    return found


def per_folder(
    test: TraceSet,
    normal: Judged,
    attack: Judged,
    rates: tuple[float, ...],
    threshold: float | None,
) -> tuple[int, tuple[FolderResult, ...]]:
    """How many folders or recordings hold attacks, and the first `MAX_FOLDERS`, least found first.

    Args:
        threshold: the model's own, if it is for these scores.
    """
    areas, false_alarms = _against(normal.scores, attack.scores)
    names, folder_of = numbered([test.infos[i].group for i in attack.traces])
    folders = []
    by_folder = np.argsort(folder_of, kind="stable")
    for name, its in zip(
        names, np.split(by_folder, np.cumsum(np.bincount(folder_of))[:-1]), strict=True
    ):
        detected = None if threshold is None else int(np.sum(attack.scores[its] > threshold))
        folders.append(
            FolderResult(
                name=name,
                attack=str(attack.attacks[its[0]]),
                n=len(its),
                n_detected=detected,
                median_score=float(np.median(attack.scores[its])),
                auc=float(areas[its].mean()),
                dr_at_fpr=_detection(false_alarms[its], rates),
            )
        )
    folders.sort(key=lambda folder: (folder.auc, folder.name))
    return len(folders), tuple(folders[:MAX_FOLDERS])


def subset(normal: Judged, attack: Judged, rates: tuple[float, ...], *, novel: bool) -> Subset:
    """Only what holds a call never seen in training, or only what holds none."""
    normals = normal.scores[normal.novel == novel]
    attacks = attack.scores[attack.novel == novel]
    if not len(normals) or not len(attacks):
        return Subset(n_normal=len(normals), n_attack=len(attacks), auc=None, dr_at_fpr={})
    areas, false_alarms = _against(normals, attacks)
    return Subset(
        n_normal=len(normals),
        n_attack=len(attacks),
        auc=float(areas.mean()),
        dr_at_fpr=_detection(false_alarms, rates),
    )


def _against(normal: Floats, attack: Floats) -> tuple[Floats, Floats]:
    """For each attack, (n,) float64: the chance that it scores above a normal, and the alarms.

    A threshold at an attack's score raises a false alarm for that share of the normals.
    """
    ordered = np.sort(normal)
    below = np.searchsorted(ordered, attack, side="left")
    no_higher = np.searchsorted(ordered, attack, side="right")
    return (below + no_higher) / (2 * len(normal)), 1 - below / len(normal)


def _detection(false_alarms: Floats, rates: tuple[float, ...]) -> dict[str, float]:
    """The share of attacks that can be found at no more than each rate of false alarms."""
    return {f"{rate:g}": float(np.mean(false_alarms <= rate + 1e-12)) for rate in rates}
