"""Files of jobs on a node: found by what is in them, private, and not kept for ever."""

from __future__ import annotations

import os
import tempfile
import time
from typing import TYPE_CHECKING

import pytest

from habitus.engines import ray_slot
from habitus.engines.base import EngineError
from habitus.engines.ray_cluster import Node
from habitus.engines.ray_slot import KEPT_SECONDS, Slot, _on_this_node
from habitus.version import __version__

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    offers(monkeypatch, 4)
    monkeypatch.setattr("habitus.engines.local.free_memory_bytes", lambda: 10 << 30)


def offers(patch: pytest.MonkeyPatch, processors: float, memory_bytes: float = 0) -> None:
    """What the node offers to its cluster."""
    node = Node("n1", "here", processors, memory_bytes)
    patch.setattr(ray_slot, "this_node", lambda: node)


@pytest.mark.parametrize(
    ("processors", "memory_bytes", "threads", "most", "expected"),
    [
        (8, 0, 1, 100, 1 << 30),
        (8, 0, 2, 100, 2 << 30),
        (8, 0, 1, 2, 4 << 30),  # of so few jobs no more than these are on the node
        (1, 0, 1, 100, 8 << 30),
        (8, 4 << 30, 1, 100, 512 << 20),
        (8, 400 << 30, 1, 100, 1 << 30),  # more than the machine has
    ],
)
def test_a_job_s_memory_goes_by_what_its_node_offers(
    processors: int, memory_bytes: int, threads: int, most: int, expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    offers(monkeypatch, processors, memory_bytes)
    slot = Slot(threads, most, __version__)
    assert slot._engine.memory_bytes == pytest.approx(expected, rel=1e-6)


def test_a_node_that_can_run_nothing_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Slot(1, 1, __version__).ready() == ("n1", "here", "")
    assert "it has Habitus" in Slot(1, 1, "0.0.0").ready()[2]
    _on_this_node(b"content").parent.chmod(0o755)
    told = Slot(1, 1, __version__, model=b"content").ready()[2]
    assert told.startswith("it cannot keep the files that jobs share: ")


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

    slot = Slot(1, 1, __version__)
    monkeypatch.setattr(tempfile, "mkstemp", full)
    slot.submit({"name": "a", "task": "engine_jobs:add"})
    (told,), log = slot.wait()
    assert (told["kind"], told["is_refused"], log) == ("Ended", True, b"")
    assert told["failure"].endswith("of the node takes no log: No space left on device")
