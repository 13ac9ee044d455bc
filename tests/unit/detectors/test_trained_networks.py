"""What training makes of every network: the order of calls, whatever the batch, or a plain end."""

from __future__ import annotations

import numpy as np
import pytest

from habitus.detectors import get_detector
from habitus.detectors.neural.latent import Latent
from habitus.detectors.neural.lstm import Lstm
from habitus.detectors.neural.network_detector import NetworkDetector
from habitus.errors import UsageError
from habitus.learning.history import Stopped
from habitus.traces.traceset import TraceSet

SMALL: dict[str, tuple[str, dict[str, object]]] = {
    "lstm": ("lstm", {"cells": 16, "embedding": 8}),
    "lstm of windows": ("lstm", {"cells": 16, "embedding": 8, "window": 4}),
    "latent": ("latent", {"cells": 16, "embedding": 8, "k": 1}),
    "transformer": ("transformer", {"width": 16, "heads": 2, "window": 8}),
    "autoencoder": ("autoencoder", {"hidden": 32, "code": 4}),
}
every_kind = pytest.mark.parametrize("kind", SMALL)


def traces(*rows: str) -> TraceSet:
    return TraceSet.from_names([list(row) for row in rows])


def small(kind: str, **changes: object) -> NetworkDetector:
    name, settings = SMALL[kind]
    made = get_detector(name).with_settings({"warm_up": 0, **settings, **changes})
    assert isinstance(made, NetworkDetector)
    return made


NORMAL = ["abc" * n + "abcd" * (n % 3) + "abc" * (n % 4 + 1) for n in range(4, 18)]


@every_kind
def test_known_calls_in_an_order_never_seen_are_strange(kind: str) -> None:
    """The same calls as a normal trace has, shuffled: only their order tells them from it."""
    batch = 64 if kind == "lstm of windows" else 8
    detector = small(kind, batch=batch, epochs=30, rate=0.01, average=0.9)
    detector.fit(traces(*NORMAL))
    random = np.random.default_rng(1)
    for normal in ("abc" * 9 + "abcd" * 2 + "abc" * 3, "abcd" + "abc" * 10):
        shuffled = "".join(random.permutation(list(normal)))
        costs, strange = (detector.surprise(traces(trace)) for trace in (normal, shuffled))
        assert np.nanmean(strange) > np.nanmean(costs) + 1
        if isinstance(detector, Latent):
            scores = detector.trace_scores(traces(normal, shuffled))
            assert scores[1] > scores[0] + 1


@every_kind
@pytest.mark.parametrize("held_out", [None, traces("abcabcabc")], ids=["drawn", "given"])
def test_one_trace_or_window_at_a_time_is_a_batch(kind: str, held_out: TraceSet | None) -> None:
    detector = small(kind, batch=1, epochs=2)
    detector.fit(traces("abcabcabcabc", "abdabcabc", "", "a", "abcabcabd"), held_out)
    assert len(detector.history.epochs) == 2
    for epoch in detector.history.epochs:
        assert np.isfinite([epoch.loss, epoch.held_out_loss]).all()
    judged = detector.surprise(traces("abcabdabcX"))
    assert np.isfinite(judged[detector.memory_calls :]).all()
    assert np.isfinite(judged[-1])


# With so high a rate, a decay of 1 makes every weight 99 times as large, update by update.
BEYOND: dict[str, object] = {
    "cells": 4, "embedding": 3, "optimiser": "sgd", "rate": 100, "clip": 0, "weight_decay": 1,
    "decay": "none", "warm_up": 0, "average": 0, "patience": 0, "epochs": 60,
}  # fmt: skip


def test_a_network_that_bursts_ends_with_its_last_good_weights() -> None:
    """An epoch is one update: those before the weights are beyond all measure end well."""
    detector = Lstm.with_settings({**BEYOND, "batch": 64, "stretch": 100})
    detector.fit(traces(*NORMAL))
    history = detector.history
    assert history.stopped is Stopped.NOT_A_NUMBER
    assert len(history.epochs) < 60
    assert np.isfinite(history.kept.held_out_loss)
    (told,) = detector.warnings()
    assert f"the weights after epoch {history.kept.epoch} are kept" in told
    assert "a lower learning rate" in told
    assert np.isfinite(detector.surprise(traces("abcabd", "dXca"))).all()
    for name, array in detector.state().items():
        assert name == "history" or np.isfinite(array).all(), name


def test_a_network_that_bursts_at_once_is_no_model() -> None:
    detector = Lstm.with_settings({**BEYOND, "batch": 1, "stretch": 2})
    with pytest.raises(UsageError, match="a lower learning rate, or a smaller clip, may help"):
        detector.fit(traces(*NORMAL))
