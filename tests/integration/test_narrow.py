"""What `evaluate` and `explain` print on narrow terminals: whole words, all of them."""

from __future__ import annotations

import os
import pty
import subprocess
from typing import TYPE_CHECKING

import pytest
from command_line import command_of, environment

if TYPE_CHECKING:
    from pathlib import Path


def on_terminal(home: Path, width: int, *arguments: object) -> list[str]:
    """The lines that a command prints on a terminal so wide, without colours."""
    ours, theirs = pty.openpty()
    settings = {**environment(home), "COLUMNS": str(width), "TERM": "xterm", "NO_COLOR": "1"}
    process = subprocess.Popen(
        command_of(*arguments), stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
        env=settings,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    try:
        while block := os.read(ours, 1 << 16):
            said += block
    except OSError:  # how Linux says that nobody holds the other end any more
        pass
    os.close(ours)
    assert process.wait(60) == 0, said
    return said.decode().replace("\r", "").split("\n")


def test_results_become_blocks_and_notes_wrap(home: Path, model: Path, recordings: Path) -> None:
    lines = on_terminal(home, 60, "evaluate", model, "--data", recordings)
    assert "model: ngram" in lines
    assert any(line.startswith("  AUC: ") for line in lines)
    assert any(line.startswith("note: ") for line in lines)
    told = [line for line in lines if "/" not in line and "\x1b" not in line]  # no paths, no bold
    assert max(map(len, told)) <= 60
    wide = on_terminal(home, 200, "evaluate", model, "--data", recordings)
    assert any(line.split()[:2] == ["ngram", "mean"] for line in wide)


@pytest.mark.parametrize("width", [30, 60])
def test_an_explanation_cuts_no_call(home: Path, model: Path, recordings: Path, width: int) -> None:
    lines = on_terminal(home, width, "explain", model, recordings / "attack" / "miner")
    assert "…" not in "".join(lines)
    words = {word for line in lines for word in line.split()}
    assert {"sched_yield", "futex"} <= words
    assert ("call: sched_yield (never seen)" in " ".join(" ".join(lines).split())) == (width == 30)
