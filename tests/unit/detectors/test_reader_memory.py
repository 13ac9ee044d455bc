"""What scoring whole traces keeps: their costs, and states of no more of them than of a block."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch

from habitus.detectors.neural import reader as reader_module
from habitus.detectors.neural.reader import Reader
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
def test_whole_traces_cost_what_they_cost_where_their_end_is_kept(way: str) -> None:
    reader, random = reader_of(way), np.random.default_rng(1)
    offsets = np.cumsum([0, *random.integers(0, 90, 40)])
    calls = random.integers(0, 6, offsets[-1])
    scored, _ = reader.score(calls, offsets)
    np.testing.assert_array_equal(reader.surprise(calls, offsets), scored)


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
