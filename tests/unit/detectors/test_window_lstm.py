"""An LSTM that guesses each call from the few before it alone."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from habitus.detectors.neural import window_scoring
from habitus.detectors.neural.lstm import Lstm
from habitus.errors import UsageError
from habitus.traces.traceset import TraceSet
from segments import segmented, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW = 3
TINY = {
    "window": WINDOW, "cells": "6,8", "layers": 2, "embedding": 0, "epochs": 2, "warm_up": 0,
    "baseline": 0,
}  # fmt: skip
LEARNED = ["abcabcabc", "abdabcab", "cab", "abcabcabc", "", "dddd", "abcdabcd"]
TRACES = st.lists(st.lists(st.sampled_from("abcdX"), max_size=16), max_size=4)


def traces(rows: Sequence[Sequence[str]]) -> TraceSet:
    return TraceSet.from_names([list(row) for row in rows])


@cache
def fitted(**settings: object) -> Lstm:
    detector = Lstm.with_settings({**TINY, **settings})
    detector.fit(traces(LEARNED), seed=1)
    return detector


def slow_surprise(detector: Lstm, trace: Sequence[str]) -> list[float]:
    """Every window read by itself, by PyTorch."""
    network, floor = detector.network, detector.settings.floor
    symbols = detector.reader.symbols(detector.vocabulary.symbols_of(tuple(trace))).tolist()
    found = [float("nan")] * min(WINDOW, len(symbols))
    for place in range(WINDOW, len(symbols)):
        read = torch.tensor([symbols[place - WINDOW : place]])
        with torch.inference_mode():
            features, _ = network(read, network.fresh(1))
            chances = network.logits(features[0, -1]).softmax(dim=-1).tolist()
        chance = chances[symbols[place]] if symbols[place] < network.n_symbols else 0.0
        found.append(-np.log((1 - floor) * chance + floor / (network.n_symbols + 1)))
    return found


@given(judged=TRACES, block_bytes=st.integers(1, 2000), rows=st.integers(1, 40))
def test_every_call_costs_what_its_window_alone_makes_of_it(
    judged: list[list[str]], block_bytes: int, rows: int
) -> None:
    detector = fitted()
    wanted = [cost for trace in judged for cost in slow_surprise(detector, trace)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("habitus.learning.windows.BLOCK_BYTES", block_bytes)
        patch.setattr(window_scoring, "BLOCK_BYTES", rows * 4 * detector.reader.n_state)
        found = detector.surprise(traces(judged))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_equal_windows_are_scored_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """`abcabcabcabc` repeated: three different windows, whose beginnings are read once, too."""
    detector, read = fitted(), []
    step = detector.reader.step

    def counted(standing, calls):  # type: ignore[no-untyped-def]
        read.append(len(calls))
        return step(standing, calls)

    monkeypatch.setattr(detector.reader, "step", counted)
    detector.surprise(traces(["abc" * 50, "abc" * 70]))
    assert read == [3, 3, 3]


@given(data=st.data(), judged=TRACES.filter(len))
def test_a_stream_equals_the_whole_however_it_is_cut(
    data: st.DataObject, judged: list[list[str]]
) -> None:
    detector = fitted()
    stream = detector.stream()
    found: dict[str, list[float]] = {f"t{i}": [] for i in range(len(judged))}
    for batch in data.draw(segmented(judged)):
        surprise = stream.push(batch)
        for row, info in enumerate(batch.infos):
            found[info.name] += surprise[batch.offsets[row] : batch.offsets[row + 1]].tolist()
    joined = [cost for costs in found.values() for cost in costs]
    np.testing.assert_allclose(joined, detector.surprise(whole(judged)), atol=1e-4)


def test_what_is_expected_is_what_costs_least() -> None:
    detector = fitted()
    expected = detector.expected(detector.vocabulary.symbols_of(("d", "a", "b", "c")), top=9)
    assert expected is not None
    costs = {name: detector.surprise(traces([["a", "b", "c", name]]))[-1] for name in "abcd"}
    assert [name for name, _ in expected.calls] == sorted(costs, key=lambda name: costs[name])
    for name, chance in expected.calls:
        assert -np.log(chance) == pytest.approx(costs[name], abs=1e-4)


def test_nothing_is_expected_before_a_window_is_full() -> None:
    detector = fitted()
    assert detector.expected(detector.vocabulary.symbols_of(("a", "b"))) is None
    assert detector.memory_calls == WINDOW


def test_a_trace_no_longer_than_the_window_cannot_be_scored() -> None:
    assert np.isnan(fitted().surprise(traces(["abc", "", "a"]))).all()
    assert not np.isnan(fitted().surprise(traces(["abca"]))[-1])


def test_the_first_windows_alone_are_learned() -> None:
    """Ten of the eleven in the first two traces, and the last of those ten is held out."""
    settings = {"windows": 10, "stop_share": 0.1, "batch": 4, "epochs": 1}
    history = fitted(**settings).history
    assert history.epochs[0].calls == 9
    assert history.n_held_out == 1
    other = Lstm.with_settings({**TINY, **settings})
    other.fit(traces([*LEARNED[:2], "XXXXXX"]), seed=1)
    assert other.history.epochs[0].calls == 9


def test_all_windows_are_learned_otherwise_and_traces_are_held_out() -> None:
    lengths = [len(trace) for trace in LEARNED]
    history = fitted(stop_share=0.3).history
    assert history.n_held_out >= 1
    assert history.epochs[0].calls < sum(max(0, length - WINDOW) for length in lengths)


def test_the_preset_is_the_repository_s() -> None:
    settings = Lstm.with_settings({"preset": "window19"}).settings
    assert (settings.window, settings.windows, settings.stop_share) == (19, 20_298, 0.05)
    assert settings.cells_of_layers == (64, 256, 100)
    assert (settings.embedding, settings.dropout, settings.optimiser) == (0, 0.2, "rmsprop")
    assert (settings.batch, settings.epochs, settings.rate) == (50, 1, 1e-3)
    assert Lstm.with_settings({"preset": "window19", "dropout": 0.5}).settings.dropout == 0.5


def test_settings_that_mean_nothing_and_traces_too_short_are_told() -> None:
    with pytest.raises(UsageError, match="say in window how long they are"):
        Lstm.with_settings({"windows": 5})
    with pytest.raises(UsageError, match="set a shorter window"):
        Lstm.with_settings({**TINY, "window": 40}).fit(traces(LEARNED))


def test_one_call_again_and_again_costs_one_value() -> None:
    surprise = fitted().surprise(traces(["a" * 200_000]))
    assert np.isnan(surprise[:WINDOW]).all()
    assert len(np.unique(surprise[WINDOW:])) == 1
    assert surprise[-1] == pytest.approx(slow_surprise(fitted(), "aaaa")[-1], abs=1e-4)


@pytest.mark.parametrize("rows", [["a"], ["a", "", "a"], ["a", "b", ""], ["ab", "abc", "b"]])
@pytest.mark.parametrize("windows", [0, 5])
def test_traces_none_of_which_fills_a_window_are_told_with_what_to_do(
    rows: list[str], windows: int
) -> None:
    detector = Lstm.with_settings({**TINY, "windows": windows})
    with pytest.raises(UsageError, match=r"more than 3 calls.*set a shorter window"):
        detector.fit(traces(rows))
    with pytest.raises(UsageError, match="no call to learn from"):
        detector.fit(traces(["", ""]))


@pytest.mark.parametrize("seed", range(1, 7))
def test_the_only_trace_that_is_long_enough_is_learned(seed: int) -> None:
    """Whichever of the two the seed would hold out; the other has nothing to be judged on."""
    detector = Lstm.with_settings(TINY)
    detector.fit(traces(["abcabcabc", "ab"]), seed=seed)
    assert detector.history.epochs[0].calls == 9 - WINDOW
    assert detector.history.n_held_out == 0
    assert np.isfinite(detector.surprise(traces(["abcab"]))[WINDOW:]).all()
