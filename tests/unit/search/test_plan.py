"""Search files: what is wrong is told by its line and key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_data import GRID, plan

from habitus.errors import UsageError
from habitus.search.checks import objective_of
from habitus.search.lines import line_of
from habitus.search.plan import read_search_file, shipped_searches

if TYPE_CHECKING:
    from pathlib import Path

TPE = GRID.replace("grid", "tpe").replace('tpe"', 'tpe"\ntrials = 9', 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GRID.replace('"grid"', "grid"), r"search.toml:3: no TOML: .*line 3"),
        (GRID.replace('"grid"', '"gird"'), r"search.toml:3: method: input should be 'grid'"),
        (GRID.replace("method", "methode"), r":3: methode: there is no such key; there are: title"),
        (GRID.replace('method = "grid"\n', ""), r"search.toml: method: is missing"),
        (GRID.replace("[1, 2, 3, 4]", "[]"), r":6: space.order.choices: at least one is wanted"),
        (
            GRID + "\n[limit]\nseconds = 1\n",
            r"search.toml:9: limit: there is no such key; .*limits",
        ),
        (GRID + "\n[limits]\nseconds = -1\n", r"search.toml:10: limits.seconds: .*greater than 0"),
        (GRID + '\n[limits]\nmemory = "2"\n', r"search.toml:10: limits.memory: a size of 1 MB"),
        (GRID + "\n[judging]\nheld_out = 1\n", r"search.toml:10: judging.held_out: "),
        (GRID.replace("[1, 2, 3, 4]", "[\n 1,\n 1]"), r"search.toml:6: space.order: .*twice"),
        (GRID.replace("[1, 2, 3, 4]", "3"), r"search.toml:6: space.order: .*belongs under"),
        (GRID.replace("[1, 2, 3, 4]", "{ low = 5, high = 2 }"), r":6: space.order: low \(5\)"),
        (
            GRID.replace("[1, 2, 3, 4]", "{ low = 1.5, high = 2.5 }"),
            r":6: space.order: a grid",
        ),
        (
            GRID.replace("[1, 2, 3, 4]", "{ lo = 1, high = 2 }"),
            r":6: space.order.lo: there is no such key; there are: when, choices, low",
        ),
        (GRID.replace("[1, 2, 3, 4]", "{ high = 2 }"), r":6: space.order.low: is missing"),
        (
            GRID.replace("method", "trials = 4\nmethod"),
            r"search.toml:3: trials: a grid has",
        ),
        (GRID.replace("grid", "random"), r"search.toml:3: method: random wants a number"),
        (
            GRID + "\n[settings]\norder = 3\n",
            r"search.toml:6: space.order: stands under",
        ),
        (
            GRID.replace("[1, 2, 3, 4]", '{ choices = [1], when = { smoothing = "x" } }'),
            r"search.toml:6: space.order.when.smoothing: .*stands before",
        ),
        (
            GRID + 'floor = { choices = [400.0], when = { smoothing = ["wb"] } }',
            r"search.toml:8: space.floor.when.smoothing: smoothing is never 'wb'",
        ),
        (
            GRID + "".join(f"a{i} = {list(range(1000))}\n" for i in range(3)),
            r"search.toml:5: space: this grid has 8,000,000,000 points",
        ),
    ],
)
def test_a_file_that_is_not_sound_is_told_by_line_and_key(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        plan(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GRID.replace("ngram", "nrgam"), r"search.toml:2: detector: no detector is named 'nrgam'"),
        (GRID.replace("order", "oder"), r"search.toml:6: space.oder: ngram has no setting 'oder'"),
        (GRID.replace("3, 4", "3, 99"), r"search.toml:6: space.order: 99: .*less than or equal"),
        (GRID + "\n[settings]\nflor = 3\n", r"search.toml:10: settings.flor: ngram has no setting"),
        (GRID + '\n[settings]\npreset = "x"\n', r"search.toml:10: settings.preset: no preset"),
        (GRID + "\n[pruning]\nfactor = 2\n", r"search.toml:9: pruning: ngram trains no epochs"),
        (GRID.replace("method", 'objective = "attack-auc"\nmethod'), r":3: .*say --supervised"),
        (
            GRID.replace("method", 'objective = "fold-auc"\nmethod'),
            r":3: objective: fold-auc",
        ),
        (
            'detector = "stide"\nobjective = "nll"\nmethod = "grid"\n[space]\nn = [3]\n',
            r"search.toml:2: objective: stide gives calls no chances",
        ),
        (
            'detector = "lstm"\nmethod = "grid"\n[space]\nbaseline = [0.0, 0.5]\n',
            r"search.toml:4: space.baseline: it changes no chance",
        ),
        (
            'detector = "latent"\nmethod = "grid"\n[space]\nk = [3]\n[pruning]\n',
            r"search.toml:5: pruning: latent has no score before",
        ),
    ],
)
def test_a_file_that_does_not_fit_its_detector_is_told_by_line_and_key(
    text: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        objective_of(plan(text), supervised=False)


@pytest.mark.parametrize(
    ("detector", "supervised", "objective"),
    [
        ("ngram", False, "nll"),
        ("lstm", False, "nll"),
        ("hmm", False, "nll"),
        ("latent", False, "synthetic-auc"),
        ("stide", False, "synthetic-auc"),
        ("autoencoder", False, "synthetic-auc"),
        ("stide", True, "attack-auc"),
    ],
)
def test_the_objective_fits_the_detector(detector: str, supervised: bool, objective: str) -> None:
    setting = {"stide": "n", "hmm": "states", "latent": "k", "autoencoder": "code"}
    name = setting.get(detector, "order" if detector == "ngram" else "dropout")
    value = "0.1" if name == "dropout" else "3"
    text = f'detector = "{detector}"\nmethod = "grid"\n[space]\n{name} = [{value}]\n'
    assert objective_of(plan(text), supervised=supervised) == objective


def test_supervised_and_an_objective_that_looks_at_no_attack_are_refused() -> None:
    text = GRID.replace("method", 'objective = "nll"\nmethod')
    with pytest.raises(UsageError, match="leave one of them out"):
        objective_of(plan(text), supervised=True)


keys = st.text("abcdef", min_size=1, max_size=3)
values = st.sampled_from(["1", '"x"', "[\n1,\n2]", '"""a\nb"""', "{ k = 1 }"])


@given(st.dictionaries(keys, values, min_size=1, max_size=5), st.data())
def test_a_key_s_line_is_where_its_statement_begins(
    statements: dict[str, str], data: st.DataObject
) -> None:
    lines: dict[str, int] = {}
    text = "[table]\n"
    for key, value in statements.items():
        text += data.draw(st.sampled_from(["", "\n", "# comment [ \n"]))
        lines[key] = text.count("\n") + 1
        text += f"{key} = {value}\n"
    for key, line in lines.items():
        assert line_of(text, ("table", key)) == line
    assert line_of(text, ("table", "nowhere")) == 1
    assert line_of(text, ("nowhere",)) is None


@pytest.mark.parametrize("name", sorted(shipped_searches()))
def test_shipped_searches_are_sound(name: str) -> None:
    found = read_search_file(f"searches/{name}.toml")
    assert found.file.title
    assert found.n_trials >= 4
    if found.file.detector != "logistic":  # comes with the detectors of flows
        objective_of(found, supervised=False)


def test_the_source_s_grids_have_their_points() -> None:
    assert read_search_file("autoencoder-grid").n_trials == 48
    assert read_search_file("logistic-grid.toml").n_trials == 120


def test_a_path_comes_before_what_is_shipped(tmp_path: Path) -> None:
    path = tmp_path / "ngram-grid.toml"
    path.write_text(GRID)
    assert read_search_file(path).n_trials == 8


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\xff\xfe", "no UTF-8"), (b"a" * (65 << 10), "at most 64 KiB")],
)
def test_files_that_are_no_search_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "search.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=f"{re.escape(str(path))}: .*{said}"):
        read_search_file(path)
    with pytest.raises(UsageError, match="there are: autoencoder-grid"):
        read_search_file(tmp_path / "nothing.toml")
    with pytest.raises(UsageError, match="is no file"):
        read_search_file(tmp_path)


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [("2 GB", 2_000_000_000), ("2 gb", 2_000_000_000), ("2GiB", 2 << 30), ("1.5 MiB", 3 << 19)],
)
def test_sizes_are_read_in_either_unit_and_case(text: str, n_bytes: int) -> None:
    from habitus.search.search_file import Limits

    assert Limits(memory=text).memory_bytes == n_bytes
