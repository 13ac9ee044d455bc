"""Cells over a trace, drawn: strips of colour, and the calls themselves, coloured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from habitus.pictures.page import View, escaped, figure, label, table

if TYPE_CHECKING:
    from habitus.pictures.cells import Cells, CellsView

N_WRITTEN = 3
"""Cells of each view whose calls are written out in colour."""
_LEVELS = 3
_LEAST_LEVEL = 0.15
_ROW_PX, _MARGINS_PX = 18, 158
_MAX_NAME = 24


def cells_part(cells: Cells) -> str:
    """HTML: the strips, what each cell fires on, and a few cells over the calls by name."""
    scale = max((float(np.abs(view.values).max(initial=0)) for view in cells.views), default=0.0)
    last = cells.first_call + len(cells.calls) - 1
    drawn = (
        f"Calls {cells.first_call:,} to {last:,} of the trace {cells.trace}; "
        f"{len(cells.views[0].cells)} of {cells.n_cells:,} cells a view."
    )
    text = (
        f"<p>{escaped(drawn)} What each cell fires on is told by {cells.n_read:,} calls of "
        "training traces; only cells that move there are shown. <em>Of one call</em>: those that "
        "the call just read explains best. <em>Of one after another</em>: those where the call "
        "before it adds most to that.</p>\n"
    )
    alternative = (
        f"Heat map, a row a cell and a column a call. {drawn} What each cell fires on stands in "
        "the tables below."
    )
    views = [_strips(view, cells, scale) for view in cells.views]
    text += figure("Cells over the trace", alternative, views)
    for view in cells.views:
        what = f"What cells {view.name} fire on"
        text += (
            f"<details><summary>{what}</summary>\n{table(what, _COLUMNS, _rows(view))}</details>\n"
        )
    text += "<h3>The calls, as some cells see them</h3>\n"
    text += (
        '<p><span class="cell high-3">Solid</span> is high, <span class="cell low-3">dotted '
        "underneath</span> is low, the stronger the more so.</p>\n"
    )
    return text + "".join(_written(view, cells, scale) for view in cells.views)


_COLUMNS = (">cell", "highest on", "lowest on", ">the call explains", ">and the one before it")


def _rows(view: CellsView) -> list[tuple[str, ...]]:
    return [
        (
            str(cell.number),
            *(
                ", ".join(f"{what} ({mean:.2f})" for what, mean in end) or "-"
                for end in (cell.highest, cell.lowest)
            ),
            f"{cell.by_call:.0%}",
            f"{cell.by_pair:.0%}",
        )
        for cell in view.cells
    ]


def _strips(view: CellsView, cells: Cells, scale: float) -> View:
    """A row a cell, a column a call."""
    names = [label(name, _MAX_NAME) for name in cells.calls]
    positions = list(range(cells.first_call, cells.first_call + len(names)))
    data = {
        "type": "heatmap",
        "x": positions,
        "y": [f"cell {cell.number} " for cell in view.cells],
        "z": [[round(float(value), 3) for value in row] for row in view.values],
        "text": [names] * len(view.cells),
        "hovertemplate": "call %{x}, %{text}: %{y}is %{z}<extra></extra>",
        # A scale of its own, not the page's shared one: from low by nothing to high.
        "autocolorscale": True,
        "zmin": -scale or -1.0,
        "zmax": scale or 1.0,
        "colorbar": {
            "orientation": "h", "y": -0.2, "yanchor": "top", "x": 0, "xanchor": "left",
            "len": 0.6, "thickness": 10, "outlinewidth": 0, "nticks": 5,
        },
    }  # fmt: skip
    axis: dict[str, Any] = {"automargin": True, "showgrid": False, "zeroline": False}
    layout = {
        "height": _ROW_PX * len(view.cells) + _MARGINS_PX,
        "margin": {"l": 0, "r": 8, "t": 28, "b": 70},
        "font": {"size": 11},
        "xaxis": {**axis, "title": {"text": "call"}},
        "yaxis": {**axis, "type": "category", "autorange": "reversed", "dtick": 1},
    }
    return View(view.name, [data], layout)


def _written(view: CellsView, cells: Cells, scale: float) -> str:
    """The calls' names, a paragraph a cell, each in the colour of what the cell is there."""
    parts = []
    for cell, row in zip(view.cells[:N_WRITTEN], view.values, strict=False):
        spans = " ".join(
            f'<span class="cell{_level(float(value), scale)}">{escaped(name[:_MAX_NAME])}</span>'
            for name, value in zip(cells.calls, row, strict=True)
        )
        end = cell.highest[0][0] if cell.highest else "nothing that is frequent"
        told = escaped(f"Cell {cell.number}, {view.name}: highest on {end}")
        parts.append(f'<h4>{told}</h4>\n<p class="calls">{spans}</p>\n')
    return "".join(parts)


def _level(value: float, scale: float) -> str:
    """The class of a value's colour: none near zero, else one of three each way."""
    share = abs(value) / scale if scale else 0.0
    if share < _LEAST_LEVEL:
        return ""
    return f" {'high' if value > 0 else 'low'}-{min(_LEVELS, 1 + int(share * _LEVELS))}"
