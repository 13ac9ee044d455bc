"""The trie believes no column it did not count itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from habitus.detectors.trie import CallTrie
from habitus.errors import ModelError


def columns(*nodes: tuple[int, int, int]) -> dict[str, np.ndarray]:
    """Columns of nodes given as (parent, symbol, count), after a root of 5 calls."""
    parents, symbols, counts = zip((0, 0, 5), *nodes, strict=True)
    return {
        "parent": np.array(parents, np.int32),
        "symbol": np.array(symbols, np.uint16),
        "count": np.array(counts, np.int64),
    }


def restored(state: dict[str, np.ndarray]) -> CallTrie:
    return CallTrie.from_state(2, state, 3)


GOOD = columns((0, 0, 3), (0, 1, 2), (1, 1, 2))


def test_a_sound_trie_is_restored() -> None:
    trie = restored(GOOD)
    assert trie.depth.tolist() == [0, 1, 1, 2]
    assert trie.link.tolist() == [0, 0, 0, 2]
    assert trie.children(0).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("state", "complaint"),
    [
        (columns((1, 0, 3)), "parent does not stand before it"),
        (columns((2, 0, 3), (0, 1, 2)), "parent does not stand before it"),
        (columns((-1, 0, 3)), "parent does not stand before it"),
        (columns((0, 3, 3)), "not in the vocabulary"),
        (columns((0, 65_535, 3)), "not in the vocabulary"),
        (columns((0, 0, 0)), "count is not between"),
        (columns((0, 0, -1)), "count is not between"),
        (columns((0, 0, 6)), "count is not between"),
        (columns((0, 0, 3), (1, 0, 2), (2, 0, 1)), "longer than the order"),
        (columns((0, 0, 3), (0, 0, 2)), "stands twice"),
        (columns((0, 0, 3), (1, 1, 2)), "suffix is missing"),
        (columns((0, 0, 3), (0, 1, 3)), "stand more often than"),
        (columns((0, 0, 2), (0, 1, 3), (1, 0, 1), (1, 1, 2)), "stand more often than"),
    ],
)
def test_a_damaged_window_is_refused_by_its_number(
    state: dict[str, np.ndarray], complaint: str
) -> None:
    with pytest.raises(ModelError, match=rf"window \d+ of the model is damaged.*{complaint}"):
        restored(state)


@pytest.mark.parametrize("calls", [-1, 1 << 53, 1 << 62, (1 << 63) - 1])
def test_counts_that_could_overflow_are_refused(calls: int) -> None:
    state = columns((0, 0, 1), (0, 1, 1))
    state["count"][:] = calls
    with pytest.raises(
        ModelError, match=r"the number of calls, -?\d+, is not between 0 and 2\*\*53"
    ):
        restored(state)


@pytest.mark.parametrize("name", ["parent", "symbol", "count"])
def test_a_missing_or_mistyped_column_is_refused_by_name(name: str) -> None:
    with pytest.raises(ModelError, match=name):
        restored({key: column for key, column in GOOD.items() if key != name})
    with pytest.raises(ModelError, match=name):
        restored({**GOOD, name: GOOD[name].astype(np.float32)})
    with pytest.raises(ModelError, match=name):
        restored({**GOOD, name: GOOD[name].reshape(2, 2)})
    with pytest.raises(ModelError, match="different lengths"):
        restored({**GOOD, name: GOOD[name][:-1]})


def test_no_node_at_all_is_refused() -> None:
    with pytest.raises(ModelError, match="empty"):
        restored({name: column[:0] for name, column in GOOD.items()})


@settings(deadline=None)
@given(
    nodes=st.lists(st.tuples(st.integers(-2, 5), st.integers(0, 4), st.integers(-1, 6)), max_size=5)
)
def test_any_columns_are_a_trie_or_refused(nodes: list[tuple[int, int, int]]) -> None:
    """Whatever passes the checks can be walked without leaving the columns."""
    try:
        trie = restored(columns(*nodes))
    except ModelError:
        return
    symbols = np.array([0, 1, 2, 65_535, 0, 0], np.uint16)
    out = trie.mismatches(symbols, np.array([0, 6], np.int64))
    assert np.isin(out[1:], [0, 1]).all()
    assert (trie.depth[1:] == trie.depth[trie.parent[1:]] + 1).all()
    assert (trie.depth[trie.link[1:]] == trie.depth[1:] - 1).all()
