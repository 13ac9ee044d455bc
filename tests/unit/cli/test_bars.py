"""Bars: aligned at the mark, nothing lost, and no longer than there is room for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from habitus.cli.layout import bars

LEVELS = "12345678"


def test_bars_by_hand() -> None:
    assert bars([4, 0, 8, 1], 3, 20, LEVELS) == "4 8│1"
    assert bars([4, 0, 8, 1], 3, 4, LEVELS) == "48│1"  # neighbours from the mark on
    assert bars([1, 1000], 1, 20, LEVELS) == "1│8"  # what is rare still shows
    assert bars([0, 0], 1, 20, LEVELS) == " │ "
    assert bars([3], 0, 20, LEVELS) == "│8"


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.data())
def test_two_rows_are_aligned_and_fit(counts: list[int], data: st.DataObject) -> None:
    n_below = data.draw(st.integers(0, len(counts)))
    room = data.draw(st.integers(3, 80))
    line = bars(counts, n_below, room, LEVELS)
    other = bars(counts[::-1], n_below, room, LEVELS)
    assert len(line) <= room
    assert line.index("│") == other.index("│")
    left, _, right = line.partition("│")
    assert bool(left.strip()) == any(counts[:n_below])
    assert bool(right.strip()) == any(counts[n_below:])
