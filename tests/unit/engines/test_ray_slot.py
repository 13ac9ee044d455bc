"""Files of jobs on a node: found by what is in them, private, and not kept for ever."""

from __future__ import annotations

import os
import tempfile
import time
from typing import TYPE_CHECKING

import pytest

from habitus.engines.base import EngineError
from habitus.engines.ray_slot import KEPT_SECONDS, Slot, _on_this_node
from habitus.version import __version__

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_the_same_content_is_kept_once() -> None:
    first = _on_this_node(b"content")
    assert first.read_bytes() == b"content"
    assert _on_this_node(b"content") == first
    assert len(list(first.parent.iterdir())) == 1


def test_what_nobody_used_for_long_is_taken_away() -> None:
    old, used = _on_this_node(b"old"), _on_this_node(b"used")
    long_ago = time.time() - KEPT_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    _on_this_node(b"new")
    assert not old.exists()
    assert used.exists()


def test_a_file_in_use_again_is_young_again() -> None:
    path = _on_this_node(b"content")
    nearly = time.time() - KEPT_SECONDS + 60
    os.utime(path, (nearly, nearly))
    _on_this_node(b"content")
    assert path.stat().st_mtime > nearly + 60


def test_a_folder_that_others_may_read_is_refused() -> None:
    _on_this_node(b"content").parent.chmod(0o755)
    with pytest.raises(EngineError, match="not this user's alone"):
        _on_this_node(b"content")


def test_a_node_whose_disk_is_full_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: str) -> None:
        raise OSError(28, "No space left on device")

    slot = Slot(1, __version__)
    monkeypatch.setattr(tempfile, "mkstemp", full)
    slot.submit({"name": "a", "task": "engine_jobs:add"})
    (told,), log = slot.wait()
    assert (told["kind"], told["error_number"], log) == ("Ended", 28, b"")
    assert told["failure"].endswith("of the node takes no log: No space left on device")
