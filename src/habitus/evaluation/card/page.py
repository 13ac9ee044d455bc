"""The card's pages: what data say goes through templates that escape it, and a strict policy.

A page needs no network: its policy forbids it every address, and every script but its own two.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from habitus.evaluation.card.attack_figures import attack_figure, folder_table
from habitus.evaluation.card.curve_figures import NamedRoc, pr_figure, roc_figure
from habitus.evaluation.card.parts import counted, short_names
from habitus.evaluation.card.score_figures import area_figure, detection_figure, histogram_figure
from habitus.evaluation.card.shown import scale_of, shown_of
from habitus.evaluation.card.standing import (
    best_baseline,
    own_threshold,
    standing_of,
    where_attacks_are_rare,
)
from habitus.evaluation.card.tables import cost_table, model_table, novel_table, origin_table
from habitus.evaluation.card.templates import environment
from habitus.pictures.page import policy_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.evaluation.results import Result, Results


def card_page(results: Results) -> str:
    """The results card, one HTML page of about 5 MB, most of which is plotly.js."""
    judged = results.results
    names = short_names([result.model for result in judged])
    pairs = list(zip(names, judged, strict=True))
    first = judged[0]
    return rendered(
        "card.html",
        title=f"{first.protocol}: results of {counted(len(judged), 'model')}",
        results=results,
        first=first,
        names=names,
        against=_against(results),
        tiles=[
            {
                "name": name,
                "result": result,
                "standing": standing_of(result),
                "threshold": own_threshold(result),
                "rare": where_attacks_are_rare(result),
            }
            for name, result in pairs
        ],
        areas=area_figure(names, judged),
        roc=roc_figure(named_rocs(names, judged), first.unit),
        pr=pr_figure([(name, result.pr) for name, result in pairs], first.unit),
        detection=detection_figure(names, judged),
        histograms=[histogram_figure(name, r, i) for i, (name, r) in enumerate(pairs)],
        attacks=attack_figure(names, judged),
        folders=folder_table(names, judged),
        novel=novel_table(names, judged),
        looks=[_look(name, result) for name, result in pairs],
        costs=cost_table(names, judged),
        models=model_table(names, judged),
        origin=origin_table(results),
    )


def named_rocs(names: Sequence[str], results: Sequence[Result]) -> list[NamedRoc]:
    """Every model's ROC, and the best trivial baseline's."""
    curves = []
    for name, result in zip(names, results, strict=True):
        at = result.at_threshold
        place = None if at is None else (at.fpr, at.dr)
        curves.append(NamedRoc(name, result.roc, result.auc, place))
    best = best_baseline(results[0])
    trivial = f"{best.stranger} {best.name}"
    return [*curves, NamedRoc(trivial, best.roc, best.auc, is_baseline=True)]


def rendered(template: str, **values: Any) -> str:
    """A page from one of the card's templates; each is laid over ``base.html``."""
    from plotly.offline import get_plotlyjs

    own = resources.files("habitus.evaluation.card")
    style, script = ((own / name).read_text("utf-8") for name in ("card.css", "card.js"))
    scripts = [get_plotlyjs(), script]
    return environment().get_template(template).render(
        style=Markup(style),  # noqa: S704 - ours, as are the scripts
        scripts=[Markup(script) for script in scripts],  # noqa: S704
        policy=Markup(policy_of(scripts)),  # noqa: S704
        **values,
    )  # fmt: skip


def _against(results: Results) -> str:
    """How much stands against the numbers; empty if nothing does."""
    n_serious = sum(finding.severity == "serious" for finding in results.findings)
    n_warnings = len(results.findings) - n_serious + len(results.warnings)
    counts = ((n_serious, "serious finding"), (n_warnings, "warning"))
    told = " and ".join(counted(number, what) for number, what in counts if number)
    return f"{told} {'stands' if n_serious + n_warnings == 1 else 'stand'}" if told else ""


def _look(name: str, result: Result) -> dict[str, Any]:
    """A model's traces worth a look."""
    if result.aggregation == "whole":
        scale = (
            "each strip's own maximum: this model scores whole traces; what it says of calls is no "
            "score"
        )
    elif scale_of(result) is None:
        scale = "each strip's own maximum: the model's threshold is no measure of these surprises"
    else:
        scale = "twice the model's own threshold"
    return {
        "name": name,
        "scale": scale,
        "normals": [shown_of(trace, result) for trace in result.strangest_normals],
        "attacks": [shown_of(trace, result) for trace in result.most_normal_attacks],
        "measures": [
            (what, shown_of(trace, result))
            for what, trace in (
                ("A typical normal", result.typical_normal),
                ("The strongest attack", result.strongest_attack),
            )
            if trace is not None
        ],
    }
