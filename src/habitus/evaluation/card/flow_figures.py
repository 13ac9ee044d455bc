"""Figures of the card of flows: areas by what was held out, and false alarms by the hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.evaluation.card.parts import (
    SYMBOLS,
    Figure,
    Json,
    Table,
    area_range,
    one_of,
    percent,
    series,
    whiskers,
)
from habitus.pictures.page import labels, places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.evaluation.flows.results import FlowResult, FlowTrial, Rates

LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
MARGIN = {"l": 60, "r": 16, "t": 16, "b": 56}


def two(rates: Rates | None, digits: int = 3, *, share: bool = False) -> str:
    """A number by which files weigh equally; over flows in brackets."""
    if rates is None:
        return "-"
    if share:
        return f"{percent(rates.files)} ({percent(rates.flows)})"
    return f"{rates.files:.{digits}f} ({rates.flows:.{digits}f})"


def gap_figure(trials: Sequence[FlowTrial]) -> Figure | None:
    """Every detector's area, by what was held out; None where there is no area at all."""
    judged = [trial for trial in trials if any(r.figures.auc for r in trial.results)]
    if not judged:
        return None
    names = list(dict.fromkeys(r.name for trial in judged for r in trial.results))
    rows = places(labels(held_out_of(trial) for trial in judged))
    data: list[Json] = []
    for number, (name, shown) in enumerate(zip(names, labels(names), strict=True)):
        found = [
            (row, result)
            for row, trial in zip(rows, judged, strict=True)
            for result in trial.results
            if result.name == name and result.figures.auc is not None
        ]
        values = [result.figures.auc.files for _, result in found if result.figures.auc]
        color = "@quiet" if found and found[0][1].is_baseline else series(number)
        data.append(
            {
                "type": "scatter", "mode": "markers", "name": shown, "x": values,
                "y": [row for row, _ in found],
                "error_x": whiskers(
                    values, [r.figures.auc_ci95 for _, r in found], color=color, thickness=2,
                    width=6,
                ),
                "marker": {"color": color, "size": 13, "symbol": one_of(SYMBOLS, number)},
                "hovertemplate": "%{y}: AUC %{x:.3f}<extra>%{fullData.name}</extra>",
            }
        )  # fmt: skip
    told = "; ".join(
        f"{held_out_of(trial)}: "
        + ", ".join(
            f"{r.name} {r.figures.auc.files:.3f}"
            for r in trial.results
            if r.figures.auc is not None
        )
        for trial in judged
    )
    return Figure(
        key="gap",
        title="Area under the ROC, by what was held out",
        alternative=f"Areas, files weighed equally. {told}.",
        data=data,
        layout={
            "height": 170 + 70 * len(judged),
            "margin": MARGIN | {"l": 230, "t": 50},
            "legend": LEGEND,
            "xaxis": {"title": {"text": "AUC"}, "range": [-0.02, 1.02]},
            "yaxis": {"autorange": "reversed", "type": "category"},
            "shapes": [
                {"type": "line", "x0": 0.5, "x1": 0.5, "yref": "paper", "y0": 0, "y1": 1}
                | {"line": {"color": "@quiet", "dash": "dot", "width": 1}}
            ],
        },
        narrow={"margin": MARGIN | {"l": 120, "r": 8, "t": 90}},
        note="Random rows are shortcut-prone: whatever tells recordings apart counts as skill. The "
        "dotted line is chance. Whiskers hold 95 % of what redrawn files give; a trial of few "
        "files has none. Grey is the one-feature baseline, which a detector must clear.",
        table=Table(
            "Area under the ROC: files weighed equally (over flows)",
            ("detector", *(f">{held_out_of(trial)}" for trial in judged)),
            [(name, *(_area_of(trial, name) for trial in judged)) for name in names],
        ),
    )


def held_out_of(trial: FlowTrial) -> str:
    """What a trial holds out, and that it is shortcut-prone where it is."""
    return f"{trial.name}, shortcut-prone" if trial.is_shortcut_prone else trial.name


def _area_of(trial: FlowTrial, name: str) -> str:
    found = next((r for r in trial.results if r.name == name), None)
    if found is None or found.figures.auc is None:
        return "-"
    return f"{two(found.figures.auc)}, {area_range(found.figures.auc_ci95)}"


def alarms_figure(trial: FlowTrial, key: str) -> Figure | None:
    """False alarms by the hour; None where hours, or benign flows, are not known."""
    judged = [r for r in trial.results if r.figures.alarms_per_hour is not None]
    if not judged:
        return None
    shown = places(labels(r.name for r in judged))
    series_of: list[tuple[str, str, list[float | None]]] = [
        ("own decision", series(0), [r.figures.alarms_per_hour for r in judged]),
        ("at 1 % false alarms", series(1), [r.figures.budget_alarms_per_hour for r in judged]),
    ]
    return Figure(
        key=key,
        title=f"False alarms an hour of capture: {held_out_of(trial)}",
        alternative="False alarms an hour. "
        + " ".join(
            f"{r.name}: {_hourly(r.figures.alarms_per_hour)} at its own decision." for r in judged
        ),
        data=[
            {
                "type": "bar", "orientation": "h", "name": name, "x": values, "y": shown,
                "marker": {"color": color},
                "hovertemplate": "%{x:.2f} an hour<extra>%{fullData.name}</extra>",
            }
            for name, color, values in series_of
        ],
        layout={
            "height": 150 + 60 * len(judged), "margin": MARGIN | {"l": 160, "t": 40},
            "legend": LEGEND, "barmode": "group",
            "xaxis": {"title": {"text": "false alarms an hour"}},
            "yaxis": {"autorange": "reversed", "type": "category"},
        },
        narrow={"margin": MARGIN | {"l": 110, "r": 8, "t": 60}},
        note=f"Of {judged[0].figures.hours:.1f} hours of benign capture, pauses of over an hour "
        "left out. A busier network has more flows an hour, and as many more false alarms.",
        table=Table(
            "False alarms",
            ("detector", ">own decision, an hour", ">share of benign flows", ">at 1 %, an hour",
             ">rate reached"),
            [
                (
                    r.name, _hourly(r.figures.alarms_per_hour),
                    two(r.figures.false_alarms, share=True),
                    _hourly(r.figures.budget_alarms_per_hour),
                    two(r.figures.budget_reached, share=True),
                )
                for r in judged
            ],
        ),
    )  # fmt: skip


def _hourly(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def rows_of(result: FlowResult) -> tuple[str, ...]:
    """A detector's line of a trial's table."""
    f = result.figures
    return (
        result.name, two(f.auc), area_range(f.auc_ci95), two(f.detection_at_budget, share=True),
        two(f.budget_reached, share=True), two(f.detection, share=True),
        two(f.false_alarms, share=True), _hourly(f.alarms_per_hour), two(f.brier),
    )  # fmt: skip
