"""Pieces of Markdown that the generated pages are made of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH = 100


def head(title: str, source: str, text: str) -> str:
    """The beginning of a generated page."""
    note = f"<!-- Made by scripts/make_reference.py from {source}; changes here would be lost. -->"
    return f"{note}\n\n# {title}\n\n{text.strip()}\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    cells = (
        [re.sub(r"\s*\n\s*", " ", cell).replace("|", "\\|") for cell in line] for line in lines
    )
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def sentence(text: str) -> str:
    """A title as a sentence."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
