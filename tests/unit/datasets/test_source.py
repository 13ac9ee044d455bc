"""What ``--data`` means."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import habitus
from habitus.datasets.home import DataHome
from habitus.datasets.source import find_source
from habitus.errors import DataHomeError
from habitus.storage import sha256_of_path
from habitus.traces.report import ReadReport

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataHome:
    monkeypatch.chdir(tmp_path)
    return DataHome(tmp_path / "home")


def test_a_path_is_read(home: DataHome, tmp_path: Path) -> None:
    (tmp_path / "calls.txt").write_text("openat read\n?!\nclose\n")
    source = find_source("calls.txt", home)
    assert (source.name, str(source.path)) == ("calls.txt", "calls.txt")
    assert source.sha256 == sha256_of_path(tmp_path / "calls.txt")
    report = ReadReport()
    traces = source.read(format="plain", report=report)
    assert [traces.trace(i) for i in range(2)] == [["openat", "read"], ["close"]]
    assert report.n_broken == 1


def test_a_name_in_the_home_comes_before_a_file_of_that_name(
    home: DataHome, tmp_path: Path
) -> None:
    (tmp_path / "added.txt").write_text("openat\n")
    (tmp_path / "x").write_text("read\n")
    home.add("x", tmp_path / "added.txt")
    source = find_source("x", home)
    assert source.name == "x"
    assert source.path.name == "added.txt"
    assert source.read().trace(0) == ["openat"]
    assert find_source("./x", home).read().trace(0) == ["read"]


def test_data_that_changed_in_the_home_is_not_read(home: DataHome, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("read\n")
    home.add("x", tmp_path / "x")
    home.path("x").write_text("write\n")
    with pytest.raises(DataHomeError, match="changed since it was added"):
        find_source("x", home)


def test_the_demo_is_always_there(home: DataHome) -> None:
    source = find_source("demo", home)
    assert source.path.name == "recorded.tar.xz"
    assert source.sha256 == sha256_of_path(source.path)


def test_what_is_not_there_is_told_with_what_is(home: DataHome, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("read\n")
    home.add("mine", tmp_path / "f")
    with pytest.raises(DataHomeError, match=r"is called 'nowhere'; there are .* mine, demo"):
        find_source("nowhere", home)


def test_known_data_says_how_to_add_it(home: DataHome) -> None:
    with pytest.raises(DataHomeError, match=r"not in the data home yet: `habitus data add adfa-ld"):
        find_source("adfa-ld", home)


@pytest.mark.parametrize("name", ["x" * 5_000, "a\0b", "", "x/" * 3_000])
def test_names_that_no_file_can_have(home: DataHome, name: str) -> None:
    with pytest.raises(DataHomeError):
        find_source(name or "\0", home)


def test_a_pipe_is_refused_before_it_is_read(home: DataHome, tmp_path: Path) -> None:
    """``--data <(cat x)``: its digest would take what is to be learned from."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataHomeError, match=r"a pipe or a device.*write them to a file first"):
        find_source("pipe", home)
    with pytest.raises(DataHomeError, match="a pipe or a device"):
        find_source("/dev/null", home)


def test_a_program_reads_data_by_name_or_path_as_training_does(
    home: DataHome, tmp_path: Path
) -> None:
    (tmp_path / "attack").mkdir()
    (tmp_path / "attack" / "calls.txt").write_text("openat read\n?!\nclose\n")
    report = ReadReport()
    traces = habitus.read_data("attack", format="plain", report=report)
    assert (traces.n_traces, report.n_broken) == (2, 1)
    assert all(traces.labels == habitus.Label.ATTACK)
    with pytest.raises(habitus.HabitusError, match="no data set and no file is called 'nothing'"):
        habitus.read_data("nothing")
