"""What benchmarks keep is used only by what would make the same; part of a page is no page."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from habitus import TraceSet, detector_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def script(
    benchmark_script: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Any]]:
    """Imports a script as if it ran, with a store of its own."""
    n_threads = torch.get_num_threads()
    monkeypatch.setattr(sys, "argv", ["benchmark"])

    def imported(name: str) -> Any:
        benchmark_script("common").WORK = tmp_path
        return benchmark_script(name)

    yield imported
    torch.set_num_threads(n_threads)


def traces(*rows: str) -> TraceSet:
    return TraceSet.from_names([list(row) for row in rows])


def test_a_row_of_another_version_is_made_again(
    script: Callable[[str], Any], tmp_path: Path
) -> None:
    kept = script("kept")
    path = tmp_path / "rows" / "one.json"
    version = {"code": "1", "settings": {"n": (1, 2)}}
    assert kept.held(path, version) is None
    assert kept.kept(path, version, lambda: {"auc": 0.5}) == {"auc": 0.5}
    assert kept.kept(path, version, lambda: pytest.fail("it is there")) == {"auc": 0.5}
    assert kept.held(path, {**version, "code": "2"}) is None
    assert kept.kept(path, {**version, "settings": {}}, lambda: {"auc": 0.6}) == {"auc": 0.6}
    assert kept.held(path, version) is None
    path.write_text(json.dumps({"auc": 0.7}))  # of before there were versions
    assert kept.held(path, version) is None


def test_the_version_is_that_of_traces_and_of_what_was_asked(script: Callable[[str], Any]) -> None:
    version_of = script("kept").version_of
    one, other = traces("abc", "abd"), traces("abc", "abc")
    versions = [
        version_of("1", one, seed=1), version_of("2", one, seed=1), version_of("1", one, seed=2),
        version_of("1", other, seed=1), version_of("1", one, one, seed=1),
    ]  # fmt: skip
    assert len({json.dumps(version) for version in versions}) == len(versions)
    assert versions[0] == version_of("1", one, seed=1)
    assert {"torch", "numpy"} <= set(versions[0])


def test_code_is_what_is_imported_and_no_words(
    script: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = script("kept")
    monkeypatch.setattr(kept, "ROOT", tmp_path)
    folder = tmp_path / "src" / "made_up"
    (folder / "far").mkdir(parents=True)
    sources = {
        "top": '"""Words."""\nfrom made_up.near import y\nfrom made_up.far.off import z\nx = 1\n',
        "near": "y = 1\n",
        "far/off": "z = 1\n",
    }

    def code(**changes: str) -> str:
        for name, source in (sources | changes).items():
            (folder / f"{name}.py").write_text(source)
        told: str = kept.code_of("made_up.top", within=["made_up.near"])
        return told

    first = code()
    assert code(top=sources["top"].replace("Words", "Others") + "# why\n") == first
    assert code(**{"far/off": "z = 2\n"}) == first
    assert len({first, code(near="y = 2\n"), code(top=sources["top"] + "x = 2\n")}) == 3


def test_work_is_what_functions_do(script: Callable[[str], Any]) -> None:
    work_of = script("kept").work_of

    def one() -> int:
        """Words."""
        return 1

    def other() -> int:
        return 2

    assert len({work_of(one), work_of(other), work_of(one, other)}) == 3
    assert work_of(one) == work_of(one)


SETTINGS = {"cells": 4, "embedding": 3, "epochs": 1}
NORMAL = traces(*("abc" * n + "abd" * (n % 3) for n in range(1, 25)))


def test_kept_models_have_the_thresholds_that_training_sets(
    script: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    models = script("neural_models")

    def trained(normal: TraceSet = NORMAL) -> Any:
        return models.trained("one", "lstm", SETTINGS, normal, seed=1, data="made", part="all")

    first = trained()
    monkeypatch.setattr(models, "fit_model", lambda *_, **__: pytest.fail("it is there"))
    again = trained()
    assert again.decisions == first.decisions
    np.testing.assert_array_equal(again.population.scores, first.population.scores)
    monkeypatch.setattr(models, "DEFAULT_FALSE_ALARMS", "70%")
    assert trained().decision.threshold < first.decision.threshold


def test_a_kept_model_that_learned_other_traces_is_trained_again(
    script: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    models = script("neural_models")
    fit, n_fitted = models.fit_model, 0

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal n_fitted
        n_fitted += 1
        return fit(*arguments, **options)

    def trained() -> Any:
        return models.trained("one", "lstm", SETTINGS, NORMAL, seed=1, data="made", part="all")

    monkeypatch.setattr(models, "fit_model", counted)
    trained()
    trained()
    assert n_fitted == 1
    monkeypatch.setattr(models, "DEFAULT_HELD_OUT", 0.5)
    trained()
    assert n_fitted == 2


def test_part_of_the_tried_is_no_page(
    script: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tried = script("tried")
    monkeypatch.setattr(tried, "version", lambda *_: {})
    monkeypatch.setattr(tried, "write_page", lambda *_: pytest.fail("the page was written"))
    monkeypatch.setattr(sys, "argv", ["tried.py", "--page"])
    tried.main()
    assert "the page is not written: tcn, seed 1" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--epochs", "2"], ["--seeds", "1"]])
def test_part_of_the_encoding_is_no_page(
    arguments: list[str],
    script: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    encoding = script("encoding")
    monkeypatch.setattr(encoding, "row_of", lambda *_: {})
    monkeypatch.setattr(encoding, "write_page", lambda *_: pytest.fail("the page was written"))
    monkeypatch.setattr(sys, "argv", ["encoding.py", *arguments])
    encoding.main()
    assert "it is not written" in capsys.readouterr().out


def test_some_detectors_are_no_page(
    script: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    unknown = script("unknown_calls")
    for name, value in {
        "adfa": lambda: (NORMAL, ""), "judged": lambda *_: NORMAL, "all_measured": lambda *_: {},
        "training_part": lambda *_: (NORMAL, ""),
        "write_page": lambda *_: pytest.fail("the page was written"),
    }.items():  # fmt: skip
        monkeypatch.setattr(unknown, name, value)
    monkeypatch.setattr(sys, "argv", ["unknown_calls.py", *detector_names()[1:]])
    unknown.main()
    assert "it is not written" in capsys.readouterr().out


def test_windows_with_a_novel_call_say_nothing_of_what_else_is_foreign(
    script: Callable[[str], Any],
) -> None:
    page = script("foreign_normals")
    learned, normals = traces("abcabc"), traces("abcxabc", "abcbbb", "ab", "xxx")
    novel = np.array([name == "x" for name in normals.alphabet])
    half = page.Half(learned, normals, novel, page.sums_of(novel[normals.calls], normals) > 0)
    assert half.holds.tolist() == [True, False, False, True]
    # abc, abc | abc, bcb, cbb, bbb | too short | nothing without x
    np.testing.assert_array_equal(page.foreign(half, 3), [0, 0.75, np.nan, np.nan])


def test_a_foreign_trace_is_held_against_the_nearest_others(script: Callable[[str], Any]) -> None:
    page = script("foreign_normals")
    others, alarms = np.arange(200) / 200, np.arange(200) >= 150
    shuffled = np.random.default_rng(1).permutation(200)
    near = page.as_foreign(np.array([0.0, 0.75, 1.0]), others[shuffled], alarms[shuffled])
    np.testing.assert_allclose(near, [0, 0.5, 1])
