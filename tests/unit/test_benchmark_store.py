"""Measurements are of one version of the code and the libraries."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

COMMON = Path(__file__).parents[2] / "benchmarks" / "common.py"


@pytest.fixture
def common(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("benchmarks_common", COMMON)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "WORK", tmp_path)
    monkeypatch.setattr(sys, "argv", ["benchmark", "--runs", "2"])
    return module


def measured(common: Any, value: float) -> float:
    store = common.Store("b")
    store.measure({"x": lambda: value})
    median: float = store.median("x")
    return median


def test_measurements_of_another_version_are_not_used(
    common: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "measured_version", lambda: {"src": "1", "numpy": "1"})
    assert measured(common, 1.0) == 1.0
    assert measured(common, 2.0) == 1.0
    monkeypatch.setattr(common, "measured_version", lambda: {"src": "2", "numpy": "1"})
    assert measured(common, 3.0) == 3.0
    monkeypatch.setattr(common, "measured_version", lambda: {"src": "2", "numpy": "2"})
    assert measured(common, 4.0) == 4.0


def test_a_store_of_before_there_were_versions_is_not_used(common: Any, tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text('{"x": [1.0, 1.0]}')
    assert measured(common, 2.0) == 2.0


def test_the_version_is_that_of_code_and_libraries(
    common: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"rev-parse": "abc\n", "status": "", "diff": ""}
    monkeypatch.setattr(common, "_git", lambda command, *_: said[command])
    clean = common.measured_version()
    assert clean["src"] == "abc"
    assert clean["uncommitted"] == ""
    assert "numpy" in clean
    said["diff"] = "one"
    one = common.measured_version()
    said["diff"] = "two"
    assert len({str(clean), str(one), str(common.measured_version())}) == 3
