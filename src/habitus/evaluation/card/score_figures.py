"""Figures of areas, of detection at fixed rates, and of the scores themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.evaluation.card.parts import (
    PATTERNS,
    SYMBOLS,
    Figure,
    Json,
    Table,
    area,
    area_range,
    counted,
    one_of,
    pattern,
    percent,
    percent_range,
    series,
    whiskers,
)
from habitus.evaluation.card.standing import best_baseline
from habitus.pictures.page import label, labels, places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.evaluation.results import Result

_LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}


def area_figure(names: Sequence[str], results: Sequence[Result]) -> Figure:
    """Every model's area and its interval, beside the trivial baselines."""
    first = results[0]
    trivial = sorted(first.baselines, key=lambda baseline: -baseline.auc)
    shown = places(labels([*names, *(f"trivial: {b.stranger} {b.name}" for b in trivial)]))
    data: list[Json] = []
    for number, (name, result) in enumerate(zip(shown, results, strict=False)):
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [result.auc],
                "y": [name],
                "error_x": whiskers(
                    [result.auc], [result.auc_ci95], color=series(number), thickness=3, width=8
                ),
                "marker": {
                    "color": series(number), "size": 15, "symbol": one_of(SYMBOLS, number),
                },
                "hovertemplate": f"AUC %{{x:.3f}}, {area_range(result.auc_ci95)}<extra></extra>",
            }
        )  # fmt: skip
    data.append(
        {
            "type": "scatter",
            "mode": "markers",
            "x": [baseline.auc for baseline in trivial],
            "y": shown[len(results) :],
            "marker": {
                "color": "@quiet",
                "size": 13,
                "symbol": "x-thin",
                "line": {"width": 3, "color": "@quiet"},
            },
            "hovertemplate": "trivial: AUC %{x:.3f}<extra></extra>",
        }
    )
    best = best_baseline(first)
    rows = len(results) + len(trivial)
    whose = ""
    if any(result.baselines != first.baselines for result in results):
        whose = f" The baselines are those on what {names[0]} can score; others can score others."
    lows = [r.auc_ci95[0] for r in results if r.auc_ci95] + [r.auc for r in results]
    return Figure(
        key="areas",
        title="Area under the ROC, beside what counting gives",
        alternative="Area under the ROC with 95 % interval. "
        + " ".join(
            f"{name}: {area(result.auc)}, {area_range(result.auc_ci95)}."
            for name, result in zip(names, results, strict=True)
        )
        + " Trivial baselines: "
        + ", ".join(f"{b.stranger} {b.name} {area(b.auc)}" for b in trivial)
        + ".",
        data=data,
        layout={
            "height": 110 + 44 * rows,
            "margin": {"l": 150, "r": 24, "t": 12, "b": 52},
            "showlegend": False,
            "xaxis": {"title": {"text": "area (0.5 is chance)"}}
            | {"range": [min(0.49, *lows) - 0.01, 1.01]},
            "yaxis": {"autorange": "reversed", "type": "category", "automargin": True},
            "shapes": [
                {
                    "type": "line", "x0": best.auc, "x1": best.auc, "y0": 0, "y1": 1,
                    "yref": "paper", "layer": "below",
                    "line": {"color": "@quiet", "width": 2, "dash": "dash"},
                }
            ],
        },
        narrow={"margin": {"l": 80, "r": 8, "t": 8, "b": 48}},
        note="The dashed line is the best trivial baseline, in whichever direction does better on "
        f"these very labels. What does not lie to the right of it has shown nothing.{whose}",
        table=Table(
            "Area under the ROC",
            ("score", ">area", ">95 % interval"),
            [
                *(
                    (name, area(result.auc), area_range(result.auc_ci95))
                    for name, result in zip(names, results, strict=True)
                ),
                *((f"trivial: {b.stranger} {b.name}", area(b.auc), "") for b in trivial),
            ],
        ),
    )  # fmt: skip


