"""Networks that start from another's weights, joined by the names of calls."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from habitus.detectors import get_detector
from habitus.detectors.neural.starting import NEW, rows_by_name
from habitus.errors import UsageError
from habitus.models.files import load_trace_model, save_model
from habitus.models.training import fit_model
from habitus.traces.traceset import TraceSet
from habitus.traces.vocabulary import Vocabulary

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.models.model import Model

ABROAD = [
    ["openat", "read", "read", "close", "socket", "connect", "sendto", "close"],
    ["openat", "fstat", "read", "close", "write"],
    ["openat", "fstat", "mmap", "close", "write", "write"],
] * 4
HOME = [
    ["open", "read", "close", "poll", "poll", "write"],
    ["open", "fstat", "read", "close", "poll"],
    ["open", "read", "read", "close", "poll", "write", "write"],
]
SETTINGS: dict[str, dict[str, object]] = {
    "embedded": {"cells": "8", "embedding": 4, "baseline": 0},
    "one-hot": {"cells": "8", "embedding": 0, "baseline": 0},
    "tied": {"cells": "6,4", "layers": 2, "embedding": 4, "tied": True, "baseline": 0},
    "windows": {"cells": "8", "embedding": 4, "window": 2, "baseline": 0, "kind": "gru"},
}


def traces(rows: list[list[str]]) -> TraceSet:
    return TraceSet.from_names(rows)


@cache
def base(kind: str) -> Model:
    settings = {**SETTINGS[kind], "epochs": 3, "stop_share": 0}
    return fit_model(
        "lstm", traces(ABROAD), settings=settings, held_out=traces(HOME), false_alarms="50%"
    )


def started(kind: str, rows: list[list[str]] = HOME, **more: object) -> Any:
    model = fit_model(
        "lstm", traces(rows), base=base(kind), base_name="abroad", false_alarms="50%",
        held_out=traces(HOME), settings=more,
    )  # fmt: skip
    return model.detector


def test_calls_are_joined_by_name_and_new_ones_by_their_kin() -> None:
    before = Vocabulary(("close", "openat", "read"), (("open", "openat"),))
    known = Vocabulary(("bpf", "close", "open", "openat", "read"))
    assert rows_by_name(known, before).tolist() == [NEW, 0, 1, 1, 2]


@pytest.mark.parametrize("kind", SETTINGS)
def test_what_it_begins_with_reads_as_the_base_does(kind: str) -> None:
    origin = base(kind).detector
    # Nothing is learned at so low a rate; names that both know cost what they cost the base.
    detector = started(kind, rate=1e-12, epochs=1, stop_share=0)
    rows = rows_by_name(detector.vocabulary, origin.vocabulary)
    names = detector.vocabulary.names
    assert {"open", "openat", "poll", "socket"} <= set(names)
    assert rows[names.index("poll")] == NEW
    assert rows[names.index("open")] == rows[names.index("openat")] >= 0
    # New calls take some of the chances: what is left is divided as the base divides it.
    shared = [name for name in origin.vocabulary.names if name in names]
    for history in (("openat", "fstat"), ("socket", "connect", "sendto"), ("read", "read")):
        left = [_chances(one, history, shared) for one in (detector, origin)]
        assert np.allclose(*left, rtol=0.01)


def _chances(detector: Any, history: tuple[str, ...], names: list[str]) -> Any:
    """Of these calls to be next, if it is one of them."""
    standing = detector._standing_after(detector.vocabulary.symbols_of(history))
    chances = detector.reader.chances(standing)[0]
    chosen = chances[detector.vocabulary.symbols_of(tuple(names))]
    return chosen / chosen.sum()


@pytest.mark.parametrize("kind", SETTINGS)
def test_it_learns_on_and_is_whole_in_itself(kind: str, tmp_path: Path) -> None:
    model = fit_model(
        "lstm", traces(HOME * 4), base=base(kind), base_name="models/abroad", false_alarms="50%",
        settings={"stop_share": 0},
    )  # fmt: skip
    assert model.provenance.base == "models/abroad"
    assert model.detector.base_share is None
    save_model(model, tmp_path / "model")
    loaded = load_trace_model(tmp_path / "model")
    judged = traces([*HOME, *ABROAD, ["bpf", "open", "read", "close"]])
    first, second = model.detector.surprise(judged), loaded.detector.surprise(judged)
    assert np.allclose(first, second, atol=1e-5, equal_nan=True)
    fresh = started(kind, rate=1e-12, epochs=1, stop_share=0)
    home = traces(HOME)
    assert np.nanmean(model.detector.surprise(home)) < np.nanmean(fresh.surprise(home))


def test_its_settings_are_the_bases_with_fewer_epochs() -> None:
    lstm = get_detector("lstm")
    origin = lstm.with_settings({"cells": "8", "embedding": 4, "epochs": 100, "rate": 0.004})
    assert lstm.settings_after(origin) == {
        **origin.settings.model_dump(), "epochs": 20, "rate": 0.002,
    }  # fmt: skip
    assert lstm.settings_after(get_detector("ngram").with_settings({})) == {}


@pytest.mark.parametrize("setting", [{"cells": "9"}, {"embedding": 5}, {"preset": "kim2016-200"}])
def test_another_network_is_refused_by_the_setting(setting: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"(cells|embedding)=.*: leave (cells|embedding) out"):
        started("embedded", **setting)


def test_the_kind_must_be_the_same() -> None:
    with pytest.raises(UsageError, match="lstm starts from a model of lstm"):
        fit_model("lstm", traces(HOME), base=fit_model("ngram", traces(ABROAD)))
    with pytest.raises(UsageError, match="transformer cannot start from a trained model"):
        fit_model("transformer", traces(HOME), base=base("embedded"))


def test_the_same_seed_repeats() -> None:
    first, second = (started("embedded", stop_share=0) for _ in range(2))
    judged = traces(HOME)
    assert np.array_equal(first.surprise(judged), second.surprise(judged))


def test_another_base_is_another_training() -> None:
    identities = []
    for rows in (ABROAD, ABROAD[:2]):
        origin = fit_model(
            "lstm", traces(rows), settings={**SETTINGS["embedded"], "epochs": 1, "stop_share": 0},
            held_out=traces(HOME), false_alarms="50%",
        )  # fmt: skip
        made: Any = get_detector("lstm").with_settings({"cells": "8", "embedding": 4})
        made.start_from(origin.detector)
        identities.append(made._identity(traces(HOME), traces([]), 1)["base"])
    assert identities[0] != identities[1]
