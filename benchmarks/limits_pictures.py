"""The pictures of `limits.py`: areas by what was learned, and where attacks lie among normals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from limits_coverage import BOTH, TRAINING, VALIDATION, Point
from limits_data import Floats, dev

from habitus.pictures.axes import Frame, Numbers
from habitus.pictures.drawing import Drawing

if TYPE_CHECKING:
    from kept import Row

Line = Sequence[tuple[float, float, float, float]]
"""Of each size: how many traces were learned, the mean area, the lowest and the highest draw."""
_COLOURS = tuple(f"series-{i}" for i in range(6))


def line_of(rows: Sequence[tuple[Point, Row]], curve: str, area: str) -> Line:
    """One curve; the sizes that both kinds of normals make are counted together."""
    by_size: dict[int, list[tuple[float, float]]] = {}
    for point, row in rows:
        if point.curve == curve:
            values = [row["halves"][point.draw]] if area == "halves" else [row[area]]
            if area == "halves" and curve == TRAINING and len(row["halves"]) and point.size > 400:
                values = row["halves"]  # all training traces: one model for every half
            by_size.setdefault(point.size, []).extend((row["learned"], v) for v in values)
    found = []
    for several in by_size.values():
        areas = [area for _, area in several]
        found.append((several[0][0], float(np.mean(areas)), min(areas), max(areas)))
    return sorted(found)


def coverage_picture(lines: Mapping[str, Line], title: str, y_title: str) -> Drawing:
    """Areas over the number of different traces that were learned, a line each, draws as bars."""
    told = "; ".join(
        f"{name} from {line[0][1]:.2f} at {line[0][0]:,.0f} to {line[-1][1]:.2f} at "
        f"{line[-1][0]:,.0f}" for name, line in lines.items()
    )  # fmt: skip
    drawing = Drawing(760, 420, f"{title}: {told}")
    left, right, top, bottom = 70.0, 560.0, 46.0, 350.0
    values = [area for line in lines.values() for _, *areas in line for area in areas]
    sizes = [line_size for line in lines.values() for line_size, *_ in line]
    frame = Frame(
        Numbers.of(sizes, left, right, log=True, named=(25, 50, 100, 200, 400, 800, 1400)),
        Numbers.of(values, bottom, top), left, right, top, bottom,
    )  # fmt: skip
    frame.draw(drawing, "different normal traces learned", y_title)
    drawing.text(left, 26, title, bold=True)
    ends = _apart([(frame.y.at(line[-1][1]), name) for name, line in lines.items()])
    for colour, (name, line) in zip(_COLOURS, lines.items(), strict=False):
        places = [(frame.x.at(size), frame.y.at(mean)) for size, mean, _, _ in line]
        for (x, _), (_, _, low, high) in zip(places, line, strict=True):
            drawing.line([(x, frame.y.at(low)), (x, frame.y.at(high))], colour, opacity=0.5)
        drawing.line(places, colour, width=2)
        titles = [
            f"{name}, {size:,.0f} learned: {mean:.3f} ({low:.3f} to {high:.3f})"
            for size, mean, low, high in line
        ]
        drawing.dots(places, colour, titles=titles)
        drawing.line([(places[-1][0] + 6, places[-1][1]), (right + 8, ends[name] - 4)], colour,
                     width=1, opacity=0.6)  # fmt: skip
        drawing.text(right + 12, ends[name], name, colour=colour)
    return drawing


def _apart(wanted: Sequence[tuple[float, str]], least: float = 17.0) -> dict[str, float]:
    """Where names are written, from above, none on another."""
    found: dict[str, float] = {}
    last = -np.inf
    for place, name in sorted(wanted):
        last = max(place + 4, last + least)
        found[name] = last
    return found


def attacks_picture(ranks: Floats, name: str, alarm: float) -> Drawing:
    """Every attack by its rank among the distinct normals, a row a type, a line a folder.

    Args:
        alarm: the rank from which there is an alarm.
    """
    types = dev().types
    row_height, left, right, top = 62.0, 150.0, 720.0, 54.0
    bottom = top + row_height * len(types)
    drawing = Drawing(
        760, bottom + 60,
        f"Attacks by the share of distinct normals that {name} scores lower: "
        + "; ".join(
            f"{kind} in the middle {np.median(ranks[dev().of_type(kind)]):.0%}" for kind in types
        ),
    )  # fmt: skip
    x = Numbers(0.0, 1.0, left, right, named=(0, 0.25, 0.5, 0.75, 0.95, 1))
    drawing.text(left, 24, f"Where attacks lie among normals, by {name}", bold=True)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        drawing.line([(x.at(share), top), (x.at(share), bottom)], "line", width=1)
        drawing.text(x.at(share), bottom + 20, f"{share:.0%}", anchor="middle", colour="quiet")
    drawing.line([(x.at(alarm), top - 6), (x.at(alarm), bottom)], "attack", dash="4 3")
    drawing.text(x.at(alarm), top - 12, "alarms", anchor="end", colour="attack")
    drawing.text(
        (left + right) / 2, bottom + 44, "share of the distinct normals that score lower",
        anchor="middle",
    )  # fmt: skip
    groups = np.array([info.group for info in dev().judged.infos], dtype=object)
    for row, kind in enumerate(types):
        begin = top + row * row_height
        drawing.text(left - 10, begin + row_height / 2, kind, anchor="end")
        of_type = dev().of_type(kind)
        for k, folder in enumerate(sorted(set(groups[of_type]))):
            y = begin + 10 + k * (row_height - 16) / 5
            own = ranks[of_type & (groups == folder)]
            drawing.dots([(x.at(rank), y) for rank in own], _COLOURS[k % 6], radius=3, opacity=0.45)
    return drawing


def populations(rows: Sequence[tuple[Point, Row]]) -> dict[str, Line]:
    """The curves of one detector by whose normals it learned, judged on halves."""
    return {
        "training's": line_of(rows, TRAINING, "halves"),
        "validation's": line_of(rows, VALIDATION, "halves"),
        "both, training's first": line_of(rows, BOTH, "halves"),
    }
