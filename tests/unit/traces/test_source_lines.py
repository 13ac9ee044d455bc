"""The lines that an explanation shows beside its calls."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from habitus.api import judging

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("length", [99, 100, 101, 200, 201, 1000])
def test_lines_behind_a_very_long_one_keep_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setattr(judging, "MAX_LINE_BYTES", 100)
    path = tmp_path / "run.strace"
    path.write_bytes(b"first\n" + b"x" * length + b"\nthird\nfourth")
    explanation: Any = SimpleNamespace(
        position_unit="line", calls=[SimpleNamespace(position=i) for i in (2, 3, 4)]
    )
    lines = judging.source_lines(path, str(path), explanation)
    assert lines == {2: "x" * min(length, 100), 3: "third", 4: "fourth"}
