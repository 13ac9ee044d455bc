"""Tables and text on narrow terminals: every word is whole, and nothing is lost."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from habitus.cli import (
    commands,  # noqa: F401 - registers them
    terminal,
)
from habitus.cli.app import app
from habitus.cli.layout import blocks_of, widths_of, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

CELLS = st.text(alphabet="ab \n", max_size=30)
ROWS = st.integers(1, 4).flatmap(
    lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1, max_size=5)
)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes the screen so wide."""
    real = terminal.console

    def console_of(width: int) -> Callable[..., Console]:
        def made(*, stderr: bool = False) -> Console:
            console = real(stderr=stderr)
            console.width = width
            return console

        return made

    return lambda width: monkeypatch.setattr(terminal, "console", console_of(width))


@given(ROWS, st.integers(1, 80))
def test_widths_hold_every_word_and_fit_or_are_none(rows: list[list[str]], width: int) -> None:
    widths = widths_of(rows, width)
    columns = list(zip(*rows, strict=True))
    longest = [max((len(w) for cell in c for w in cell.split()), default=1) for c in columns]
    if widths is None:
        assert sum(longest) + 3 * len(columns) + 1 > width
    else:
        assert all(got >= word for got, word in zip(widths, longest, strict=True))
        assert sum(widths) + 3 * len(columns) + 1 <= width


def test_the_widest_column_gives_way() -> None:
    rows = [("name", "what it is"), ("ngram", "a model of short stretches")]
    assert widths_of(rows, 100) == [5, 26]
    assert widths_of(rows, 27) == [5, 15]
    assert widths_of(rows, 22) == [5, 10]
    assert widths_of(rows, 21) == [5, 9]
    assert widths_of(rows, 20) is None


def test_a_row_becomes_a_block() -> None:
    lines = blocks_of(
        ("model", "AUC", "note"), [("ngram", "0.9", ""), ("stide", "0.8", "x")], "", 40
    )
    assert "\n".join(lines) == (
        "\nmodel: ngram\n  AUC: 0.9\n\nmodel: stide\n  AUC: 0.8\n  note: x\n"
    )


def test_text_wraps_between_words_and_keeps_its_lines() -> None:
    assert wrapped("one-two three four five\nsix", 20) == "one-two three four\nfive\nsix"
    assert wrapped("a" * 30, 20) == "a" * 30


@pytest.mark.parametrize(
    "command", ["data list", "protocols", "detectors", "detectors lstm", "formats"]
)
@pytest.mark.parametrize("width", [30, 60, 100])
def test_lists_break_no_word_however_narrow_it_is(
    command: str, width: int, screen: Callable[[int], None]
) -> None:
    screen(400)
    words = set(CliRunner().invoke(app, command.split()).stdout.split())
    screen(width)
    narrow = CliRunner().invoke(app, command.split()).stdout
    rules = {word for word in words if set(word) == {"─"}}
    headings = {"protocol", "detector", "format", "name", "what", "it", "is", "holds", "remember"}
    headings |= {"presets", "judges", "--set,", "and", "the", "default", "bytes", "sha256", "added"}
    assert words - rules - headings <= set(narrow.split())


def test_lines_are_wrapped_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, screen: Callable[[int], None]
) -> None:
    screen(20)
    text = "read the interval, not the count"
    assert terminal.in_lines(text) == text
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert terminal.in_lines(text) == "read the interval,\nnot the count"


def test_what_all_protocols_of_a_family_share_is_told_once() -> None:
    told = " ".join(CliRunner().invoke(app, ["protocols"]).stdout.split())
    assert told.count("process ids were given out again") == 1
    assert told.count("no sequence in both halves") == 1
    assert "29 of the 31 attacks" in told
