"""Several at a time, one after the other: the order, the errors, and how far it runs ahead."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from habitus.flows.side_by_side import THINGS_AHEAD, in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

_T = TypeVar("_T")
_R = TypeVar("_R")

WAIT_S = 20


class Counted:
    """Counts what happens, and tells when it has come to a stop."""

    def __init__(self) -> None:
        self.n = 0
        self._changed = threading.Condition()

    def add(self) -> None:
        with self._changed:
            self.n += 1
            self._changed.notify_all()

    def wait_for(self, n: int) -> None:
        """Until it has come to so many; and as far as one sees, to no more."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.n >= n, WAIT_S)
            assert not self._changed.wait_for(lambda: self.n > n, 0.05)


@contextmanager
def reading(results: Iterator[int]) -> Iterator[list[int]]:
    """What somebody has read beside us; of all when this ends."""
    found: list[int] = []
    reader = threading.Thread(target=lambda: found.extend(results))
    reader.start()
    yield found
    reader.join(WAIT_S)
    assert not reader.is_alive()


def side_by_side(
    things: Sequence[_T], work: Callable[[_T], Generator[_R, None, None]], n_workers: int
) -> Iterator[_R]:
    """With room for eight results."""
    return in_order(things, work, n_workers, weigh=lambda _: 1, room=8)


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
    assert list(side_by_side(things, counted, n_workers)) == expected


def test_an_error_is_raised_in_its_turn() -> None:
    def work(number: int) -> Generator[int, None, None]:
        yield number
        if number == 2:
            raise ValueError("two")

    found = []
    with pytest.raises(ValueError, match="two"):  # noqa: PT012 - what comes before counts
        for result in side_by_side(range(9), work, 3):
            found.append(result)  # noqa: PERF402
    assert found == [0, 1, 2]


def test_who_waits_for_the_first_holds_little() -> None:
    """Otherwise a large capture at the front lets all the small ones behind it wait in memory."""
    go_on, made, n_workers = threading.Event(), Counted(), 5

    def work(number: int) -> Generator[int, None, None]:
        if number == 0:
            assert go_on.wait(WAIT_S)
        made.add()
        yield number

    with reading(in_order(range(1000), work, n_workers, weigh=lambda _: 3, room=20)) as found:
        # Six fit in; each worker but the one that makes the first holds another in its hand.
        made.wait_for(6 + n_workers - 1)
        assert not found
        go_on.set()
    assert found == list(range(1000))
    assert made.n == 1000


def test_things_that_make_nothing_are_bounded_too() -> None:
    go_on, begun = threading.Event(), Counted()

    def work(number: int) -> Generator[int, None, None]:
        begun.add()
        if number == 0:
            assert go_on.wait(WAIT_S)
        yield from ()

    with reading(side_by_side(range(3000), work, 2)):
        begun.wait_for(THINGS_AHEAD)
        go_on.set()
    assert begun.n == 3000


def test_what_is_larger_than_all_room_is_let_through_in_its_turn() -> None:
    results = in_order([(0, 3), (1, 3)], counted, 2, weigh=lambda _: 10, room=1)
    assert list(results) == [(i, j) for i in range(2) for j in range(3)]


def test_who_has_had_enough_ends_the_work() -> None:
    closed = threading.Event()

    def work(number: int) -> Generator[int, None, None]:
        try:
            while True:
                yield number
        finally:
            closed.set()

    results = side_by_side([1], work, 1)
    assert [next(results) for _ in range(3)] == [1, 1, 1]
    results.close()  # type: ignore[attr-defined]
    assert closed.wait(WAIT_S)
