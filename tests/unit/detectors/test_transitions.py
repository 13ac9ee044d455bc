"""The transition matrix is what one counts by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from drawn_traces import LEARNED, fitted
from hypothesis import given

from habitus.detectors.markov import Markov
from habitus.detectors.transitions import HasTransitions, Transitions


def matrix_of(traces: list[list[str]], order: int = 1) -> Transitions:
    detector = fitted("markov", traces, order=order)
    assert isinstance(detector, Markov)
    return detector.transitions()


@pytest.mark.parametrize("order", [1, 2, 3])
@given(learned=LEARNED)
def test_it_counts_what_followed_what(order: int, learned: list[list[str]]) -> None:
    matrix = matrix_of(learned, order)
    wanted = Counter(
        (tuple(trace[i - order : i]), trace[i])
        for trace in learned
        for i in range(order, len(trace))
    )
    found = {
        (matrix.state(row), matrix.calls[column]): count
        for row, column, count in zip(
            matrix.rows.tolist(), matrix.columns.tolist(), matrix.counts.tolist(), strict=True
        )
    }
    assert found == wanted
    assert len(matrix.counts) == len(wanted)
    cells = list(zip(matrix.rows.tolist(), matrix.columns.tolist(), strict=True))
    assert cells == sorted(cells)
    for row in range(len(matrix.states)):
        state = matrix.state(row)
        followed = sum(count for (before, _), count in wanted.items() if before == state)
        assert matrix.followed[row] == followed
        windows = [t[i : i + order] for t in learned for i in range(len(t) - order + 1)]
        assert matrix.occurred[row] == windows.count(list(state))
    calls = Counter(call for trace in learned for call in trace)
    assert dict(zip(matrix.calls, matrix.call_counts.tolist(), strict=True)) == calls


def test_it_depends_on_no_order_of_reading() -> None:
    traces = [list("dcbabcd"), list("bdbd"), list("cab")]
    first, second = matrix_of(traces, 2), matrix_of(traces[::-1], 2)
    for name, column in vars(first).items():
        assert np.array_equal(column, getattr(second, name)), name


def test_traces_of_one_call_have_no_transition() -> None:
    matrix = matrix_of([["a"], ["b"]])
    assert len(matrix.counts) == len(matrix.states) == 0
    assert matrix.calls == ("a", "b")


def test_only_chains_have_a_matrix() -> None:
    with_matrix = {
        name
        for name in ("markov", "stide", "tstide", "ngram")
        if isinstance(fitted(name, [list("abab")]), HasTransitions)
    }
    assert with_matrix == {"markov"}
