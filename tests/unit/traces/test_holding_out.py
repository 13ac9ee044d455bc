"""Holding out: whole parts, about a share of them, and never traces alone that tell nothing."""

from __future__ import annotations

import numpy as np
import pytest

from habitus.traces.holding_out import held_out_part
from habitus.traces.traceset import TraceSet

RUNS = [["read"] * n for n in range(1, 9)]


@pytest.mark.parametrize("seed", range(20))
def test_traces_without_a_call_are_not_all_that_is_held_out(seed: int) -> None:
    traces = TraceSet.from_names([*RUNS, [], [], []])
    held_out = held_out_part(traces, 0.1, seed)
    assert traces.select(held_out).n_calls
    assert traces.select(~held_out).n_calls


def test_equal_sequences_stay_together() -> None:
    traces = TraceSet.from_names(RUNS * 3)
    held_out = held_out_part(traces, 0.25, 1).reshape(3, 8)
    assert (held_out == held_out[0]).all()
    assert np.count_nonzero(held_out[0]) == 2
