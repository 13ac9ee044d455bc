"""`habitus check-drift`: verdicts, exit statuses, JSON by its schema, narrow terminals."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from command_line import NORMAL, write
from test_narrow import on_terminal

import habitus
from habitus.cli.check_drift import print_drift
from habitus.drift.checking import check_population

if TYPE_CHECKING:
    from command_line import Invoke

SCHEMA = json.loads(
    (Path(habitus.__file__).parent / "schemas" / "drift.schema.json").read_text("utf-8")
)


def recorded(folder: Path, n: int, seed: int, *others: str) -> Path:
    """Runs of calls in a circle, now and then with another."""
    source = random.Random(seed)
    for i in range(n):
        words = NORMAL.split() * source.randint(5, 12)
        for other in (*others, "stat", "stat"):
            words.insert(source.randrange(len(words)), other)
        write(folder / f"run-{i}.txt", " ".join(words))
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("drift")
    recorded(top / "first", 80, 1)
    recorded(top / "same", 60, 2)
    recorded(top / "drifted", 60, 3, "mmap", "io_uring_enter")
    recorded(top / "few", 2, 4)
    model = habitus.train("ngram", str(top / "first"), settings={"order": 3})
    habitus.save_model(model, top / "model")
    return top


def told(text: str) -> Any:
    value = json.loads(text)
    jsonschema.Draft202012Validator(SCHEMA).validate(value)
    return value


def test_verdicts_and_statuses(invoke: Invoke, folders: Path) -> None:
    for name, verdict, status in (
        ("same", "same", 0), ("drifted", "drifted", 1), ("few", "cannot tell", 0),
        ("first", "cannot tell", 0),
    ):  # fmt: skip
        place = folders / name
        said = invoke("check-drift", folders / "model", place, status=status)
        assert said.stdout.startswith(f"{verdict}: ")
        record = told(
            invoke("check-drift", folders / "model", place, "--json", status=status).stdout
        )
        assert record["verdict"] == verdict
        assert record["data"] == str(place)


def test_what_has_changed_is_printed(invoke: Invoke, folders: Path) -> None:
    said = invoke("check-drift", folders / "model", folders / "drifted", status=1).stdout
    assert "2 calls never learned: " in said
    assert "io_uring_enter (" in said
    assert "of 60 traces above the threshold" in said
    before, now = (line for line in said.split("\n") if "│" in line)
    assert before.index("│") == now.index("│")
    assert f"habitus explain {folders / 'model'} {folders / 'drifted'}" in said


def test_the_same_from_python(folders: Path) -> None:
    drift = habitus.check_drift(folders / "model", str(folders / "drifted"), permutations=199)
    assert drift.verdict == "drifted"
    told(drift.to_json())
    with pytest.raises(habitus.HabitusError, match="permutations: 99 to"):
        habitus.check_drift(folders / "model", str(folders / "drifted"), permutations=5)


@pytest.mark.parametrize("width", [30, 60])
def test_a_narrow_terminal_breaks_no_word(home: Path, folders: Path, width: int) -> None:
    lines = on_terminal(home, width, "check-drift", folders / "model", folders / "same")
    assert max(len(line) for line in lines if "/" not in line and "\x1b" not in line) <= width
    assert sum("│" in line for line in lines) == 2
    assert "…" not in "".join(lines)


def test_names_of_calls_and_files_forge_nothing(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\x1b[2J\nsame: forged"
    traces = habitus.TraceSet.from_names(
        [["openat", evil, "x" * 5000, *["read"] * i] for i in range(30)],
        infos=[habitus.TraceInfo(f"{evil}\udcff{i}", evil) for i in range(30)],
    )
    model = habitus.load_model(folders / "model")
    drift = check_population(model, traces, name=evil, data=evil, permutations=199)
    print_drift(drift)
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert not any(line.startswith("same") for line in said.split("\n"))
    assert "x" * 200 not in said
    told(drift.to_json())


def test_nothing_to_read_is_an_error(invoke: Invoke, folders: Path, tmp_path: Path) -> None:
    attacks = recorded(tmp_path / "attack", 3, 1)
    said = invoke("check-drift", folders / "model", attacks.parent, status=2).stderr
    assert "all 3 are labelled attacks" in said
    assert "no data set" in invoke("check-drift", folders / "model", "nothing", status=2).stderr
