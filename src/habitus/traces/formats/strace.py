"""`strace`: strace's text output, a trace a thread, with the line of every call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from habitus.compiled import hash_multiplier
from habitus.errors import InputError
from habitus.syscalls import name_of
from habitus.traces.formats import strace_kernels as k
from habitus.traces.formats.base import BATCH_CALLS
from habitus.traces.interning import NameTable
from habitus.traces.traceset import TraceInfo, TraceSet, offsets_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from habitus.traces.formats.base import ReadOptions
    from habitus.traces.inputs import InputFile
    from habitus.traces.report import ReadReport

BLOCK_BYTES = 1 << 20
MAX_LINE_BYTES = 1 << 20
MAX_OPEN_THREADS = 1 << 17
MAX_THREADS = 1 << 20

_LINE = re.compile(
    rb"\s*(\[pid\s+\d+(<[^>]*>)?\]\s*|\d+(<[^>]*>)?\s+)?"
    rb"(\d+\.\d+\s+|[\d:]+(\.\d+)?\s+)?(\[[ \da-f?]+\]\s+)*"
    rb"(\w+\(.*(\s=\s|\.\.\.>\s*$)|<\.\.\. \w+ resumed|--- SIG|\+\+\+ |\S*strace: |\[ Process )"
)
_WIDTH = re.compile(rb"PID=\d+ runs in (\d+) bit mode")
_NUMBERED = re.compile(rb"syscall_(0x[0-9a-f]+|\d+)")
_NOTES = (
    "calls resumed",
    "calls that began before the recording",
    "signals",
    "ends of threads",
    "stack lines",
    "calls that strace could not read",
)


class StraceFormat:
    """Lines of strace, with or without ``-f``, ``-Y``, ``-t`` to ``-ttt``, ``-r``, ``-i``, ``-n``.

    A call counts where it begins: the line of an unfinished call is the call, its resumption is
    not another. A process id that comes back after its thread has ended is another thread.
    """

    name: ClassVar[str] = "strace"
    title: ClassVar[str] = "strace text, a trace a thread"
    sample: ClassVar[str] = (
        '412  1700000000.000100 openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3 <0.000012>\n'
        "412  1700000000.000200 read(3,  <unfinished ...>\n"
        "413  1700000000.000250 futex(0x7f00, FUTEX_WAKE, 1) = 1\n"
        '412  1700000000.000300 <... read resumed>"root", 4) = 4 <0.000100>\n'
        "412  1700000000.000400 +++ exited with 0 +++\n"
    )

    def sniff(self, head: bytes, name: str, options: ReadOptions) -> int:  # noqa: ARG002
        lines = [line for line in head.split(b"\n")[:60] if line.strip()]
        if len(lines) > 1 and not head.endswith(b"\n"):
            lines = lines[:-1]  # the head may end within a line
        lines = [line for line in lines if not line.startswith(b" > ")]  # stacks of -k: any number
        matching = sum(_LINE.match(line[:4096]) is not None for line in lines)
        return 80 if matching and matching >= 0.5 * len(lines) else 0

    def read(
        self, files: Iterator[InputFile], options: ReadOptions, report: ReadReport
    ) -> Iterator[TraceSet]:
        merged: list[TraceSet] = []
        n_calls = 0
        names = NameTable(lambda token: _call_name(token, options.abi or "x86_64"))
        for file in files:
            for batch in _Recording(file, names, report).batches():
                # Small recordings go out together: a folder may hold thousands.
                merged.append(batch)
                n_calls += batch.n_calls
                if n_calls >= BATCH_CALLS // 2:
                    yield _concatenated(merged, names.alphabet)
                    merged, n_calls = [], 0
        if merged:
            yield _concatenated(merged, names.alphabet)


class _Recording:
    """One file's state: its threads, and the calls that wait to go into a batch."""

    def __init__(self, file: InputFile, names: NameTable, report: ReadReport) -> None:
        self._file = file
        self._names = names
        self._report = report
        self._line = 1
        self._pids = np.full(256, -1, dtype=np.int64)
        self._slots = np.full(256, -1, dtype=np.int32)
        self._pid_of = np.zeros(64, dtype=np.int64)
        self._pending = np.zeros(64, dtype=np.uint8)
        self._ended = np.zeros(64, dtype=np.uint8)
        self._n_threads = 0
        self._group: str | None = None
        self._first_calls = np.zeros(64, dtype=np.int64)  # per thread: calls that went out before
        self._closed = np.zeros(64, dtype=np.bool_)  # per thread: its end went out
        self._names_of_threads: list[tuple[str, int]] = []
        self._lives: dict[int, int] = {}  # per process id: how many threads bore it
        self._output = self._new_output(BLOCK_BYTES // 8)
        self._counts = np.zeros(k.N_COUNTS, dtype=np.int64)
        self._waiting: list[tuple[NDArray[np.int64], ...]] = []
        self._n_waiting = 0

    def batches(self) -> Iterator[TraceSet]:
        for text in self._blocks():
            yield from self._parse(text)
        for count, note in zip(self._counts, _NOTES, strict=False):
            if count:
                self._report.notes[note] += int(count)
        self._report.n_broken += max(0, int(self._counts[k.N_BROKEN]) - k.MAX_BROKEN_SHOWN)
        self._ended[: self._n_threads] = 1
        yield from self._flush()

    def _blocks(self) -> Iterator[NDArray[np.uint8]]:
        """Whole lines, in blocks; an overlong line is counted and left out."""
        left = b""
        overlong = False
        while block := self._file.stream.read(BLOCK_BYTES):
            if overlong:
                newline = block.find(b"\n")
                if newline < 0:
                    continue
                block, overlong = block[newline + 1 :], False
                self._line += 1
            block = left + block
            cut = block.rfind(b"\n") + 1
            if cut:
                yield np.frombuffer(block, dtype=np.uint8, count=cut)
            left = block[cut:]
            if len(left) > MAX_LINE_BYTES:
                self._broken(f"a line of more than {MAX_LINE_BYTES >> 20} MiB")
                left, overlong = b"", True
        if left:
            yield np.frombuffer(left + b"\n", dtype=np.uint8)

    def _parse(self, text: NDArray[np.uint8]) -> Iterator[TraceSet]:
        place, n_calls, status = 0, 0, k.OUTPUT_FULL
        while status != k.DONE:
            status, place, first, last, self._line, self._n_threads, n_calls = k.parse_strace(
                text, place, len(text), self._line, *self._names.arguments,
                self._pids, self._slots, self._pid_of, self._pending, self._ended, self._n_threads,
                *self._output, n_calls, self._counts,
            )  # fmt: skip
            if status == k.NEW_NAME:
                self._names.add(text[first:last].tobytes())
            elif status in {k.OUTPUT_FULL, k.THREADS_FULL}:
                self._take(n_calls)
                n_calls = 0
                if status == k.THREADS_FULL:
                    yield from self._flush()
                    self._make_room_for_threads()
            elif status == k.REMARK:
                self._remark(text[first:last].tobytes())
                self._line += 1
            elif status == k.BROKEN:
                self._broken(_complaint(text[first:last].tobytes()))
                self._line += 1
        self._take(n_calls)
        if self._n_waiting >= BATCH_CALLS:
            yield from self._flush()

    def _take(self, n_calls: int) -> None:
        """Copy what the loop has written, so that it can write anew."""
        if n_calls:
            self._waiting.append(tuple(column[:n_calls].copy() for column in self._output))
            self._n_waiting += n_calls

    def _flush(self) -> Iterator[TraceSet]:
        """A batch: the waiting calls of each thread together, threads by their first call."""
        self._describe_threads()
        known = slice(self._n_threads)
        if self._group is None:  # once: all that the file holds is one recording
            has_pids = self._pid_of[known].any()
            self._group = "" if has_pids else _recording_of(self._file.name)
        ending = (self._ended[known] == 1) & ~self._closed[known]
        if not self._waiting and not ending.any():
            return
        columns = [np.concatenate(parts) for parts in zip(*self._waiting, strict=True)]
        calls, threads, lines, times = columns or self._new_output(0)
        self._waiting, self._n_waiting = [], 0
        order = np.argsort(threads, kind="stable")
        counts = np.bincount(threads, minlength=self._n_threads)
        present = np.flatnonzero((counts > 0) | ending)
        infos = []
        for thread in present:
            name, pid = self._names_of_threads[thread]
            infos.append(
                TraceInfo(
                    name,
                    self._file.source,
                    group=self._group,
                    thread=pid,
                    first_call=int(self._first_calls[thread]),
                    ends=bool(ending[thread]),
                )
            )
        self._first_calls[known] += counts
        self._closed[known] |= ending
        if self._n_threads - int(self._closed.sum()) > MAX_OPEN_THREADS:
            raise InputError(
                f"{self._file.source}:{self._line}: more than {MAX_OPEN_THREADS:,} threads "
                "at once, which no recording of one system has; split the file"
            )
        yield TraceSet(
            calls=self._names.symbols_of(calls[order].astype(np.int32)),
            offsets=offsets_of(counts[present]),
            alphabet=self._names.alphabet,
            infos=tuple(infos),
            positions=lines[order],
            position_unit="line",
            times_ns=times[order] if np.any(times != k.NO_TIME) else None,
        )

    def _describe_threads(self) -> None:
        """Name the threads that are new: by process id, and by its turn where ids come back."""
        for pid in map(int, self._pid_of[len(self._names_of_threads) : self._n_threads]):
            life = self._lives[pid] = self._lives.get(pid, 0) + 1
            suffix = ("" if pid == 0 else f"#{pid}") + (f".{life}" if life > 1 else "")
            self._names_of_threads.append((self._file.name + suffix, pid or -1))

    def _make_room_for_threads(self) -> None:
        if self._n_threads >= MAX_THREADS:
            raise InputError(
                f"{self._file.source}:{self._line}: more than {MAX_THREADS:,} threads; split "
                "the file"
            )
        for name in ("_pid_of", "_pending", "_ended", "_first_calls", "_closed"):
            column = getattr(self, name)
            setattr(self, name, np.concatenate([column, np.zeros_like(column)]))
        old = [(p, s) for p, s in zip(self._pids, self._slots, strict=True) if p >= 0 and s >= 0]
        self._pids = np.full(4 * len(self._pending), -1, dtype=np.int64)
        self._slots = np.full(len(self._pids), -1, dtype=np.int32)
        multiplier = np.uint64(hash_multiplier())
        for pid, slot in old:
            i = k.thread_slot(pid, multiplier, self._pids)
            self._pids[i], self._slots[i] = pid, slot

    def _remark(self, line: bytes) -> None:
        width = _WIDTH.search(line)
        note = "remarks of strace" if width is None else f"marks of {width[1].decode()}-bit mode"
        self._report.notes[note] += 1

    def _broken(self, why: str) -> None:
        self._report.add_broken(f"{self._file.source}:{self._line}", why)

    @staticmethod
    def _new_output(size: int) -> tuple[NDArray[np.int64], ...]:
        """Columns for the loop to write: name, thread, line, time."""
        return tuple(np.zeros(size, dtype=d) for d in (np.int32, np.int32, np.int64, np.int64))


def _call_name(token: bytes, abi: str) -> str:
    """The canonical name of a call; strace writes calls it does not know by their number."""
    numbered = _NUMBERED.fullmatch(token)
    if numbered is None:
        return token.decode()
    return name_of(abi, int(numbered[1], 16 if numbered[1].startswith(b"0x") else 10))


def _recording_of(name: str) -> str:
    """The recording that a file of ``strace -ff`` is a process of (``run.412``), or nothing."""
    numbered = re.fullmatch(r"(.+)\.(\d{1,7})", name, re.DOTALL)
    return numbered[1] if numbered and int(numbered[2]) <= k.MAX_PID else ""


def _complaint(line: bytes) -> str:
    """What is wrong with a line that is no line of strace."""
    shown = line[:60].decode("utf-8", "backslashreplace").strip() + "..." * (len(line) > 60)
    if line.lstrip().startswith((b"% time", b"------ ---")):
        return f"{shown!r} is of a summary (strace -c), which tells no order of calls"
    if re.match(rb"\s*(\[pid\s+\d+\]\s*|\d+\s+)?([\d:.]+\s+)?[a-z_]\w*\(", line):
        return f"a call cut off before its result: {shown!r}"
    return f"not a line of strace: {shown!r}"


def _concatenated(batches: list[TraceSet], alphabet: tuple[str, ...]) -> TraceSet:
    """Batches of one reading, whose alphabets are beginnings of the last one, in one."""
    if len(batches) == 1:
        return batches[0]
    has_times = any(batch.times_ns is not None for batch in batches)
    unknown_times = [np.full(batch.n_calls, k.NO_TIME, dtype=np.int64) for batch in batches]
    times = [
        unknown if batch.times_ns is None else batch.times_ns
        for batch, unknown in zip(batches, unknown_times, strict=True)
    ]
    return TraceSet(
        calls=np.concatenate([batch.calls for batch in batches]),
        offsets=offsets_of(np.concatenate([batch.lengths for batch in batches])),
        alphabet=alphabet,
        infos=tuple(info for batch in batches for info in batch.infos),
        positions=np.concatenate([b.positions for b in batches if b.positions is not None]),
        position_unit="line",
        times_ns=np.concatenate(times) if has_times else None,
    )


FORMAT = StraceFormat()
