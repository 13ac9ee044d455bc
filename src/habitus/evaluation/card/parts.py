"""What the card is made of: figures with their words and numbers, and tables."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Sequence

Json = dict[str, Any]

N_COLOURS = 6
DASHES = ("solid", "dash", "dashdot", "longdash", "dot", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "hexagon")
PATTERNS = ("", "/", "x", "-", "\\", "+")
"""One of each a model (`one_of`): no two models differ by colour alone."""


@dataclass(frozen=True)
class Table:
    """A table; its first column heads the rows.

    Attributes:
        columns: headings; those that start with ``>`` are of numbers.
        rows: as many cells as there are columns.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Figure:
    """A plotly figure, and what it shows for those who cannot see it.

    Attributes:
        key: names it within the page.
        alternative: what there is to see, in words with numbers.
        data, layout: plotly's. A colour is a name of the style sheet: ``@ink``, or ``@ink/0.2`` for
            a thin one. Texts from data are made by `habitus.pictures.page.label`.
        narrow: what of the layout is other on a phone.
        views: layouts to choose from, by name, laid over ``layout``; the first is shown at first.
        note: how to read it.
    """

    key: str
    title: str
    alternative: str
    data: Sequence[Json]
    layout: Json
    table: Table
    note: str = ""
    narrow: Json = field(default_factory=dict)
    views: dict[str, Json] = field(default_factory=dict)

    @property
    def script(self) -> Markup:
        """The figure as JSON that a script element may hold."""
        return script_json(
            {
                "data": self.data,
                "layout": self.layout,
                "narrow": self.narrow,
                "views": list(self.views.values()),
            }
        )


def script_json(value: object) -> Markup:
    """JSON in which nothing ends a script element, whatever a text in it says."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)  # U+2028 is escaped, too
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - nothing that HTML reads is left in it


def series(number: int) -> str:
    """The colour of a model, by its place."""
    return f"@series-{number % N_COLOURS}"


def one_of(shapes: Sequence[str], number: int) -> str:
    """A model's dash, symbol or pattern; where colours begin again, it is another one."""
    return shapes[(number + number // N_COLOURS) % len(shapes)]


def pattern(shape: str, color: str) -> Json:
    """How a bar is hatched, so that its colour is not all that tells it apart."""
    return {"shape": shape, "bgcolor": color, "fgcolor": "@ground", "size": 7, "solidity": 0.2}


def whiskers(
    values: Sequence[float], intervals: Sequence[tuple[float, float] | None], **style: Any
) -> Json:
    """Error bars from intervals, none where there is none."""
    ranges = [i or (value, value) for value, i in zip(values, intervals, strict=True)]
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0.0, high - v) for v, (_, high) in zip(values, ranges, strict=True)],
        "arrayminus": [max(0.0, v - low) for v, (low, _) in zip(values, ranges, strict=True)],
        **style,
    }


def short_names(models: Sequence[str]) -> list[str]:
    """The last parts of models' paths, where these tell them apart."""
    short = [Path(model).name or model for model in models]
    return short if len(set(short)) == len(short) else list(models)


def area(value: float | None) -> str:
    """An area under a curve."""
    return "-" if value is None else f"{value:.3f}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share."""
    return "-" if value is None else f"{value * 100:.{digits}f} %"


def area_range(interval: tuple[float, float] | None) -> str:
    """An interval of an area."""
    return "no interval" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def percent_range(interval: tuple[float, float] | None) -> str:
    """An interval of a share."""
    if interval is None:
        return "no interval"
    return f"{interval[0] * 100:.1f} to {interval[1] * 100:.1f} %"


def size(n_bytes: int | None) -> str:
    """Bytes, in a unit that leaves few digits."""
    if n_bytes is None:
        return "-"
    for unit, worth in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= worth:
            return f"{n_bytes / worth:.3g} {unit}"
    return f"{n_bytes} bytes"


def counted(number: int, thing: str) -> str:
    """A number and what it counts: ``1 trace``, ``2,000 traces``."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
