"""Detectors that start from what another has learned of other traces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from drawn_traces import fitted
from hypothesis import given, settings
from hypothesis import strategies as st

from habitus.detectors import get_detector
from habitus.detectors.mixing import LEAST_WEIGHT, Mixture
from habitus.detectors.ngram import NGram
from habitus.errors import ModelError, UsageError
from habitus.models.files import load_trace_model, save_model
from habitus.models.training import fit_model
from habitus.traces.traceset import TraceSet
from segments import segmented

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from habitus.detectors.base import SequenceDetector

ABROAD = [
    ["openat", "read", "read", "close", "socket", "connect", "sendto", "close"],
    ["openat", "fstat", "read", "close", "write"],
    ["openat", "fstat", "mmap", "close", "write", "write"],
]
HOME = [
    ["open", "read", "close", "poll", "poll", "write"],
    ["open", "fstat", "read", "close", "poll"],
    ["open", "read", "read", "close", "poll", "write", "write"],
    ["open", "fstat", "read", "close", "write"],
    ["poll", "poll", "open", "read", "close"],
]
CALLS = sorted({call for trace in [*ABROAD, *HOME] for call in trace})
TRACES = st.lists(st.sampled_from([*CALLS, "bpf", "statx"]), min_size=1, max_size=20)


def traces(rows: list[list[str]]) -> TraceSet:
    return TraceSet.from_names(rows)


def base(name: str = "ngram", rows: list[list[str]] = ABROAD, **chosen: object) -> SequenceDetector:
    detector = get_detector(name).with_settings(chosen)
    detector.fit(traces(rows))
    return detector


def started(name: str = "ngram", rows: list[list[str]] = HOME, **chosen: object) -> NGram:
    detector = get_detector(name).with_settings(chosen)
    detector.start_from(base(order=3))
    detector.fit(traces(rows))
    lent = detector.lends
    assert isinstance(lent, NGram)
    return lent


def cost_of_last(detector: SequenceDetector, calls: list[str]) -> float:
    return float(detector.surprise(traces([calls]))[-1])


def test_a_weight_between_two_is_the_one_that_makes_calls_likeliest() -> None:
    # Own gives .8 three times and .2 once, the base the contrary: w = .8 solves the sum of
    # 3 .6 / (.2 + .6 w) = .6 / (.8 - .6 w), that is .75 of the calls told by own's likelier side.
    own = -np.log(np.array([0.8, 0.8, 0.8, 0.2] * 500))
    theirs = -np.log(np.array([0.2, 0.2, 0.2, 0.8] * 500))
    depths = np.zeros(2000, dtype=np.int64)
    found = Mixture.learned(own, theirs, (depths, depths), (1, 1))
    assert found.weights[0, 0] == pytest.approx(11 / 12, abs=1e-3)
    steps = np.linspace(0.01, 0.99, 99)
    cost = [found_cost(own, theirs, weight) for weight in steps]
    assert steps[int(np.argmin(cost))] == pytest.approx(found.weights[0, 0], abs=0.01)


def found_cost(own: NDArray[np.float64], theirs: NDArray[np.float64], weight: float) -> float:
    return float(-np.log(weight * np.exp(-own) + (1 - weight) * np.exp(-theirs)).mean())


def test_histories_are_weighed_apart_and_those_never_met_as_all_together() -> None:
    n = 20_000
    depths = np.repeat(np.array([0, 1], dtype=np.int64), n)
    own = -np.log(np.where(depths == 0, 0.9, 0.1))
    theirs = -np.log(np.where(depths == 0, 0.1, 0.9))
    found = Mixture.learned(own, theirs, (depths, np.zeros(2 * n, np.int64)), (3, 1))
    assert found.weights[0, 0] > 0.98
    assert found.weights[1, 0] < 0.02
    assert found.weights[2, 0] == pytest.approx(0.5, abs=0.01)
    assert found.base_share == pytest.approx(0.5, abs=0.01)


def test_neither_side_is_ever_silenced() -> None:
    none, all_of_it = np.full(5000, 60.0), np.zeros(5000)
    depths = np.zeros(5000, dtype=np.int64)
    for own, theirs in ((none, all_of_it), (all_of_it, none)):
        found = Mixture.learned(own, theirs, (depths, depths), (1, 1))
        assert LEAST_WEIGHT <= found.weights[0, 0] <= 1 - LEAST_WEIGHT
    costs = found.nats(np.array([800.0]), np.array([3.0]), (depths[:1], depths[:1]))
    assert costs[0] == pytest.approx(3 - np.log(LEAST_WEIGHT), rel=1e-4)


def test_a_call_costs_the_mixture_of_both() -> None:
    detector = started()
    own = NGram(detector.settings)
    own.vocabulary = detector.vocabulary
    own.restore({name: detector.state()[name] for name in ("parent", "symbol", "count")})
    theirs = base(order=3, kin_share=0)
    calls = ("fstat", "read", "close", "write")
    symbols, offsets = detector.vocabulary.symbols_of(calls), np.array([0, 4])
    # HOME holds the history of three calls; ABROAD is known by windows of three, histories of two.
    assert detector.trie.history_depths(symbols, offsets)[-1] == 3
    weight = detector.mixture.weights[3, 2]
    theirs = base(order=3)
    costs = (
        own.known_nats(symbols, offsets)[-1],
        theirs.lends.known_nats(theirs.vocabulary.symbols_of(calls), offsets)[-1],
    )
    chance = weight * np.exp(-costs[0]) + (1 - weight) * np.exp(-costs[1])
    assert detector.known_nats(symbols, offsets)[-1] == pytest.approx(-np.log(chance), abs=1e-4)


def test_calls_that_only_the_base_knows_are_known() -> None:
    detector = started()
    assert {"socket", "connect", "openat", "open", "poll"} <= set(detector.vocabulary.names)
    alone = base(rows=HOME)
    after = ["open", "read", "close"]
    assert cost_of_last(detector, [*after, "socket"]) < cost_of_last(alone, [*after, "socket"]) - 1
    # And one that neither knows is dearer than either.
    assert cost_of_last(detector, [*after, "bpf"]) > cost_of_last(detector, [*after, "socket"])


def test_a_name_gets_of_its_kin_what_the_own_traces_make_of_it() -> None:
    # HOME calls `open` alone, so that nearly all that the base has for `openat` is open's.
    detector = started()
    symbols = detector.vocabulary.symbols_of(("open", "openat"))
    theirs = detector._lent.nats(symbols, np.array([0, 1, 2]))[0]
    opens = sum(trace.count("open") for trace in HOME)
    assert theirs[1] - theirs[0] == pytest.approx(
        np.log((opens + 0.05 / 3) / 0.95), abs=np.log(3) + 0.1
    )
    both = np.exp(-theirs).sum()
    first = np.exp(-cost_of_last(base(order=3, kin_share=0), ["openat"]))
    assert both == pytest.approx(first, rel=0.05)


@pytest.mark.parametrize("history", [[], ["open"], ["open", "read"], ["bpf"], ["socket", "poll"]])
def test_chances_are_what_surprise_is_made_of_and_no_more_than_one(history: list[str]) -> None:
    detector = started()
    symbols = detector.vocabulary.symbols_of(tuple(history))
    chances = detector.chances(symbols)
    names = detector.vocabulary.names
    costs = [cost_of_last(detector, [*history, name]) for name in names]
    assert np.allclose(-np.log(chances), costs, atol=1e-4)
    novel = [np.exp(-cost_of_last(detector, [*history, n])) for n, _ in detector.vocabulary.kin]
    assert chances.sum() + sum(novel) < 1
    expected = detector.expected(symbols, top=3)
    assert expected.calls[0][1] == pytest.approx(chances.max())


@pytest.mark.parametrize("name", ["ngram", "adaptive", "redundancy"])
def test_cut_into_segments_it_says_the_same(name: str) -> None:
    detector = get_detector(name).with_settings({"order": 3})
    detector.start_from(base(order=5))
    detector.fit(traces(HOME))

    @settings(max_examples=20, deadline=None)
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        batches = data.draw(segmented(data.draw(st.lists(TRACES, min_size=1, max_size=3))))
        stream = detector.stream()
        pushed: dict[str, list[float]] = {}
        calls: dict[str, list[str]] = {}
        for batch in batches:
            found = stream.push(batch)
            for row, info in enumerate(batch.infos):
                of_row = slice(batch.offsets[row], batch.offsets[row + 1])
                pushed.setdefault(info.name, []).extend(found[of_row].tolist())
                calls.setdefault(info.name, []).extend(batch.trace(row))
        for trace, costs in pushed.items():
            if calls[trace]:
                assert np.allclose(costs, detector.surprise(traces([calls[trace]])), atol=1e-5)

    check()


@pytest.mark.parametrize("name", ["ngram", "adaptive", "redundancy"])
def test_a_saved_model_is_whole_in_itself(name: str, tmp_path: Path) -> None:
    origin = fit_model("ngram", traces(ABROAD), settings={"order": 4}, false_alarms="50%")
    model = fit_model(
        name, traces(HOME), false_alarms="50%", base=origin, base_name="models/abroad"
    )
    saved = save_model(model, tmp_path / "model")
    loaded = load_trace_model(tmp_path / "model")
    assert loaded.provenance.base == "models/abroad"
    assert loaded.digest == saved.digest
    assert loaded.detector.base_share == model.detector.base_share
    assert 0 < (model.detector.base_share or 0) < 1
    judged = traces([*HOME, *ABROAD, ["bpf", "open"]])
    assert np.array_equal(loaded.detector.surprise(judged), model.detector.surprise(judged))
    assert np.array_equal(loaded.scores(judged), model.scores(judged))


def test_one_trace_alone_weighs_both_alike() -> None:
    detector = started(rows=[HOME[0]])
    assert np.all(detector.mixture.weights == 0.5)
    assert detector.base_share == 0.5


@pytest.mark.parametrize(("share", "kept"), [("1", 1e-4), (0.25, 0.75), ("0", 1 - 1e-4)])
def test_a_share_that_is_given_is_not_learned(share: object, kept: float) -> None:
    detector = started(base_share=share)
    assert np.allclose(detector.mixture.weights, kept)
    assert detector.base_share == float(str(share))
    with pytest.raises(UsageError, match="there is no base that could have a share"):
        base(base_share=share)


def test_the_same_seed_repeats_and_scoring_changes_nothing() -> None:
    first, second = started(), started()
    judged = traces([*HOME, *ABROAD])
    before = first.surprise(judged)
    assert np.array_equal(before, second.surprise(judged))
    assert np.array_equal(before, first.surprise(judged))


def test_members_of_an_ensemble_start_from_it_if_they_can() -> None:
    detector = get_detector("ensemble").with_settings({"members": "ngram+disorder"})
    detector.start_from(base())
    detector.fit(traces(HOME))
    assert [m.detector.base_share is None for m in detector.members] == [False, True]
    assert detector.base_share == detector.members[0].detector.base_share
    with pytest.raises(UsageError, match="no member of the ensemble can start from it: stide"):
        get_detector("ensemble").with_settings({"members": "disorder+stide"}).start_from(base())


@pytest.mark.parametrize(
    ("name", "other", "told"),
    [
        ("stide", "ngram", "stide cannot start from a trained model"),
        ("ngram", "markov", "ngram starts from a model of ngram, adaptive or redundancy"),
        ("redundancy", "stide", "ngram starts from a model of ngram, adaptive or redundancy"),
    ],
)
def test_what_cannot_start_from_it_says_so(name: str, other: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        get_detector(name).with_settings({}).start_from(base(other))


def test_one_built_on_a_base_is_no_base() -> None:
    with pytest.raises(UsageError, match="itself built on a base: start from that base"):
        NGram().start_from(started())


def test_traces_that_the_base_has_learned_settle_nothing() -> None:
    origin = fit_model("ngram", traces(HOME), false_alarms="50%")
    with pytest.raises(UsageError, match="models/home has learned 5 of the 5 different traces"):
        fit_model("ngram", traces(HOME), base=origin, base_name="models/home")


@pytest.mark.parametrize(
    ("name", "forged"),
    [
        ("base_weights", np.full((12, 3), 1.5)),
        ("base_weights", np.full((12, 3), np.nan)),
        ("base_weights", np.full((3, 12), 0.5)),
        ("base_weights", np.full((12, 3), 1, dtype=np.int64)),
        ("base_share", np.array([0.5, 0.5])),
        ("base_told", np.frombuffer(b"{}", dtype=np.uint8)),
        ("base_told", np.zeros(3)),
        ("base.parent", np.zeros(3, dtype=np.int32)),
        ("base.count", None),
        ("base_weights", None),
        ("base_share", None),
    ],
)
def test_a_forged_base_is_refused(name: str, forged: NDArray[np.generic] | None) -> None:
    origin = started()
    state = {**origin.state(), name: forged}
    if forged is None:
        del state[name]
    other = NGram()
    other.vocabulary = origin.vocabulary
    with pytest.raises(ModelError, match="base"):
        other.restore(state)


def test_without_a_base_nothing_changes() -> None:
    plain = fitted("ngram", HOME)
    assert plain.base_share is None
    assert set(plain.state()) == {"parent", "symbol", "count"}
