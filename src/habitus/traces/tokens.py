"""Token files: call numbers or names between white space, read in bounded memory.

Two formats are made of tokens: `adfa`, where a file is a trace, and `plain`, where a line is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.traces.builder import BatchBuilder
from habitus.traces.formats.base import BATCH_CALLS
from habitus.traces.token_kernels import DONE, LONG_TOKEN, OUTPUT_FULL, tokenise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from habitus.traces.inputs import InputFile
    from habitus.traces.interning import NameTable
    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceInfo, TraceSet

    Bytes = NDArray[np.uint8]
    Describe = Callable[[int, int, bool], TraceInfo]
    """(line, first call, ends) -> the info of a trace or segment."""

BLOCK_BYTES = 1 << 20
_SEPARATORS = b" \t\n\r\v\f,"


@dataclass
class TokenReader:
    """Reads token files one after the other, with what they share.

    Args:
        names: the tokens known so far.
        lines_are_traces: whether a newline ends a trace; otherwise only the file's end does.
        wanted: what a token should have been, for messages.
    """

    names: NameTable
    report: ReadReport
    lines_are_traces: bool
    wanted: str

    def __post_init__(self) -> None:
        self.builder = BatchBuilder()
        self._calls = np.zeros(BATCH_CALLS, dtype=np.int32)
        self._ends = np.zeros(1 << 14, dtype=np.int64)

    def read(self, file: InputFile, describe: Describe) -> Iterator[TraceSet]:
        """Yield the batches that fill up while ``file`` is read; `rest` gives the last one."""
        trace = _Trace()
        for text in _blocks(file):
            place = 0
            while place < len(text):
                if trace.broken:
                    place = self._pass_over(text, place, trace)
                    continue
                status, place, n_calls, n_ends = tokenise(
                    text, place, len(text), self.lines_are_traces, *self.names.arguments,
                    self._calls, 0, self._ends, 0,
                )  # fmt: skip
                self._take(trace, n_calls, n_ends, describe)
                if status not in {DONE, OUTPUT_FULL}:
                    self._new_token(
                        text, place, trace, file, describe, is_long=status == LONG_TOKEN
                    )
                if self.builder.full:
                    yield self.builder.flush(self.names.alphabet)
        if not trace.broken:
            self._end(trace, describe)

    def rest(self) -> Iterator[TraceSet]:
        """The last batch, if anything is left for one."""
        if len(self.builder):
            yield self.builder.flush(self.names.alphabet)

    def _take(self, trace: _Trace, n_calls: int, n_ends: int, describe: Describe) -> None:
        symbols = self.names.symbols_of(self._calls[:n_calls])
        begin = 0
        for end in self._ends[:n_ends]:
            trace.hold(symbols[begin:end])
            self._end(trace, describe)
            trace.line += 1
            begin = int(end)
        trace.hold(symbols[begin:])
        if trace.n_pending >= BATCH_CALLS:
            self._segment(trace, describe, ends=False)

    def _end(self, trace: _Trace, describe: Describe) -> None:
        if trace.n_calls or trace.n_pending:
            self._segment(trace, describe, ends=True)
        trace.n_calls, trace.broken = 0, False

    def _segment(self, trace: _Trace, describe: Describe, *, ends: bool) -> None:
        calls = trace.release()
        self.builder.add(describe(trace.line, trace.n_calls, ends), calls)
        trace.n_calls += len(calls)

    def _new_token(
        self, text: Bytes, place: int, trace: _Trace, file: InputFile, describe: Describe,
        *, is_long: bool,
    ) -> None:  # fmt: skip
        """Take a token in, or give the trace that holds it up."""
        stop = place + 1
        while not is_long and text[stop] not in _SEPARATORS:
            stop += 1
        token = text[place : place + 20 if is_long else stop].tobytes()
        if not is_long and self.names.add(token):
            return
        where = f"{file.source}:{trace.line}" if self.lines_are_traces else file.source
        shown = token.decode("ascii", "backslashreplace")
        at = f"call {trace.n_calls + trace.n_pending + 1}"
        self.report.add_broken(where, f"{at} is {shown!r}{'...' * is_long}, not {self.wanted}")
        trace.broken = True
        trace.release()
        if trace.n_calls:  # its beginning went out with an earlier batch: close it there
            self._segment(trace, describe, ends=True)
            trace.n_calls = 0

    def _pass_over(self, text: Bytes, place: int, trace: _Trace) -> int:
        """The place after a broken trace: the next line, or the end of the file."""
        if not self.lines_are_traces:
            return len(text)
        newlines = np.flatnonzero(text[place:] == ord("\n"))
        if not len(newlines):
            return len(text)
        trace.broken, trace.n_calls = False, 0
        trace.line += 1
        return place + int(newlines[0]) + 1


class _Trace:
    """The trace being read: its line, and the calls that wait to go into a batch."""

    def __init__(self) -> None:
        self.line = 1
        self.n_calls = 0
        self.n_pending = 0
        self.broken = False
        self._pending: list[NDArray[np.uint16]] = []

    def hold(self, calls: NDArray[np.uint16]) -> None:
        """Keep calls until they are enough for a segment, or the trace ends."""
        if len(calls):
            self._pending.append(calls)
            self.n_pending += len(calls)

    def release(self) -> NDArray[np.uint16]:
        """The calls held so far, which are held no longer."""
        calls = np.concatenate([np.zeros(0, dtype=np.uint16), *self._pending])
        self._pending, self.n_pending = [], 0
        return calls


def _blocks(file: InputFile) -> Iterator[Bytes]:
    """The file in blocks that end between tokens; the last one gets a separator if it lacks one."""
    left = b""
    while block := file.stream.read(BLOCK_BYTES):
        block = left + block
        cut = max(block.rfind(bytes([separator])) for separator in _SEPARATORS) + 1
        if cut == 0 and len(block) < 2 * BLOCK_BYTES:
            left = block  # one long token so far; beyond this it is cut, and too long either way
            continue
        cut = cut or len(block)
        yield np.frombuffer(block[:cut], dtype=np.uint8)
        left = block[cut:]
    if left:
        yield np.frombuffer(left + b" ", dtype=np.uint8)
