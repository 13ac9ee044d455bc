"""Compiled loops: kept between processes, in a folder that nobody else can write."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from habitus import compiled
from habitus.compiled import hash_multiplier, kernel_sources

# `skip_spaces` is the smallest loop there is: compiling it takes a second.
PROGRAM = """
import numpy as np
from habitus.traces.text_kernels import skip_spaces
text = np.frombuffer(b"  x ", dtype=np.uint8)
print(skip_spaces(text, 0, 4), sum(skip_spaces.stats.cache_hits.values()),
      sum(skip_spaces.stats.cache_misses.values()))
"""
OUT_OF_BOUNDS = """
import numpy as np
from habitus.traces.text_kernels import skip_spaces
try:
    print(skip_spaces(np.frombuffer(b"    ", dtype=np.uint8), 0, 5))
except IndexError as error:
    print("IndexError")
"""


def run(
    cache: Path, program: str = PROGRAM, **environment: str
) -> subprocess.CompletedProcess[str]:
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA", "HABITUS", "XDG"))}
    return subprocess.run(
        [sys.executable, "-W", "always", "-c", program],
        env={**keep, "XDG_CACHE_HOME": str(cache), **environment},
        capture_output=True,
        text=True,
        check=True,
    )


def kernels(cache: Path) -> list[Path]:
    return sorted((cache / "habitus").iterdir())


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which the loop has been compiled once."""
    cache = tmp_path_factory.mktemp("cache")
    assert run(cache).stdout == "2 0 1\n"
    return cache


def test_the_folder_is_ours_alone(warm: Path) -> None:
    (folder,) = kernels(warm)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert folder.stat().st_uid == os.geteuid()
    assert list(folder.rglob("*.nbi"))


def test_a_second_process_compiles_nothing(warm: Path) -> None:
    before = sorted(p for p in warm.rglob("*") if p.is_file())
    ran = run(warm)
    assert ran.stdout == "2 1 0\n"
    assert not ran.stderr
    assert sorted(p for p in warm.rglob("*") if p.is_file()) == before


def test_machine_code_that_nobody_used_for_long_is_removed(warm: Path, tmp_path: Path) -> None:
    shutil.copytree(warm, tmp_path, dirs_exist_ok=True)
    (folder,) = kernels(tmp_path)
    old, young = (folder.with_name(f"kernels-{name}-fast") for name in ("old", "young"))
    for other, days in ((old, 15), (young, 13), (folder, 15)):
        other.mkdir(exist_ok=True)
        then = time.time() - days * 24 * 3600
        os.utime(other, (then, then))
    assert run(tmp_path).stdout == "2 1 0\n"  # what is in use is not old
    assert kernels(tmp_path) == sorted([folder, young])


def test_loops_are_made_of_nothing_that_is_not_looked_at_for_changes() -> None:
    sources = kernel_sources()
    package = Path(compiled.__file__).parent
    named = {".".join(("habitus", *s.relative_to(package).with_suffix("").parts)) for s in sources}
    for source in sources:
        if source.name.endswith("_kernels.py"):
            imported = re.findall(
                r"^ *from (habitus[\w.]*) import (\w+)", source.read_text(), re.MULTILINE
            )
            for module, name in imported:
                assert {module, f"{module}.{name}"} & named, f"{source}: {module}"


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o702])
def test_a_folder_that_others_may_use_is_not_used(warm: Path, mode: int) -> None:
    (folder,) = kernels(warm)
    folder.chmod(mode)
    try:
        ran = run(warm)
    finally:
        folder.chmod(0o700)
    assert ran.stdout.startswith("2 0 ")  # it works, without what the cache holds
    assert "compiled loops are not kept" in ran.stderr
    assert "is not a folder of this user alone" in ran.stderr


def test_a_link_in_the_folders_place_is_not_followed(warm: Path, tmp_path: Path) -> None:
    (folder,) = kernels(warm)
    (tmp_path / "habitus").mkdir()
    (tmp_path / "habitus" / folder.name).symlink_to(folder)
    ran = run(tmp_path)
    assert ran.stdout.startswith("2 0 ")
    assert "is not a folder of this user alone" in ran.stderr


def test_a_cache_that_cannot_be_made_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "habitus").write_text("in the way")
    ran = run(tmp_path)
    assert ran.stdout.startswith("2 0 ")
    assert "compiled loops are not kept" in ran.stderr


def test_bounds_are_checked_when_asked_and_kept_apart(warm: Path, tmp_path: Path) -> None:
    checked = run(tmp_path, OUT_OF_BOUNDS, HABITUS_BOUNDS_CHECK="1")
    assert checked.stdout == "IndexError\n"
    (folder,) = kernels(tmp_path)
    (fast,) = kernels(warm)
    assert folder.name.endswith("-checked")
    assert fast.name == folder.name.removesuffix("-checked") + "-fast"


def test_the_multiplier_is_odd_secret_and_one_per_process() -> None:
    assert hash_multiplier() % 2 == 1
    assert hash_multiplier() < 1 << 64
    assert hash_multiplier() == hash_multiplier()
    program = "from habitus.compiled import hash_multiplier; print(hash_multiplier())"
    command = [sys.executable, "-c", program]
    others = {subprocess.check_output(command, text=True) for _ in range(3)}
    assert len(others | {f"{hash_multiplier()}\n"}) == 4
