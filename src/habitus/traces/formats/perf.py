"""`perf`: text of ``perf trace`` and ``perf script``, a trace a thread."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from habitus.files.lines import first_lines, shown
from habitus.syscalls import name_of
from habitus.traces.events import (
    MAX_PENDING,
    BrokenLine,
    canonical_or_numbered,
    is_blank,
    read_events,
)
from habitus.traces.text_kernels import NO_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.files.inputfile import InputFile
    from habitus.traces.events import Event
    from habitus.traces.formats.base import ReadOptions
    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceSet

# A command's name may hold blanks, slashes and anything that looks like the rest of a line. It is
# at most 14 bytes here and 15 below, so the longest that fits is it.
_TRACE = re.compile(
    rb" {0,10}+(?:(\d{1,20})\.(\d{3})|\?) \( {0,12}+(?:\d{1,20}\.\d{3} ms)?\): "
    rb"(?:(?:.{0,14}/)?(\d{1,10}) )?"
    rb"(?: ?\.\.\. \[continued\]: (\w{1,64})\(\)|(\w{1,64})\("
    rb"|(m(?:in|aj)fault) \[|[A-Za-z_][\w-]{0,63}:[A-Za-z_][\w.@-]{0,63}[:(])"
)
_SCRIPT = re.compile(
    rb" {0,22}+(?=\S)(?:.{0,15} )? {0,8}+(?:-?\d{1,10}/)?(-?\d{1,10}) {1,8}+(?:\[\d{1,5}\] {1,8}+)?"
    rb"(?:(\d{1,10})\.(\d{9}|\d{6}): )?\s{0,64}+"
    rb"(?:raw_syscalls:sys_(enter): NR (-?\d{1,10}) \(|syscalls:sys_enter_(\w{1,64}):"
    rb"|(raw_syscalls:sys_exit|syscalls:sys_exit_\w{1,64}):"
    rb"|(PERF_RECORD_LOST|PERF_RECORD_|[A-Za-z_][\w-]{0,63}:[A-Za-z_][\w.@*-]{0,127}:|[a-z-]{2,40}:))"
)
_LOST = re.compile(rb"LOST \d+ events!|.{0,40}[Ll]ost \d+ (?:chunks|events|samples)")
_SUMMARY = b"Summary of events"
_NUMBERED = re.compile(r"syscall_(\d{1,10})")
_KERNEL_NAMES = {  # tracepoints are named after the kernel's functions
    b"newstat": b"stat",
    b"newlstat": b"lstat",
    b"newfstat": b"fstat",
    b"newuname": b"uname",
    b"sendfile64": b"sendfile",
    b"umount": b"umount2",
}


class PerfFormat:
    """What ``perf trace`` and ``perf script`` write.

    A call counts where it begins: of an interrupted call of ``perf trace`` the first line is the
    call; of tracepoints the enter is.
    """

    name: ClassVar[str] = "perf"
    title: ClassVar[str] = "text of perf trace and perf script, a trace a thread"
    sample: ClassVar[str] = (
        "     0.028 ( 0.003 ms): cat/412 openat(dfd: CWD, filename: 0x7f00, flags: RDONLY) = 3\n"
        "     0.040 (         ): cat/412 read(fd: 3, buf: 0x7ffd, count: 4096)       ...\n"
        "     0.051 ( 0.002 ms): sh/413 close(fd: 3)                                = 0\n"
        "     0.040 ( 0.030 ms): cat/412  ... [continued]: read())                  = 18\n"
    )

    def sniff(self, head: bytes, name: str, options: ReadOptions) -> int:  # noqa: ARG002
        if b":" not in head:  # quickly past the many small files of other formats
            return 0
        lines = [
            line
            for line in first_lines(head, 200)
            if not _is_stack(line) and not line.startswith(b"# ")
        ]
        if lines and lines[0].strip().startswith(_SUMMARY):
            return 80
        found = sum((_TRACE.match(line) or _is_script(line)) is not None for line in lines)
        return 85 if found and found >= 0.5 * len(lines) else 0

    def read(
        self, files: Iterator[InputFile], options: ReadOptions, report: ReadReport
    ) -> Iterator[TraceSet]:
        abi = options.abi or "x86_64"
        return read_events(files, report, canonical_or_numbered, lambda _: _Parser(abi).parse)


class _Parser:
    def __init__(self, abi: str) -> None:
        self._abi = abi
        self._pending: dict[int, bytes] = {}
        self._raw: bool | None = None  # which of the two kinds of tracepoints counts
        self._is_script = False
        self._in_summary = False

    def parse(self, line: bytes) -> Event | str | None:
        # In a file of perf script, a command's name could pass a line off as one of perf trace.
        script = _SCRIPT.match(line) if self._is_script else None
        trace = _TRACE.match(line) if script is None else None
        if trace is None:
            return self._of_script(line, script or _SCRIPT.match(line))
        milliseconds, part, tid, continued, name, fault = trace.groups()
        thread = int(tid or 0)
        if name is not None:
            unfinished = line.endswith((b" ...", b" ...\r"))
            if not unfinished and line.rfind(b"= ") < 0:  # from the end, near which it stands
                raise BrokenLine(f"a call cut off before its result: {shown(line)}")
            if unfinished:
                self._begins(thread, name)
            elif self._pending:
                self._pending.pop(thread, None)
            time_ns = NO_TIME if part is None else int(milliseconds + part) * 1_000
            return _called(name, self._abi), thread, time_ns
        if continued is not None:
            began = self._pending.pop(thread, None) == continued
            return "calls resumed" if began else "calls that began before the recording"
        return "other events" if fault is None else "page faults"

    def _begins(self, thread: int, name: bytes) -> None:
        if len(self._pending) >= MAX_PENDING:  # of threads that are never heard of again
            self._pending.clear()
        self._pending[thread] = name

    def _of_script(self, line: bytes, script: re.Match[bytes] | None) -> Event | str | None:
        if script is None:
            return self._note(line)
        self._is_script = True
        tid, seconds, part, raw, number, name, ends, other = script.groups()
        if ends is not None:
            return "ends of calls"
        if other is not None:
            return "marks of lost events" if other == b"PERF_RECORD_LOST" else "other events"
        if self._raw is None:
            self._raw = raw is not None
        if self._raw != (raw is not None):
            return "calls told a second time"
        if raw is not None:
            if number.startswith(b"-"):
                return "calls without a number"
            name = _numbered(number, self._abi)
        else:
            name = _KERNEL_NAMES.get(name, name)
        time_ns = NO_TIME
        if part is not None:
            time_ns = int(seconds + part) * (1 if len(part) == 9 else 1_000)
        return name, 0 if tid.startswith(b"-") else int(tid), time_ns

    def _note(self, line: bytes) -> str | None:
        if is_blank(line):
            return None
        if self._in_summary or line.strip().startswith(_SUMMARY):
            self._in_summary = True
            raise BrokenLine(
                f"{shown(line)} is of a summary (perf trace -s), which tells no order of calls"
            )
        if line.startswith(b"#"):
            return "comments"
        if _LOST.match(line):
            return "marks of lost events"
        if _is_stack(line):
            return "stack lines"
        raise BrokenLine(f"not a line of perf trace or perf script: {shown(line)}")


def _is_stack(line: bytes) -> bool:
    """Stacks are indented further than any time or command is."""
    return line.startswith((b"\t", b" " * 23))


def _is_script(line: bytes) -> re.Match[bytes] | None:
    """A line of ``perf script`` to recognise files by: a tracepoint with a time, or of a call."""
    script = _SCRIPT.match(line)
    if script is None or (script[8] is None) or (script[2] and b":" in script[8][:-1]):
        return script
    return None


@lru_cache(1024)
def _called(name: bytes, abi: str) -> bytes:
    """The name of a call; perf writes calls it does not know by their number."""
    numbered = _NUMBERED.fullmatch(name.decode("ascii", "replace"))
    return name if numbered is None else name_of(abi, int(numbered[1])).encode()


@lru_cache(1024)
def _numbered(number: bytes, abi: str) -> bytes:
    return name_of(abi, int(number)).encode()


FORMAT = PerfFormat()
