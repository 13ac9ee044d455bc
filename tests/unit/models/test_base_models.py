"""The models that ship: what they are made of, that they are made alike, what they are called."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from habitus import TraceInfo, TraceSet, load_model, read_traces, save_model
from habitus.base import SHIPPED, folder_of, model_path
from habitus.errors import UsageError
from habitus.models.files import load_trace_model

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "corpus" / "sample"
MOST_BYTES = 20_000_000


@pytest.fixture
def making(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script that makes them."""
    monkeypatch.syspath_prepend(str(ROOT))
    # A folder of the fuzzing tests has the same name, and is no package.
    for name in [name for name in sys.modules if name.partition(".")[0] == "corpus"]:
        if getattr(sys.modules[name], "__file__", None) is None:
            del sys.modules[name]
    from corpus import base_models

    return base_models


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_is_of_the_recorded_corpus_and_of_its_recipe(
    name: str, making: Any
) -> None:
    model, recipe = load_trace_model(name), making.RECIPES[name]
    assert model.provenance.data_sha256 == making.RECORDED_SHA256
    assert model.population.data_sha256 == making.RECORDED_SHA256
    assert model.decision.calibration.method == "other programs"
    assert model.detector.name == recipe.detector
    wanted = type(model.detector).with_settings(recipe.settings).settings
    assert model.detector.settings.model_dump() == wanted.model_dump()


def test_the_shipped_models_are_small() -> None:
    files = [file for name in SHIPPED for file in folder_of(name).iterdir()]
    assert sum(file.stat().st_size for file in files) < MOST_BYTES


def test_a_corpus_makes_the_same_model_byte_for_byte(making: Any, tmp_path: Path) -> None:
    corpus = read_traces(SAMPLE / "corpus.habitus.zst")
    recipe = making.RECIPES["base"]
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        save_model(making.made(recipe, corpus, "00"), folder)
    one, two = ({file.name: file.read_bytes() for file in f.iterdir()} for f in folders)
    assert one == two


def named(rows: list[list[str]], names: list[str]) -> TraceSet:
    infos = tuple(TraceInfo(name, "corpus") for name in names)
    return replace(TraceSet.from_names(rows), infos=infos)


def test_no_program_is_on_both_sides_of_a_threshold(making: Any) -> None:
    names = ["a/s/01-01/0001-ls", "b/s/01-01/0002-ls", "a/s/01-01/0003-cat", "a/s/01-01/0004-wc"]
    rows = [["read"], ["write"], ["close"], ["open"]]
    traces = named(rows, names)
    folds = making.folds_of(traces, 3)
    assert folds[0] == folds[1]
    assert len(set(folds.tolist())) == 3
    # Programs that made one sequence are one program under two names.
    same = named([*rows[:3], ["close"]], names)
    assert making.folds_of(same, 3)[2] == making.folds_of(same, 3)[3]


def test_a_folder_called_base_is_told_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = load_trace_model("base")
    with pytest.raises(UsageError, match=r"ships with Habitus.*say \./base"):
        save_model(model, "base")
    saved = save_model(model.with_budget(making_budget()), model_path("./base"))
    assert (tmp_path / "base" / "model.json").exists()
    assert load_model(model_path("./base")).digest == saved.digest
    assert load_model(model_path("base/")).digest == saved.digest
    assert load_model("./base").digest == saved.digest
    assert load_model("base").digest == model.digest != saved.digest
    assert load_model(model_path("base")).digest == model.digest


def making_budget() -> Any:
    from habitus.decisions.budget import Budget

    return Budget.parse("5%")
