"""How text and tables are laid out in lines of a given width, without breaking words."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BARS = "▁▂▃▄▅▆▇█"
"""Characters from low to high."""
LEAST_WIDTH = 20
"""In narrower terminals lines are this long, and the terminal breaks them."""
_CELL_FRAME, _TABLE_FRAME = 3, 1
"""Columns of the screen that rich's box SIMPLE_HEAD takes for a column, and for the whole."""


def wrapped(text: str, width: int, *, indent: str = "", hanging: str = "") -> str:
    """Text in lines of at most ``width``, but for longer words; each of its own lines by itself.

    Args:
        indent: stands before the first line.
        hanging: stands before the others.

    >>> wrapped("read the interval, not the count", 20, hanging="  ")
    'read the interval,\\n  not the count'
    """
    lines = [
        textwrap.fill(
            line, max(width, LEAST_WIDTH), initial_indent=indent if i == 0 else hanging,
            subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False,
        )
        for i, line in enumerate(text.split("\n"))
    ]  # fmt: skip
    return "\n".join(lines)


def widths_of(rows: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """How wide each column of a table should be, in columns of the screen.

    The widest columns give way first, and none breaks a word.

    Args:
        rows: the heading's cells and those of all rows.
        width: the screen's.

    Returns:
        None if the table does not fit.
    """
    from rich.cells import cell_len

    columns = list(zip(*rows, strict=True))
    least = [max((cell_len(w) for cell in c for w in cell.split()), default=1) for c in columns]
    most = [max(cell_len(line) for cell in c for line in cell.split("\n")) for c in columns]
    room = width - _CELL_FRAME * len(columns) - _TABLE_FRAME
    for cap in range(min(width, max(most)), -1, -1):
        widths = [max(a, min(b, cap)) for a, b in zip(least, most, strict=True)]
        if sum(widths) <= room:
            return widths
    return None


def blocks_of(
    headings: Sequence[str], rows: Sequence[Sequence[str]], title: str, width: int
) -> Iterator[str]:
    """The lines of a table that does not fit: each row a block of ``heading: value``.

    Empty cells are left out. A block's later lines are indented, so that its first one is seen.
    """
    yield ""
    if title:
        yield from (wrapped(title, width), "")
    for row in rows:
        told = [(h, cell) for h, cell in zip(headings, row, strict=True) if cell]
        for i, (heading, cell) in enumerate(told):
            indent = "  " if i else ""
            label = f"{heading}: " if heading else ""
            yield wrapped(f"{label}{cell}", width, indent=indent, hanging=f"{indent}    ")
        yield ""


def bars(counts: Sequence[int], n_below: int, room: int, levels: str) -> str:
    """Counts as a line of bars, with a mark between the first ``n_below`` cells and the others.

    Where there is no room for all, neighbours are added up, never across the mark. A cell that
    holds anything shows something.

    Args:
        levels: the bars, from the lowest to the highest.

    >>> bars([4, 0, 8, 1], 3, 20, "12345678")
    '4 8│1'
    >>> bars([4, 0, 8, 1], 3, 4, "12345678")
    '48│1'
    """
    left, right = list(counts[:n_below]), list(counts[n_below:])
    step = 1
    while -(-len(left) // step) + -(-len(right) // step) + 1 > max(room, 3):
        step += 1
    left = [0] * (-len(left) % step) + left  # whole cells lie at the mark
    cells = [[sum(side[i : i + step]) for i in range(0, len(side), step)] for side in (left, right)]
    highest = max(map(max, filter(None, cells)), default=0)

    def bar(count: int) -> str:
        return levels[-(-count * len(levels) // highest) - 1] if count else " "

    return "│".join("".join(map(bar, side)) for side in cells)
