"""The transition matrix as a heat map: its most frequent corner, and the whole in two orders."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from habitus.pictures.page import View, labels, places
from habitus.syscalls import FAMILIES, family_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.detectors.transitions import Transitions

    Places = NDArray[np.int64]

CORNER = 30
"""States and calls of the first view: as many names as a phone can show."""
MAX_SHOWN = 200
"""States and calls of the other views: of more, a screen shows no cell."""
MAX_STATE = 60
"""Characters of a state's name; longer ones end in an ellipsis."""
_LEAST_SHARE = 1e-3
"""Smaller shares all have the palest colour."""
_RANKS = {family: rank for rank, family in enumerate((*FAMILIES, "unknown"))}
_MOST_PX, _ROW_PX, _MARGINS_PX, _FAMILY_PX = 1000, 18, 170, 70
_NARROW = {"font": {"size": 8}}


def percent(count: int, total: int) -> str:
    """A share for people; ``100 %`` and ``0 %`` only where they are exact."""
    share = 100 * count / total
    if 99.5 <= share < 100:
        return ">99 %"
    return f"{share:.0f} %" if share >= 9.5 or not count else f"{share:.2g} %"


def state_name(calls: tuple[str, ...]) -> str:
    """A state in one line."""
    return " → ".join(calls)


def heat_maps(matrix: Transitions) -> list[View]:
    """The views of a matrix, the one that is read most easily first."""
    rows = np.argsort(-matrix.occurred, kind="stable")[:MAX_SHOWN]
    columns = np.argsort(-matrix.call_counts, kind="stable")[:MAX_SHOWN]
    views = [
        View("by frequency", *_heat_map(matrix, rows, columns), narrow=_NARROW),
        _by_family(matrix, rows, columns),
    ]
    if max(len(rows), len(columns)) > CORNER:
        corner = _heat_map(matrix, rows[:CORNER], columns[:CORNER])
        views.insert(0, View(f"the {CORNER} most frequent", *corner, narrow=_NARROW))
    return views


def _by_family(matrix: Transitions, rows: Places, columns: Places) -> View:
    """States by the family of their last call and calls by their own, with lines between."""
    down = [family_of(matrix.calls[symbol]) for symbol in matrix.states[rows, -1]]
    across = [family_of(matrix.calls[column]) for column in columns]
    data, layout = _heat_map(matrix, rows[_order(down)], columns[_order(across)])
    row_px = (layout["height"] - _MARGINS_PX) / len(rows)
    layout["margin"]["r"] = _FAMILY_PX
    layout["shapes"], layout["annotations"] = [], []
    for begin, end, family in _runs(down):
        line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": end - 0.5, "y1": end - 0.5}
        layout["shapes"].append(line)
        if (end - begin) * row_px >= layout["font"]["size"]:
            layout["annotations"].append({
                "text": family, "showarrow": False, "xref": "paper", "x": 1, "xanchor": "left",
                "y": (begin + end - 1) / 2,
            })  # fmt: skip
    for _, end, _ in _runs(across):
        line = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": end - 0.5, "x1": end - 0.5}
        layout["shapes"].append(line)
    return View("by family", data, layout, narrow=_NARROW)


def _order(families: list[str]) -> Places:
    """(n,) int64: one family after the other, each in the order it had."""
    return np.argsort([_RANKS[family] for family in families], kind="stable")


def _runs(families: list[str]) -> list[tuple[int, int, str]]:
    """(begin, end, family) of each family, once they are in order."""
    runs, begin = [], 0
    for family, members in groupby(sorted(families, key=_RANKS.__getitem__)):
        end = begin + len(list(members))
        runs.append((begin, end, family))
        begin = end
    return runs


def _heat_map(
    matrix: Transitions, rows: Places, columns: Places
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Data and layout of a heat map of some states (down) and calls (across), in this order."""
    down = labels((state_name(matrix.state(row)) for row in rows), MAX_STATE)
    across = labels(matrix.calls[column] for column in columns)
    shares: list[list[float | None]] = [[None] * len(across) for _ in down]
    texts = [[""] * len(across) for _ in down]
    row_at = {int(row): place for place, row in enumerate(rows)}
    column_at = {int(column): place for place, column in enumerate(columns)}
    shown = np.isin(matrix.rows, rows) & np.isin(matrix.columns, columns)
    for row, column, count in zip(
        matrix.rows[shown].tolist(), matrix.columns[shown].tolist(), matrix.counts[shown].tolist(),
        strict=True,
    ):  # fmt: skip
        i, j, total = row_at[row], column_at[column], int(matrix.followed[row])
        shares[i][j] = float(np.log10(max(count / total, _LEAST_SHARE)))
        texts[i][j] = (
            f"after {down[i]}: {across[j]} {percent(count, total)} ({count:,} of {total:,})"
        )
    gap = 1 if len(down) <= CORNER else 0
    data = {
        "type": "heatmap", "x": places(across), "y": places(down), "z": shares, "text": texts,
        "hovertemplate": "%{text}<extra></extra>", "hoverongaps": False,
        "coloraxis": "coloraxis", "xgap": gap, "ygap": gap,
    }  # fmt: skip
    return [data], _layout(len(down))


def _layout(n_rows: int) -> dict[str, Any]:
    """Calls across the top, the first state and call in the upper left corner, the key below."""
    axis = {"type": "category", "automargin": True, "showgrid": False, "zeroline": False}
    if n_rows <= CORNER:
        axis["dtick"] = 1  # every name, however narrow the screen
    return {
        "height": round(min(_MOST_PX, _ROW_PX * n_rows)) + _MARGINS_PX,
        "margin": {"l": 0, "r": 8, "t": 0, "b": 60},
        "font": {"size": 11},
        "xaxis": {**axis, "side": "top", "tickangle": -90},
        "yaxis": {**axis, "autorange": "reversed"},
        "coloraxis": {
            "cmin": float(np.log10(_LEAST_SHARE)), "cmax": 0,
            "colorbar": {
                "orientation": "h", "y": 0, "yanchor": "top", "x": 0, "xanchor": "left",
                "len": 0.6, "thickness": 10, "outlinewidth": 0,
                "tickvals": [-3, -2, -1, 0], "ticktext": ["≤ 0.1 %", "1 %", "10 %", "100 %"],
            },
        },
    }  # fmt: skip
