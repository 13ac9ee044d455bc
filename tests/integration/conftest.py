"""Recordings, models of them, and the command line, in a process of its own and in this one."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from command_line import NORMAL, STRANGE, command_of, environment, write
from typer.testing import CliRunner

from habitus.cli import commands  # noqa: F401 - registers the commands
from habitus.cli.app import app

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result
    from command_line import Invoke, Run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("HABITUS_HOME", str(folder))
    return folder


@pytest.fixture
def run(home: Path, tmp_path: Path) -> Run:
    """Run a command in a process of its own, in a folder of its own."""

    def run(*arguments: object, stdin: str = "", status: int = 0) -> subprocess.CompletedProcess:
        done = subprocess.run(
            command_of(*arguments), input=stdin, capture_output=True, text=True, check=False,
            timeout=120, env=environment(home), cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def invoke(home: Path) -> Invoke:
    """Run a command here, as on a terminal that shows what it is sent."""

    def invoke(*arguments: object, status: int = 0, stdin: bytes | None = None) -> Result:
        result = CliRunner().invoke(app, [str(a) for a in arguments], color=True, input=stdin)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == status, result.output
        return result

    return invoke


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve normal recordings and six attacks, of two kinds."""
    folder = tmp_path_factory.mktemp("data") / "recordings"
    for i in range(12):
        write(
            folder / "normal" / f"run-{i}.txt",
            f"{NORMAL} " * (3 + i % 5) + f"exit_group {'stat ' * i}",
        )
    for i in range(3):
        write(folder / "attack" / "shell" / f"run-{i}.txt", f"{STRANGE} " * (i + 2))
        write(folder / "attack" / "miner" / f"run-{i}.txt", NORMAL + " futex sched_yield" * (i + 5))
    return folder


@pytest.fixture(scope="session")
def model(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An n-gram model of the recordings; tests that change it copy it first."""
    folder = tmp_path_factory.mktemp("models") / "ngram"
    arguments = ["train", "ngram", "--data", str(recordings), "-o", str(folder), "--false-alarms"]
    result = CliRunner().invoke(app, [*arguments, "20%"])
    assert result.exit_code == 0, result.output
    return folder
