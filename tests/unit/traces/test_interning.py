"""`NameTable`: every token found again, whatever the table's size and the hashes' collisions."""

from __future__ import annotations

import numpy as np
import pytest

from habitus.errors import InputError
from habitus.traces.interning import NameTable
from habitus.traces.token_kernels import find_name, tokenise


def find(table: NameTable, token: bytes) -> int:
    text = np.frombuffer(token, dtype=np.uint8)
    return int(find_name(text, 0, len(token), *table.arguments))


def test_names_are_found_again_after_the_table_has_grown() -> None:
    table = NameTable(lambda token: token.decode())
    tokens = [f"call_{i}_{'x' * (i % 90)}".encode() for i in range(5_000)]
    assert all(find(table, token) == -1 for token in tokens[:100])
    for i, token in enumerate(tokens):
        assert table.add(token)
        assert find(table, token) == i
    assert [find(table, token) for token in tokens] == list(range(5_000))
    assert table.alphabet == tuple(token.decode() for token in tokens)
    assert find(table, b"call_5000_") == -1


def test_two_spellings_of_one_call_share_its_place() -> None:
    table = NameTable(lambda token: str(int(token)) if token.isdigit() else None)
    assert [table.add(token) for token in (b"6", b"06", b"7", b"x")] == [True, True, True, False]
    assert table.alphabet == ("6", "7")
    assert table.symbols_of(np.array([0, 1, 2], np.int32)).tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("token", "number"), [(b"read", 1), (b"readv", 0), (b"rea", 2), (b"re", -1), (b"reads", -1)]
)
def test_names_that_collide_are_told_apart(token: bytes, number: int) -> None:
    """With a multiplier of 0 every name has the same hash."""
    arena = np.frombuffer(b"readvreadrea", dtype=np.uint8)
    slots = np.array([0, 1, 2, -1], np.int32)
    starts = np.array([0, 5, 9, 12])
    text = np.frombuffer(b" " + token + b" ", dtype=np.uint8)
    table = (np.uint64(0), slots, arena, starts)
    assert find_name(text, 1, 1 + len(token), *table) == number


def test_output_that_is_too_small_loses_nothing() -> None:
    """The loop stops where the output is full and goes on from there."""
    table = NameTable(lambda token: token.decode())
    for token in (b"a", b"b"):
        table.add(token)
    text = np.frombuffer(b"a b\nb a\n\na ", dtype=np.uint8)
    roles = np.zeros(256, np.uint8)
    calls, ends = np.zeros(2, np.int32), np.zeros(1, np.int64)
    place, got = 0, []
    while place < len(text):
        before = place
        _, place, n_calls, n_ends = tokenise(
            text, place, len(text), True, False, roles, *table.arguments, calls, 0, ends, 0
        )
        assert place > before
        got.append((calls[:n_calls].tolist(), ends[:n_ends].tolist()))
    assert [call for row, _ in got for call in row] == [0, 1, 1, 0, 0]
    assert sum(len(row) for _, row in got) == 3


def test_more_names_than_any_system_has_are_refused() -> None:
    table = NameTable(lambda token: token.decode())
    for i in range(65_535):
        table.add(b"%d" % i)
    with pytest.raises(InputError, match=r"more than 65,535 different call names, the last .* 'x'"):
        table.add(b"x")
