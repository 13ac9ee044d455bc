"""The page of a network: curves, map and cells say what was learned, whatever names calls have."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
import pytest

from habitus.errors import UsageError
from habitus.learning.history import Epoch, History, Stopped
from habitus.models.training import fit_model
from habitus.pictures.call_map import LEAST_SEEN, call_map, map_record, projected
from habitus.pictures.learning import MAX_EPOCHS, drawn_epochs, learning_part
from habitus.pictures.map_part import rank_told
from habitus.pictures.network import NetworkPicture
from habitus.traces.traceset import TraceInfo, TraceSet

if TYPE_CHECKING:
    from habitus.models.model import Model

CALLS = ["read", "write", "open", "close", "poll", "select", "brk", "mmap", "</script><b>&%{x}"]
TINY = {"cells": 8, "embedding": 4, "epochs": 2, "patience": 0, "stretch": 8, "stop_share": 0}


@cache
def network(detector: str = "lstm", **settings: object) -> Model:
    random = np.random.default_rng(1)
    traces = [random.choice(CALLS, 40).tolist() for _ in range(12)]
    traces.append([*random.choice(CALLS, 30).tolist(), "rare"])
    tiny = {} if detector == "autoencoder" else TINY
    return fit_model(
        detector, TraceSet.from_names(traces), settings={**tiny, **settings}, false_alarms=0.4
    )


def figures(page: str) -> list[list[dict[str, Any]]]:
    """The views of each figure of a page."""
    data = re.findall(r'<script type="application/json">(.*?)</script>', page)
    return [json.loads(text) for text in data]


def valid(page: str) -> None:
    for views in figures(page):
        for view in views:
            go.Figure({"data": view["data"], "layout": {**view["layout"], **view["narrow"]}})


def test_a_page_shows_curves_map_and_cells() -> None:
    trace = TraceSet.from_names([CALLS * 3], infos=[TraceInfo("<t>", "s")])
    picture = NetworkPicture.of(network(), trace, 2)
    page = picture.page("models/<mine>")
    valid(page)
    assert len(page) < 6_000_000
    assert [len(views) for views in figures(page)] == [4, 4, 2]
    assert "<b>" not in page.partition("<main>")[2].partition("</main>")[0]
    assert "Calls 2 to 27 of the trace &lt;t&gt;" in page
    assert picture.told() == "2 epochs, a map of 9 calls, cells over 26 calls"
    record = json.loads(json.dumps(picture.record(), allow_nan=False))
    assert record["cells"]["calls"] == (CALLS * 3)[1:]
    assert [one["of"] for one in record["maps"]] == ["read", "expected"]


def test_without_a_trace_no_cells_are_drawn() -> None:
    picture = NetworkPicture.of(network())
    assert picture.record()["cells"] is None
    assert "What its cells do" not in picture.page("m")


def test_one_hot_and_shared_numbers_make_one_map() -> None:
    one_hot, tied = network(embedding=0), network(embedding=8, tied=True)
    assert [one.of for one in NetworkPicture.of(one_hot).maps] == ["expected"]
    assert [one.of for one in NetworkPicture.of(tied).maps] == ["read"]


def test_an_autoencoder_has_curves_and_a_map() -> None:
    model = network("autoencoder", length=4, epochs=2, hidden=8, code=2, embedding=3)
    picture = NetworkPicture.of(model)
    valid(picture.page("m"))
    assert {one.of for one in picture.maps} >= {"read"}


def test_too_few_calls_make_no_map_and_that_is_said() -> None:
    model = fit_model(
        "lstm",
        TraceSet.from_names([["read", "close"] * n for n in range(1, 5)]),
        settings=TINY,
        false_alarms=0.4,
    )
    picture = NetworkPicture.of(model)
    assert picture.maps == ()
    assert "too few for a map" in picture.page("m")


def test_a_model_that_is_no_network_is_refused() -> None:
    model = fit_model("markov", TraceSet.from_names([["read", "close"]] * 4), false_alarms=0.4)
    with pytest.raises(UsageError, match="a model of markov is no network"):
        NetworkPicture.of(model)


def test_a_map_holds_calls_that_occurred_often_enough() -> None:
    model = network()
    vectors = np.random.default_rng(3).normal(size=(10, 4)).astype(np.float32)
    drawn = call_map(model, vectors, "read")
    assert drawn is not None
    assert set(drawn.calls) == set(CALLS)
    assert "rare" in model.detector.vocabulary
    assert drawn.counts.tolist() == sorted(drawn.counts.tolist(), reverse=True)
    assert min(drawn.counts) >= LEAST_SEEN
    at = {call: vectors[model.detector.vocabulary.names.index(call)] for call in CALLS}
    for place, call in enumerate(drawn.calls):
        unit = {c: v / np.linalg.norm(v) for c, v in at.items()}
        nearest = sorted(set(CALLS) - {call}, key=lambda c: -float(unit[c] @ unit[call]))
        assert list(drawn.nearest(place)) == nearest[:5]
    waiting = next(group for group in drawn.groups if group.name == "waiting")
    assert sorted(waiting.calls) == ["poll", "select"]
    one, other = (drawn.calls.index(call) for call in waiting.calls)
    assert waiting.rank == (drawn.ranks[one, other] + drawn.ranks[other, one]) / 2


def test_the_number_beside_the_map_is_told() -> None:
    drawn = call_map(network(), np.eye(10, 4, dtype=np.float32), "read")
    assert drawn is not None
    assert drawn.rank is not None
    assert f"{drawn.rank.value:.3f}" in rank_told(drawn)
    assert "chance would put them" in rank_told(drawn)
    none = replace(drawn, rank=None)
    assert "nothing can be said of families" in rank_told(none)
    assert map_record(none)["family_rank"] is None


@pytest.mark.parametrize("vectors", [np.zeros((5, 3)), np.ones((6, 1)), np.eye(7)])
def test_any_vectors_have_places_and_the_same_ones_again(vectors: np.ndarray) -> None:
    places = projected(vectors.astype(np.float32), seed=2)
    assert places.shape == (len(vectors), 2)
    assert np.isfinite(places).all()
    np.testing.assert_array_equal(places, projected(vectors.astype(np.float32), seed=2))


def history_of(n_epochs: int, best: int, **other: Any) -> History:
    epochs = [
        Epoch(i + 1, 100 * (i + 1), 0.01, 2.0 / (i + 1), 0.5, 2.5 / (i + 1), 0.4)
        for i in range(n_epochs)
    ]
    return History(epochs, best, Stopped.PATIENCE, 1234, **other)


def test_curves_show_each_epoch_and_the_one_kept() -> None:
    part = learning_part(history_of(4, 2, n_held_out=7))
    (views,) = figures(part)
    assert [view["layout"]["shapes"][0]["x0"] for view in views] == [3] * 4
    learned, held_out = views[0]["data"]
    assert learned["x"] == [1, 2, 3, 4]
    assert learned["y"] == pytest.approx([2, 1, 2 / 3, 0.5])
    assert held_out["y"] == pytest.approx([2.5, 1.25, 2.5 / 3, 0.625])
    assert views[1]["data"][0]["y"] == pytest.approx([math.exp(2.5 / i) for i in range(1, 5)])
    assert "1,234 numbers were trained on 400 calls, in 4 epochs, until the held-out loss" in part
    assert "weights of epoch 3: loss 0.833 and accuracy 0.400 of 7 traces held out" in part


def test_a_loss_that_is_no_number_is_left_out_of_the_curve() -> None:
    history = history_of(2, 0)
    history.epochs[1] = replace(
        history.epochs[1], loss=math.nan, held_out_loss=math.inf, rate=-math.inf
    )
    (views,) = figures(learning_part(history))
    assert [data["y"][1] for view in views for data in view["data"]].count(None) == 4


def test_a_loss_that_is_not_in_nats_has_no_perplexity() -> None:
    (views,) = figures(learning_part(history_of(2, 0), "squared error"))
    assert [view["name"] for view in views if "name" in view] == []
    assert len(views) == 3


def test_no_epoch_and_no_best_epoch_are_told() -> None:
    assert "there is no curve" in learning_part(history_of(0, -1))
    assert "The weights of no epoch" in learning_part(history_of(1, -1))


def test_of_very_many_epochs_some_are_drawn_and_the_kept_one_among_them() -> None:
    history = history_of(40_000, 12_345)
    drawn = drawn_epochs(history)
    assert len(drawn) <= MAX_EPOCHS
    assert {1, 12_346, 40_000} <= {epoch.epoch for epoch in drawn}
    part = learning_part(history)
    assert f"Drawn are {len(drawn)} of its 40,000 epochs" in part
    assert len(part) < 300_000
