"""The map of the calls, drawn: a point a call, a colour and a shape a family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from habitus.pictures.call_map import GROUPS, LEAST_SEEN, NEAREST
from habitus.pictures.page import View, escaped, figure, label, table
from habitus.syscalls import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.pictures.call_map import CallMap

_HEIGHT_PX = 560
_SYMBOLS = (
    "circle", "square", "diamond", "triangle-up", "cross", "star", "triangle-down", "bowtie", "x",
    "pentagon", "hexagon",
)  # fmt: skip
"""One a family, as there are more families than colours that can be told apart."""
_SIDES = {
    "top center": (0, 1), "bottom center": (0, -1), "middle right": (1, 0), "middle left": (-1, 0)
}  # fmt: skip
_NAME_SPAN = (0.08, 0.035)
"""Width and height of a name, and how far from its point it stands, as shares of the map."""


def map_part(maps: Sequence[CallMap]) -> str:
    """HTML: maps of the same calls, the numbers that go with them, and each call's nearest."""
    first = maps[0]
    groups = {call for members in GROUPS.values() for call in members}
    views = [View(f"as {one.of}", *_plot(one, groups)) for one in maps]
    views += [View(f"{view.name}, all names", *_plot(one, set(one.calls)))
              for view, one in zip(views, maps, strict=True)]  # fmt: skip
    told = [rank_told(one) for one in maps]
    alternative = (
        f"Maps of {len(first.calls):,} calls, coloured by family. {' '.join(told)} Each call's "
        "nearest stand in the table below."
    )
    nearest = [f"nearest as {one.of}" for one in maps]
    rows = [
        (name, family, f"{int(count):,}", *(", ".join(one.nearest(place)) for one in maps))
        for place, (name, family, count) in enumerate(
            zip(first.calls, first.families, first.counts, strict=True)
        )
    ]
    return (
        "<p>A point is a call. As calls are <em>read</em>, those lie near each other that mean the "
        "same to the network; as they are <em>expected</em>, those that may come in the same "
        "place. Places are by t-SNE on cosine distances: near is alike, how far apart heaps lie "
        f"says nothing. Drawn are {len(first.calls):,} of the {first.n_known:,} calls it knows, "
        f"those that occur at least {LEAST_SEEN} times in its distinct training traces.</p>\n"
        + "".join(f"<p>{escaped(text)}</p>\n" for text in told)
        + figure("Map of the calls", alternative, views)
        + table("Calls that do alike, and the mean rank of each among the others' neighbours",
                ("calls", "on the map", *(f">as {one.of}" for one in maps)), _group_rows(maps))
        + f"<details><summary>The {NEAREST} calls nearest to each</summary>\n"
        + table("Nearest calls", ("call", "family", ">occurs", *nearest), rows)
        + "</details>\n"
    )  # fmt: skip


def rank_told(drawn: CallMap) -> str:
    """The number beside the map, in words."""
    rank = drawn.rank
    if rank is None:
        return "No call has another of its family on the map: nothing can be said of families."
    low, high = rank.by_chance
    verdict = (
        "families lie together"
        if rank.value < low
        else "families lie no nearer together than chance would put them"
    )
    return (
        f"As calls are {drawn.of}: mean rank of a call's own family among its {rank.n_others:,} "
        f"neighbours, 1 being the mean rank of any: {rank.value:.3f}; shuffled families read "
        f"{low:.3f} to {high:.3f} (95 %, p = {rank.p_value:.3f}): {verdict}."
    )


def _group_rows(maps: Sequence[CallMap]) -> list[tuple[str, ...]]:
    n_others = len(maps[0].calls) - 1
    return [
        (
            same[0].name,
            ", ".join(same[0].calls) or "none",
            *("-" if g.rank is None else f"{g.rank:.1f} of {n_others:,}" for g in same),
        )
        for same in zip(*(one.groups for one in maps), strict=True)
    ]


def _plot(drawn: CallMap, named: set[str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A trace a family, with the names of some calls beside their points."""
    sides = _sides(drawn, named)
    data = []
    for number, family in enumerate((*FAMILIES, "unknown")):
        at = [place for place, own in enumerate(drawn.families) if own == family]
        if not at:
            continue
        calls = [drawn.calls[place] for place in at]
        data.append({
            "type": "scatter", "mode": "markers+text", "name": family,
            "x": [round(float(drawn.places[place, 0]), 3) for place in at],
            "y": [round(float(drawn.places[place, 1]), 3) for place in at],
            "text": [label(call) if call in named else "" for call in calls],
            "hovertext": [
                f"{label(call)} ({family}, {int(drawn.counts[place]):,} times)"
                for call, place in zip(calls, at, strict=True)
            ],
            "hovertemplate": "%{hovertext}<extra></extra>",
            "textposition": [sides[place] for place in at],
            "textfont": {"size": 10}, "cliponaxis": False,
            "marker": {"size": 9, "symbol": _SYMBOLS[number % len(_SYMBOLS)]},
        })  # fmt: skip
    axis = {"visible": False, "automargin": True}
    layout = {
        "height": _HEIGHT_PX,
        "margin": {"l": 30, "r": 30, "t": 10, "b": 10},
        "legend": {"orientation": "h", "y": -0.02, "yanchor": "top", "x": 0},
        "xaxis": axis, "yaxis": axis, "hovermode": "closest",
    }  # fmt: skip
    return data, layout


def _sides(drawn: CallMap, named: set[str]) -> list[str]:
    """On which side of its point each name has most room, those of frequent calls first."""
    low, high = drawn.places.min(axis=0), drawn.places.max(axis=0)
    points = (drawn.places - low) / np.where(high > low, high - low, 1) / _NAME_SPAN
    taken = points.copy()
    sides = ["top center"] * len(points)
    for place, call in enumerate(drawn.calls):
        if call not in named:
            continue
        others = np.delete(taken, place, axis=0)
        rooms = {
            side: float(np.abs(others - points[place] - step).max(axis=1).min())
            for side, step in _SIDES.items()
        }
        sides[place] = max(rooms, key=rooms.__getitem__)
        taken = np.concatenate([taken, [points[place] + _SIDES[sides[place]]]])
    return sides
