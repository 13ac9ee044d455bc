"""The source's picture: attacks' quartiles against the threshold and the validation loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.evaluation.card.parts import Table, percent
from habitus.pictures.axes import Frame, Numbers, short
from habitus.pictures.drawing import Drawing
from habitus.search.beside import SAID
from habitus.search.report.picture import (
    Picture,
    first_rows,
    ranked_of,
    sentence,
    some_of,
    why_no_attacks,
)

if TYPE_CHECKING:
    from habitus.search.beside import Beside
    from habitus.search.results import SearchResult, TrialResult

MAX_BARS = 36


def attacks_picture(found: SearchResult) -> Picture:
    """The quartiles of attacks' scores against the threshold and the validation loss.

    Raises:
        NoPicture: if attacks were not looked at.
    """
    ranked_of(found)
    looked = [(t, t.beside) for t in found.trials if t.rank is not None and t.beside is not None]
    known = {t.trial: b for t, b in looked if b.attack_quartiles and b.held_out_median is not None}
    if not known:
        raise why_no_attacks(found)
    ranked = [t for t, _ in looked if t.trial in known]
    shown = some_of(ranked, MAX_BARS)
    # As in the source: by the loss of what was held out, the least first.
    shown.sort(key=lambda t: (known[t.trial].held_out_median or 0.0, t.trial))
    scores = [score for t in shown for score in _scores_of(known[t.trial])]
    best = ranked[0]
    drawing = Drawing(
        720,
        412,
        f"Quartiles of the scores of attacks and of test normals by {len(shown)} trials, with "
        f"threshold and validation median. The first, trial {best.trial}: "
        f"{_told(known[best.trial])}",
    )
    frame = Frame(
        x=Numbers(-0.7, len(shown) - 0.3, 74, 700),
        y=Numbers.of(scores, 356, 34),
        left=74, right=700, top=34, bottom=356,
    )  # fmt: skip
    step = 626 / (len(shown) + 0.4)
    wide = min(14.0, 0.28 * step)
    frame = _with_trials(frame, drawing, shown, step)
    validation = []
    for i, trial in enumerate(shown):
        validation.append(_bars(drawing, frame, trial, known[trial.trial], i, wide))
    drawing.line(validation, "series-2", width=1.6, dash="4 3")
    for place in validation:
        drawing.diamond(*place, "series-2", size=4)
    _legend(drawing)
    rows = [
        (
            str(t.rank), str(t.trial), *_quartiles_told(known[t.trial]),
            short(known[t.trial].held_out_median or 0.0), _threshold_told(known[t.trial]),
            percent(known[t.trial].detection), percent(known[t.trial].false_alarm_rate),
        )
        for t in ranked
    ]  # fmt: skip
    columns = (
        "rank", ">trial", ">attacks 25 %", ">50 %", ">75 %", ">test normals 50 %",
        ">validation", ">threshold", ">found", ">false alarms",
    )  # fmt: skip
    budget = percent(known[best.trial].false_alarms, 0)
    drawn = "" if len(shown) == len(ranked) else f" Drawn are {len(shown)} of {len(ranked):,}."
    return Picture(
        "attacks",
        "Attacks against threshold and validation loss",
        drawing,
        first_rows(Table("Quartiles of scores", columns, rows)),
        "Of each trial, by its validation loss (the median score of held-out normals): the middle "
        "half of the attacks' scores, that of the test normals, and the threshold that at most "
        f"{budget} of the held-out normals exceed. Where a bar of attacks lies wholly above the "
        "threshold, at least three quarters of them are found. Scores of two configurations may "
        f"mean different things: compare within a column. {sentence(SAID)}{drawn}",
    )


def _with_trials(frame: Frame, drawing: Drawing, shown: list[TrialResult], step: float) -> Frame:
    """The axes; below, the trials by their numbers."""
    for place, word in frame.y.ticks():
        drawing.line([(frame.left, place), (frame.right, place)], "line", width=1)
        drawing.text(frame.left - 8, place + 4.5, word, anchor="end", colour="quiet")
    every = max(1, round(34 / step))
    for i, trial in enumerate(shown):
        if i % every == 0 or trial.rank == 1:
            x = frame.x.at(i)
            is_best = trial.rank == 1
            drawing.text(
                x, frame.bottom + 20, str(trial.trial), anchor="middle", size=12,
                colour="ink" if is_best else "quiet", bold=is_best,
            )  # fmt: skip
    middle = (frame.left + frame.right) / 2
    drawing.text(
        middle, frame.bottom + 46, "trial, by validation loss, least first (bold: rank 1)",
        anchor="middle",
    )  # fmt: skip
    drawing.text(16, (frame.top + frame.bottom) / 2, "score", anchor="middle", turned=True)
    return frame


def _bars(
    drawing: Drawing, frame: Frame, trial: TrialResult, known: Beside, i: int, wide: float
) -> tuple[float, float]:
    """A trial's bars and its threshold; the place of its validation median."""
    x, half = frame.x.at(i), 1.65 * wide
    for quartiles, colour, shift in (
        (known.normal_quartiles, "normal", -wide), (known.attack_quartiles, "attack", wide),
    ):  # fmt: skip
        if quartiles is None:
            continue
        low, middle, high = (frame.y.at(q) for q in quartiles)
        left = x + shift - wide / 2 - (wide / 2 if shift < 0 else -wide / 2) * 0.2
        title = f"trial {trial.trial}, {colour}s: {' / '.join(short(q) for q in quartiles)}"
        drawing.box(left, high, wide, max(1.5, low - high), colour, opacity=0.55, title=title)
        drawing.line([(left, middle), (left + wide, middle)], colour, width=3)
    if known.threshold is not None:
        y = frame.y.at(known.threshold)
        title = f"trial {trial.trial}: threshold {short(known.threshold)}"
        drawing.line([(x - half, y), (x + half, y)], "ink", width=2, title=title)
    return x, frame.y.at(known.held_out_median or 0.0)


def _legend(drawing: Drawing) -> None:
    for x, colour, said in ((74, "attack", "attacks"), (168, "normal", "test normals")):
        drawing.box(x, 10, 12, 12, colour, opacity=0.55)
        drawing.text(x + 18, 21, said)
    drawing.line([(290, 16), (312, 16)], "ink", width=2)
    drawing.text(318, 21, "threshold")
    drawing.line([(402, 16), (424, 16)], "series-2", width=1.6, dash="4 3")
    drawing.diamond(413, 16, "series-2", size=4)
    drawing.text(430, 21, "held-out normals (validation), median")


def _scores_of(known: Beside) -> list[float]:
    told = [*(known.attack_quartiles or ()), *(known.normal_quartiles or ())]
    return told + [s for s in (known.threshold, known.held_out_median) if s is not None]


def _told(known: Beside) -> str:
    low, middle, high = known.attack_quartiles or (0.0, 0.0, 0.0)
    return (
        f"attacks {short(low)}, {short(middle)} and {short(high)}, threshold "
        f"{_threshold_told(known)}, {percent(known.detection)} found."
    )


def _quartiles_told(known: Beside) -> tuple[str, ...]:
    normal = known.normal_quartiles
    return (
        *(short(q) for q in known.attack_quartiles or ()),
        "" if normal is None else short(normal[1]),
    )


def _threshold_told(known: Beside) -> str:
    return "-" if known.threshold is None else short(known.threshold)
