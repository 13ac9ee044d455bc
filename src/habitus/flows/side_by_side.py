"""Work on several things at a time, whose results come in the order of the things."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import closing
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

_T = TypeVar("_T")
_R = TypeVar("_R")

THINGS_AHEAD = 1024
"""Things that may be done while the one whose turn it is goes on."""


def in_order(
    things: Sequence[_T],
    work: Callable[[_T], Generator[_R, None, None]],
    n_workers: int,
    *,
    weigh: Callable[[_R], int],
    room: int,
) -> Iterator[_R]:
    """What ``work`` makes of each thing, one thing after the other.

    Several are worked on at a time, in threads; how far these run ahead is bounded, however many
    they are, and however much the first one makes them wait. What ``work`` raises is raised in its
    turn.

    Args:
        weigh: what a result takes of the ``room`` of all that wait until it is their turn; each
            worker holds one more, for which there is none.
    """
    line = _Line(things, work, weigh, room)
    for _ in range(n_workers):
        threading.Thread(target=line.work, daemon=True).start()
    try:
        for number in range(len(things)):
            yield from line.results_of(number)
    finally:
        line.stop()


class _Line(Generic[_T, _R]):
    """Results that wait for their turn."""

    def __init__(
        self, things: Sequence[_T], work: Callable[[_T], Generator[_R, None, None]],
        weigh: Callable[[_R], int], room: int,
    ) -> None:  # fmt: skip
        self._things = things
        self._work = work
        self._weigh = weigh
        self._room = room
        self._changed = threading.Condition()
        self._results: dict[int, deque[tuple[_R, int]]] = {}
        self._ends: dict[int, BaseException | None] = {}
        self._weight = 0
        self._begun = self._turn = 0
        self._is_over = False

    def work(self) -> None:
        """Work on one thing after the other, until there is none left: for each thread."""
        while (number := self._begin()) is not None:
            end: BaseException | None = None
            try:
                with closing(self._work(self._things[number])) as results:
                    for result in results:
                        if not self._put(number, result):
                            return
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised in its turn
                end = error
            with self._changed:
                self._ends[number] = end
                self._changed.notify_all()

    def _begin(self) -> int | None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or self._begun - self._turn < THINGS_AHEAD)
            if self._is_over or self._begun == len(self._things):
                return None
            self._begun += 1
            self._results[self._begun - 1] = deque()
            return self._begun - 1

    def _put(self, number: int, result: _R) -> bool:
        """Whether there is still somebody who wants it."""
        weight = self._weigh(result)
        with self._changed:
            # Whose turn it is never waits for room that others take.
            self._changed.wait_for(
                lambda: (
                    self._is_over
                    or self._weight + weight <= self._room
                    or (self._turn == number and not self._results[number])
                )
            )
            if self._is_over:
                return False
            self._results[number].append((result, weight))
            self._weight += weight
            self._changed.notify_all()
            return True

    def results_of(self, number: int) -> Iterator[_R]:
        """What is made of a thing whose turn it is, until its end."""
        with self._changed:
            self._turn = number
            self._changed.notify_all()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._results.get(number) or number in self._ends)
                if not self._results[number]:
                    break
                result, weight = self._results[number].popleft()
                self._weight -= weight
                self._changed.notify_all()
            yield result
        del self._results[number]
        end = self._ends.pop(number)
        if end is not None:
            raise end

    def stop(self) -> None:
        """Nobody wants any more."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
