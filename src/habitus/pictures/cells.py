"""What cells fire on: each cell of a network over a trace, and the calls that drive it.

Source of the view: A. Karpathy, J. Johnson, L. Fei-Fei, "Visualizing and understanding recurrent
networks", 2015, arXiv 1506.02078.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from habitus.errors import UsageError
from habitus.pictures.cell_habits import Habits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.models.model import Model
    from habitus.pictures.cell_habits import Activations
    from habitus.traces.traceset import TraceSet

    Floats = NDArray[np.float32]

MAX_DRAWN = 300
"""Calls of a trace that are drawn; a page of more would hold too much to look at."""
N_CELLS = 16
"""Cells of each view."""
LEAST_MOVED = 0.1
"""Cells that move less than this share of what the liveliest one does are left out."""


@runtime_checkable
class HasActivations(Protocol):
    """A detector with cells that read a trace call after call."""

    def activations(self, symbols: NDArray[np.uint16], first: int = 0) -> Floats | None:
        """(len(symbols) - first, n_cells) float32, or None."""
        ...


@dataclass(frozen=True)
class Cell:
    """A cell, by what it does over training traces.

    Attributes:
        number: from 0, in the last layer.
        by_call: share of its variance that the call just read explains; ``by_pair`` the same of it
            and the call before it.
        highest, lowest: (what, mean) of the calls on which it is so, the most so first; what is a
            call, or ``close after read``.
    """

    number: int
    by_call: float
    by_pair: float
    highest: tuple[tuple[str, float], ...]
    lowest: tuple[tuple[str, float], ...]


@dataclass(frozen=True, eq=False)
class CellsView:
    """Some cells over the calls of a trace.

    Attributes:
        values: (n_cells, n_calls) float32, a row a cell.
    """

    name: str
    cells: tuple[Cell, ...]
    values: Floats


@dataclass(frozen=True, eq=False)
class Cells:
    """What the cells of a network do over a trace.

    Attributes:
        calls: names of the calls drawn; ``first_call`` is the first one's place in the trace, from
            1.
        n_cells: of the network's last layer; ``n_read`` calls of training traces describe them.
    """

    trace: str
    calls: tuple[str, ...]
    first_call: int
    views: tuple[CellsView, ...]
    n_cells: int
    n_read: int


def cells_over(model: Model, trace: TraceSet, first_call: int = 1) -> Cells:
    """The cells that are most worth a look, over a stretch of a trace.

    Args:
        trace: one trace, from its beginning.
        first_call: where the stretch begins, from 1; it has up to `MAX_DRAWN` calls.

    Raises:
        UsageError: if the detector has no such cells, the trace is shorter, or no cell moves.
    """
    activations = _activations_of(model)
    first = first_call - 1
    if not 0 <= first < trace.n_calls:
        raise UsageError(
            f"--from-call {first_call:,}: the trace {trace.names[0]!r} has {trace.n_calls:,} calls"
        )
    symbols = model.detector.vocabulary.encode(trace)[: first + MAX_DRAWN]
    drawn = activations(symbols, first)
    habits = Habits.of(model.memory, model.detector.vocabulary.names, activations)
    moves = _moves(habits.spread)
    if len(drawn) > 1 and (both := np.intersect1d(moves, _moves(drawn.std(axis=0)))).size:
        moves = both
    if not len(moves):
        raise UsageError("no cell of this network moves over what it was trained on")
    by_call, by_pair = habits.explained(habits.calls), habits.explained(habits.pairs)
    views = []
    for name, worth, groups in (
        ("of one call", by_call, habits.calls),
        ("of one after another", by_pair - by_call, habits.pairs),
    ):
        chosen = moves[np.argsort(-worth[moves], kind="stable")][:N_CELLS]
        cells = tuple(
            Cell(cell, float(by_call[cell]), float(by_pair[cell]), *habits.ends(groups, cell))
            for cell in chosen.tolist()
        )
        views.append(CellsView(name, cells, np.ascontiguousarray(drawn[:, chosen].T)))
    names = tuple(trace.alphabet[call] for call in trace.calls[first : first + len(drawn)])
    return Cells(
        trace.names[0], names, first_call, tuple(views), drawn.shape[1], len(habits.values)
    )


def cells_record(cells: Cells) -> dict[str, Any]:
    """Cells as plain values."""
    return {
        "trace": cells.trace,
        "first_call": cells.first_call,
        "calls": list(cells.calls),
        "n_cells": cells.n_cells,
        "n_read": cells.n_read,
        "views": [
            {
                "name": view.name,
                "cells": [
                    {
                        "cell": cell.number,
                        "explained_by_call": cell.by_call,
                        "explained_by_pair": cell.by_pair,
                        "highest": [{"on": what, "mean": mean} for what, mean in cell.highest],
                        "lowest": [{"on": what, "mean": mean} for what, mean in cell.lowest],
                        "values": [round(float(value), 4) for value in row],
                    }
                    for cell, row in zip(view.cells, view.values, strict=True)
                ],
            }
            for view in cells.views
        ],
    }


def _moves(spread: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """The cells that move at all, beside the liveliest."""
    return np.flatnonzero(spread > LEAST_MOVED * spread.max(initial=0.0))


def _activations_of(model: Model) -> Activations:
    """The detector's activations, or an error where it has none."""
    detector = model.detector

    def activations(symbols: NDArray[np.uint16], first: int) -> Floats:
        found = None
        if isinstance(detector, HasActivations):
            found = detector.activations(symbols, first)
        if found is None:
            raise UsageError(
                f"this model of {detector.name} has no cells that read a trace call after call: "
                "leave --data and --trace out; one of lstm without a window has"
            )
        return found

    return activations
