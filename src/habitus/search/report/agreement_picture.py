"""The picture of how well an objective that saw no attack agrees with what attacks say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.evaluation.card.parts import Table, area
from habitus.pictures.axes import Frame, Numbers, short
from habitus.pictures.drawing import Drawing
from habitus.search.agreement import LEAST_TRIALS, agreement
from habitus.search.beside import SAID
from habitus.search.report.picture import (
    Picture,
    first_rows,
    objective_axis,
    objective_title,
    ranked_of,
    sentence,
    some_of,
    trial_title,
    value_of,
    why_no_attacks,
)

if TYPE_CHECKING:
    from habitus.search.results import SearchResult, TrialResult

MAX_DOTS = 1500


def agreement_picture(found: SearchResult) -> Picture:
    """The objective against AUC, a dot a trial.

    Raises:
        NoPicture: if attacks were not looked at, or no trial has both.
    """
    ranked = ranked_of(found)
    areas = {t.trial: a for t in ranked if (a := _area_of(t, found)) is not None}
    both = [t for t in ranked if t.trial in areas]
    if not both:
        raise why_no_attacks(found)
    values = [value_of(t) for t in both]
    of = "attacks it did not choose by" if found.run.supervised else "attacks looked at beside"
    found_agreement = agreement(
        values, [areas[t.trial] for t in both],
        less_is_better=found.run.direction == "minimize",
    )  # fmt: skip
    if found_agreement is None:
        told = f"Fewer than {LEAST_TRIALS} trials, or trials all alike, have no rank correlation."
    else:
        interval = found_agreement.ci95
        spread = "no interval" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"
        told = (
            f"Spearman {found_agreement.rho:.2f} (95 % {spread}, trials drawn anew) over "
            f"{found_agreement.n:,} trials; 1 would rank them as AUC does."
        )
    best = max(both, key=lambda t: areas[t.trial])
    told += (
        f" The first has AUC {area(areas[both[0].trial])}; the highest of all, trial {best.trial}, "
        f"{area(areas[best.trial])}."
    )
    drawing = Drawing(
        720, 424, f"AUC of {of} against {found.run.objective}, {len(both):,} trials. {told}"
    )
    frame = Frame(
        x=objective_axis(found, values, 74, 700, room=70),
        y=Numbers.of(areas.values(), 374, 14, log=False),
        left=74, right=700, top=14, bottom=374,
    )  # fmt: skip
    frame.draw(drawing, f"{objective_title(found)}, better to the right", "AUC")
    shown = some_of(both, MAX_DOTS)
    places = [(frame.x.at(value_of(t)), frame.y.at(areas[t.trial])) for t in shown]
    titles = [f"{trial_title(t, found.run.objective)}; AUC {area(areas[t.trial])}" for t in shown]
    dense = len(shown) > 150
    drawing.dots(
        places[1:], "series-0", radius=2.5 if dense else 4.5, opacity=0.4 if dense else 0.75,
        titles=titles[1:],
    )  # fmt: skip
    drawing.diamond(*places[0], "series-1", size=7.5, title=titles[0])
    rows = [(str(t.rank), str(t.trial), short(value_of(t)), area(areas[t.trial])) for t in both]
    said = "The objective chose by other attacks." if found.run.supervised else f"{sentence(SAID)}"
    return Picture(
        "agreement",
        f"Objective against AUC of {of}",
        drawing,
        first_rows(Table("Objective and AUC", ("rank", ">trial", f">{found.run.objective}",
                                               ">AUC"), rows)),
        f"{told} The diamond is the trial of rank 1. {said} Whoever takes a trial by its AUC here "
        "has chosen by attacks, and needs others to report on.",
    )  # fmt: skip


def _area_of(trial: TrialResult, found: SearchResult) -> float | None:
    if trial.beside is not None:
        return trial.beside.auc
    return trial.measures.get("auc_reported") if found.run.supervised else None
