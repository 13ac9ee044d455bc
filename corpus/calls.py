"""What strace writes, taken apart as it comes: per process or thread the names of its calls.

Nothing else of a line is kept, but for the last part of what `execve` starts: the program's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

MAX_CALLS = 20_000
"""Of one process or thread; what comes behind is counted, not kept, so that none rules the rest."""
MAX_TRACES = 2_000
"""Of one recording, likewise."""

_CALL = re.compile(rb"(\d+) +([a-z_][a-z_0-9]*)\(")
_STARTED = re.compile(rb"\d+ +execve(?:at)?\((?:\w+, )?\"((?:[^\"\\]|\\.)*)\"")
_RESUMED = re.compile(rb"(\d+) +<\.\.\. execve(?:at)? resumed>.*= 0\s*\Z")
_FORKED = re.compile(
    rb"(\d+) +(?:<\.\.\. )?(?:v?fork|clone3?)(?:\(| resumed>).*= (0x[0-9a-f]+|\d+)\s*\Z"
)
_ENDED = re.compile(rb"(\d+) +\+\+\+ (?:exited|killed|superseded)")


@dataclass
class Trace:
    """One process or thread: the calls it made, and what it was."""

    program: str
    calls: list[int] = field(default_factory=list)
    beyond: int = 0
    """Calls behind the first `MAX_CALLS`."""
    parent: Trace | None = None
    parent_was: str = ""
    """What the parent was when it made this one."""

    @property
    def name(self) -> str:
        """Its program, which is its parent's until it starts another; ``unknown`` if none tells."""
        trace: Trace | None = self
        while trace is not None:
            if found := trace.program or trace.parent_was:
                return found
            trace = trace.parent
        return "unknown"


@dataclass
class CallsOf:
    """Collects the traces of one recording from lines of `strace -f`."""

    max_calls: int = MAX_CALLS
    max_traces: int = MAX_TRACES
    alphabet: dict[bytes, int] = field(default_factory=dict)
    traces: list[Trace] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)
    n_calls: int = 0
    """Seen, kept or not."""
    not_kept: int = 0
    """Processes and threads behind the first `max_traces`."""
    root_ended: bool = False
    _running: dict[bytes, Trace] = field(default_factory=dict)
    _starting: dict[bytes, str] = field(default_factory=dict)
    _gone: set[bytes] = field(default_factory=set)
    """Numbers that ended, and did not come again."""
    _root: bytes = b""
    _rest: bytes = b""

    @property
    def kept(self) -> list[Trace]:
        """The traces that made a call: one may be told of, and end before its first."""
        return [trace for trace in self.traces if trace.calls]

    def feed(self, piece: bytes) -> None:
        """Take a piece of strace's output, which may end within a line."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            if call := _CALL.match(line):
                self._call(call[1], call[2], line)
                if b"fork(" in line or b"clone" in line:
                    self._made(line)
            elif resumed := _RESUMED.match(line):
                self._becomes(resumed[1])
            elif b"fork resumed" in line or b"clone" in line:
                self._made(line)
            elif ended := _ENDED.match(line):
                # A number may come again, for another process.
                self._running.pop(ended[1], None)
                self._starting.pop(ended[1], None)
                self._gone.add(ended[1])
                self.root_ended |= ended[1] == self._root

    def _call(self, thread: bytes, name: bytes, line: bytes) -> None:
        trace = self._running.get(thread) or self._begin(thread)
        self.n_calls += 1
        if len(trace.calls) < self.max_calls:
            trace.calls.append(self.alphabet.setdefault(name, len(self.alphabet)))
        else:
            trace.beyond += 1
        if name in {b"execve", b"execveat"} and (started := _STARTED.match(line)):
            self._starting[thread] = started[1].decode("ascii", "replace")
            if line.endswith(b"= 0"):
                self._becomes(thread)

    def _made(self, line: bytes) -> None:
        """A child may speak, and even end, before its parent is told its number."""
        if not (made := _FORKED.match(line)):
            return
        parent, child = self._running.get(made[1]), str(int(made[2], 0)).encode()
        if parent is not None and int(child) and child not in self._gone:
            trace = self._running.get(child) or self._begin(child)
            if trace.parent is None:
                trace.parent, trace.parent_was = parent, parent.program

    def _begin(self, thread: bytes) -> Trace:
        trace = self._running[thread] = Trace("")
        self._gone.discard(thread)
        self._root = self._root or thread
        if len(self.traces) < self.max_traces:
            self.traces.append(trace)
        else:
            self.not_kept += 1
        return trace

    def _becomes(self, thread: bytes) -> None:
        path = self._starting.pop(thread, "")
        if path and thread in self._running:
            self._running[thread].program = PurePosixPath(path).name
            self.paths.add(path)
