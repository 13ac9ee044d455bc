"""What can be chosen by name: one broken package keeps nothing else from working."""

from __future__ import annotations

import sys
import types
import warnings
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import pytest

from habitus.errors import UsageError
from habitus.registry import PluginWarning, Registry

if TYPE_CHECKING:
    from pathlib import Path

GROUP = "habitus.things"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Registry[object]:
    """A registry beside whose own `whole` packages declare a sound thing and broken ones."""
    module = types.ModuleType("things_of_a_package")
    module.SOUND = types.SimpleNamespace(name="sound")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    (tmp_path / "things_that_raise.py").write_text("raise RuntimeError('no luck\\ntoday')\n")
    monkeypatch.syspath_prepend(tmp_path)
    points = [
        EntryPoint("sound", "things_of_a_package:SOUND", GROUP),
        EntryPoint("misnamed", "things_of_a_package:SOUND", GROUP),
        EntryPoint("missing", "there_is_no_such_module:X", GROUP),
        EntryPoint("raising", "things_that_raise:X", GROUP),
    ]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points)  # noqa: ARG005
    return Registry("thing", {"whole": "habitus.version:__version__"}, GROUP)


def test_broken_things_are_left_out_with_one_warning_each(registry: Registry[object]) -> None:
    with pytest.warns(PluginWarning) as told:
        assert registry.names() == ("sound", "whole")
    assert len(told) == 3
    text = " ".join(str(warning.message) for warning in told)
    assert "the thing 'raising', which an installed package declares, cannot be" in text
    assert "RuntimeError: no luck" in text
    assert "ModuleNotFoundError" in text
    assert "the thing 'misnamed', which an installed package declares, calls itself 'sound'" in text
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert registry.names() == ("sound", "whole")
    assert registry.get("sound").name == "sound"  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["raising", "missing", "misnamed"])
def test_a_broken_thing_is_an_error_where_it_is_named(
    registry: Registry[object], name: str
) -> None:
    for _ in range(2):
        with pytest.raises(UsageError, match=f"the thing '{name}'"):
            registry.get(name)


def test_what_is_whole_needs_no_package(registry: Registry[object]) -> None:
    assert isinstance(registry.get("whole"), str)
    with pytest.raises(UsageError, match="already a thing named 'raising'"):
        registry.register("raising", object())