def detection_figure(names: Sequence[str], results: Sequence[Result]) -> Figure:
    """What share of the attacks is found at fixed rates of false alarms."""
    rates = list(results[0].dr_at_fpr)
    ticks = [f"{float(rate) * 100:g} %" for rate in rates]
    data: list[Json] = []
    rows: list[tuple[str, ...]] = []
    for number, (name, result) in enumerate(zip(labels(names), results, strict=True)):
        found = list(result.dr_at_fpr.values())
        data.append(
            {
                "type": "bar",
                "name": name,
                "x": ticks,
                "y": [f.dr for f in found],
                "error_y": whiskers(
                    [f.dr for f in found], [f.dr_ci95 for f in found], color="@ink", thickness=1.5
                ),
                "marker": {
                    "color": series(number),
                    "pattern": pattern(one_of(PATTERNS, number), series(number)),
                },
                "customdata": [percent(f.achieved_fpr, 2) for f in found],
                "hovertemplate": "%{y:.1%} found; false alarms achieved: %{customdata}"
                "<extra>%{fullData.name}</extra>",
            }
        )  # fmt: skip
        rows += [
            (
                names[number],
                tick,
                percent(f.dr),
                percent_range(f.dr_ci95),
                percent(f.achieved_fpr, 3),
            )
            for tick, f in zip(ticks, found, strict=True)
        ]
    best = best_baseline(results[0])
    trivial = f"{best.stranger} {best.name} (trivial)"
    data.append(
        {
            "type": "bar",
            "name": labels([trivial])[0],
            "x": ticks,
            "y": [best.dr_at_fpr[rate] for rate in rates],
            "marker": {"color": "@ground", "line": {"color": "@quiet", "width": 2}},
            "hovertemplate": "%{y:.1%} found<extra>%{fullData.name}</extra>",
        }
    )
    rows += [
        (f"trivial: {best.stranger} {best.name}", tick, percent(best.dr_at_fpr[rate]), "", "")
        for tick, rate in zip(ticks, rates, strict=True)
    ]
    return Figure(
        key="detection",
        title="Attacks found",
        alternative="Share of attacks found. "
        + " ".join(
            f"{name}: "
            + ", ".join(
                f"{percent(f.dr)} at {tick}"
                for tick, f in zip(ticks, result.dr_at_fpr.values(), strict=True)
            )
            + "."
            for name, result in zip(names, results, strict=True)
        ),
        data=data,
        layout={
            "height": 420,
            "barmode": "group",
            "margin": {"l": 60, "r": 16, "t": 16, "b": 56},
            "legend": _LEGEND,
            "xaxis": {"title": {"text": "at most so many false alarms"}, "type": "category"},
            "yaxis": {
                "title": {"text": "attacks found"},
                "tickformat": ".0%",
                "rangemode": "tozero",
            },
        },
        narrow={"height": 380, "margin": {"l": 48, "r": 8, "t": 8, "b": 52}},
        note="At the strictest threshold whose false-alarm rate is at most that; ties are never "
        "split, so that the rate achieved can be lower (it is in the table). These thresholds are "
        "found on the test itself, which nobody has in advance. Whiskers are 95 % intervals.",
        table=Table(
            "Attacks found at fixed false-alarm rates",
            ("model", ">asked for", ">found", ">95 % interval", ">false alarms achieved"),
            rows,
        ),
    )


def histogram_figure(name: str, result: Result, number: int) -> Figure:
    """How normals and attacks score, back to back, and where the model's own threshold lies."""
    bins = result.histogram
    lefts, rights = bins.edges[:-1], bins.edges[1:]
    middles = [left / 2 + right / 2 for left, right in zip(lefts, rights, strict=True)]
    widths = [right - left or 1.0 for left, right in zip(lefts, rights, strict=True)]
    spans = [f"{a:.3g} to {b:.3g}" for a, b in zip(lefts, rights, strict=True)]
    data = [
        {
            "type": "bar",
            "name": side,
            "x": middles,
            "width": widths,
            "y": [sign * count / total for count in counts],
            "customdata": [[f"{count:,}", span] for count, span in zip(counts, spans, strict=True)],
            "marker": {"color": color, "pattern": pattern(shape, color)},
            "hovertemplate": f"%{{customdata[0]}} {side} score %{{customdata[1]}}<extra></extra>",
        }
        for side, counts, total, sign, color, shape in (
            ("normal", bins.normal, result.n_normal, 1, "@normal", ""),
            ("attack", bins.attack, result.n_attack, -1, "@attack", "/"),
        )
    ]
    highest = max(max(bins.normal) / result.n_normal, max(bins.attack) / result.n_attack)
    at = result.at_threshold
    step = next(s for s in (0.5, 0.2, 0.1, 0.05, 0.02, 0.01) if highest / s >= 2 or s == 0.01)
    ticks = [i * step for i in range(-int(highest / step) - 1, int(highest / step) + 2)]
    layout: Json = {
        "height": 340,
        "barmode": "overlay",
        "bargap": 0,
        "margin": {"l": 60, "r": 16, "t": 16, "b": 56},
        "legend": _LEGEND,
        "xaxis": {"title": {"text": f"score, {label(result.score_unit)}"}},
        "yaxis": {
            "title": {"text": "share of each"}, "tickvals": ticks,
            "ticktext": [f"{abs(tick) * 100:g} %" for tick in ticks],
            "range": [-1.1 * highest, 1.1 * highest],
        },
        "shapes": [],
        "annotations": [],
    }  # fmt: skip
    if at is not None:
        line = {"color": "@ink", "width": 2, "dash": "dash"}
        layout["shapes"] = [
            {"type": "line", "x0": at.threshold, "x1": at.threshold, "y0": 0, "y1": 1}
            | {"yref": "paper", "line": line}
        ]
        layout["annotations"] = [
            {"x": at.threshold, "y": 1, "yref": "paper", "text": "alert from here", "ax": 0}
            | {"showarrow": False, "xanchor": "left", "yanchor": "top", "xshift": 6}
        ]
    told = "" if at is None else f" The model's own threshold is {at.threshold:.4g}."
    return Figure(
        key=f"scores-{number}",
        title=f"Scores of {name}",
        alternative=f"Histogram of the scores of {counted(result.n_normal, 'normal')} and "
        f"{counted(result.n_attack, 'attack')} by {name}: normals upwards, attacks downwards, "
        f"from {bins.edges[0]:.3g} to {bins.edges[-1]:.3g} {result.score_unit}.{told}",
        data=data,
        layout=layout,
        narrow={"margin": {"l": 48, "r": 8, "t": 8, "b": 52}},
        table=Table(
            f"Scores of {name}",
            (f"score ({result.score_unit})", ">normal", ">attack"),
            [
                (span, f"{normal:,}", f"{attack:,}")
                for span, normal, attack in zip(spans, bins.normal, bins.attack, strict=True)
            ],
        ),
    )
