"""How a model stands against counting, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from habitus.evaluation.card.parts import area, area_range, percent

if TYPE_CHECKING:
    from habitus.evaluation.results import Baseline, Result

RARE = 1e-4
"""How common attacks are in a place where things go well, to say what an alert is worth there."""


@dataclass(frozen=True)
class Standing:
    """What one may say of a model, at the most.

    Attributes:
        grade: also names the style; ``mark`` tells it without colour.
        verdict: two or three words; ``sentence`` gives the numbers.
    """

    grade: Literal["clear", "open", "failed"]
    mark: str
    verdict: str
    sentence: str


def best_baseline(result: Result) -> Baseline:
    """The trivial statistic that does best on these labels."""
    return max(result.baselines, key=lambda baseline: baseline.auc)


def standing_of(result: Result) -> Standing:
    """Whether a model's area lies above the best trivial baseline's, and surely so."""
    best = best_baseline(result)
    trivial = f"Counting alone ({best.stranger} {best.name}) reads {area(best.auc)}"
    interval = result.auc_ci95
    if result.auc <= best.auc:
        return Standing(
            "failed", "✗", "does not clear the trivial baseline",
            f"{trivial}; this model reads {area(result.auc)}. It has shown "
            "nothing here.",
        )  # fmt: skip
    if interval is None or interval[0] <= best.auc:
        why = (
            "there is too little to resample for an interval"
            if interval is None
            else f"its 95 % interval, {area_range(interval)}, holds that"
        )
        return Standing(
            "open", "~", "not shown to clear the trivial baseline",
            f"{trivial}; this model reads {area(result.auc)}, but {why}.",
        )  # fmt: skip
    return Standing(
        "clear", "✓", "clears the trivial baseline",
        f"{trivial}; this model reads {area(result.auc)}, and its 95 % interval, "
        f"{area_range(interval)}, lies above that.",
    )  # fmt: skip


def own_threshold(result: Result) -> str:
    """What the model's own threshold does here: the line that a user will live with."""
    at = result.at_threshold
    if at is None:
        return "Its own threshold is for another aggregation and says nothing here."
    expected = at.expected_false_alarms_ci95
    promised = "" if expected is None else f"; expected were {expected[0]:,} to {expected[1]:,}"
    return (
        f"Its own threshold, set for {at.budget}, finds {percent(at.dr)} of the attacks "
        f"({at.n_detected:,} of {result.n_attack:,}) and raises an alarm on "
        f"{percent(at.fpr, 2)} of the normal {result.unit}s ({at.n_false_alarms:,} of "
        f"{result.n_normal:,}{promised})."
    )


def where_attacks_are_rare(result: Result) -> str:
    """How many alerts would be true at 1 % false alarms, were attacks rare; empty if unknown."""
    found = result.dr_at_fpr.get("0.01")
    if found is None or found.dr == 0 or found.achieved_fpr == 0:
        return ""
    true, false = found.dr * RARE, found.achieved_fpr * (1 - RARE)
    return (
        f"at up to 1 % false alarms, were one {result.unit} in {round(1 / RARE):,} an attack, one "
        f"alert in {round((true + false) / true):,} would be true."
    )
