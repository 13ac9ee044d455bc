"""Searches as a user has them: in processes of their own, killed at any moment, on a full disk."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import habitus
from habitus import load_search
from habitus.search.ledger import JOURNAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitus import SearchResult

GRID = """
detector = "ngram"
method = "grid"

[space]
order = [1, 2, 3, 4, 5, 6, 7, 8]
smoothing = ["witten-bell", "kneser-ney"]
floor = [341.0, 1000.0]
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty short recordings, and four attacks."""
    folder = tmp_path_factory.mktemp("data") / "recordings"
    draw = random.Random(3)
    calls = ["openat", "read", "write", "close", "brk", "stat", "mmap"]
    for i in range(34):
        kind = "normal" if i < 30 else "attack/shell"
        start, length = draw.randrange(7), draw.randrange(30, 90)
        walk = [calls[(start + n * (1 if i < 30 else 3)) % 7] for n in range(length)]
        walk = [draw.choice(calls) if draw.random() < 0.2 else call for call in walk]
        path = folder / kind / f"run-{i}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(" ".join(walk) + "\n")
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    source = Path(habitus.__file__).parents[1]
    return {**os.environ, "HABITUS_HOME": str(tmp_path / "home"), "PYTHONPATH": str(source)}


@pytest.fixture
def command(tmp_path: Path, data: Path) -> Callable[..., list[str]]:
    (tmp_path / "grid.toml").write_text(GRID)

    def made(run: str, *more: str, file: str = "grid.toml") -> list[str]:
        return [
            sys.executable, "-m", "habitus", "search", str(tmp_path / file), "--data", str(data),
            "-o", str(tmp_path / run), "--jobs", "2", *more,
        ]  # fmt: skip

    return made


def run(command: list[str], environment: dict[str, str], **options: Any):
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=environment,
        **options,
    )


def table(found: SearchResult) -> list[dict[str, Any]]:
    """All that does not go by how fast the machine is."""
    times = {"seconds", "peak_bytes"}
    trials = [asdict(trial) for trial in found.trials]
    return [{k: v for k, v in trial.items() if k not in times} for trial in trials]


def test_killed_ten_times_it_ends_as_if_it_had_not_been(
    tmp_path: Path, command: Callable[..., list[str]], environment: dict[str, str]
) -> None:
    assert run(command("whole"), environment).returncode == 0
    whole = load_search(tmp_path / "whole")
    assert len(whole.trials) == 32
    draw = random.Random(11)
    journal = tmp_path / "cut" / JOURNAL
    ended: dict[int, Any] = {}
    for _ in range(10):
        size = journal.stat().st_size if journal.is_file() else 0
        started = subprocess.Popen(
            command("cut", "--resume"), env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        # At a random byte of what it writes, so that how fast the machine is decides nothing.
        until = size + draw.randrange(1, 4000)
        while started.poll() is None and not (
            journal.is_file() and journal.stat().st_size >= until
        ):
            time.sleep(0.0005)
        time.sleep(draw.random() * 0.02)
        started.send_signal(signal.SIGKILL)
        assert started.stderr is not None
        started.communicate()
        if not (tmp_path / "cut" / "run.json").is_file() or not journal.stat().st_size:
            continue
        now = {t["trial"]: t for t in table(load_search(tmp_path / "cut"))}
        now = {number: trial for number, trial in now.items() if trial["state"] != "running"}
        for number, trial in ended.items():
            assert now[number]["value"] == trial["value"]
        assert set(ended) <= set(now)
        ended = now
    assert run(command("cut", "--resume"), environment).returncode == 0
    found = load_search(tmp_path / "cut")
    assert table(found) == table(whole)
    assert found.importance == whole.importance
    assert not (tmp_path / "cut" / "data").exists()


def test_resume_of_what_is_finished_or_absent_is_a_plain_run(
    tmp_path: Path, command: Callable[..., list[str]], environment: dict[str, str]
) -> None:
    first = run(command("run", "--resume", "--json"), environment)
    assert first.returncode == 0, first.stderr
    journal = (tmp_path / "run" / JOURNAL).read_bytes()
    second = run(command("run", "--resume", "--json"), environment)
    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout) == json.loads(first.stdout)
    assert (tmp_path / "run" / JOURNAL).read_bytes() == journal
    again = run(command("run"), environment)
    assert again.returncode == 2
    assert "a finished search stands here" in again.stderr


def test_ctrl_c_keeps_what_has_ended(
    tmp_path: Path, command: Callable[..., list[str]], environment: dict[str, str]
) -> None:
    (tmp_path / "grid.toml").write_text(GRID.replace("[1, 2,", "[1, 2, 9, 10,"))
    started = subprocess.Popen(
        command("run"), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    journal = tmp_path / "run" / JOURNAL
    while not (journal.is_file() and journal.read_bytes().count(b"habitus:outcome") >= 2):
        assert started.poll() is None
        time.sleep(0.001)
    started.send_signal(signal.SIGINT)
    _, told = started.communicate(timeout=60)
    assert started.returncode == 130, told
    assert "--resume goes on with it" in told
    assert load_search(tmp_path / "run").counts()["done"] >= 1
    done = run(command("run", "--resume"), environment)
    assert done.returncode == 0, done.stderr
    assert load_search(tmp_path / "run").is_finished


@pytest.mark.parametrize("limit", [600, 9000])
def test_a_full_disk_is_told_and_what_was_found_is_kept(
    limit: int, tmp_path: Path, command: Callable[..., list[str]], environment: dict[str, str]
) -> None:
    """As on a full disk: no file may grow beyond a few bytes."""

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    done = run(command("run"), environment, preexec_fn=full)
    assert done.returncode == 2
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    found = run(command("run", "--resume"), environment)
    assert found.returncode == 0, found.stderr
    assert load_search(tmp_path / "run").counts()["done"] == 32


def test_two_searches_into_one_folder_are_refused(
    tmp_path: Path, command: Callable[..., list[str]], environment: dict[str, str]
) -> None:
    with subprocess.Popen(
        command("run"), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as first:
        while not (tmp_path / "run" / JOURNAL).is_file():
            assert first.poll() is None
            time.sleep(0.01)
        first.send_signal(signal.SIGSTOP)
        second = run(command("run", "--resume"), environment)
        first.send_signal(signal.SIGCONT)
        assert second.returncode == 2
        assert "another process is searching into it" in second.stderr
        assert first.wait(120) == 0


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (lambda file, _: file.write_text(GRID.replace("8]", "9]")), "the search file"),
        (lambda _, data: (data / "normal" / "x.txt").write_text("brk brk\n"), "the data"),
    ],
)
def test_another_search_is_not_gone_on_with(
    change: Callable[[Path, Path], object],
    differs: str,
    tmp_path: Path,
    data: Path,
    command: Callable[..., list[str]],
    environment: dict[str, str],
) -> None:
    own = tmp_path / "own"
    shutil.copytree(data, own)
    (tmp_path / "grid.toml").write_text(GRID.replace("3, 4, 5, 6, 7, ", ""))
    arguments = [own if a == str(data) else a for a in command("run")]
    assert run(arguments, environment).returncode == 0
    change(tmp_path / "grid.toml", own)
    again = run([*arguments, "--resume"], environment)
    assert again.returncode == 2
    assert f"which differs in {differs}" in again.stderr


def test_a_model_is_trained_from_a_search(
    tmp_path: Path, command: Callable[..., list[str]], environment: dict[str, str]
) -> None:
    (tmp_path / "grid.toml").write_text(GRID.replace("[1, 2, 3, 4, 5, 6, 7, 8]", "[1, 3]"))
    assert run(command("run"), environment).returncode == 0
    found = load_search(tmp_path / "run")
    for which in ("1", "trial-5"):
        model = tmp_path / f"model-{which}"
        arguments = ["train", "--from", f"{tmp_path / 'run'}#{which}", "-o", str(model), "--json"]
        done = run([sys.executable, "-m", "habitus", *arguments], environment)
        assert done.returncode == 0, done.stderr
        trial = found.find(which)
        made = json.loads(done.stdout)
        assert trial.settings.items() <= made["settings"].items()
        assert made["provenance"]["seed"] == trial.seed
        assert made["provenance"]["n_traces"] == 15  # the protocol's half, nothing held out


def test_a_supervised_search_says_so_everywhere(
    tmp_path: Path, data: Path, command: Callable[..., list[str]], environment: dict[str, str]
) -> None:
    own = tmp_path / "own"
    shutil.copytree(data, own)
    for i in range(6):
        path = own / "attack" / "miner" / f"x-{i}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("brk stat " * (20 + i) + "\n")
    (tmp_path / "grid.toml").write_text(
        'detector = "stide"\nmethod = "grid"\n[space]\nn = [2, 3, 4, 5]\n'
    )
    arguments = [str(own) if a == str(data) else a for a in command("run")]
    done = run([*arguments, "--supervised"], environment)
    assert done.returncode == 0, done.stderr
    assert "chosen by labels" in done.stdout
    assert "auc_reported" in done.stdout
    command_ = [sys.executable, "-m", "habitus", "search", "show", str(tmp_path / "run"), "--json"]
    found = json.loads(run(command_, environment).stdout)
    assert found["search"]["supervised"] is True
    assert all(trial["supervised"] for trial in found["trials"])
    again = run([*arguments, "--resume"], environment)
    assert again.returncode == 2
    assert "supervised" in again.stderr


def test_attacks_beside_rank_nothing_and_are_in_the_report(
    tmp_path: Path, command: Callable[..., list[str]], environment: dict[str, str]
) -> None:
    (tmp_path / "grid.toml").write_text(GRID.replace("3, 4, 5, 6, 7, 8", "3"))
    plain = run(command("plain", "--json"), environment)
    beside = run(command("beside", "--beside-attacks", "--json"), environment)
    assert beside.returncode == 0, beside.stderr
    one, other = json.loads(plain.stdout), json.loads(beside.stdout)
    assert [(t["trial"], t["value"]) for t in one["trials"]] == [
        (t["trial"], t["value"]) for t in other["trials"]
    ]
    assert one["search"]["attacks"] == "no attack was looked at"
    assert other["search"]["attacks"] == "attacks were looked at beside; they ranked nothing"
    assert all(trial["beside"] is None for trial in one["trials"])
    assert all(trial["beside"]["n_attack"] == 4 for trial in other["trials"])
    again = run(command("beside", "--resume"), environment)
    assert again.returncode == 2
    assert "which differs in --beside-attacks" in again.stderr
    shown = [sys.executable, "-m", "habitus", "search", "show", str(tmp_path / "beside")]
    told = run([*shown, "--report"], environment).stdout
    assert "they ranked nothing" in told
    assert f"wrote {tmp_path / 'beside' / 'report.html'}" in told.replace("\n", "")
    assert "figure-agreement" in (tmp_path / "beside" / "report.html").read_text()
    assert "figure-agreement" not in (tmp_path / "plain" / "report.html").read_text()


def test_attacks_that_may_not_be_looked_at_leave_no_search_behind(
    tmp_path: Path, data: Path, command: Callable[..., list[str]], environment: dict[str, str]
) -> None:
    done = run(command("run", "--supervised", "--beside-attacks"), environment)
    assert done.returncode == 2
    assert "leave one of them out" in " ".join(done.stderr.split())
    only = [str(data / "normal") if a == str(data) else a for a in command("run")]
    done = run([*only, "--beside-attacks"], environment)
    assert done.returncode == 2
    assert "there are no labelled attacks" in done.stderr
    assert not (tmp_path / "run" / "run.json").exists()
    assert run(only, environment).returncode == 0


def test_a_search_without_one_good_trial_is_an_error(
    tmp_path: Path, command: Callable[..., list[str]], environment: dict[str, str]
) -> None:
    (tmp_path / "grid.toml").write_text(
        'detector = "ngram"\nmethod = "grid"\n[space]\norder = [1, 2, 3]\n[settings]\nfloor = 2.0\n'
    )
    done = run(command("run"), environment)
    assert done.returncode == 2
    assert "no trial came to a good end; the first failed because: floor=2" in done.stderr
    assert "3 trials failed: floor=2" in done.stdout
    assert "No trial has come to a good end" in (tmp_path / "run" / "report.html").read_text()
