"""What scoring whole traces keeps: their costs, and states of no more of them than of a block."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch

from habitus.detectors.neural import reader as reader_module
from habitus.detectors.neural.reader import Reader, Standing
from habitus.networks.recurrent import RecurrentNetwork

CELLS, CALLS = 64, 4


def reader_of(way: str) -> Reader:
    torch.manual_seed(1)
    network = RecurrentNetwork(
        5, kind="lstm", cells=[CELLS], embedding=4, tied=False, dropout=0, dropout_input=0
    )
    network.steps_are_quick = way == "steps"
    return Reader(network.eval().requires_grad_(False), 1e-3, 1)


@pytest.mark.parametrize("way", ["steps", "stretches"])
def test_whole_traces_cost_what_each_costs_call_by_call(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some begin alike, some have no call, and they are more than a block holds."""
    monkeypatch.setattr(reader_module, "MAX_BLOCK", 16)
    reader, random = reader_of(way), np.random.default_rng(1)
    traces = [random.integers(0, 6, length) for length in random.integers(0, 90, 40)]
    traces += [np.append(trace, 1) for trace in traces[::4]]
    found = reader.surprise(np.concatenate(traces), np.cumsum([0, *map(len, traces)]))
    wanted = []
    for trace in traces:
        standing = reader.fresh(1)
        for call in trace:
            costs, states = reader.step(standing, np.array([call]))
            standing = Standing(states, np.array([call]))
            wanted.append(costs[0])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("way", ["steps", "stretches"])
def test_memory_grows_by_columns_alone(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "MAX_BLOCK", 64)
    reader, random = reader_of(way), np.random.default_rng(1)

    def peak_bytes(n_traces: int) -> int:
        calls = random.integers(0, 6, n_traces * CALLS)
        offsets = np.arange(0, len(calls) + 1, CALLS)
        tracemalloc.start()
        reader.surprise(calls, offsets)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    few, many = peak_bytes(500), peak_bytes(5_000)
    # What is kept of a trace beside its state, which alone would take 512 bytes or more.
    assert reader.n_state * 4 >= 512
    assert many - few < 4_500 * 200
