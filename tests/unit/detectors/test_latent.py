"""Latent: distances by hand, what is kept of training, and a running trace against the whole."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitus.detectors.neural.latent import Latent, centres_of
from habitus.errors import ModelError
from habitus.traces.traceset import TraceSet
from habitus.traces.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

TINY = {"cells": 8, "embedding": 4, "epochs": 2, "warm_up": 0}
LEARNED = ["abcabc", "abd", "cab", "abcabc", "", "a", "dddd"]
JUDGED = ["abcab", "X", "", "abcabc", "dXdddda", "a"]


def traces(rows: Sequence[Sequence[str]]) -> TraceSet:
    return TraceSet.from_names([list(row) for row in rows])


@cache
def fitted(**settings: object) -> Latent:
    detector = Latent.with_settings({**TINY, **settings})
    detector.fit(traces(LEARNED), seed=1)
    return detector


def trained(kind: str = "lstm", method: str = "knn") -> Latent:
    return fitted(kind=kind, method=method, k=2, cells="6,8", layers=2)


def last_output(detector: Latent, trace: Sequence[str]) -> np.ndarray:
    """What the last layer puts out after a whole trace, by PyTorch, call after call."""
    import torch

    network = detector.network
    symbols = detector.reader.symbols(detector.vocabulary.symbols_of(tuple(trace)))
    state = network.fresh(1)
    with torch.inference_mode():
        for symbol in [network.start, *symbols.tolist()]:
            features, state = network(torch.tensor([[symbol]]), state)
    return features[0, -1].numpy()


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_a_state_is_what_the_last_layer_puts_out_after_the_last_call(kind: str) -> None:
    detector = trained(kind)
    wanted = [last_output(detector, trace) for trace in JUDGED if trace]
    found = detector.last_states(traces([trace for trace in JUDGED if trace]))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def with_points(method: str, k: int, points: list[list[float]]) -> Latent:
    detector = Latent.with_settings({"method": method, "k": k, "cells": 2})
    detector.points = np.array(points, dtype=np.float32)
    return detector


@pytest.mark.parametrize(("k", "wanted"), [(1, 3), (2, 4), (3, 5), (9, 5)])
def test_the_radius_that_holds_k_training_traces(k: int, wanted: float) -> None:
    """From (0, 0) to (0, 4), (3, 4) and (3, 0); where there are fewer than k, to the farthest."""
    detector = with_points("knn", k, [[0, 4], [3, 4], [3, 0]])
    assert detector.distances(np.zeros((1, 2), np.float32)).tolist() == [wanted]


def test_the_nearest_of_several_centres() -> None:
    detector = with_points("k-means", 2, [[0, 4], [6, 8]])
    states = np.array([[0, 0], [6, 9], [3, 8]], dtype=np.float32)
    assert detector.distances(states).tolist() == [4, 1, 3]


def test_as_in_the_paper_unless_said_otherwise() -> None:
    assert Latent.with_settings({}).settings.k_used == 11
    assert Latent.with_settings({"method": "k-means"}).settings.k_used == 1
    assert Latent.with_settings({"method": "k-means", "k": 3}).settings.k_used == 3


def test_centres_by_hand() -> None:
    """Two pairs; from (0, 0) and (0, 2) it ends at another optimum. One centre is the mean."""
    points = np.array([[0, 0], [0, 2], [10, 0], [10, 2]], dtype=np.float32)
    for seed in range(5):
        centres = sorted(centres_of(points, 2, np.random.default_rng(seed)).tolist())
        assert centres in ([[0, 1], [10, 1]], [[5, 0], [5, 2]])
    assert centres_of(points, 1, np.random.default_rng(1)).tolist() == [[5, 1]]


def test_there_are_no_more_centres_than_different_points() -> None:
    points = np.array([[1, 1]] * 5 + [[2, 2]], dtype=np.float32)
    centres = centres_of(points, 4, np.random.default_rng(1))
    assert sorted(centres.tolist()) == [[1, 1], [2, 2]]


def test_distinct_training_traces_are_kept_those_held_out_to_stop_too() -> None:
    detector = fitted(stop_share=0.5)
    wanted = detector.last_states(traces(["abcabc", "abd", "cab", "a", "dddd"]))
    np.testing.assert_array_equal(detector.points, wanted)
    mean = fitted(stop_share=0.5, method="k-means").points
    np.testing.assert_allclose(mean, wanted.mean(axis=0, keepdims=True), atol=1e-6)


def test_the_seed_draws_those_that_are_kept() -> None:
    few = fitted(traces=2).points
    assert few.shape == (2, 8)
    kept = {point.tobytes() for point in fitted().points}
    np.testing.assert_array_equal(few, fitted(traces=2).points)
    # Scored side by side or not, rounding may differ.
    all_points = np.array([np.frombuffer(point, np.float32) for point in kept])
    for point in few:
        assert np.abs(all_points - point).max(axis=1).min() < 1e-5


def test_a_training_trace_lies_on_itself_and_no_call_has_no_score() -> None:
    scores = fitted(k=1).trace_scores(traces(["abd", "", "XYXYXY"]))
    assert scores[0] == pytest.approx(0, abs=1e-5)
    assert np.isnan(scores[1])
    assert scores[2] > 1e-3


def test_nothing_to_score_is_no_error() -> None:
    assert trained().trace_scores(traces([])).shape == (0,)
    assert np.isnan(trained().trace_scores(traces(["", ""]))).all()


@pytest.mark.parametrize("method", ["knn", "k-means"])
@given(trace=st.lists(st.sampled_from("abcdX"), max_size=20), data=st.data())
def test_a_running_score_is_that_of_the_whole(
    method: str, trace: list[str], data: st.DataObject
) -> None:
    detector = trained(method=method)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(trace)), max_size=4)))
    symbols = detector.vocabulary.symbols_of(tuple(trace))
    running = detector.running()
    for begin, end in pairwise([0, *cuts, len(trace)]):
        running.add(symbols[begin:end])
    (whole,) = detector.trace_scores(traces([trace]))
    np.testing.assert_allclose(running.score, whole, atol=1e-4)


def test_few_at_a_time_score_like_many(monkeypatch: pytest.MonkeyPatch) -> None:
    together = trained().trace_scores(traces(JUDGED))
    monkeypatch.setattr("habitus.detectors.neural.latent.BLOCK_TRACES", 2)
    monkeypatch.setattr("habitus.detectors.neural.latent.BLOCK_CELLS", 1)
    np.testing.assert_allclose(trained().trace_scores(traces(JUDGED)), together, atol=1e-5)


def test_its_calls_cost_what_the_language_model_says() -> None:
    from habitus.detectors.neural.lstm import Lstm

    model = Lstm.with_settings(TINY)
    model.fit(traces(LEARNED), seed=1)
    np.testing.assert_array_equal(fitted().surprise(traces(JUDGED)), model.surprise(traces(JUDGED)))


@pytest.mark.parametrize(
    ("points", "told"),
    [
        (None, "missing"),
        (np.zeros((2, 8)), "no table of float32"),
        (np.zeros(8, np.float32), "no table of float32"),
        (np.zeros((0, 8), np.float32), r"\(0, 8\)"),
        (np.zeros((4, 8), np.float32), r"\(4, 8\), not up to \(3, 8\)"),
        (np.zeros((2, 7), np.float32), r"\(2, 7\)"),
        (np.full((2, 8), np.nan, np.float32), "no number"),
        (np.full((2, 8), np.inf, np.float32), "no number"),
    ],
)
def test_points_that_do_not_fit_are_refused(points: np.ndarray | None, told: str) -> None:
    origin = fitted(traces=3)
    clone = Latent.with_settings({**TINY, "traces": 3})
    clone.vocabulary = Vocabulary(origin.vocabulary.names)
    state = {name: array for name, array in origin.state().items() if name != "latent"}
    if points is not None:
        state["latent"] = points
    with pytest.raises(ModelError, match=told):
        clone.restore(state)


def test_what_is_restored_scores_the_same() -> None:
    origin = trained()
    clone = Latent.with_settings(origin.settings.model_dump(mode="json"))
    clone.vocabulary = Vocabulary(origin.vocabulary.names)
    clone.restore({name: array.copy() for name, array in origin.state().items()})
    np.testing.assert_array_equal(
        clone.trace_scores(traces(JUDGED)), origin.trace_scores(traces(JUDGED))
    )
