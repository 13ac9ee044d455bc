"""Figures of differences: by how much one model does better, and between what ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.evaluation.card.parts import SYMBOLS, Figure, Json, Table, area, percent, series
from habitus.evaluation.comparing.comparison import VERDICTS
from habitus.pictures.page import labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.evaluation.comparing.comparison import Compared, Comparison

MAX_KINDS = 40
"""Types of attack in a picture; the table below it has them all."""
POINTS = 100
"""Differences of rates are told in points of a hundred."""


def area_differences(comparison: Comparison) -> Figure:
    """By how much the areas differ, on all attacks and on each type."""
    rows = _rows(comparison.auc, {k: of.auc for k, of in comparison.per_attack.items()}, comparison)
    data = [_intervals(rows[: MAX_KINDS + 1], "AUC", 0, 1)]
    return _forest(
        "areas",
        "Difference of the areas under the ROC",
        "AUC of B - AUC of A",
        data,
        [("", rows)],
        1,
    )


def rate_differences(comparison: Comparison) -> Figure:
    """By how much the detection rates differ, at each false-alarm rate."""
    parts = []
    for rate, at in comparison.dr_at_fpr.items():
        kinds = {kind: of.dr_at_fpr[rate] for kind, of in comparison.per_attack.items()}
        told = f"at {float(rate) * 100:g} % false alarms"
        parts.append((told, _rows(at.detection, kinds, comparison)))
    data = [
        _intervals(rows[: MAX_KINDS + 1], told, number, POINTS)
        for number, (told, rows) in enumerate(parts)
    ]
    return _forest(
        "found", "Difference of the attacks found", "points of a hundred attacks, B - A", data,
        parts, POINTS,
    )  # fmt: skip


def _rows(
    everything: Compared, kinds: dict[str, Compared], comparison: Comparison
) -> list[tuple[str, Compared]]:
    """All attacks and, where there are several types, each of them."""
    rows = [(f"all attacks ({comparison.n_attack})", everything)]
    if len(kinds) > 1:
        rows += [(f"{kind} ({comparison.per_attack[kind].n})", of) for kind, of in kinds.items()]
    return rows


def _intervals(rows: Sequence[tuple[str, Compared]], name: str, number: int, scale: float) -> Json:
    """A mark for each difference, with its interval; a hollow one where it has none."""
    found = [compared for _, compared in rows]
    places = [one.difference for one in found]
    symbol = SYMBOLS[number % len(SYMBOLS)]
    ends = [one.ci95 or (one.difference, one.difference) for one in found]
    return {
        "type": "scatter",
        "mode": "markers",
        "orientation": "h",
        "name": name,
        "offsetgroup": str(number),
        "x": [scale * x for x in places],
        "y": labels(row for row, _ in rows),
        "error_x": {
            "type": "data", "symmetric": False, "color": series(number), "thickness": 2.5,
            "width": 6,
            "array": [scale * (high - x) for x, (_, high) in zip(places, ends, strict=True)],
            "arrayminus": [scale * (x - low) for x, (low, _) in zip(places, ends, strict=True)],
        },
        "marker": {
            "color": series(number), "size": 11,
            "symbol": [f"{symbol}-open" if one.ci95 is None else symbol for one in found],
        },
        "customdata": [f"{ends_text(one, scale)}, {VERDICTS[one.verdict]}" for one in found],
        "hovertemplate": "%{x:+.3~f} %{customdata}<extra>%{fullData.name}</extra>",
    }  # fmt: skip


def _forest(
    key: str,
    title: str,
    axis: str,
    data: Sequence[Json],
    parts: Sequence[tuple[str, Sequence[tuple[str, Compared]]]],
    scale: float,
) -> Figure:
    n_rows = len(parts[0][1])
    n_drawn = min(n_rows, MAX_KINDS + 1)
    cut = f" Drawn are the first {MAX_KINDS} types." if n_drawn < n_rows else ""
    shown = area if scale == 1 else percent
    columns = (">A", ">B", ">B - A", ">95 %", "interval")
    return Figure(
        key=key,
        title=title,
        alternative=f"{title}, B - A, with 95 % intervals. "
        + " ".join(
            f"{row}{told and ' ' + told}: {difference_text(one.difference, scale)}, "
            f"{ends_text(one, scale)}, {VERDICTS[one.verdict]}."
            for told, rows in parts
            for row, one in rows[:1]
        ),
        data=data,
        layout={
            "height": 130 + n_drawn * (26 + 16 * len(data)),
            "margin": {"l": 150, "r": 24, "t": 12, "b": 52},
            "showlegend": len(data) > 1,
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            "scattermode": "group",
            "xaxis": {"title": {"text": axis}, "zeroline": True, "tickformat": "+~g"},
            "yaxis": {"autorange": "reversed", "type": "category", "automargin": True},
            "shapes": [
                {
                    "type": "line", "x0": 0, "x1": 0, "y0": 0, "y1": 1, "yref": "paper",
                    "layer": "below", "line": {"color": "@quiet", "width": 2, "dash": "dash"},
                }
            ],
        },
        narrow={"margin": {"l": 80, "r": 8, "t": 8, "b": 48}},
        note="Right of the dashed line B is better, left of it A. Only an interval that does not "
        "touch the line tells them apart, and of many intervals about one in twenty lies beside it "
        f"by chance alone.{cut}",
        table=Table(
            f"{title}, B - A",
            ("attacks", *(("",) if len(parts) > 1 else ()), *columns),
            [
                (
                    row, *((told,) if len(parts) > 1 else ()), shown(one.a), shown(one.b),
                    difference_text(one.difference, scale), ends_text(one, scale),
                    VERDICTS[one.verdict],
                )
                for told, rows in parts
                for row, one in rows
            ],
        ),
    )  # fmt: skip


def difference_text(value: float, scale: float) -> str:
    """A difference with its sign: of areas as it is, of rates in points of a hundred."""
    return f"{value:+.4f}" if scale == 1 else f"{scale * value:+.1f}"


def ends_text(one: Compared, scale: float) -> str:
    """An interval's ends, likewise."""
    if one.ci95 is None:
        return "no interval"
    return " to ".join(difference_text(end, scale) for end in one.ci95)
