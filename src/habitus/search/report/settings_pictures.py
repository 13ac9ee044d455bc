"""Pictures of settings: all of them side by side, one by one, and how much each of them moves."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from habitus.errors import UsageError
from habitus.evaluation.card.parts import Table, percent
from habitus.pictures.axes import Frame, brief, short
from habitus.pictures.drawing import Drawing
from habitus.search.distributions import MIN_TRIALS, MOST_TRIALS
from habitus.search.report.picture import (
    NoPicture,
    Picture,
    first_rows,
    headings,
    objective_axis,
    ranked_of,
    setting_axis,
    some_of,
    told_value,
    trial_title,
    value_of,
)
from habitus.search.space import Choices

if TYPE_CHECKING:
    from habitus.pictures.axes import Axis
    from habitus.search.results import SearchResult, TrialResult
    from habitus.search.space import Range

MAX_LINES, MAX_DOTS = 300, 1500
"""Trials of a picture; of more, the best and evenly spaced others."""
MAX_AXES = 12
_BEST_SHARE = 0.1
_FOOT = 340
"""Pixels from the top to the least values of the axes that stand side by side."""


def parallel_picture(found: SearchResult) -> Picture:
    """Every trial as a line through its settings to its value.

    Raises:
        NoPicture: if no trial has a value.
    """
    ranked = ranked_of(found)
    space = found.plan.space.parameters
    names = _most_moving(found)[:MAX_AXES]
    shown = some_of(ranked, MAX_LINES)
    n_axes = len(names) + 1
    is_conditional = any(name not in t.settings for t in ranked for name in names)
    width, top, bottom = max(720, 40 + 112 * n_axes), 66.0, float(_FOOT)
    gap = (width - 150) / (n_axes - 1)
    drawing = Drawing(
        width,
        _FOOT + (60 if is_conditional else 24),
        f"Parallel coordinates of {len(shown):,} trials over {len(names)} settings; the best, "
        f"trial {ranked[0].trial}: "
        + ", ".join(f"{name} {told_value(ranked[0].settings.get(name))}" for name in names)
        + f", {found.run.objective} {short(value_of(ranked[0]))}.",
    )
    axes: list[tuple[str, Axis]] = [
        (
            name,
            setting_axis(
                space[name], [t.settings[name] for t in ranked if name in t.settings],
                bottom, top, room=22, most=12,
            ),
        )
        for name in names
    ]  # fmt: skip
    values = [value_of(t) for t in ranked]
    last = objective_axis(found, values, bottom, top, room=26)
    n_good = max(1, round(_BEST_SHARE * len(ranked)))
    for trial in reversed(shown):  # the best is drawn over the others
        places = [
            (75 + i * gap, axis.at(trial.settings[name]) if name in trial.settings else bottom + 34)
            for i, (name, axis) in enumerate(axes)
        ]
        places.append((75 + len(axes) * gap, last.at(value_of(trial))))
        rank = trial.rank or 0
        colour, stroke, opacity = ("quiet", 1.0, 0.45 if len(shown) < 60 else 0.2)
        if rank <= n_good:
            colour, stroke, opacity = "mark", 1.8, 0.85
        if rank == 1:
            colour, stroke, opacity = "series-1", 3.5, 1.0
        title = trial_title(trial, found.run.objective)
        drawing.line(places, colour, width=stroke, opacity=opacity, title=title)
    for i, (name, axis) in enumerate([*axes, (found.run.objective, last)]):
        x = 75 + i * gap
        drawing.line([(x, top - 10), (x, bottom + 10)], "ink", width=1.2)
        lifted = 18 if i % 2 and gap < 130 else 0  # long names do not meet
        drawing.text(x, 26 + lifted, brief(name, 16), anchor="middle", bold=True)
        for place, word in axis.ticks():
            drawing.line([(x - 4, place), (x, place)], "ink", width=1)
            wide = 7 * len(word) + 8
            drawing.box(x - 8 - wide, place - 9, wide, 18, "ground", opacity=0.75)
            drawing.text(x - 8, place + 4.5, word, anchor="end", colour="ink", size=12)
    if is_conditional:
        drawing.text(8, bottom + 39, "not tried", colour="quiet", size=12)
    left_out = len(space) - len(names)
    note = (
        "A line is a trial. The thick one is the best, the coloured ones are the best tenth; the "
        "better end of the last axis is up."
        + (" A line through the foot has no value of that setting there." if is_conditional else "")
        + (f" {left_out} more settings are not drawn." if left_out else "")
        + _drawn_note(len(shown), len(ranked))
    )
    rows = [
        (
            str(t.trial), str(t.rank), *(told_value(t.settings.get(name)) for name in names),
            short(value_of(t)),
        )
        for t in ranked
    ]  # fmt: skip
    columns = ("trial", ">rank", *headings(found, names), f">{found.run.objective}")
    table = first_rows(Table("Settings and values", columns, rows))
    return Picture("parallel", "All settings side by side", drawing, table, note)


def importance_picture(found: SearchResult) -> Picture:
    """By how much each setting moves the objective.

    Raises:
        NoPicture: if that cannot be told.
    """
    shares = found.importance
    if not shares:
        raise NoPicture(
            f"Importance needs {MIN_TRIALS} trials that have ended well with different values, and "
            "settings that all of them have."
        )
    names = sorted(shares, key=lambda name: -shares[name])
    drawing = Drawing(
        720,
        24 + 34 * len(names),
        f"What moves {found.run.objective}: "
        + ", ".join(f"{name} {percent(shares[name], 0)}" for name in names)
        + ".",
    )
    for i, name in enumerate(names):
        y = 12 + 34 * i
        drawing.text(170, y + 18, brief(name, 22), anchor="end")
        long = max(1.5, 460 * min(1.0, max(0.0, shares[name])))
        drawing.box(180, y + 2, long, 24, "mark", title=f"{name}: {shares[name]:.1%}")
        drawing.text(190 + long, y + 18, percent(shares[name]), colour="quiet")
    left_out = [name for name in found.plan.space.parameters if name not in shares]
    said = f" Not told: {', '.join(left_out)}, which not all trials have." if left_out else ""
    n_done = found.counts()["done"]
    few = f" {MOST_TRIALS:,} of {n_done:,} trials stand for all." if n_done > MOST_TRIALS else ""
    return Picture(
        "importance",
        f"What moves {found.run.objective}",
        drawing,
        Table("Importance", ("setting", ">share"), [(n, percent(shares[n], 2)) for n in names]),
        "Shares of the variance that settings explain alone, by functional ANOVA over a random "
        f"forest of the trials (F. Hutter, H. Hoos, K. Leyton-Brown, ICML 2014).{few}{said}",
    )


def slice_picture(found: SearchResult, setting: str) -> Picture:
    """The objective against one setting.

    Raises:
        UsageError: if the search has no such setting.
        NoPicture: if no trial has a value.
    """
    space = found.plan.space.parameters
    if setting not in space:
        raise UsageError(
            f"{found.path}: tries no setting {setting!r}; there are: {', '.join(space)}"
        )
    ranked = [t for t in ranked_of(found) if setting in t.settings]
    if not ranked:
        raise NoPicture(f"No trial that ended well has {setting}.")
    shown = some_of(ranked, MAX_DOTS)
    parameter = space[setting]
    values = [t.settings[setting] for t in ranked]
    drawing = Drawing(
        480,
        330,
        f"{found.run.objective} against {setting} of {len(shown):,} trials; the best of them has "
        f"{short(values[0])} and comes to {short(value_of(ranked[0]))}.",
    )
    frame = Frame(
        x=setting_axis(parameter, values, 74, 466, room=52, most=16),
        y=objective_axis(found, [value_of(t) for t in ranked], 268, 14),
        left=74, right=466, top=14, bottom=268,
    )  # fmt: skip
    frame.draw(drawing, brief(setting, 40), found.run.objective)
    places = [(frame.x.at(t.settings[setting]), frame.y.at(value_of(t))) for t in shown]
    titles = [trial_title(t, found.run.objective) for t in shown]
    dense = len(shown) > 150
    drawing.dots(
        places[1:], "series-0", radius=2.5 if dense else 4, opacity=0.35 if dense else 0.6,
        titles=titles[1:],
    )  # fmt: skip
    for value, middle in _medians(parameter, ranked, setting).items():
        x, y = frame.x.at(value), frame.y.at(middle)
        drawing.line([(x - 13, y), (x + 13, y)], "ink", width=2.5, title=f"median {short(middle)}")
    drawing.diamond(*places[0], "series-1", size=7, title=titles[0])
    rows = [(short(t.settings[setting]), short(value_of(t)), str(t.trial)) for t in ranked]
    columns = (setting.removeprefix(">"), f">{found.run.objective}", ">trial")
    return Picture(
        f"slice-{list(space).index(setting)}",
        f"{found.run.objective} against {brief(setting, 60)}",
        drawing,
        first_rows(Table(f"{found.run.objective} against {setting}", columns, rows)),
        _drawn_note(len(shown), len(ranked)).strip(),
    )


def _medians(
    parameter: Choices | Range, ranked: list[TrialResult], setting: str
) -> dict[object, float]:
    """The middle of the values that each choice came to, where there are several."""
    if not isinstance(parameter, Choices):
        return {}
    by_choice: dict[object, list[float]] = {}
    for trial in ranked:
        by_choice.setdefault(trial.settings[setting], []).append(value_of(trial))
    return {value: median(values) for value, values in by_choice.items() if len(values) > 1}


def _most_moving(found: SearchResult) -> list[str]:
    """The settings in the order of the file; where they are too many, those that move most."""
    names = list(found.plan.space.parameters)
    if len(names) <= MAX_AXES:
        return names
    moving = sorted(names, key=lambda name: -found.importance.get(name, 0.0))[:MAX_AXES]
    return [name for name in names if name in moving]


def _drawn_note(n_shown: int, n_all: int) -> str:
    if n_shown == n_all:
        return ""
    return f" Drawn are {n_shown:,} of {n_all:,} trials: the best, and others at even distances."
