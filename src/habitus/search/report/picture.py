"""`Picture`: a drawing with its words and its numbers; and which trials are drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from habitus.errors import UsageError
from habitus.pictures.axes import Names, Numbers, short
from habitus.search.objectives import FOLD_AUC
from habitus.search.space import Range

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.evaluation.card.parts import Table
    from habitus.pictures.axes import Axis
    from habitus.pictures.drawing import Drawing
    from habitus.search.results import SearchResult, TrialResult
    from habitus.search.space import Choices

MAX_ROWS = 100
"""Of the tables below pictures, and of trials: a page is looked at, JSON holds all."""


class NoPicture(UsageError):
    """There is nothing to draw; the message says why, and how there would be."""


@dataclass(frozen=True, repr=False)
class Picture:
    """A drawing, and what it shows for those who cannot see it.

    Attributes:
        key: names it within a page.
        note: how to read it.
        table: its numbers, the first `MAX_ROWS` of them.
    """

    key: str
    title: str
    drawing: Drawing
    table: Table
    note: str = ""

    def __repr__(self) -> str:
        """What it shows, in words, as a notebook keeps it beside the picture."""
        return f"{self.title}: {self.drawing.alternative}"

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        return self.drawing.svg()

    def save(self, path: str) -> None:
        """Write the drawing as an SVG file."""
        self.drawing.save(path)


def first_rows(table: Table) -> Table:
    """The table without what would be too much to look at; its caption says so."""
    if len(table.rows) <= MAX_ROWS:
        return table
    told = f"{table.caption} (the first {MAX_ROWS} of {len(table.rows):,}; --json prints all)"
    return replace(table, caption=told, rows=table.rows[:MAX_ROWS])


def ranked_of(found: SearchResult) -> list[TrialResult]:
    """The trials that are drawn: those of a rank, the best first.

    Raises:
        NoPicture: if there is none.
    """
    ranked = [t for t in found.trials if t.rank is not None and math.isfinite(t.value or 0.0)]
    if not ranked:
        raise NoPicture("No trial has come to a good end, so that there is nothing to draw.")
    return ranked


def some_of(trials: Sequence[TrialResult], most: int) -> list[TrialResult]:
    """At most so many: the best quarter of that number, and evenly spaced ones of the others."""
    if len(trials) <= most:
        return list(trials)
    n_best = most // 4
    left, n_left = len(trials) - n_best, most - n_best
    places = (n_best + (i * (left - 1)) // max(1, n_left - 1) for i in range(n_left))
    return [*trials[:n_best], *(trials[place] for place in places)]


def value_of(trial: TrialResult) -> float:
    """The objective of a trial that has a rank."""
    return float(trial.value or 0.0)


def told_value(value: Any) -> str:
    """A value in a table; nothing where there is none."""
    return "" if value is None else short(value)


def objective_title(found: SearchResult) -> str:
    """What the objective is, for an axis."""
    run = found.run
    better = "less" if run.direction == "minimize" else "more"
    unit = f", {run.unit}" if run.unit else ""
    return f"{run.objective}{unit} ({better} is better)"


def objective_axis(
    found: SearchResult, values: Sequence[float], worst: float, best: float, *, room: float = 40
) -> Axis:
    """An axis of the objective, whose better end lies at ``best``."""
    begin, end = (best, worst) if found.run.direction == "minimize" else (worst, best)
    return Numbers.of(values, begin, end, room=room)


def setting_axis(
    parameter: Choices | Range, values: Sequence[Any], begin: float, end: float, *,
    room: float, most: int,
) -> Axis:  # fmt: skip
    """An axis of a setting: of numbers where all that it may be are numbers, else of names.

    Args:
        values: of the trials.
        room: pixels that a word takes along it; ``most`` letters of one.
    """
    if isinstance(parameter, Range):
        found = [parameter.low, parameter.high, *values]
        return Numbers.of(found, begin, end, log=parameter.log or None, room=room)
    choices = parameter.choices
    if len(choices) > 1 and all(_is_number(value) for value in choices):
        return Numbers.of((), begin, end, named=[float(v) for v in choices], room=room)
    if end > begin:  # from left to right: what there is room for beside the others
        most = max(4, min(most, int((end - begin) / len(choices) / 8)))
    return Names(tuple(choices), begin, end, room=room, most=most)


def headings(found: SearchResult, names: Sequence[str]) -> list[str]:
    """Settings as headings of columns, those of numbers marked as such."""
    space = found.plan.space.parameters
    return [f">{name}" if all(map(_is_number, _values(space[name]))) else name for name in names]


def _values(parameter: Choices | Range) -> tuple[Any, ...]:
    if isinstance(parameter, Range):
        return (parameter.low, parameter.high)
    return parameter.choices


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def why_no_attacks(found: SearchResult) -> NoPicture:
    """Why nothing is known of attacks, and how it would be."""
    run = found.run
    if run.objective == FOLD_AUC:
        return NoPicture(
            "Detectors of flows are ranked by an area itself, of labelled flows: there is nothing "
            "beside it."
        )
    if run.beside_attacks:
        return NoPicture("No trial that ended well has told how it scores attacks.")
    more = ", and without --supervised" if run.supervised else ""
    return NoPicture(
        "This needs labelled attacks that are looked at and rank nothing. To have it, run the "
        f"search with --beside-attacks{more}: each trial then scores the protocol's test part, too."
    )


def sentence(text: str) -> str:
    """Words as a sentence."""
    return f"{text[:1].upper()}{text[1:]}."


def trial_title(trial: TrialResult, objective: str) -> str:
    """What is told of a trial that is pointed at."""
    settings = ", ".join(f"{k}={short(v)}" for k, v in list(trial.settings.items())[:12])
    return f"trial {trial.trial}, rank {trial.rank}: {objective} {short(trial.value)}; {settings}"
