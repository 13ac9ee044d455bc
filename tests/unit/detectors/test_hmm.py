"""The hidden Markov model against slower ways to the same number."""

from __future__ import annotations

import logging
import sys
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hmmlearn.hmm import CategoricalHMM
from hypothesis import given
from hypothesis import strategies as st

from habitus.detectors.hmm import Hmm
from habitus.detectors.hmm_training import first_guess, train
from habitus.errors import ModelError, UsageError
from habitus.traces.traceset import TraceSet
from habitus.traces.vocabulary import Vocabulary
from segments import segmented, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

FLOOR = 1e-3
START = np.array([0.75, 0.25])
TRANSITION = np.array([[0.9, 0.1], [0.5, 0.5]])
EMISSION = np.array([[0.8, 0.2, 0.0], [0.0, 0.5, 0.5]])
CALLS = "abc"


def hmm(**changes: np.ndarray) -> Hmm:
    """Two states that make three calls."""
    detector = Hmm.with_settings({"states": 2, "floor": FLOOR})
    detector.vocabulary = Vocabulary(tuple(CALLS))
    made = {"startprob": START, "transmat": TRANSITION, "emissionprob": EMISSION}
    detector.restore(made | changes)
    return detector


def with_floor() -> tuple[np.ndarray, np.ndarray]:
    """Transitions and emissions, with the floor added; the last column is of unknown calls."""
    emission = np.hstack([EMISSION, np.zeros((2, 1))]) + FLOOR
    transition = TRANSITION + FLOOR
    return transition / (1 + 2 * FLOOR), emission / (1 + 4 * FLOOR)


def chance(trace: Sequence[str]) -> float:
    """The probability of a trace: the sum over every path through the states."""
    transition, emission = with_floor()
    symbols = [CALLS.find(call) for call in trace]
    total = 0.0
    for path in product(range(2), repeat=len(trace)):
        p = START[path[0]]
        for step, state in enumerate(path):
            p *= emission[state, symbols[step]]
            if step:
                p *= transition[path[step - 1], state]
        total += p
    return total


@given(trace=st.lists(st.sampled_from("abcX"), min_size=1, max_size=9))
def test_surprise_is_what_a_call_adds_to_the_sum_over_all_paths(trace: list[str]) -> None:
    chances = [1.0, *(chance(trace[: i + 1]) for i in range(len(trace)))]
    wanted = -np.diff(np.log(chances))
    np.testing.assert_allclose(hmm().surprise(whole([trace])), wanted, rtol=1e-5)


@given(traces=st.lists(st.lists(st.sampled_from("abcX"), max_size=40), min_size=1, max_size=5))
def test_traces_cost_what_hmmlearn_says(traces: list[list[str]]) -> None:
    traces = [trace for trace in traces if trace]
    if not traces:
        return
    theirs = CategoricalHMM(2, n_features=4, implementation="scaling")
    theirs.startprob_ = START
    theirs.transmat_, theirs.emissionprob_ = with_floor()
    symbols = np.array([[(CALLS + "X").index(call)] for trace in traces for call in trace])
    wanted = theirs.score(symbols, [len(trace) for trace in traces])
    found = -hmm().surprise(whole(traces)).astype(np.float64).sum()
    assert found == pytest.approx(wanted, rel=1e-5)


def test_by_hand() -> None:
    """First `b`: .75 x .2 + .25 x .5, each with the floor."""
    scale = 1 + 4 * FLOOR
    first = 0.75 * (0.2 + FLOOR) / scale + 0.25 * (0.5 + FLOOR) / scale
    assert hmm().surprise(whole([["b"]])) == pytest.approx([-np.log(first)], rel=1e-6)


def test_a_call_never_seen_costs_the_most_and_tells_nothing_of_the_state() -> None:
    surprise = hmm().surprise(whole([list("aXa"), list("Q")]))
    most = -np.log(FLOOR / (1 + 4 * FLOOR))
    assert surprise[[1, 3]] == pytest.approx([most, most], rel=1e-6)
    assert hmm().surprise(whole([list("abcabc" * 9)])).max() <= most
    expected = hmm().expected(np.array([0, 65_535], np.uint16))
    transition, emission = with_floor()
    after = START * emission[:, 0]
    ahead = after / after.sum() @ transition @ transition @ emission
    assert dict(expected.calls)["a"] == pytest.approx(ahead[0])


@given(history=st.lists(st.sampled_from("abcX"), max_size=30))
def test_what_is_expected_is_what_surprise_says(history: list[str]) -> None:
    detector = hmm()
    found = detector.expected(detector.vocabulary.symbols_of(tuple(history)))
    assert found.context_calls == len(history)
    assert sum(chance for _, chance in found.calls) < 1
    for name, chance_of in found.calls:
        surprise = detector.surprise(whole([[*history, name]]))[-1]
        assert chance_of == pytest.approx(np.exp(-surprise), rel=1e-5)


@given(
    data=st.data(),
    traces=st.lists(st.lists(st.sampled_from("abcX"), max_size=30), min_size=1, max_size=4),
)
def test_a_stream_carries_the_state_however_a_trace_is_cut(
    data: st.DataObject, traces: list[list[str]]
) -> None:
    detector = hmm()
    stream = detector.stream()
    found: dict[str, list[float]] = {f"t{i}": [] for i in range(len(traces))}
    for batch in data.draw(segmented(traces)):
        surprise = stream.push(batch)
        for row, info in enumerate(batch.infos):
            found[info.name] += surprise[batch.offsets[row] : batch.offsets[row + 1]].tolist()
    wanted = detector.surprise(whole(traces))
    assert [s for surprises in found.values() for s in surprises] == wanted.tolist()


