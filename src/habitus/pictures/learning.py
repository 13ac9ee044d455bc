"""Learning curves: how a network's training went, epoch by epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from habitus.pictures.page import View, escaped, figure, table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from habitus.learning.history import Epoch, History

MAX_EPOCHS = 300
"""Epochs drawn; of more, so many evenly spaced ones, and the one whose weights are kept."""
_HEIGHT_PX = 380

_LEARNED, _HELD_OUT = "learned, while they were learned", "held out"


@dataclass(frozen=True)
class _Curves:
    """One view: numbers of each epoch, by what they are of."""

    name: str
    axis: str
    numbers: Mapping[str, Callable[[Epoch], float]]


def learning_part(history: History, unit: str = "nats") -> str:
    """HTML: the curves of a training, what it came to, and its epochs as a table.

    Args:
        unit: of the loss.
    """
    if not history.epochs:
        return "<p>No epoch was finished: there is no curve to draw.</p>\n"
    epochs = drawn_epochs(history)
    views = [View(one.name, *_curves(history, epochs, one)) for one in _views(unit)]
    text = f"<p>{escaped(_told(history))}</p>\n"
    if len(epochs) < len(history.epochs):
        text += f"<p>Drawn are {len(epochs):,} of its {len(history.epochs):,} epochs.</p>\n"
    columns = (
        ">epoch", ">calls read", ">rate", ">loss", ">held-out loss", ">perplexity", ">accuracy",
        ">held-out accuracy", "",
    )  # fmt: skip
    rows = [_row(epoch, is_kept=epoch is _kept(history)) for epoch in epochs]
    return (
        text
        + figure("Learning curves", _told(history), views)
        + f"<details><summary>All {len(rows):,} epochs drawn</summary>\n"
        + table("Epochs", columns, rows)
        + "</details>\n"
    )


def _views(unit: str) -> list[_Curves]:
    loss = {_LEARNED: lambda e: e.loss, _HELD_OUT: lambda e: e.held_out_loss}
    accuracy = {_LEARNED: lambda e: e.accuracy, _HELD_OUT: lambda e: e.held_out_accuracy}
    views = [
        _Curves("loss", f"loss, {unit} a call", loss),
        _Curves("accuracy", "share guessed right", accuracy),
        _Curves("learning rate", "rate", {"at the end of an epoch": lambda e: e.rate}),
    ]
    if unit == "nats":  # of another loss the exponential means nothing
        views.insert(1, _Curves("perplexity", "exp(held-out loss)", {_HELD_OUT: _perplexity}))
    return views


def drawn_epochs(history: History) -> list[Epoch]:
    """The epochs that are drawn: all, or evenly spaced ones and the one kept."""
    n_epochs = len(history.epochs)
    if n_epochs <= MAX_EPOCHS:
        return history.epochs
    places = set(np.linspace(0, n_epochs - 1, MAX_EPOCHS - 1).astype(int).tolist())
    return [history.epochs[place] for place in sorted(places | {max(0, history.best)})]


def _kept(history: History) -> Epoch | None:
    return history.kept if history.best >= 0 else None


def _told(history: History) -> str:
    """What the training came to, in words."""
    last, kept = history.epochs[-1], _kept(history)
    told = (
        f"{history.n_parameters:,} numbers were trained on {last.calls:,} calls, in "
        f"{last.epoch:,} epoch{'s' * (last.epoch != 1)}, until {history.stopped.told}."
    )
    if kept is None:
        return f"{told} The weights of no epoch were better than others."
    of = (
        f"of {history.n_held_out:,} traces held out"
        if history.n_held_out
        else "of the learned traces themselves, as none were held out"
    )
    return (
        f"{told} Kept are the weights of epoch {kept.epoch:,}: loss {kept.held_out_loss:.3f} and "
        f"accuracy {kept.held_out_accuracy:.3f} {of}."
    )


def _curves(
    history: History, epochs: list[Epoch], curves: _Curves
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Data and layout of some curves over the epochs, with a line at the one kept."""
    data = [
        {
            "type": "scatter", "mode": "lines+markers" if len(epochs) <= 40 else "lines",
            "name": name, "x": [epoch.epoch for epoch in epochs],
            "y": [_finite(value(epoch)) for epoch in epochs],
            "line": {"dash": "solid" if i else "dot"}, "marker": {"size": 5},
            "hovertemplate": "epoch %{x}: %{y:.4g}<extra></extra>",
        }
        for i, (name, value) in enumerate(curves.numbers.items())
    ]  # fmt: skip
    layout: dict[str, Any] = {
        "height": _HEIGHT_PX,
        "margin": {"l": 8, "r": 8, "t": 24, "b": 8},
        "showlegend": len(curves.numbers) > 1,
        "legend": {"orientation": "h", "y": -0.2, "x": 0},
        "xaxis": {"title": {"text": "epoch"}, "automargin": True, "zeroline": False},
        "yaxis": {"title": {"text": curves.axis}, "automargin": True, "zeroline": False},
    }
    if (kept := _kept(history)) is not None:
        line = {"type": "line", "yref": "paper", "y0": 0, "y1": 1}
        layout["shapes"] = [{**line, "x0": kept.epoch, "x1": kept.epoch}]
        layout["annotations"] = [{
            "text": "kept", "showarrow": False, "x": kept.epoch, "yref": "paper", "y": 1,
            "xanchor": "right", "yanchor": "top",
        }]  # fmt: skip
    return data, layout


def _row(epoch: Epoch, *, is_kept: bool) -> tuple[str, ...]:
    numbers = (
        epoch.loss, epoch.held_out_loss, _perplexity(epoch), epoch.accuracy, epoch.held_out_accuracy
    )  # fmt: skip
    return (
        f"{epoch.epoch:,}", f"{epoch.calls:,}", f"{epoch.rate:.3g}",
        *(f"{number:.4g}" for number in numbers), "kept" if is_kept else "",
    )  # fmt: skip


def _perplexity(epoch: Epoch) -> float:
    return epoch.perplexity if math.isfinite(epoch.held_out_loss) else math.nan


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
