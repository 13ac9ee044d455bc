"""What integration tests share that is no fixture: how a command is started, and small traces."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from click.testing import Result

if TYPE_CHECKING:
    from pathlib import Path

Run = Callable[..., subprocess.CompletedProcess[str]]
Invoke = Callable[..., Result]

NORMAL, STRANGE = "openat read close brk", "socket connect dup2 execve"


def environment(home: Path) -> dict[str, str]:
    # As a user has it: unbuffered output would hide what goes wrong when buffers are written out.
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**outer, "HABITUS_HOME": str(home), "PYTHONWARNINGS": "error"}


def command_of(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "habitus", *map(str, arguments)]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
