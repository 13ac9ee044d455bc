"""Token files: call numbers or names between white space, read in bounded memory.

Two formats are made of tokens: `adfa`, where a file is a trace, and `plain`, where a line is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import InputError
from habitus.files.lines import as_text
from habitus.files.report import StrictError
from habitus.traces.builder import BatchBuilder
from habitus.traces.formats.base import BATCH_CALLS
from habitus.traces.token_kernels import BEGINS, DONE, GOES_ON, LONG_TOKEN, OUTPUT_FULL, tokenise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from habitus.files.inputfile import InputFile
    from habitus.traces.interning import NameTable
    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceInfo, TraceSet

    Describe = Callable[[int, int, bool], TraceInfo]
    """(line, first call, ends) -> the info of a trace or segment."""

BLOCK_BYTES = 1 << 20
_SEPARATORS = b" \t\n\r\v\f,"
_TOKEN = re.compile(rb"[^ \t\n\r\v\f,]*")


@dataclass
class TokenReader:
    """Reads token files one after the other, with what they share.

    Args:
        names: the tokens known so far.
        lines_are_traces: whether a newline ends a trace; otherwise only the file's end does.
        wanted: what a token should have been, for messages.
        first, further: the bytes that a token may begin with, and those that may follow. A line
            with others is broken without asking ``names``. Only wanted where lines are traces.
    """

    names: NameTable
    report: ReadReport
    lines_are_traces: bool
    wanted: str
    first: bytes = b""
    further: bytes = b""

    def __post_init__(self) -> None:
        self.builder = BatchBuilder()
        self._calls = np.zeros(BATCH_CALLS, dtype=np.int32)
        self._ends = np.zeros(1 << 14, dtype=np.int64)
        self._roles = np.zeros(256, dtype=np.uint8)
        self._roles[list(self.first)] |= BEGINS
        self._roles[list(self.further)] |= GOES_ON

    def read(self, file: InputFile, describe: Describe) -> Iterator[TraceSet]:
        """Yield the batches that fill up while ``file`` is read; `rest` gives the last one.

        Raises:
            InputError: if the file has more names than any system has calls, once what was read
                before it has been given; in a strict reading, at the first that is broken.
        """
        try:
            yield from self._batches(file, describe)
        except StrictError:
            raise
        except InputError:
            yield from self.rest()
            raise

    def _batches(self, file: InputFile, describe: Describe) -> Iterator[TraceSet]:
        trace = _Trace()
        for block in _blocks(file):
            text = as_text(block)
            place = 0
            while place < len(block):
                if trace.broken:
                    place = self._pass_over(block, place, trace)
                    continue
                pass_over = self.lines_are_traces and self.report.only_counts
                status, place, n_calls, n_ends = tokenise(
                    text, place, len(text), self.lines_are_traces, pass_over, self._roles,
                    *self.names.arguments, self._calls, 0, self._ends, 0,
                )  # fmt: skip
                self._take(trace, n_calls, n_ends, describe)
                if status not in {DONE, OUTPUT_FULL}:
                    self._new_token(
                        block, place, trace, file, describe, is_long=status == LONG_TOKEN
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
        for end in self._ends[:n_ends].tolist():
            if end < 0:  # a line passed over
                self.report.n_broken += 1
                self._give_up(trace, describe)
                begin = ~end
            else:
                trace.hold(symbols[begin:end])
                self._end(trace, describe)
                begin = end
            trace.line += 1
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
        self, block: bytes, place: int, trace: _Trace, file: InputFile, describe: Describe,
        *, is_long: bool,
    ) -> None:  # fmt: skip
        """Take a token in, or give the trace that holds it up."""
        token = block[place : place + 20] if is_long else _token(block, place)
        if not is_long and self.names.add(token):
            return
        trace.broken = True
        if self.report.only_counts:
            self.report.n_broken += 1
        else:
            self._show_broken(token, trace, file, is_long=is_long)
        self._give_up(trace, describe)

    def _show_broken(self, token: bytes, trace: _Trace, file: InputFile, *, is_long: bool) -> None:
        where = f"{file.source}:{trace.line}" if self.lines_are_traces else file.source
        shown = token.decode("ascii", "backslashreplace")
        at = f"call {trace.n_calls + trace.n_pending + 1}"
        self.report.add_broken(where, f"{at} is {shown!r}{'...' * is_long}, not {self.wanted}")

    def _give_up(self, trace: _Trace, describe: Describe) -> None:
        """Leave out the rest of a broken trace."""
        trace.release()
        if trace.n_calls:  # its beginning went out with an earlier batch: close it there
            self._segment(trace, describe, ends=True)
            trace.n_calls = 0

    def _pass_over(self, block: bytes, place: int, trace: _Trace) -> int:
        """The place after a broken trace: the next line, or the end of the file."""
        if not self.lines_are_traces:
            return len(block)
        newline = block.find(b"\n", place)
        if newline < 0:
            return len(block)
        trace.broken, trace.n_calls = False, 0
        trace.line += 1
        return newline + 1


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
        if not self._pending:
            return np.zeros(0, dtype=np.uint16)
        calls = np.concatenate(self._pending)
        self._pending, self.n_pending = [], 0
        return calls


def _token(block: bytes, place: int) -> bytes:
    found = _TOKEN.match(block, place)
    return b"" if found is None else found[0]


def _blocks(file: InputFile) -> Iterator[bytes]:
    """The file in blocks that end between tokens; the last one gets a separator if it lacks one."""
    left = b""
    while block := file.stream.read(BLOCK_BYTES):
        block = left + block
        cut = max(block.rfind(bytes([separator])) for separator in _SEPARATORS) + 1
        if cut == 0 and len(block) < 2 * BLOCK_BYTES:
            left = block  # one long token so far; beyond this it is cut, and too long either way
            continue
        cut = cut or len(block)
        yield block[:cut]
        left = block[cut:]
    if left:
        yield left + b" "
