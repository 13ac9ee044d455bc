"""What a network's model may hold that no training leaves: it is refused, and ends no command."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from habitus.detectors import get_detector
from habitus.detectors.neural.network_detector import MAX_SYMBOLS, NetworkDetector
from habitus.errors import ModelError, UsageError
from habitus.traces.traceset import TraceSet
from habitus.traces.vocabulary import Vocabulary

SETTINGS: dict[str, dict[str, object]] = {
    "lstm": {"cells": 4, "embedding": 3},
    "lstm of windows": {"cells": 4, "embedding": 3, "window": 2},
    "latent": {"cells": 4, "embedding": 3},
    "transformer": {"width": 4, "heads": 1, "window": 3},
    "autoencoder": {"length": 2, "embedding": 3, "hidden": 4, "code": 2},
}
MANY = tuple(f"call{number}" for number in range(MAX_SYMBOLS + 1))
every_network = pytest.mark.parametrize("name", SETTINGS)
every_language_model = pytest.mark.parametrize("name", [n for n in SETTINGS if n != "autoencoder"])


def unfitted(name: str, **changes: object) -> NetworkDetector:
    settings = {"epochs": 1, **SETTINGS[name], **changes}
    made = get_detector(name.split(maxsplit=1)[0]).with_settings(settings)
    assert isinstance(made, NetworkDetector)
    return made


@cache
def fitted(name: str, **changes: object) -> NetworkDetector:
    made = unfitted(name, **changes)
    made.fit(TraceSet.from_names([list("abcabcab"), list("abdabc"), list("cabcab")]))
    return made


@every_network
def test_a_history_that_kept_no_weights_is_refused(name: str) -> None:
    state = fitted(name).state()
    state["history"], state["history_facts"] = np.zeros((0, 7)), np.array([-1, 3, 0, 0])
    forged = unfitted(name)
    forged.vocabulary = fitted(name).vocabulary
    with pytest.raises(ModelError, match="no epoch whose weights were kept"):
        forged.restore(state)


@every_language_model
def test_a_language_model_of_no_call_is_refused(name: str) -> None:
    forged = unfitted(name)
    forged.vocabulary = Vocabulary(())
    with pytest.raises(ModelError, match="knows no call"):
        forged.restore(fitted(name).state())
    with pytest.raises(UsageError, match="no call to learn from"):
        unfitted(name).fit(TraceSet.from_names([[], []]))


@every_language_model
@pytest.mark.parametrize("names", ["abc", "abcde"])
def test_a_vocabulary_of_another_size_is_refused(name: str, names: str) -> None:
    """By the table beside the network, and by the network itself where there is none."""
    for baseline, told in ((0.5, "'baseline'"), (0, r"embedding\.weight")):
        forged = unfitted(name, baseline=baseline)
        forged.vocabulary = Vocabulary(tuple(names))
        with pytest.raises(ModelError, match=told):
            forged.restore(fitted(name, baseline=baseline).state())


@every_language_model
def test_a_table_that_is_none_is_refused(name: str) -> None:
    sound = fitted(name).state()["baseline"]
    assert sound.shape == (6, 4)
    for table in (None, sound[:-1], sound.astype(np.float64), -sound, sound * np.float32("nan")):
        state = fitted(name).state()
        del state["baseline"]
        if table is not None:
            state["baseline"] = table
        forged = unfitted(name)
        forged.vocabulary = fitted(name).vocabulary
        with pytest.raises(ModelError, match="'baseline'"):
            forged.restore(state)


@every_network
def test_more_different_calls_than_a_network_is_made_for_are_not_learned(name: str) -> None:
    traces = TraceSet.from_names([list(MANY), list(MANY[:9]), list(MANY[:5])])
    with pytest.raises(UsageError, match=r"hold 4,097 different calls.*at most 4,096.*--format"):
        unfitted(name).fit(traces)


def test_as_many_different_calls_as_a_network_is_made_for_are_learned() -> None:
    made = unfitted("autoencoder")
    made.fit(TraceSet.from_names([list(MANY[:-1]), list(MANY[:9]), list(MANY[:5])]))
    other = unfitted("autoencoder")
    other.vocabulary = made.vocabulary
    other.restore(made.state())
    assert len(other.vocabulary) == MAX_SYMBOLS


@every_network
def test_a_forged_vocabulary_of_more_calls_is_refused_before_a_network_is_made(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its arrays may be of the size that goes with it."""
    forged = unfitted(name) if name == "autoencoder" else unfitted(name, baseline=0)
    forged.vocabulary = Vocabulary(MANY)
    monkeypatch.setattr(forged, "_new_network", lambda _: pytest.fail("a network was made"))
    state = fitted(name).state()
    for array, width in (("network.embedding.weight", 2), ("network.output.weight", 0)):
        if array in state:
            state[array] = np.zeros((len(MANY) + width, state[array].shape[1]), dtype=np.float32)
    with pytest.raises(ModelError, match=r"vocabulary holds more than 4,096 calls"):
        forged.restore(state)
