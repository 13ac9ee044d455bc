"""What cells are said to fire on, by cells whose habits are known, and by a network's own."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from habitus.errors import UsageError
from habitus.models.memory import Memory
from habitus.models.training import fit_model
from habitus.pictures.cell_habits import MAX_CALLS, MAX_TRACE_CALLS, Groups, Habits
from habitus.pictures.cells import MAX_DRAWN, N_CELLS, cells_over, cells_record
from habitus.traces.traceset import TraceInfo, TraceSet, offsets_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.models.model import Model

NAMES = ("close", "open", "read")
CLOSE, OPEN, READ = range(3)


def memory_of(*traces: list[int]) -> Memory:
    calls = np.array([call for trace in traces for call in trace], dtype=np.uint16)
    names = tuple(str(i) for i in range(len(traces)))
    return Memory(calls, offsets_of(list(map(len, traces))), names, np.zeros(0, "V16"))


def random_memory(n_calls: int = 3000) -> Memory:
    return memory_of(*np.random.default_rng(1).integers(0, 3, (10, n_calls // 10)).tolist())


def known_cells(symbols: NDArray[np.uint16], first: int) -> NDArray[np.float32]:
    """Four cells: on read; on close after read; noise; and one that never moves."""
    read = symbols == READ
    pair = (symbols == CLOSE) & np.append(False, read[:-1])
    noise = np.random.default_rng(len(symbols)).normal(size=len(symbols))
    columns = np.stack([read, pair, noise, np.full(len(symbols), 0.5)], axis=1)
    return columns.astype(np.float32)[first:]


def test_what_explains_a_cell() -> None:
    habits = Habits.of(random_memory(), NAMES, known_cells)
    by_call, by_pair = habits.explained(habits.calls), habits.explained(habits.pairs)
    assert by_call == pytest.approx([1, 0.25, 0, 0], abs=0.03)
    assert by_pair == pytest.approx([1, 1, 0, 0], abs=0.03)
    assert habits.ends(habits.calls, 0) == (
        (("read", 1.0), ("close", 0.0), ("open", 0.0)),
        (("open", 0.0), ("close", 0.0), ("read", 1.0)),
    )
    assert habits.ends(habits.pairs, 1)[0][0] == ("close after read", 1.0)


def test_groups_of_pure_chance_explain_nothing() -> None:
    """Not even where there are so many groups that each fits its few calls."""
    random = np.random.default_rng(3)
    values = random.normal(size=(400, 50)).astype(np.float32)
    keys = random.integers(0, 150, 400)
    groups = Groups.of(values, keys, str)
    shares = Habits(values, values.std(axis=0, dtype=np.float64), groups, groups).explained(groups)
    assert shares.mean() < 0.05


def test_group_means_are_those_of_a_loop() -> None:
    random = np.random.default_rng(5)
    values = random.normal(size=(200, 3)).astype(np.float32)
    keys = random.integers(0, 9, 200) * 1000
    groups = Groups.of(values, keys, str)
    for name, size, mean in zip(groups.names, groups.sizes, groups.means, strict=True):
        own = values[keys == int(name)].astype(np.float64)
        assert len(own) == size
        np.testing.assert_allclose(mean, own.mean(axis=0))


def test_rare_calls_and_calls_never_seen_are_named_for_what_they_are() -> None:
    memory = memory_of([OPEN, 65535, READ] * 12 + [CLOSE])
    habits = Habits.of(memory, NAMES, known_cells)
    highest, _ = habits.ends(habits.calls, 0)
    assert [what for what, _ in highest] == ["read", "open", "a call never seen"]
    assert "open after nothing" in habits.pairs.names


def test_no_more_of_the_training_traces_is_read_than_is_needed() -> None:
    lengths: list[int] = []

    def counted(symbols: NDArray[np.uint16], first: int) -> NDArray[np.float32]:
        lengths.append(len(symbols))
        return known_cells(symbols, first)

    habits = Habits.of(memory_of(*([[OPEN, READ] * 2000] * 40)), NAMES, counted)
    assert set(lengths) == {MAX_TRACE_CALLS}
    assert len(habits.values) == sum(lengths) == MAX_CALLS


def test_a_model_without_memory_cannot_tell_of_its_cells() -> None:
    with pytest.raises(UsageError, match="remembers no training trace"):
        Habits.of(Memory.nothing(), NAMES, known_cells)


@cache
def lstm(**settings: object) -> Model:
    tiny = {"cells": 20, "embedding": 4, "epochs": 2, "patience": 0, "stretch": 8} | settings
    traces = [["open", "read", "read", "close"] * 5, ["open", "close", "open", "read"] * 4] * 4
    return fit_model("lstm", TraceSet.from_names(traces), settings=tiny, false_alarms=0.4)


def trace_of(n_calls: int) -> TraceSet:
    names = np.random.default_rng(7).choice(["open", "read", "close", "bpf"], n_calls).tolist()
    return TraceSet.from_names([names], infos=[TraceInfo("t", "s")])


def test_cells_are_what_the_output_layer_reads() -> None:
    import torch

    model, trace = lstm(), trace_of(30)
    cells = cells_over(model, trace)
    assert cells.calls == tuple(trace.trace(0))
    network = model.detector.network  # type: ignore[attr-defined]
    symbols = np.minimum(model.detector.vocabulary.encode(trace), 3).astype(np.int64)
    state = network.fresh(1)
    outputs = []
    with torch.inference_mode():
        for symbol in [network.start, *symbols.tolist()]:
            features, state = network(torch.tensor([[symbol]]), state)
            outputs.append(features[0, 0].numpy())
    wanted = np.array(outputs[1:])
    for view in cells.views:
        assert len(view.cells) == N_CELLS
        for cell, row in zip(view.cells, view.values, strict=True):
            np.testing.assert_allclose(row, wanted[:, cell.number], atol=1e-5)


def test_a_stretch_of_a_long_trace_is_drawn_as_in_the_whole() -> None:
    model, trace = lstm(), trace_of(MAX_DRAWN + 50)
    late = cells_over(model, trace, 101)
    assert len(late.calls) == MAX_DRAWN - 50
    assert len(cells_over(model, trace).calls) == MAX_DRAWN
    symbols = model.detector.vocabulary.encode(trace)
    whole = model.detector.activations(symbols)  # type: ignore[attr-defined]
    for view in late.views:
        for cell, row in zip(view.cells, view.values, strict=True):
            np.testing.assert_allclose(row, whole[100:, cell.number], atol=1e-5)


def test_a_single_call_can_be_drawn() -> None:
    assert all(view.cells for view in cells_over(lstm(), trace_of(1)).views)


@pytest.mark.parametrize("first", [0, 31, 10**12])
def test_a_stretch_beyond_the_trace_is_refused(first: int) -> None:
    with pytest.raises(UsageError, match=r"the trace 't' has 30 calls"):
        cells_over(lstm(), trace_of(30), first)


def test_detectors_without_such_cells_are_refused() -> None:
    for model in (
        fit_model("markov", TraceSet.from_names([["open", "read"]] * 4), false_alarms=0.4),
        lstm(window=2),
    ):
        with pytest.raises(UsageError, match="no cells that read a trace call after call"):
            cells_over(model, trace_of(5))


def test_a_network_that_never_moves_is_told() -> None:
    model = lstm()
    still = replace(model, detector=_Still(model))
    with pytest.raises(UsageError, match="no cell of this network moves"):
        cells_over(still, trace_of(5))


class _Still:
    """A detector whose cells all stand still."""

    name = "still"

    def __init__(self, model: Model) -> None:
        self.vocabulary = model.detector.vocabulary

    def activations(self, symbols: NDArray[np.uint16], first: int = 0) -> NDArray[np.float32]:
        return np.full((len(symbols) - first, 4), 0.25, dtype=np.float32)


def test_the_record_holds_what_is_drawn() -> None:
    record = cells_record(cells_over(lstm(), trace_of(5)))
    assert (record["trace"], record["first_call"], record["n_cells"]) == ("t", 1, 20)
    for view in record["views"]:
        for cell in view["cells"]:
            assert len(cell["values"]) == len(record["calls"]) == 5
            assert 0 <= cell["explained_by_call"] <= 1
