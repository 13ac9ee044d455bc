"""The picture of a model that is a chain of states, and the same as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from habitus.detectors.transitions import HasTransitions, Transitions
from habitus.errors import UsageError
from habitus.pictures.heat_map import MAX_SHOWN, heat_maps, percent, state_name
from habitus.pictures.page import escaped, figure, page, table
from habitus.syscalls import family_of

if TYPE_CHECKING:
    from habitus.models.model import Model, Provenance

MOST_FREQUENT = 30
"""Transitions in the table beside the picture."""


def transitions_of(model: Model) -> Transitions:
    """The transition matrix of a model.

    Raises:
        UsageError: if its detector has none, or nothing followed anything in training.
    """
    detector = model.detector
    if not isinstance(detector, HasTransitions):
        raise UsageError(
            f"a model of {detector.name} has no transition matrix of calls to draw; one of markov "
            "has: habitus train markov --data ...; of a neural network, as of lstm, other things "
            "are drawn"
        )
    matrix = detector.transitions()
    if not len(matrix.counts):
        order = matrix.states.shape[1]
        raise UsageError(
            f"no training trace was longer than the {order} call{'s' * (order > 1)} of a state: "
            "there is no transition to draw"
        )
    return matrix


def transitions_record(matrix: Transitions) -> dict[str, Any]:
    """The matrix as plain values: states, calls, and (state, call, count) of what was seen."""
    return {
        "states": [
            {"calls": list(matrix.state(row)), "followed": int(followed)}
            for row, followed in enumerate(matrix.followed)
        ],
        "calls": [
            {"name": name, "family": family_of(name), "count": int(count)}
            for name, count in zip(matrix.calls, matrix.call_counts, strict=True)
        ],
        "transitions": np.stack([matrix.rows, matrix.columns, matrix.counts], axis=1).tolist(),
    }


def transitions_page(matrix: Transitions, origin: Provenance, name: str) -> str:
    """The matrix as an HTML page by itself.

    Args:
        matrix: with at least one transition, as `transitions_of` gives it.
        origin: of the model, which is called ``name``.
    """
    rows = _most_frequent(matrix)
    state, then, share, _ = rows[0]
    alternative = (
        f"Heat map of {len(matrix.states):,} states and {len(matrix.calls):,} calls; "
        f"{len(matrix.counts):,} transitions between them were seen. The most frequent: after "
        f"{state}, {then}, {share}. The {len(rows)} most frequent stand in the table below."
    )
    headings = ("after", "then", ">share", ">seen")
    body = [
        _introduction(matrix, origin, name),
        figure("Share of each next call", alternative, heat_maps(matrix)),
        f"<h2>The {len(rows)} most frequent transitions</h2>\n",
        table("Ordered by how often they were seen", headings, rows),
    ]
    return page("Transitions between system calls", "".join(body))


def _introduction(matrix: Transitions, origin: Provenance, name: str) -> str:
    """What is drawn, how to read it, and what is left out."""
    n_states, order = matrix.states.shape
    before = "the call before" if order == 1 else f"the {order} calls before"
    text = (
        f"<p>Which call followed which in <code>{escaped(origin.data)}</code>: "
        f"{origin.n_traces:,} traces, {origin.n_calls:,} calls. Model "
        f"<code>{escaped(name)}</code>, {escaped(origin.created[:10])}.</p>\n"
        f"<p>A row is {before}, a column the call that came next, the colour its share among all "
        "that came next. An empty cell was never seen in training: such a call is dear, not "
        "impossible.</p>\n"
    )
    if max(n_states, len(matrix.calls)) > MAX_SHOWN:
        text += (
            f"<p>At most {MAX_SHOWN} states and calls are drawn, the most frequent of "
            f"{n_states:,} and {len(matrix.calls):,}; <code>habitus model draw --json</code> gives "
            "all.</p>\n"
        )
    return text


def _most_frequent(matrix: Transitions) -> list[tuple[str, str, str, str]]:
    """The table's rows."""
    found = []
    for place in np.argsort(-matrix.counts, kind="stable")[:MOST_FREQUENT]:
        row, count = int(matrix.rows[place]), int(matrix.counts[place])
        total = int(matrix.followed[row])
        found.append((
            state_name(matrix.state(row)), matrix.calls[matrix.columns[place]],
            percent(count, total), f"{count:,} of {total:,}",
        ))  # fmt: skip
    return found
