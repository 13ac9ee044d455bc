"""A checkpoint to take up or to damage, and disks that nobody waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from small_training import killed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def slow_disks_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("habitus.storage.os.fsync", lambda _: None)


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint in the midst of the second epoch; tests that change it copy it first."""
    folder = tmp_path_factory.mktemp("kept") / "lstm.unfinished"
    killed(folder, 16)
    return folder
