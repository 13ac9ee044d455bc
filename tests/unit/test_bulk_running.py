"""Pieces side by side: order, answers, and what a death costs."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from habitus.bulk import running
from habitus.bulk.pieces import Piece, pieces_of
from habitus.bulk.running import SideBySide
from habitus.engines.base import Asked, Ended, EngineError, Event, Job
from habitus.progress import SILENT

if TYPE_CHECKING:
    from pathlib import Path


class Scripted:
    """An engine whose jobs say what their files' names ask for; a job of `dies` dies."""

    def __init__(self, slots: int = 2, *, latest_first: bool = False) -> None:
        self.slots, self._latest_first = slots, latest_first
        self._waiting: deque[tuple[int, list[str]]] = deque()
        self._busy: dict[int, deque[str]] = {}
        self._asking: set[int] = set()
        self._next = 0
        self.losses = 0

    def submit(self, job: Job) -> int:
        self._next += 1
        self._waiting.append((self._next, list(job.arguments["files"])))
        return self._next

    def wait(self, seconds: float) -> list[Event]:  # noqa: ARG002
        while self._waiting and len(self._busy) < self.slots:
            handle, files = self._waiting.popleft()
            self._busy[handle] = deque(files)
        free = sorted(set(self._busy) - self._asking, reverse=self._latest_first)
        assert free, "everybody waits for an answer"
        handle = free[0]
        if not self._busy[handle]:
            del self._busy[handle]
            return [Ended(handle, result="over")]
        word = self._busy[handle].popleft()
        if word == "dies":
            del self._busy[handle]
            return [Ended(handle, failure="killed")]
        if word == "is lost":
            del self._busy[handle]
            if self.losses:
                self.losses -= 1
                return [Ended(handle, failure="its node died", is_lost=True)]
            return [Ended(handle, result="over")]
        self._asking.add(handle)
        return [Asked(handle, word)]

    def answer(self, handle: int, word: Any) -> None:
        assert word is None
        self._asking.discard(handle)


def piece(*files: str) -> Piece:
    return Piece("folder", 0, tuple(files))


def job_of(one: Piece) -> Job:
    return Job("", "", {"files": one.files})


def run(engine: Any, *pieces: Piece) -> list[Any]:
    found = SideBySide(engine, job_of, SILENT, "reading").run(pieces)
    return [word.failure or "over" if isinstance(word, Ended) else word for _, word in found]


@pytest.mark.parametrize("latest_first", [False, True])
def test_words_come_in_the_order_of_pieces(latest_first: bool) -> None:
    engine = Scripted(3, latest_first=latest_first)
    pieces = [piece(f"{i}a", f"{i}b") for i in range(20)]
    expected = [word for i in range(20) for word in (f"{i}a", f"{i}b", "over")]
    assert run(engine, *pieces) == expected


@pytest.mark.parametrize("latest_first", [False, True])
@pytest.mark.parametrize("room", [1, 1 << 20])
def test_a_death_costs_one_file_and_nothing_twice(
    latest_first: bool, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "ROOM", room)
    engine = Scripted(2, latest_first=latest_first)
    told = run(engine, piece("a", "b"), piece("c", "dies", "d"), *[piece(f"{i}") for i in range(9)])
    later = [word for i in range(9) for word in (str(i), "over")]
    assert told == ["a", "b", "over", "c", "over", "killed", "d", "over", *later]


@pytest.mark.parametrize("latest_first", [False, True])
@pytest.mark.parametrize("n_losses", [1, 2, 3])
def test_a_job_that_is_lost_runs_again_and_says_nothing_twice(
    n_losses: int, latest_first: bool
) -> None:
    engine = Scripted(2, latest_first=latest_first)
    engine.losses = n_losses
    one = Piece("file", 0)
    jobs = {"file": ["a", "b", "is lost"]}

    def job_of_path(piece: Piece) -> Job:
        return Job("", "", {"files": jobs.get(piece.path, piece.files)})

    found = SideBySide(engine, job_of_path, SILENT, "reading").run([one, piece("c", "d")])
    told = [word.failure or "over" if isinstance(word, Ended) else word for _, word in found]
    end = "over" if n_losses < 3 else "its node died"
    assert told == ["a", "b", end, "c", "d", "over"]


def test_several_files_whose_job_is_lost_are_told_once() -> None:
    engine = Scripted(1)
    engine.losses = 1
    assert run(engine, piece("a", "is lost"), piece("c")) == ["a", "over", "c", "over"]


def test_job_after_job_that_dies_is_no_files_fault() -> None:
    with pytest.raises(EngineError, match=r"20 jobs failed one after the other; .*killed"):
        run(Scripted(), *[piece("dies") for _ in range(30)])


def test_a_folder_is_read_in_pieces_of_whole_files_and_all_it_passes_over(tmp_path: Path) -> None:
    for i in range(50):
        (tmp_path / f"{i:02}").write_bytes(b"x" * (i * 10))
    (tmp_path / "07.d").symlink_to(tmp_path)
    pieces = pieces_of(str(tmp_path), 0, 2, divides=True)
    assert len(pieces) > 8
    entries = [entry for one in pieces for entry in one.entries or ()]
    files = [entry for entry in entries if isinstance(entry, str)]
    assert files == sorted(str(path) for path in tmp_path.iterdir() if not path.is_symlink())
    assert [entry[0] for entry in entries if not isinstance(entry, str)] == [f"{tmp_path}/07.d"]
    assert sum(one.n_bytes for one in pieces) == sum(i * 10 for i in range(50))
    assert [one.entries for one in pieces_of(str(tmp_path), 0, 2, divides=False)] == [None]
