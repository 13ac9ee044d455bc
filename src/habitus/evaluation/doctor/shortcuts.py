"""The shortcut alarm: labels that a trivial statistic of a trace tells by itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.doctor.findings import Finding, Kind
from habitus.evaluation.doctor.statistics import areas_of_statistics, deviation_of_area

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.evaluation.doctor.examined import Examined
    from habitus.evaluation.doctor.statistics import Area

SHORTCUT = Kind(
    id="shortcut",
    meaning="A trivial statistic of a trace (its length, the number of different calls, presence "
    "or share of one call) tells attacks from normals, without any idea of an attack.",
    effect="A detector may do no more than that: it recognises the kind of process, or how it was "
    "recorded. Its area says little about new attacks.",
    remedy="Read every result against this statistic, as a baseline; look whether normals and "
    "attacks are the same programs recorded in the same way; compare within one program.",
    warning=0.7,
    serious=0.8,
    reason="area of the best statistic, on all judged traces or on distinct ones; .7 is what "
    "published detectors are said to improve on, .8 what many of them reach",
)
_WORTH_SAYING = 0.6


def shortcuts(examined: Examined) -> Iterator[Finding]:
    """The best trivial statistics, on all judged traces and on distinct ones not learned."""
    normal, attack = examined.indices("normal"), examined.indices("attack")
    if not len(normal) or not len(attack):
        return
    fresh = examined.first_of_each(
        normal[
            ~np.isin(examined.sequences[normal], examined.sequences[examined.indices("learned")])
        ]
    )
    everything = areas_of_statistics(examined, normal, attack, at_least=_WORTH_SAYING)
    best = everything[0]
    told = {area.name for area in everything[:5]}
    distinct = areas_of_statistics(examined, fresh, attack, names=told) if len(fresh) else []
    by_chance = area_by_chance(
        len(examined.first_of_each(normal)),
        len(examined.first_of_each(attack)),
        2 + 2 * len(examined.traces.alphabet),
    )
    if best.auc < max(_WORTH_SAYING, by_chance):
        return
    also = {area.name: _towards(area, best_of=everything) for area in distinct}
    on_distinct = f", {also[best.name]:.3f} on distinct normals not learned" if also else ""
    yield SHORTCUT.finding(
        f"'{best}' alone tells attacks from normals: AUC {best.auc:.3f}{on_distinct}",
        len(normal) + len(attack),
        len(normal) + len(attack),
        parts=examined.with_role("normal", "attack"),
        examples=[
            f"{area}: AUC {area.auc:.3f}"
            + (f", {also[area.name]:.3f} on distinct normals" if area.name in also else "")
            for area in everything[:5]
        ],
        numbers={
            "auc": best.auc,
            "by_chance": by_chance,
            **({"auc_distinct": also[best.name]} if also else {}),
        },
        graded_by=best.auc,
    )


def _towards(area: Area, *, best_of: list[Area]) -> float:
    """An area in the direction that was the better one on all traces."""
    for other in best_of:
        if other.name == area.name:
            return area.auc if other.stranger == area.stranger else 1 - area.auc
    return area.auc


def area_by_chance(n_normal: int, n_attack: int, n_statistics: int) -> float:
    """About the largest area among so many statistics that know nothing.

    The largest of k is about sqrt(2 ln k) standard deviations off one half. Few traces need no
    shortcut to look like one.

    >>> round(area_by_chance(5, 5, 100), 2), round(area_by_chance(2000, 700, 300), 2)
    (1.12, 0.54)
    """
    deviation = deviation_of_area(n_normal, n_attack)
    return 0.5 + deviation * math.sqrt(2 * math.log(max(n_statistics, 2)))
