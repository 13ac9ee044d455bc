"""The documentation's examples run as they are written, and print what it says they print.

In pages of the tutorial and the how-to guides, fences of ``sh`` and ``python`` run in order, in a
fresh folder a page. One with a title is the file of that name. A fence of ``text`` right behind one
that ran is its output, in which ``...`` stands for anything. ``console`` is for what the reader
alone has.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted([*DOCS.glob("tutorial/*.md"), *DOCS.glob("how-to/*.md")])
_FENCE = re.compile(r"^```(\w+)(?: title=\"([\w.]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHOWN = {"console", "toml", "yaml"}


class Fence(NamedTuple):
    line: int
    kind: str
    title: str
    text: str
    follows: str
    """What stands between the fence before and this one."""


def fences_of(page: Path) -> list[Fence]:
    text = page.read_text(encoding="utf-8")
    fences, end = [], 0
    for match in _FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        between = text[end : match.start()].strip()
        fences.append(Fence(line, match[1], match[2] or "", match[3], between))
        end = match.end()
    assert len(fences) == text.count("\n```") / 2, f"{page}: a fence without a language"
    return fences


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A new user's: an empty home, and the compiled loops that installing has left."""
    home = tmp_path / "home"
    home.mkdir()
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        "HOME": str(home),
        "HABITUS_HOME": str(home / "habitus"),
        "XDG_CACHE_HOME": cache,
        "PATH": path,
        "LANG": "C.UTF-8",
        "PYTHONWARNINGS": "error",
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_run(page: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    fences = fences_of(page)
    if shutil.which("strace") is None and any("strace -" in f.text for f in fences):
        pytest.fail("needs strace") if os.environ.get("CI") else pytest.skip("needs strace")
    folder = tmp_path / "work"
    folder.mkdir()
    output: str | None = None
    for fence in fences:
        where = f"{page.relative_to(DOCS.parent)}:{fence.line}"
        if fence.kind == "text" and not fence.follows and output is not None:
            assert holds(output, fence.text), (
                f"{where}: says\n{fence.text}\nbut it printed\n{output}"
            )
        elif fence.title:
            (folder / fence.title).write_text(fence.text)
        elif fence.kind in {"sh", "python"}:
            output = run(fence, folder, environment, where)
            continue
        else:
            assert fence.kind in SHOWN | {"text"}, f"{where}: {fence.kind} is neither run nor shown"
        output = None


def run(fence: Fence, folder: Path, environment: dict[str, str], where: str) -> str:
    if fence.kind == "python":
        command = [sys.executable, "-c", fence.text]
        environment = environment | {"PYTHONPATH": str(folder)}
    else:
        command = ["bash", "-eu", "-o", "pipefail", "-c", fence.text]
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{where}: status {done.returncode}\n{fence.text}\n{done.stdout}"
    return done.stdout


def holds(output: str, expected: str) -> bool:
    """Whether the pieces between ``...`` stand in the output in order, but for white space."""
    rest = " ".join(output.split())
    for piece in filter(None, (" ".join(part.split()) for part in expected.split("..."))):
        _, found, rest = rest.partition(piece)
        if not found:
            return False
    return True


def test_output_is_compared() -> None:
    assert holds("a  b\nc 1.5 d", "a b\n... d\n")
    assert not holds("a b\nc 1.5 d", "a b\n... e\n")
    assert not holds("d c b a", "a ... d")


def test_pages_are_found() -> None:
    names = {page.stem for page in PAGES}
    assert {"first-detector", "use-from-python", "add-a-detector", "add-a-format"} <= names
