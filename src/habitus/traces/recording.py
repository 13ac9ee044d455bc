"""`Recording`: a file of events of many threads, as batches in which each thread is a trace.

Every format whose lines are events of threads is made of it: a loop or a parser says which thread
made which call on which line and when; the recording sorts that by thread, names the threads and
cuts the traces that go on into segments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from habitus.compiled import hash_multiplier
from habitus.errors import InputError
from habitus.traces.builder import MAX_BATCH_TRACES
from habitus.traces.formats.base import BATCH_CALLS
from habitus.traces.text_kernels import NO_TIME, thread_slot
from habitus.traces.traceset import TraceInfo, TraceSet, offsets_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from habitus.files.inputfile import InputFile
    from habitus.traces.interning import NameTable
    from habitus.traces.report import ReadReport

    Columns = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]
    """Of calls: the name's number, the thread's, the line, the time."""

MAX_OPEN_THREADS = 1 << 17
MAX_THREADS = 1 << 20


class ThreadTable:
    """The threads of a file, numbered as they appear; arrays, so that compiled loops can fill it.

    A process id that comes back after its thread has ended is another thread.

    Attributes:
        n: how many there are.
        pid_of: per thread, its id; 0 where the file tells none.
        pending: per thread, whatever a format must remember between two of its lines.
        ended: per thread, 1 once it has ended.
        pids, slots: the open-addressing table of live ids (`thread_slot`); a slot is -1 where the
            thread of that id has ended.
    """

    def __init__(self) -> None:
        self.n = 0
        self.pid_of = np.zeros(64, dtype=np.int64)
        self.pending = np.zeros(64, dtype=np.uint8)
        self.ended = np.zeros(64, dtype=np.uint8)
        self.pids = np.full(256, -1, dtype=np.int64)
        self.slots = np.full(256, -1, dtype=np.int32)

    @property
    def full(self) -> bool:
        """Whether `grow` must come before the next thread."""
        return self.n >= len(self.pid_of)

    def add(self, pid: int) -> int:
        """Take in a thread that is found by other means than the table; its number."""
        thread = self.n
        self.pid_of[thread] = pid
        self.n += 1
        return thread

    def grow(self) -> None:
        """Make room for twice as many threads."""
        for name in ("pid_of", "pending", "ended"):
            column = getattr(self, name)
            setattr(self, name, np.concatenate([column, np.zeros_like(column)]))
        is_live = self.slots >= 0
        pids, slots = self.pids[is_live], self.slots[is_live]
        # Four places a thread: the table stays sparse, so a search of it stays short.
        self.pids = np.full(4 * len(self.pid_of), -1, dtype=np.int64)
        self.slots = np.full(len(self.pids), -1, dtype=np.int32)
        multiplier = np.uint64(hash_multiplier())
        for pid, slot in zip(pids, slots, strict=True):
            i = thread_slot(pid, multiplier, self.pids)
            self.pids[i], self.slots[i] = pid, slot


class Recording:
    """One file's threads, and the calls that wait to go into a batch.

    Args:
        names: the tokens known so far, of this file and those before it.
        info: what is known of all its traces; each thread's name, id and segment are filled in.
        group_without_ids: the recording that the file belongs to if it tells no thread ids.

    Attributes:
        threads: its threads.
        line: the number of the line that is read next.
        hosts: per thread, the host it ran on, where lines tell it: ids are unique on one only.
    """

    def __init__(
        self,
        file: InputFile,
        names: NameTable,
        report: ReadReport,
        info: TraceInfo | None = None,
        *,
        group_without_ids: str = "",
    ) -> None:
        self.file = file
        self.names = names
        self.report = report
        self.threads = ThreadTable()
        self.line = 1
        self.hosts: dict[int, str] = {}
        self._info = TraceInfo(file.name, file.source) if info is None else info
        self._group_without_ids = group_without_ids
        self._is_grouped = False
        self._first_calls = np.zeros(64, dtype=np.int64)  # per thread: calls that went out before
        self._closed = np.zeros(64, dtype=np.bool_)  # per thread: its end went out
        self._life_of = np.zeros(64, dtype=np.int32)  # per thread: its turn among those of its id
        self._n_described = 0
        self._lives: dict[int | tuple[str, int], int] = {}  # per id, on its host: how many bore it
        self._waiting: list[Columns] = []
        self._n_waiting = 0

    @property
    def full(self) -> bool:
        """Whether it is time to `flush`."""
        return self._n_waiting >= BATCH_CALLS

    def take(self, columns: Columns) -> None:
        """Keep calls for the next batch; the columns must not change afterwards."""
        if len(columns[0]):
            self._waiting.append(columns)
            self._n_waiting += len(columns[0])

    def broken(self, why: str) -> None:
        """Count the line that was just read as broken."""
        self.report.add_broken(f"{self.file.source}:{self.line}", why)

    def overlong(self, why: str) -> None:
        """Count a line that was passed over, and go on to the next."""
        self.broken(why)
        self.line += 1

    def flush(self) -> Iterator[TraceSet]:
        """A batch: the waiting calls of each thread together, threads by their first call."""
        self._describe_threads()
        n = self.threads.n
        ending = (self.threads.ended[:n] == 1) & ~self._closed[:n]
        if not self._waiting and not ending.any():
            return
        calls, threads, lines, times = self._waiting_columns()
        order = np.argsort(threads, kind="stable")
        counts = np.bincount(threads, minlength=n)
        present = np.flatnonzero((counts > 0) | ending)
        self._closed[:n] |= ending
        if n - int(self._closed.sum()) > MAX_OPEN_THREADS:
            raise InputError(
                f"{self.file.source}:{self.line}: more than {MAX_OPEN_THREADS:,} threads "
                "at once, which no recording of one system has; split the file"
            )
        symbols = self.names.symbols_of(calls)
        has_times = bool(np.any(times != NO_TIME))
        begin = 0
        for some in np.split(present, range(MAX_BATCH_TRACES, len(present), MAX_BATCH_TRACES)):
            offsets = offsets_of(counts[some])
            places = order[begin : begin + int(offsets[-1])]
            begin += len(places)
            yield TraceSet(
                calls=symbols[places],
                offsets=offsets,
                alphabet=self.names.alphabet,
                infos=tuple(self._info_of(thread) for thread in some.tolist()),
                positions=lines[places],
                position_unit="line",
                times_ns=times[places] if has_times else None,
            )
        self._first_calls[:n] += counts

    def _info_of(self, thread: int) -> TraceInfo:
        """What is known of a thread's trace or segment."""
        pid, life = int(self.threads.pid_of[thread]), int(self._life_of[thread])
        who = ":".join(filter(None, (self.hosts.get(thread), str(pid or ""))))
        suffix = (f"#{who}" if who else "") + (f".{life}" if life > 1 else "")
        return replace(
            self._info,
            name=self.file.name + suffix,
            thread=pid or -1,
            first_call=int(self._first_calls[thread]),
            ends=bool(self._closed[thread]),
        )

    def finish(self) -> Iterator[TraceSet]:
        """The last batch, in which every thread ends."""
        self.threads.ended[: self.threads.n] = 1
        yield from self.flush()

    def make_room_for_threads(self) -> Iterator[TraceSet]:
        """Room for more threads, after the batch of those that there are."""
        yield from self.flush()
        if self.threads.n >= MAX_THREADS:
            raise InputError(
                f"{self.file.source}:{self.line}: more than {MAX_THREADS:,} threads; split the file"
            )
        self.threads.grow()
        for name in ("_first_calls", "_closed", "_life_of"):
            column = getattr(self, name)
            setattr(self, name, np.concatenate([column, np.zeros_like(column)]))

    def _waiting_columns(self) -> Columns:
        parts = [*self._waiting, new_columns(0)]
        self._waiting, self._n_waiting = [], 0
        return cast("Columns", tuple(map(np.concatenate, zip(*parts, strict=True))))

    def _describe_threads(self) -> None:
        """Note of new threads whose ids have come back that they are not the first of them."""
        known = slice(self._n_described, self.threads.n)
        for thread, pid in enumerate(self.threads.pid_of[known].tolist(), self._n_described):
            key = (self.hosts[thread], pid) if thread in self.hosts else pid
            self._life_of[thread] = self._lives[key] = self._lives.get(key, 0) + 1
        self._n_described = self.threads.n
        if not self._is_grouped:  # once: all that the file holds is one recording
            self._is_grouped = True
            if self._group_without_ids and not self.threads.pid_of[: self.threads.n].any():
                self._info = replace(self._info, group=self._group_without_ids)


@dataclass
class Output:
    """Columns for a compiled loop to fill, from ``n`` on; one for all files of a reading."""

    size: int

    def __post_init__(self) -> None:
        self.columns = new_columns(self.size)

    def taken(self, n_calls: int) -> Columns:
        """A copy of what the loop has written, so that it can write anew."""
        return cast("Columns", tuple(column[:n_calls].copy() for column in self.columns))


def new_columns(size: int) -> Columns:
    """Empty columns: name, thread, line, time."""
    return (
        np.zeros(size, dtype=np.int32),
        np.zeros(size, dtype=np.int32),
        np.zeros(size, dtype=np.int64),
        np.zeros(size, dtype=np.int64),
    )
