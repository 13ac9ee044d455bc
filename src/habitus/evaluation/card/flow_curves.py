"""Curves of the card of flows: detection over false alarms, and what came of probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.card.flow_figures import LEGEND, MARGIN, held_out_of, two
from habitus.evaluation.card.parts import (
    DASHES,
    SYMBOLS,
    Figure,
    Json,
    Table,
    area,
    one_of,
    percent,
    series,
)
from habitus.pictures.page import label, labels

if TYPE_CHECKING:
    from habitus.evaluation.flows.results import FlowCurve, FlowTrial

_RATES = (0.001, 0.01, 0.05, 0.1)


def flow_roc_figure(trial: FlowTrial, key: str) -> Figure | None:
    """Detection over false alarms of one trial; None where one class alone was judged."""
    judged = [r for r in trial.results if r.figures.curve is not None]
    if not judged:
        return None
    data: list[Json] = []
    for number, (result, name) in enumerate(
        zip(judged, labels(r.name for r in judged), strict=True)
    ):
        curve = result.figures.curve
        assert curve is not None  # noqa: S101 - chosen above
        auc = None if result.figures.auc is None else result.figures.auc.files
        data.append(
            {
                "type": "scatter", "mode": "lines", "x": curve.fpr, "y": curve.tpr,
                "name": f"{name} · {area(auc)}",
                "line": {
                    "color": "@quiet" if result.is_baseline else series(number),
                    "dash": one_of(DASHES, number), "width": 2 if result.is_baseline else 2.5,
                },
                "hovertemplate": "%{y:.1%} found at %{x:.2%} false alarms"
                "<extra>%{fullData.name}</extra>",
            }
        )  # fmt: skip
    data.append(
        {
            "type": "scatter", "mode": "lines", "x": [0, *np.logspace(-3, 0, 61).tolist()],
            "y": [0, *np.logspace(-3, 0, 61).tolist()], "hoverinfo": "skip", "showlegend": False,
            "name": "chance", "line": {"color": "@quiet", "dash": "dot", "width": 1},
        }
    )  # fmt: skip
    title = {"text": "false alarms, share of benign flows (files weighed equally)"}
    return Figure(
        key=key,
        title=f"Detection over false alarms: {held_out_of(trial)}",
        alternative="Detection rate over false-alarm rate. "
        + " ".join(
            f"{r.name}: finds {percent(_at(r.figures.curve, 0.01))} at 1 % false alarms."
            for r in judged
        ),
        data=data,
        layout={
            "height": 440, "margin": MARGIN | {"t": 40}, "legend": LEGEND,
            "hovermode": "closest",
            "yaxis": {"title": {"text": "malicious flows found"}, "tickformat": ".0%"}
            | {"range": [0, 1.01]},
        },
        narrow={"height": 400, "margin": MARGIN | {"l": 48, "r": 8, "t": 80}},
        views={
            "all (linear)": {"xaxis": {"title": title, "range": [0, 1], "tickformat": ".0%"}},
            "few false alarms (logarithmic)": {
                "xaxis": {"title": title, "type": "log", "range": [-3, 0], "tickformat": "~%"}
                | {"dtick": 1}
            },
        },
        note="The mean of the curves of all models of the trial, each by itself, at every "
        "false-alarm rate.",
        table=Table(
            "Malicious flows found, by false-alarm rate",
            ("false alarms", *(f">{r.name}" for r in judged)),
            [
                (percent(rate), *(percent(_at(r.figures.curve, rate)) for r in judged))
                for rate in _RATES
            ],
        ),
    )  # fmt: skip


def reliability_figure(trial: FlowTrial, key: str) -> Figure | None:
    """What came of probabilities; None where no detector tells any."""
    judged = [r for r in trial.results if r.figures.reliability]
    if not judged:
        return None
    data: list[Json] = [
        {
            "type": "scatter", "mode": "lines", "x": [0, 1], "y": [0, 1], "hoverinfo": "skip",
            "showlegend": False, "name": "as said",
            "line": {"color": "@quiet", "dash": "dot", "width": 1},
        }
    ]  # fmt: skip
    rows = []
    for number, result in enumerate(judged):
        tenths = result.figures.reliability
        brier = result.figures.brier
        told = "" if brier is None else f" · Brier {brier.files:.3f}"
        data.append(
            {
                "type": "scatter", "mode": "lines+markers", "name": f"{label(result.name)}{told}",
                "x": [row.predicted.files for row in tenths],
                "y": [row.observed.files for row in tenths],
                "customdata": [f"{row.n_flows:,} flows, {row.n_files} files" for row in tenths],
                "line": {"color": series(number), "dash": one_of(DASHES, number), "width": 2},
                "marker": {
                    "color": series(number), "symbol": one_of(SYMBOLS, number),
                    "size": [5 + 3 * float(np.log10(1 + row.n_flows)) for row in tenths],
                },
                "hovertemplate": "said %{x:.0%}, malicious were %{y:.0%}<br>%{customdata}"
                "<extra>%{fullData.name}</extra>",
            }
        )  # fmt: skip
        rows += [
            (
                result.name, f"{row.low:.1f} to {row.high:.1f}", f"{row.n_flows:,}",
                f"{row.n_files}", two(row.predicted, 2), two(row.observed, 2),
            )
            for row in tenths
        ]  # fmt: skip
    return Figure(
        key=key,
        title=f"Are probabilities right? {held_out_of(trial)}",
        alternative="Share of flows that are malicious over the probability that was said. "
        + " ".join(
            f"{r.name}: mean squared error {two(r.figures.brier)}, against "
            f"{two(r.figures.brier_of_share)} of always saying the share."
            for r in judged
        ),
        data=data,
        layout={
            "height": 420, "margin": MARGIN | {"t": 40}, "legend": LEGEND,
            "hovermode": "closest",
            "xaxis": {"title": {"text": "probability that was said"}, "tickformat": ".0%"}
            | {"range": [-0.02, 1.02]},
            "yaxis": {"title": {"text": "malicious among them"}, "tickformat": ".0%"}
            | {"range": [-0.02, 1.02]},
        },
        narrow={"height": 380, "margin": MARGIN | {"l": 48, "r": 8, "t": 80}},
        note="On the dotted line probabilities hold. Files, and classes, weigh equally; larger "
        "marks are more flows.",
        table=Table(
            "Probabilities and what came of them: files weighed equally (over flows)",
            ("detector", "probability", ">flows", ">files", ">said", ">malicious"),
            rows,
        ),
    )  # fmt: skip


def _at(curve: FlowCurve | None, rate: float) -> float | None:
    return None if curve is None else float(np.interp(rate, curve.fpr, curve.tpr))
