"""What judging a trace gives: its score, its strangest stretch, and the whole of it in a strip."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.ensembles.parts import MemberPart
    from habitus.traces.traceset import TraceInfo, TraceSet

STRIP_CELLS = 64


@dataclass(frozen=True)
class Calls:
    """Consecutive calls of one trace, with what each of them is.

    Attributes:
        names: (n,) object, canonical call names.
        symbols: (n,) uint16, in the detector's vocabulary.
        surprise: (n,) float32.
        positions: (n,) int64, from 1, in the source.
        times_ns: (n,) int64, or -1 where the source tells no time.
    """

    names: NDArray[np.object_]
    symbols: NDArray[np.uint16]
    surprise: NDArray[np.float32]
    positions: NDArray[np.int64]
    times_ns: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        batch: TraceSet,
        row: int,
        symbols: NDArray[np.uint16],
        surprise: NDArray[np.float32],
    ) -> Calls:
        """The calls of one row of a batch, whose columns of symbols and surprise are given."""
        begin, end = int(batch.offsets[row]), int(batch.offsets[row + 1])
        if batch.positions is None:
            positions = batch.infos[row].first_call + 1 + np.arange(end - begin)
        else:
            positions = batch.positions[begin:end]
        times = batch.times_ns
        return cls(
            names=np.array(batch.alphabet, dtype=object)[batch.calls[begin:end]],
            symbols=symbols[begin:end],
            surprise=surprise[begin:end],
            positions=positions,
            times_ns=np.full(end - begin, -1) if times is None else times[begin:end],
        )

    @property
    def last_time_ns(self) -> int | None:
        """When the last of them was made; None if that is not known."""
        return int(self.times_ns[-1]) if len(self) and self.times_ns[-1] >= 0 else None

    def __len__(self) -> int:
        return len(self.names)

    def cut(self, begin: int, end: int) -> Calls:
        """The calls from ``begin`` to before ``end``."""
        return Calls(**{c.name: getattr(self, c.name)[begin:end] for c in fields(self)})

    def followed_by(self, others: Calls) -> Calls:
        """These calls and then others."""
        return Calls(
            **{
                column.name: np.concatenate(
                    [getattr(self, column.name), getattr(others, column.name)]
                )
                for column in fields(self)
            }
        )


@dataclass(frozen=True)
class Stretch:
    """The strangest consecutive calls of a trace.

    Attributes:
        first_call: index of its first call within the trace, from 0.
        mean_surprise: over its defined surprises; NaN if none is defined.
        calls: the calls themselves.
        history: symbols of the calls before them, as far as the detector looks back.
    """

    first_call: int
    mean_surprise: float
    calls: Calls
    history: NDArray[np.uint16]


class Strip:
    """A whole trace's surprise in at most `STRIP_CELLS` cells of equally many calls.

    Attributes:
        calls_per_cell: the smallest power of two that is enough.
    """

    def __init__(self) -> None:
        self.calls_per_cell = 1
        self._n_calls = 0
        self._sums = np.zeros(STRIP_CELLS)
        self._counts = np.zeros(STRIP_CELLS)

    def add(self, surprise: NDArray[np.float32]) -> None:
        """The trace's next calls."""
        self._n_calls += len(surprise)
        while self._n_calls > STRIP_CELLS * self.calls_per_cell:
            self.calls_per_cell *= 2
            for cells in (self._sums, self._counts):
                cells[: STRIP_CELLS // 2] = cells[::2] + cells[1::2]
                cells[STRIP_CELLS // 2 :] = 0
        first = self._n_calls - len(surprise)
        places = np.arange(first, self._n_calls) // self.calls_per_cell
        defined = np.isfinite(surprise)
        self._sums += np.bincount(places, np.where(defined, surprise, 0), STRIP_CELLS)
        self._counts += np.bincount(places, defined, STRIP_CELLS)

    @property
    def means(self) -> tuple[float | None, ...]:
        """Each cell's mean surprise; None where it is undefined."""
        n_cells = -(-self._n_calls // self.calls_per_cell)
        cells = zip(self._sums[:n_cells], self._counts[:n_cells], strict=True)
        return tuple(float(total / count) if count else None for total, count in cells)


@dataclass(frozen=True)
class TraceScore:
    """One trace, judged; or one alarm of a rolling decision, in what has been read of its trace.

    Attributes:
        decision: which of the model's decisions judged it.
        is_merged: whether a rolling score of it lay above the threshold, in an alarm that another
            trace of its recording had begun.
        n_alarms: of a rolling decision, how many alarms its trace has raised so far, this included.
        score: NaN if the trace cannot be scored.
        is_alert: whether the model's decision says so.
        n_novel: calls whose name the model has never seen.
        position_unit: what positions count: ``line`` or ``call``.
        time_ns: when its last call was made, or None where the source tells no time.
        stretch, strip: the strangest stretch, and the whole trace in short; None where they were
            not asked for.
        members: of an ensemble, what each member makes of the whole trace, where the stretch was
            asked for.
    """

    info: TraceInfo
    n_calls: int
    n_novel: int
    score: float
    is_alert: bool
    position_unit: str
    stretch: Stretch | None
    strip: Strip | None
    time_ns: int | None = None
    decision: int = 0
    n_alarms: int = 0
    is_merged: bool = False
    members: tuple[MemberPart, ...] = ()

    @property
    def is_first_of_trace(self) -> bool:
        """Whether nothing was told of its trace before: a trace may raise several alarms."""
        return self.n_alarms <= 1

    @property
    def scoreable(self) -> bool:
        """Whether the trace was long enough to be scored."""
        return bool(np.isfinite(self.score))

    @property
    def verdict(self) -> str:
        """``alert``, ``merged``, ``normal`` or ``not_scoreable``."""
        if self.is_alert:
            return "alert"
        if self.is_merged:
            return "merged"
        return "normal" if self.scoreable else "not_scoreable"
