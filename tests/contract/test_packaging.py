"""What a checkout offers by path is also in what is built from it."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "src" / "habitus" / "searches").glob("*.toml"))


def test_searches_of_a_checkout_are_the_shipped_ones() -> None:
    link = ROOT / "searches"
    assert link.is_symlink()
    assert link.readlink() == Path("src/habitus/searches")
    assert [path.name for path in sorted(link.glob("*.toml"))] == [path.name for path in SHIPPED]


def build(kind: str, source: Path, folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder],
        cwd=source, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    (built,) = folder.glob("*.tar.gz" if kind == "sdist" else "*.whl")
    return built


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel that is made of it."""
    folder = tmp_path_factory.mktemp("dist")
    with tarfile.open(build("sdist", ROOT, folder)) as archive:
        archive.extractall(folder)  # noqa: S202 - just built; Python 3.11.3 has no filter yet
    (source,) = (path for path in folder.iterdir() if path.is_dir())
    build("wheel", source, folder)
    return folder


def test_source_and_wheel_hold_every_file_of_the_package(built: Path) -> None:
    package = ROOT / "src" / "habitus"
    wanted = {
        path.relative_to(package.parent).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "habitus/searches/ngram-grid.toml" in wanted
    assert "habitus/base/base/weights.safetensors" in wanted
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert wanted <= set(archive.namelist())
    (source,) = (path for path in built.iterdir() if path.is_dir())
    assert [name for name in sorted(wanted) if not (source / "src" / name).is_file()] == []
