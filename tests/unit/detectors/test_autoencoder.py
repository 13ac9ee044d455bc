"""The autoencoder as a detector: what a call costs, the slow way, and what it refuses."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from habitus.detectors.neural import autoencoder as module
from habitus.detectors.neural.autoencoder import Autoencoder
from habitus.errors import ModelError, UsageError
from habitus.learning import windows as windows_module
from habitus.traces.traceset import TraceSet
from habitus.traces.vocabulary import Vocabulary
from segments import whole

if TYPE_CHECKING:
    from collections.abc import Sequence

TINY: dict[str, object] = {
    "length": 4, "embedding": 3, "hidden": 8, "code": 2, "epochs": 2, "batch": 16, "warm_up": 0,
}  # fmt: skip
LEARNED = [list("abcd" * 6), list("abcabd" * 3), list("ab"), []]
TARGETS = ["calls", "embedding"]


@cache
def fitted(target: str, **changes: object) -> Autoencoder:
    detector = Autoencoder.with_settings({**TINY, "target": target, **changes})
    detector.fit(TraceSet.from_names(LEARNED))
    return detector


def slow(detector: Autoencoder, trace: Sequence[str]) -> list[float]:
    """Each window by itself, call by call, in float64."""
    network, settings = detector.network, detector.settings
    names = detector.vocabulary.names
    n, length = len(names), settings.length
    costs = [float("nan")] * min(length - 1, len(trace))
    for end in range(length, len(trace) + 1):
        window = [names.index(c) if c in names else n for c in trace[end - length : end]]
        rebuilt = network(torch.tensor([window]))
        total = 0.0
        for place, call in enumerate(window):
            out = rebuilt[0, place].double()
            if settings.target == "embedding":
                total += float((out - network.embedding.weight[call].double()).pow(2).mean())
                continue
            assert network.output is not None
            logits = network.output.weight.double() @ out + network.output.bias.double()
            p = float((logits - logits.logsumexp(0)).exp()[call]) if call < n else 0.0
            total -= np.log(p * (1 - settings.floor) + settings.floor / (n + 1))
        costs.append(total / length)
    return costs


@pytest.mark.parametrize("target", TARGETS)
@given(
    traces=st.lists(st.lists(st.sampled_from("abcdXY"), max_size=12), max_size=5),
    block_bytes=st.integers(8, 100),
    max_numbers=st.integers(1, 200),
)
def test_surprise_is_what_the_window_that_ends_there_costs(
    target: str, traces: list[list[str]], block_bytes: int, max_numbers: int
) -> None:
    """However windows are put into blocks and batches."""
    detector = fitted(target)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows_module, "BLOCK_BYTES", block_bytes)
        patch.setattr(module, "MAX_NUMBERS", max_numbers)
        found = detector.surprise(whole(traces))
    wanted = [cost for trace in traces for cost in slow(detector, trace)]
    np.testing.assert_allclose(found, np.array(wanted), rtol=1e-4, atol=1e-5)


def test_a_window_of_calls_never_seen_costs_the_floor_and_nothing_costs_more() -> None:
    detector = fitted("calls")
    most = -np.log(detector.settings.floor / 5)
    surprise = detector.surprise(whole([list("XYXXY"), list("aXbdcaaadXb")]))
    assert surprise[3:5] == pytest.approx([most, most], rel=1e-5)
    assert np.nanmax(surprise) <= np.float32(most) * (1 + 1e-6)


def test_it_learns_to_give_back_what_is_normal() -> None:
    """A cycle of four calls has four windows: a code of two numbers tells them apart."""
    cycle = TraceSet.from_names([list("abcd" * 50), list("abcd" * 40)])
    detector = Autoencoder.with_settings(
        {
            **TINY,
            "hidden": 32,
            "epochs": 150,
            "rate": 0.01,
            "average": 0,
            "merge": 1,
            "unknown_share": 0,
        }
    )
    detector.fit(cycle)
    normal, mixed = whole([list("abcd" * 5)]), whole([list("adbcbadc" * 3)])
    assert np.nanmax(detector.surprise(normal)) < 0.05
    assert np.nanmin(detector.surprise(mixed)) > 1


def test_units_by_target() -> None:
    assert fitted("calls").unit == "nats"
    assert fitted("embedding").unit == "squared error"


def test_a_trainable_target_shrinks_and_the_facts_say_so() -> None:
    """Letting the embedding shrink lowers the loss: nothing else is learned in that time."""
    noise = np.random.default_rng(1).choice(list("abcdefgh"), 400).tolist()
    detector = Autoencoder.with_settings(
        {**TINY, "target": "embedding", "optimiser": "sgd", "rate": 0.5, "epochs": 40,
         "average": 0, "stop_share": 0, "decay": "none", "clip": 0, "code": 1, "patience": 0}
    )  # fmt: skip
    detector.fit(TraceSet.from_names([noise]))
    begun, now = detector.facts().values()
    assert now < 0.5 * begun
    losses = [epoch.held_out_loss for epoch in detector.history.epochs]
    assert losses[-1] < 0.3 * losses[0]
    assert fitted("calls").facts() == {}


def test_a_trace_shorter_than_a_window_is_scored_as_nothing() -> None:
    assert np.isnan(fitted("calls").surprise(whole([list("abc"), [], ["X"]]))).all()


@pytest.mark.parametrize("rows", [["abc", "a", ""], ["abc"], ["", ""], []])
@pytest.mark.parametrize("stop_share", [0, 0.5])
def test_traces_that_are_all_shorter_than_a_window_are_told_with_what_to_do(
    rows: list[str], stop_share: float
) -> None:
    detector = Autoencoder.with_settings({**TINY, "stop_share": stop_share})
    with pytest.raises(UsageError, match=r"has 4 calls.*set a shorter length"):
        detector.fit(TraceSet.from_names([list(row) for row in rows]))


@pytest.mark.parametrize("seed", range(1, 7))
def test_the_only_trace_that_is_long_enough_is_learned(seed: int) -> None:
    """Whichever of the two the seed would hold out; the other has nothing to be judged on."""
    detector = Autoencoder.with_settings({"hidden": 16, "epochs": 2, "patience": 0, "warm_up": 0})
    detector.fit(TraceSet.from_names([list("abcdefgh"), ["a"]]), seed=seed)
    assert [epoch.calls for epoch in detector.history.epochs] == [1, 2]
    assert detector.history.n_held_out == 0
    assert np.isfinite(detector.surprise(whole([list("abcdefgh")]))[7])


def test_the_seed_and_what_is_held_out_matter() -> None:
    other = TraceSet.from_names([list("dcba" * 5)])
    states = []
    for seed, held_out in ((1, None), (1, None), (2, None), (1, other)):
        detector = Autoencoder.with_settings(TINY)
        detector.fit(TraceSet.from_names(LEARNED), held_out, seed=seed)
        states.append(detector.state())
    weights = [state["network.decoder.0.weight"] for state in states]
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])
    losses = [state["history"][-1, 5] for state in states]
    assert losses[0] == losses[1] != losses[3]


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("network.decoder.0.weight", np.zeros((4, 3), np.float32)),
        ("network.decoder.0.weight", np.full((4, 2), np.nan, np.float32)),
        ("network.begun_norm", np.zeros(1, np.float64)),
        ("network.output.bias", None),
        ("network.surplus", np.zeros(3, np.float32)),
    ],
)
def test_weights_that_do_not_fit_are_refused(name: str, array: np.ndarray | None) -> None:
    state = fitted("calls").state()
    state.pop(name, None)
    if array is not None:
        state[name] = array
    clone = Autoencoder.with_settings({**TINY, "target": "calls"})
    clone.vocabulary = fitted("calls").vocabulary
    with pytest.raises(ModelError, match="network"):
        clone.restore(state)


def test_a_vocabulary_that_does_not_fit_is_refused() -> None:
    clone = Autoencoder.with_settings({**TINY, "target": "calls"})
    clone.vocabulary = Vocabulary(tuple("abcde"))
    with pytest.raises(ModelError, match=r"embedding\.weight"):
        clone.restore(fitted("calls").state())


def test_settings_and_presets() -> None:
    daisi = Autoencoder.with_settings({"preset": "daisi", "length": "15"})
    assert (daisi.settings.length, daisi.settings.code, daisi.settings.target) == (
        15, 3, "embedding",
    )  # fmt: skip
    assert daisi.memory_calls == 14
    with pytest.raises(UsageError, match="target=words"):
        Autoencoder.with_settings({"target": "words"})
    with pytest.raises(UsageError, match="code=0"):
        Autoencoder.with_settings({"code": 0})
