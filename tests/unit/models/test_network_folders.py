"""A network's model on disk, and one whose vocabulary another one has put there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from model_folders import rewrite

from habitus.errors import ModelError
from habitus.models.files import MODEL_FILE, load_model, save_model
from habitus.models.training import fit_model
from habitus.traces.traceset import TraceSet

if TYPE_CHECKING:
    from pathlib import Path

TRACES = [list("abcabc"), list("abcab"), list("bcabca"), list("abcabd"), list("aabbc")]
SETTINGS = {"cells": 4, "embedding": 3, "epochs": 1}


def saved(folder: Path, baseline: float) -> list[str]:
    """A model in a folder; returns its vocabulary."""
    model = fit_model(
        "lstm", TraceSet.from_names(TRACES), settings={**SETTINGS, "baseline": baseline},
        false_alarms=0.2,
    )  # fmt: skip
    save_model(model, folder)
    names: list[str] = json.loads((folder / MODEL_FILE).read_text())["vocabulary"]
    return names


@pytest.mark.parametrize(("baseline", "told"), [(0.5, "'baseline'"), (0, r"embedding\.weight")])
def test_a_vocabulary_that_does_not_fit_the_weights_is_refused(
    tmp_path: Path, baseline: float, told: str
) -> None:
    names = saved(tmp_path / "model", baseline)
    for others in (names[:-1], [*names, "e"]):
        rewrite(tmp_path / "model", vocabulary=others)
        with pytest.raises(ModelError, match=told):
            load_model(tmp_path / "model")


def test_a_vocabulary_put_back_is_the_model_that_it_was(tmp_path: Path) -> None:
    """What is refused above is the vocabulary and not that the folder was sealed again."""
    names = saved(tmp_path / "model", 0.5)
    before = load_model(tmp_path / "model")
    rewrite(tmp_path / "model", vocabulary=names)
    judged = TraceSet.from_names([list("abcXda")])
    after = load_model(tmp_path / "model").scores(judged)
    assert np.array_equal(after, before.scores(judged))
