"""Axes of drawings: where a value lies, which values are named, and the frame around a plot."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from habitus.pictures.page import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from habitus.pictures.drawing import Drawing

WIDE_RATIO = 20.0
"""Positive numbers that differ by more are drawn by their logarithm."""

_MOST, _LEAST = 1e300, 1e-300
"""Beyond these the span of an axis is no number, or none that can be divided by."""


class Axis(Protocol):
    """Where things lie, in pixels."""

    def at(self, value: object) -> float:
        """The place of a value."""
        ...

    def ticks(self) -> list[tuple[float, str]]:
        """Places and what is written at them."""
        ...


@dataclass(frozen=True)
class Numbers:
    """An axis of numbers from ``low`` at ``begin`` to ``high`` at ``end``.

    Attributes:
        named: the values that are written; empty: round ones.
        room: pixels that a word at it takes.
    """

    low: float
    high: float
    begin: float
    end: float
    log: bool = False
    named: tuple[float, ...] = ()
    room: float = 40.0

    @classmethod
    def of(
        cls, values: Iterable[float], begin: float, end: float, *,
        named: Sequence[float] = (), log: bool | None = None, room: float = 40.0,
        margin: float = 0.05,
    ) -> Numbers:  # fmt: skip
        """An axis on which values have some room at both ends.

        Args:
            log: by default where they are positive and differ widely.
            margin: share of the axis that is left free at each end.
        """
        found = [float(v) for v in (*values, *named) if math.isfinite(float(v))] or [0.0, 1.0]
        low, high = max(min(found), -_MOST), min(max(found), _MOST)
        low, high = min(low, _MOST), max(high, -_MOST)
        if log is None:
            log = low > 0 and high / low >= WIDE_RATIO
        if log:
            below, above = math.log(low), math.log(high)
            more = margin * (above - below) or 0.5
            low, high = math.exp(max(-700.0, below - more)), math.exp(min(709.0, above + more))
        else:
            more = margin * high - margin * low or abs(high) * 0.05 or 0.5
            low, high = low - more, high + more
        return cls(low, high, begin, end, log, tuple(map(float, named)), room)

    def at(self, value: object) -> float:
        """Its place; what lies beyond the ends is drawn at them."""
        number = float(value)  # type: ignore[arg-type]
        number = min(max(number, self.low), self.high)
        if self.log:
            below, above = math.log(self.low), math.log(self.high)
            share = (math.log(number) - below) / (above - below)
        else:
            share = (number - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)

    def ticks(self) -> list[tuple[float, str]]:
        """As many as there is room for."""
        most = max(2, int(abs(self.end - self.begin) / self.room))
        if self.named:
            return _with_room([(self.at(v), short(v)) for v in self.named], self.room)
        values = _powers(self.low, self.high, most) if self.log else []
        if len(values) < 2:
            values = _round_ones(self.low, self.high, most)
        return _with_room([(self.at(value), short(value)) for value in values], self.room)


@dataclass(frozen=True)
class Names:
    """An axis of words, evenly spaced."""

    names: tuple[object, ...]
    begin: float
    end: float
    room: float = 18.0
    most: int = 14

    def at(self, value: object) -> float:
        """The place of one; of what is no name here, the middle of the axis."""
        for place, name in enumerate(self.names):
            if name == value and type(name) is type(value):
                share = (place + 0.5) / len(self.names)
                return self.begin + share * (self.end - self.begin)
        return (self.begin + self.end) / 2

    def ticks(self) -> list[tuple[float, str]]:
        """As many as there is room for."""
        named = [(self.at(name), brief(str(name), self.most)) for name in self.names]
        return _with_room(named, self.room)


@dataclass(frozen=True)
class Frame:
    """The plot's room within a drawing, and its two axes."""

    x: Axis
    y: Axis
    left: float
    right: float
    top: float
    bottom: float

    def draw(self, on: Drawing, x_title: str, y_title: str) -> None:
        """Lines, words at them, and what the axes are."""
        for place, word in self.y.ticks():
            on.line([(self.left, place), (self.right, place)], "line", width=1)
            on.text(self.left - 8, place + 4.5, word, anchor="end", colour="quiet")
        for place, word in self.x.ticks():
            on.line([(place, self.bottom), (place, self.bottom + 5)], "quiet", width=1)
            on.text(place, self.bottom + 20, word, anchor="middle", colour="quiet")
        on.line([(self.left, self.bottom), (self.right, self.bottom)], "quiet", width=1)
        middle = (self.left + self.right) / 2
        on.text(middle, self.bottom + 42, x_title, anchor="middle")
        on.text(16, (self.top + self.bottom) / 2, y_title, anchor="middle", turned=True)


def short(value: object) -> str:
    """A value in few letters."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) and abs(value) < 10**6:
        return f"{value:,}"
    if float(value).is_integer() and abs(value) < 10**5:
        return f"{int(value):,}"
    return f"{float(value):.4g}"


def brief(text: str, most: int) -> str:
    """Text that is cut off at so many letters."""
    shown = printable(text)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def _with_room(ticks: list[tuple[float, str]], room: float) -> list[tuple[float, str]]:
    """Those that do not lie on one another; the first and whatever follows with room."""
    kept: list[tuple[float, str]] = []
    for place, word in sorted(ticks):
        if not kept or place - kept[-1][0] >= room * 0.9:
            kept.append((place, word))
    return kept


def _powers(low: float, high: float, most: int) -> list[float]:
    """Powers of ten, and 2 and 5 times these where there is room."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for factors in ((1, 2, 5), (1, 3), (1,)):
        values = [f * 10.0**power for power in range(first, last + 1) for f in factors]
        inside = [value for value in values if low <= value <= high]
        if len(inside) <= most:
            return inside
    every = -(-len(inside) // most)
    return inside[::every]


def _round_ones(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    span = high - low
    if span < _LEAST:
        return [low]
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next((f * power for f in (1, 2, 5, 10) if span / (f * power) <= most), 10 * power)
    first = math.ceil(low / step)
    values = [float(f"{(first + i) * step:.12g}") for i in range(most + 2)]
    return [value for value in values if low <= value <= high]
