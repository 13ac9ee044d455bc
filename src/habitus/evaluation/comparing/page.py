"""The page of a comparison: differences with their intervals, and both models' pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from habitus.evaluation.card.curve_figures import roc_figure
from habitus.evaluation.card.page import named_rocs, rendered
from habitus.evaluation.card.parts import Table, area, percent
from habitus.evaluation.card.score_figures import detection_figure, histogram_figure
from habitus.evaluation.comparing.comparison import VERDICTS, verdict_sentence
from habitus.evaluation.comparing.figures import (
    POINTS,
    area_differences,
    difference_text,
    ends_text,
    rate_differences,
)
from habitus.storage import atomic_write

if TYPE_CHECKING:
    import os

    from habitus.evaluation.comparing.comparison import ComparedModel, Comparison, Comparisons


def write_comparison_page(path: str | os.PathLike[str], compared: Comparisons) -> None:
    """Write the page to a file, which appears whole or not at all."""
    content = comparison_page(compared).encode()  # before the file is begun
    with atomic_write(path) as file:
        file.write(content)


def comparison_page(compared: Comparisons) -> str:
    """One HTML page that needs no network; about 5 MB, most of which is plotly.js."""
    return rendered(
        "compare.html",
        title="Comparison of "
        + "; ".join(f"{one.a.model} and {one.b.model}" for one in compared.comparisons),
        compared=compared,
        pairs=[_pair(one, number) for number, one in enumerate(compared.comparisons)],
    )


def _pair(comparison: Comparison, number: int) -> dict[str, Any]:
    names = [
        f"{letter}: {Path(model.model).name or model.model}" for letter, model in _both(comparison)
    ]
    figures = {
        "areas": area_differences(comparison),
        "found": rate_differences(comparison),
        "roc": roc_figure(named_rocs(names, comparison.results), comparison.unit),
        "detection": detection_figure(names, comparison.results),
        "one": histogram_figure(names[0], comparison.results[0], 0),
        "other": histogram_figure(names[1], comparison.results[1], 1),
    }
    return {
        "comparison": comparison,
        "key": f"pair-{number}",
        "names": names,
        "verdict": verdict_sentence(comparison),
        "measures": _measures(comparison),
        "models": _models(comparison),
        # A page of several pairs names each figure once.
        **{key: replace(one, key=f"{number}-{key}") for key, one in figures.items()},
    }


def _measures(comparison: Comparison) -> Table:
    """Both models on all attacks."""
    rows = [("AUC", comparison.auc, 1.0)]
    rows += [
        (f"found at {float(rate) * 100:g} % false alarms", at.detection, float(POINTS))
        for rate, at in comparison.dr_at_fpr.items()
    ]
    return Table(
        "All attacks",
        ("measure", ">A", ">B", ">B - A", ">95 %", "interval"),
        [
            (
                name, *(area(v) if scale == 1 else percent(v) for v in (one.a, one.b)),
                difference_text(one.difference, scale), ends_text(one, scale),
                VERDICTS[one.verdict],
            )
            for name, one, scale in rows
        ],
    )  # fmt: skip


def _models(comparison: Comparison) -> Table:
    return Table(
        "Models",
        ("", "model", "results", "detector and settings", "score", "SHA-256"),
        [
            (
                letter, model.model, model.results or "given as objects",
                " ".join([model.detector, *(f"{k}={v}" for k, v in model.settings.items())]),
                model.decision, model.model_digest or "never saved",
            )
            for letter, model in _both(comparison)
        ],
    )  # fmt: skip


def _both(comparison: Comparison) -> tuple[tuple[str, ComparedModel], tuple[str, ComparedModel]]:
    return ("A", comparison.a), ("B", comparison.b)
