"""Pieces side by side on an engine; what their jobs say comes piece after piece, in order."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from habitus.engines.base import MOST_LOSSES, Asked, Ended, Engine, EngineError, Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from habitus.bulk.pieces import Piece
    from habitus.progress import Progress

WAIT_SECONDS = 1.0
AHEAD = 4
"""Pieces a slot that are given to the engine before the first of them is over."""
ROOM = 128 << 20
"""Letters of words that wait for their turn; whoever says more is kept waiting for his answer."""
MOST_DEATHS = 20
"""Of jobs one after the other, after which it is no file's fault."""


@dataclass
class _Turn:
    """A piece that the engine has.

    Attributes:
        words: said, and not yet handed on; ``size`` letters of them.
        n_words: said in all; ``n_again`` of them by a run before, and still to be said once more.
        is_asking: whether its job waits for an answer.
        n_lost: runs of its job that were lost.
    """

    piece: Piece
    handle: int
    words: deque[Any] = field(default_factory=deque)
    size: int = 0
    n_words: int = 0
    n_again: int = 0
    is_asking: bool = False
    n_lost: int = 0
    ended: Ended | None = None


class SideBySide:
    """Runs a job for each piece.

    A job says what it finds (`Context.ask`) and is answered nothing: it waits only while too much
    is waiting for its turn. What comes of several files is kept until their job has ended well: if
    it dies, each of them is read anew by a job of its own, so that the death costs one file.

    A job that was lost with its node runs again elsewhere. What a job says goes by its piece alone:
    so what it had said is known by its place, and not handed on twice.

    Args:
        engine: knows all the files that are shared.
        job_of: the job of a piece.
        label: of the stage, for whoever watches.
    """

    def __init__(
        self, engine: Engine, job_of: Callable[[Piece], Job], progress: Progress, label: str
    ) -> None:
        self._engine, self._job_of, self._progress = engine, job_of, progress
        self._label = label
        self._turns: deque[_Turn] = deque()
        self._size = 0
        self._n_done, self._n_all = 0, 0
        self._is_anew = False
        self._n_deaths = 0

    def run(self, pieces: Sequence[Piece]) -> Iterator[tuple[Piece, Any | Ended]]:
        """The words of each piece's job, and then how it ended; piece after piece.

        Raises:
            EngineError: if the engine fails, or job after job.
        """
        self._progress.stage(self._label, sum(piece.n_bytes for piece in pieces) or None)
        left = deque(pieces)
        self._n_all = len(pieces)
        while left or self._turns:
            while left and len(self._turns) < AHEAD * self._engine.slots:
                piece = left.popleft()
                self._turns.append(_Turn(piece, self._engine.submit(self._job_of(piece))))
            yield from self._first()
            if not self._turns:
                continue
            for event in self._engine.wait(WAIT_SECONDS):
                self._hear(event)
            self._answer()

    def _first(self) -> Iterator[tuple[Piece, Any | Ended]]:
        """Whatever can be handed on."""
        while self._turns:
            turn = self._turns[0]
            if turn.ended is None and len(turn.piece.files) > 1:
                return
            if turn.ended is not None and turn.ended.failure and len(turn.piece.files) > 1:
                self._begin_anew(turn)
                continue
            while turn.words:
                yield turn.piece, turn.words.popleft()
            self._size -= turn.size
            turn.size = 0
            if turn.ended is None:
                return
            self._turns.popleft()
            self._n_done += 1
            self._is_anew = self._is_anew and bool(self._turns)
            self._progress.advance(turn.piece.n_bytes)
            self._progress.label(f"{self._label}: {self._n_done} of {self._n_all} parts")
            yield turn.piece, turn.ended

    def _hear(self, event: Asked | Ended) -> None:
        turn = next((one for one in self._turns if one.handle == event.handle), None)
        if turn is None:
            return
        if isinstance(event, Ended) and event.is_lost and turn.n_lost < MOST_LOSSES:
            turn.n_lost += 1
            turn.n_again, turn.is_asking = turn.n_words, False
            turn.handle = self._engine.submit(self._job_of(turn.piece))
            return
        if isinstance(event, Ended):
            turn.ended = event
            self._n_deaths = self._n_deaths + 1 if event.failure else 0
            if self._n_deaths >= MOST_DEATHS:
                raise EngineError(
                    f"{MOST_DEATHS} jobs failed one after the other; the last one: {event.failure}",
                    "fewer at once (--jobs) have more memory each",
                )
            return
        turn.is_asking = True
        if turn.n_again:
            turn.n_again -= 1
            return
        turn.n_words += 1
        size = len(json.dumps(event.word))
        turn.words.append(event.word)
        turn.size += size
        self._size += size

    def _answer(self) -> None:
        """Let jobs go on, if there is room for what they will say next.

        The first is never kept waiting; nor is any where one begins anew, which needs a slot.
        """
        for place, turn in enumerate(self._turns):
            if turn.is_asking and (not place or self._is_anew or self._size < ROOM):
                turn.is_asking = False
                self._engine.answer(turn.handle, None)

    def _begin_anew(self, turn: _Turn) -> None:
        """Each file of a piece whose job died by a job of its own, in their order."""
        self._turns.popleft()
        self._size -= turn.size
        self._is_anew = True
        parts = turn.piece.one_by_one()
        self._n_all += len(parts) - 1
        turns = [_Turn(piece, self._engine.submit(self._job_of(piece))) for piece in parts]
        self._turns.extendleft(reversed(turns))