def test_its_memory_has_no_end() -> None:
    """Two states that never mix: what the first call showed counts a thousand calls later."""
    detector = Hmm.with_settings({"states": 2, "floor": 1e-12})
    detector.vocabulary = Vocabulary(tuple("abc"))
    apart = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]])
    detector.restore({"startprob": np.full(2, 0.5), "transmat": np.eye(2), "emissionprob": apart})
    surprise = detector.surprise(whole([["a", *"b" * 1000, "a"], ["c", *"b" * 1000, "a"]]))
    assert surprise[1001] < 1
    assert surprise[-1] > 10


BEGUN = TraceSet.from_names([list("abab") * 30, list("ccc"), [], list("abcab")])


def test_training_finds_what_pairs_of_calls_do_not_tell() -> None:
    """After one `a` comes either call; that two come in a row takes a state to know."""
    pairs = TraceSet.from_names([list("aabb") * 20])
    costs = []
    for iterations in (1, 100):
        detector = Hmm.with_settings({"states": 4, "iterations": iterations})
        detector.fit(pairs)
        costs.append(float(detector.surprise(pairs)[20:].mean()))
    assert costs[0] == pytest.approx(np.log(2), abs=0.2)
    assert costs[1] < 0.01


@pytest.mark.parametrize("n_states", [1, 2, 3, 4, 20])
def test_what_is_learned_is_chances(n_states: int) -> None:
    """Few calls for many states, and states that nobody visits: the rows are chances still."""
    symbols = Vocabulary(tuple("abc")).encode(BEGUN)
    guess = first_guess(symbols, BEGUN.offsets, 3, n_states, 1)
    for chances in (guess, train(symbols, BEGUN.offsets, 3, n_states, 5, 1)):
        assert chances.start.shape == (n_states,)
        assert chances.emission.shape == (n_states, 3)
        for rows in chances:
            np.testing.assert_allclose(rows.sum(axis=-1), 1)
            assert (rows >= 0).all()


def test_another_seed_begins_elsewhere() -> None:
    states = []
    for seed in (1, 1, 2):
        detector = Hmm.with_settings({"states": 4})
        detector.fit(BEGUN, seed=seed)
        states.append(detector.state()["transmat"])
    assert np.array_equal(states[0], states[1])
    assert not np.array_equal(states[0], states[2])


def test_it_learns_from_so_many_calls_and_from_one_trace_at_least() -> None:
    long = TraceSet.from_names([list("ab") * 50, list("cd") * 50])
    detector = Hmm.with_settings({"states": 2, "calls": 10})
    detector.fit(long)
    surprise = detector.surprise(long)
    assert sorted([surprise[:100].mean() < 2, surprise[100:].mean() < 2]) == [False, True]
    assert len(detector.vocabulary) == 4


def test_nothing_to_learn_is_no_error() -> None:
    detector = Hmm.with_settings({"states": 3})
    detector.fit(TraceSet.from_names([[], []]))
    assert np.isfinite(detector.surprise(whole([["a", "b"]]))).all()
    clone = Hmm.with_settings({"states": 3})
    clone.restore(detector.state())
    assert clone.surprise(whole([["a"]])).tolist() == detector.surprise(whole([["a"]])).tolist()


def test_long_traces_are_learned_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("habitus.detectors.hmm_training.PIECE_CALLS", 16)
    detector = Hmm.with_settings({"states": 3})
    detector.fit(TraceSet.from_names([list("abc") * 40]))
    assert detector.surprise(whole([list("abc") * 40]))[3:].mean() < 0.1


def test_hmmlearn_says_nothing_and_its_log_is_left_as_it_was(
    capfd: pytest.CaptureFixture[str],
) -> None:
    Hmm.with_settings({"states": 30}).fit(TraceSet.from_names([list("ab")]))
    assert capfd.readouterr() == ("", "")
    assert not logging.getLogger("hmmlearn.base").disabled


def test_without_hmmlearn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scoring needs none of it."""
    monkeypatch.setitem(sys.modules, "hmmlearn.hmm", None)
    with pytest.raises(UsageError, match=r'needs hmmlearn.*pip install "habitus\[hmm\]"'):
        Hmm.with_settings({}).fit(BEGUN)
    assert hmm().surprise(whole([list("abc")])).shape == (3,)


def test_many_chunks_equal_few(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(7)
    traces = TraceSet.from_names([random.choice(list("abcX"), 300).tolist() for _ in range(3)])
    before = hmm().surprise(traces)
    monkeypatch.setattr("habitus.detectors.hmm.CHUNK_CALLS", 7)
    assert np.array_equal(hmm().surprise(traces), before)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("startprob", np.array([0.5, 0.4])),
        ("startprob", np.array([1.5, -0.5])),
        ("startprob", np.array([0.5, 0.5, 0.0])),
        ("startprob", np.array([np.nan, 1.0])),
        ("startprob", np.array([1.0, 0.0], np.float32)),
        ("transmat", np.eye(3)),
        ("transmat", np.array([[1.0, 0.0], [np.inf, -np.inf]])),
        ("transmat", np.array([[1.0, 0.0], [0.0, 0.0]])),
        ("transmat", np.array([1.0, 0.0])),
        ("emissionprob", EMISSION.T),
        ("emissionprob", EMISSION * 1.01),
        ("emissionprob", EMISSION[:, :2]),
    ],
)
def test_what_is_no_chances_is_refused_by_name(name: str, array: np.ndarray) -> None:
    with pytest.raises(ModelError, match=name):
        hmm(**{name: array})
