"""How the networks of a search learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.evaluation.card.parts import Table
from habitus.pictures.axes import Frame, Numbers, short
from habitus.pictures.drawing import Drawing
from habitus.search.report.picture import NoPicture, Picture, first_rows, some_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.search.curve import Curve
    from habitus.search.results import SearchResult, TrialResult

N_NAMED = 5
MAX_CURVES = 80
_DASHES = ("", "8 3", "2 3", "8 3 2 3", "12 4")


def curves_picture(found: SearchResult) -> Picture:
    """Held-out loss by epoch, of the best trials in colours and of the others behind them.

    Raises:
        NoPicture: if no trial has told any.
    """
    trained = [t for t in found.trials if t.curve is not None and any(_points(t.curve))]
    if not trained:
        raise NoPicture(
            "No trial has told of its epochs: only networks are trained in epochs, and searches "
            "that were run before Habitus kept them tell of none."
        )
    shown = some_of(trained, MAX_CURVES)
    named = [t for t in shown if t.rank is not None][:N_NAMED]
    points = [point for t in shown if t.curve for point in _points(t.curve)]
    points += [point for t in named if t.curve for point in _points(t.curve, learned=True)]
    drawing = Drawing(
        720,
        434,
        f"Held-out loss by epoch of {len(shown):,} trials. "
        + " ".join(_ended(t, t.curve) for t in named if t.curve is not None),
    )
    frame = Frame(
        x=Numbers.of([x for x, _ in points], 74, 545, log=False, room=60, margin=0.02),
        y=Numbers.of([y for _, y in points], 384, 14),
        left=74, right=545, top=14, bottom=384,
    )  # fmt: skip
    frame.draw(drawing, "epoch", "loss")
    for trial in shown:
        if trial not in named and trial.curve is not None:
            _one(drawing, frame, trial, trial.curve)
    for i, trial in reversed(list(enumerate(named))):
        if trial.curve is not None:
            _best_one(drawing, frame, trial, trial.curve, i)
    rows = [
        (str(t.trial), t.state, short(epoch), *(("" if v is None else short(v)) for v in losses))
        for t in trained
        if t.curve is not None
        for epoch, *losses in zip(t.curve.epochs, t.curve.loss, t.curve.held_out_loss, strict=True)
    ]
    drawn = "" if len(shown) == len(trained) else f" Drawn are {len(shown)} of {len(trained):,}."
    return Picture(
        "learning",
        "Learning curves",
        drawing,
        first_rows(Table("Losses by epoch", ("trial", "state", ">epoch", ">loss",
                                             ">held-out loss"), rows)),
        "Lines are the loss of traces that a trial did not learn by, after each epoch; the faint "
        "line of the same colour is the loss while it learned. The best trials have colours, and a "
        "diamond where their weights were kept; a dot ends what was pruned. Losses of different "
        "configurations may mean different things: a curve tells how one learned, not which is "
        f"better.{drawn}",
    )  # fmt: skip


def _points(curve: Curve, *, learned: bool = False) -> list[tuple[float, float]]:
    losses: Sequence[float | None] = curve.loss if learned else curve.held_out_loss
    both = zip(curve.epochs, losses, strict=True)
    return [(float(epoch), loss) for epoch, loss in both if loss is not None]


def _one(drawing: Drawing, frame: Frame, trial: TrialResult, curve: Curve) -> None:
    places = [(frame.x.at(x), frame.y.at(y)) for x, y in _points(curve)]
    drawing.line(places, "quiet", width=1.2, opacity=0.4, title=f"trial {trial.trial}")
    if places and (trial.state == "pruned" or len(places) == 1):
        drawing.dots(places[-1:], "quiet", radius=3, titles=[f"trial {trial.trial} {trial.state}"])


def _best_one(drawing: Drawing, frame: Frame, trial: TrialResult, curve: Curve, i: int) -> None:
    colour, dash, told = f"series-{i}", _DASHES[i % len(_DASHES)], f"trial {trial.trial}"
    learned = [(frame.x.at(x), frame.y.at(y)) for x, y in _points(curve, learned=True)]
    drawing.line(learned, colour, width=1.2, opacity=0.5, title=f"{told}, while it learned")
    places = {x: (frame.x.at(x), frame.y.at(y)) for x, y in _points(curve)}
    drawing.line(list(places.values()), colour, width=2.4, dash=dash, title=told)
    kept = places.get(float(trial.kept_epoch or 0))
    if kept is not None:
        drawing.diamond(*kept, colour, title=f"{told}: epoch {trial.kept_epoch} kept")
    y = 30 + 24 * i
    drawing.line([(557, y - 5), (587, y - 5)], colour, width=2.4, dash=dash)
    drawing.text(594, y, f"rank {trial.rank}: trial {trial.trial}", size=12)


def _ended(trial: TrialResult, curve: Curve) -> str:
    points = _points(curve)
    if not points:
        return f"Trial {trial.trial}: no number."
    return (
        f"Trial {trial.trial} (rank {trial.rank}): {short(points[0][1])} to {short(points[-1][1])}."
    )
