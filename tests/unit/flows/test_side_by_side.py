"""Several at a time, one after the other: the order, the errors, and how far it runs ahead."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from habitus.flows.side_by_side import AHEAD, THINGS_AHEAD, in_order

if TYPE_CHECKING:
    from collections.abc import Generator

WAIT_S = 20


def counted(thing: tuple[int, int]) -> Generator[tuple[int, int], None, None]:
    """So many results of a thing."""
    number, n = thing
    for i in range(n):
        yield number, i


@settings(max_examples=60)
@given(st.lists(st.integers(0, 30), max_size=20), st.integers(1, 5))
def test_results_come_in_the_order_of_things(counts: list[int], n_workers: int) -> None:
    things = list(enumerate(counts))
    expected = [result for thing in things for result in counted(thing)]
    assert list(in_order(things, counted, n_workers)) == expected


def test_an_error_is_raised_in_its_turn() -> None:
    def work(number: int) -> Generator[int, None, None]:
        yield number
        if number == 2:
            raise ValueError("two")

    found = []
    with pytest.raises(ValueError, match="two"):  # noqa: PT012 - what comes before counts
        for result in in_order(range(9), work, 3):
            found.append(result)  # noqa: PERF402
    assert found == [0, 1, 2]


def test_who_waits_for_the_first_holds_little() -> None:
    """Otherwise a large capture at the front lets all the small ones behind it wait in memory."""
    go_on, n_made, n_begun = threading.Event(), [0], [0]
    lock = threading.Lock()

    def work(number: int) -> Generator[int, None, None]:
        with lock:
            n_begun[0] += 1
        if number == 0:
            assert go_on.wait(WAIT_S)
        with lock:
            n_made[0] += 1
        yield number

    results = in_order(range(1000), work, 2)
    threading.Timer(0.5, go_on.set).start()
    until = time.monotonic() + WAIT_S
    first = threading.Thread(target=lambda: next(results))
    first.start()
    while n_made[0] < 2 * AHEAD + 1 and time.monotonic() < until:
        time.sleep(0.01)
    assert n_made[0] == 2 * AHEAD + 1  # the last of them holds what there is no room for
    first.join(WAIT_S)
    assert list(results) == list(range(1, 1000))
    assert n_made[0] == n_begun[0] == 1000


def test_things_that_make_nothing_are_bounded_too() -> None:
    go_on, n_begun = threading.Event(), [0]

    def work(number: int) -> Generator[int, None, None]:
        n_begun[0] += 1
        if number == 0:
            assert go_on.wait(WAIT_S)
        yield from ()

    results = in_order(range(2000), work, 2)
    ended = threading.Thread(target=lambda: list(results))
    ended.start()
    until = time.monotonic() + WAIT_S
    while n_begun[0] < 2 * THINGS_AHEAD and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.05)
    assert n_begun[0] == 2 * THINGS_AHEAD
    go_on.set()
    ended.join(WAIT_S)
    assert n_begun[0] == 2000


def test_who_has_had_enough_ends_the_work() -> None:
    closed = threading.Event()

    def work(number: int) -> Generator[int, None, None]:
        try:
            while True:
                yield number
        finally:
            closed.set()

    results = in_order([1], work, 1)
    assert [next(results) for _ in range(3)] == [1, 1, 1]
    results.close()  # type: ignore[attr-defined]
    assert closed.wait(WAIT_S)
