"""Figures of curves: detection over false alarms, and precision over recall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.card.parts import (
    DASHES,
    SYMBOLS,
    Figure,
    Json,
    Table,
    area,
    one_of,
    percent,
    percent_range,
    series,
)
from habitus.evaluation.curves import TOLD_RATES, TOLD_RECALLS
from habitus.pictures.page import labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.evaluation.result_parts import BandOf, PrCurve, RocCurve

_INSIDE = np.concatenate([[0], np.logspace(-6, 0, 121)])
_LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
_MARGIN = {"l": 60, "r": 16, "t": 16, "b": 56}


@dataclass(frozen=True)
class NamedRoc:
    """A ROC with what it is called.

    Attributes:
        auc: of the whole curve.
        threshold: (false-alarm rate, detection rate) of the model's own threshold, if it has one.
        is_baseline: drawn apart from the models.
    """

    name: str
    curve: RocCurve
    auc: float
    threshold: tuple[float, float] | None = None
    is_baseline: bool = False


def roc_figure(curves: Sequence[NamedRoc], unit: str = "trace", key: str = "roc") -> Figure:
    """ROC curves with their bands, to be seen along a linear or a logarithmic axis."""
    data: list[Json] = []
    names = labels(named.name for named in curves)
    for number, (named, name) in enumerate(zip(curves, names, strict=True)):
        data += _roc_traces(named, name, number)
    straight = _INSIDE.tolist()
    data.append(
        _line(straight, straight, name="chance", color="@quiet", dash="dot", width=1)
        | {"hoverinfo": "skip", "showlegend": False}
    )
    finest = min((x for n in curves for x in n.curve.fpr if x > 0), default=0.001)
    log = [float(np.floor(np.log10(max(finest, 1e-6)))), 0]
    title = {"text": f"false alarms, share of normal {unit}s"}
    return Figure(
        key=key,
        title="Detection over false alarms (ROC)",
        alternative="Detection rate over false-alarm rate. "
        + " ".join(
            f"{named.name}: area {area(named.auc)}, finds "
            f"{percent(_roc_at(named.curve, 0.01))} at 1 % false alarms and "
            f"{percent(_roc_at(named.curve, 0.05))} at 5 %."
            for named in curves
        ),
        data=data,
        layout={
            "height": 500,
            "margin": _MARGIN,
            "legend": _LEGEND,
            "hovermode": "closest",
            "yaxis": {"title": {"text": "attacks found"}, "tickformat": ".0%", "range": [0, 1.01]},
        },
        narrow={"height": 420, "margin": _MARGIN | {"l": 48, "r": 8}},
        views={
            "few false alarms (logarithmic)": {
                "xaxis": {"title": title, "type": "log", "range": log, "tickformat": "~%"}
                | {"dtick": 1}
            },
            "all (linear)": {"xaxis": {"title": title, "range": [0, 1], "tickformat": ".0%"}},
        },
        note="Up and to the left is better. Bands hold 95 % of what resampled recordings, folders "
        "or distinct sequences give, at each false-alarm rate by itself. A ringed mark is a "
        "model's own threshold, the one you would live with; one that raises no false alarm at all "
        "lies at the left edge of the linear axis.",
        table=Table(
            "Attacks found, by false-alarm rate (read off the curves)",
            ("false alarms", *(f">{named.name}" for named in curves)),
            [
                (percent(rate), *(percent(_roc_at(n.curve, rate)) for n in curves))
                for rate in TOLD_RATES
            ],
        ),
    )


def pr_figure(curves: Sequence[tuple[str, PrCurve]], unit: str = "trace") -> Figure:
    """Precision over recall, with bands."""
    data: list[Json] = []
    names = labels(name for name, _ in curves)
    for number, ((_, curve), name) in enumerate(zip(curves, names, strict=True)):
        color = series(number)
        if curve.band is not None:
            data.append(_band(curve.band, name, color))
        data.append(
            _line(
                curve.recall, curve.precision, color=color, dash=one_of(DASHES, number),
                name=f"{name} · {area(curve.average)}", width=2.5, shape="vh",
            )
            | {
                "legendgroup": name,
                "hovertemplate": "%{y:.1%} of alerts are attacks where %{x:.1%} of the attacks are "
                "found<extra>%{fullData.name}</extra>",
            }
        )  # fmt: skip
    share = curves[0][1].attack_share
    data.append(
        _line([0, 1], [share, share], name="a guess", color="@quiet", dash="dot", width=1)
        | {"hoverinfo": "skip", "showlegend": False}
    )
    return Figure(
        key="pr",
        title="Precision over recall",
        alternative="Share of alerts that are attacks, over the share of attacks found. "
        + " ".join(
            f"{name}: average precision {area(curve.average)}, "
            f"{percent(_pr_at(curve, 0.5))} precise where half of the attacks are found."
            for name, curve in curves
        )
        + f" A guess has {percent(share)}.",
        data=data,
        layout={
            "height": 460,
            "margin": _MARGIN,
            "legend": _LEGEND,
            "hovermode": "closest",
            "xaxis": {"title": {"text": "attacks found (recall)"}, "tickformat": ".0%"}
            | {"range": [0, 1.005]},
            "yaxis": {"title": {"text": "alerts that are attacks"}, "tickformat": ".0%"}
            | {"range": [0, 1.02]},
        },
        narrow={"height": 400, "margin": _MARGIN | {"l": 48, "r": 8}},
        note=f"Up and to the right is better. This holds for this test alone: {percent(share)} of "
        f"its {unit}s are attacks, which is the dotted line. Where attacks are rarer, fewer alerts "
        "are true.",
        table=Table(
            "Alerts that are attacks, by share of attacks found",
            (
                "attacks found",
                *(c for name, _ in curves for c in (f">{name}", f">{name}, 95 %")),
            ),
            [
                (
                    percent(recall, 0),
                    *(
                        cell
                        for _, curve in curves
                        for cell in (percent(_pr_at(curve, recall)), _band_at(curve.band, recall))
                    ),
                )
                for recall in TOLD_RECALLS
            ],
        ),
    )


def _roc_traces(named: NamedRoc, name: str, number: int) -> list[Json]:
    color = "@quiet" if named.is_baseline else series(number)
    dash = "dot" if named.is_baseline else one_of(DASHES, number)
    curve, traces = named.curve, []
    if curve.band is not None:
        traces.append(_band(curve.band, name, color))
    x, y, scores = _filled(curve)
    traces.append(
        _line(
            x, y, name=f"{name} · {area(named.auc)}", color=color, dash=dash,
            width=2 if named.is_baseline else 2.5,
        )
        | {
            "legendgroup": name,
            "customdata": scores,
            "hovertemplate": "%{y:.1%} found at %{x:.2%} false alarms<br>%{customdata}"
            "<extra>%{fullData.name}</extra>",
        }
    )  # fmt: skip
    if named.threshold is not None:
        ring = {"color": color, "size": 11, "symbol": one_of(SYMBOLS, number)}
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [named.threshold[0]],
                "y": [named.threshold[1]],
                "name": f"{name}: own threshold",
                "legendgroup": name,
                "showlegend": False,
                "marker": ring | {"line": {"color": "@ink", "width": 2}},
                "hovertemplate": "own threshold: %{y:.1%} found at %{x:.2%} false alarms"
                "<extra>%{fullData.name}</extra>",
            }
        )
    return traces


def _filled(curve: RocCurve) -> tuple[list[float], list[float], list[str]]:
    """A ROC with points on its long straight parts, which are no straight lines on a log axis."""
    scores = {
        point: "no alert at all" if t is None else f"alert from score {t:.4g} on"
        for point, t in zip(zip(curve.fpr, curve.tpr, strict=True), curve.thresholds, strict=True)
    }
    inside = np.setdiff1d(_INSIDE, curve.fpr)
    between = zip(inside.tolist(), np.interp(inside, curve.fpr, curve.tpr).tolist(), strict=True)
    points = sorted(
        {**dict.fromkeys(between, "between the points that were kept"), **scores}.items()
    )
    return [x for (x, _), _ in points], [y for (_, y), _ in points], [told for _, told in points]


def _line(
    x: Sequence[float], y: Sequence[float], *,
    name: str, color: str, dash: str, width: float, shape: str = "linear",
) -> Json:  # fmt: skip
    line = {"color": color, "dash": dash, "width": width, "shape": shape}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "line": line}


def _band(band: BandOf, name: str, color: str) -> Json:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [*band.at, *reversed(band.at)],
        "y": [*band.high, *reversed(band.low)],
        "fill": "toself",
        "fillcolor": f"{color}/0.15",
        "line": {"width": 0, "color": color},
        "hoverinfo": "skip",
        "showlegend": False,
        "legendgroup": name,
        "name": f"{name}, 95 %",
    }


def _roc_at(curve: RocCurve, rate: float) -> float:
    """Detection where the curve has no more than this rate of false alarms."""
    return curve.tpr[int(np.searchsorted(curve.fpr, rate + 1e-9, side="right")) - 1]


def _pr_at(curve: PrCurve, recall: float) -> float:
    points = np.searchsorted(curve.recall, recall - 1e-9, side="left")
    return curve.precision[min(int(points), len(curve.precision) - 1)]


def _band_at(band: BandOf | None, place: float) -> str:
    if band is None:
        return "-"
    nearest = int(np.argmin(np.abs(np.array(band.at) - place)))
    return percent_range((band.low[nearest], band.high[nearest]))
