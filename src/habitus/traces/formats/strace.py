"""`strace`: strace's text output, a trace a thread, with the line of every call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from habitus.files import lines
from habitus.syscalls import family_of, name_of
from habitus.traces.formats import strace_kernels as k
from habitus.traces.interning import NameTable
from habitus.traces.merging import together
from habitus.traces.recording import Output, Recording
from habitus.traces.text_kernels import MAX_PID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from habitus.files.inputfile import InputFile
    from habitus.traces.formats.base import ReadOptions
    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceSet

_LINE = re.compile(
    rb"\s*(\[pid\s+\d+(<[^>]*>)?\]\s*|\d+(<[^>]*>)?\s+)?"
    rb"(\d+\.\d+\s+|[\d:]+(\.\d+)?\s+)?(\[[ \da-f?]+\]\s+)*"
    rb"((?P<name>\w+)\(.*(\s=\s|\.\.\.>\s*$)|<\.\.\. \w+ resumed|--- SIG|\+\+\+ |\S*strace: "
    rb"|\[ Process )"
)
_WIDTH = re.compile(rb"PID=\d+ runs in (32|64) bit mode")
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
        looked_at = [  # stacks of -k are of any number of lines
            line for line in lines.first_lines(head, 60) if not line.startswith(b" > ")
        ]
        found = [match for line in looked_at if (match := _LINE.match(line[:4096])) is not None]
        names = {match["name"] for match in found} - {None}
        if names and not any(_is_call(name) for name in names):
            return 0  # ltrace writes functions of libraries in the same way
        return 80 if found and len(found) >= 0.5 * len(looked_at) else 0

    def read(
        self, files: Iterator[InputFile], options: ReadOptions, report: ReadReport
    ) -> Iterator[TraceSet]:
        names = NameTable(lambda token: _call_name(token, options.abi or "x86_64"))
        output = Output(lines.BLOCK_BYTES // 8)
        yield from together(
            (names, batch)
            for file in files
            for batch in _StraceFile(file, names, report, output).batches()
        )


class _StraceFile:
    """One file: the loop over its lines, and what the loop leaves to Python."""

    def __init__(
        self, file: InputFile, names: NameTable, report: ReadReport, output: Output
    ) -> None:
        self._recording = Recording(file, names, report, group_without_ids=_recording_of(file.name))
        self._report = report
        self._output = output
        self._counts = np.zeros(k.N_COUNTS, dtype=np.int64)

    def batches(self) -> Iterator[TraceSet]:
        recording = self._recording
        blocks = lines.line_blocks(recording.file, lambda: recording.overlong(lines.OVERLONG))
        for block in blocks:
            yield from self._parse(lines.as_text(block))
        for count, note in zip(self._counts, _NOTES, strict=False):
            if count:
                self._report.notes[note] += int(count)
        self._report.n_broken += max(0, int(self._counts[k.N_BROKEN]) - k.MAX_BROKEN_SHOWN)
        yield from recording.finish()

    def _parse(self, text: NDArray[np.uint8]) -> Iterator[TraceSet]:
        recording, threads, output = self._recording, self._recording.threads, self._output
        place, n_calls, status = 0, 0, k.OUTPUT_FULL
        while status != k.DONE:
            status, place, first, last, recording.line, threads.n, n_calls = k.parse_strace(
                text, place, len(text), recording.line, *recording.names.arguments,
                threads.pids, threads.slots, threads.pid_of, threads.pending, threads.ended,
                threads.n, *output.columns, n_calls, self._counts,
            )  # fmt: skip
            if status == k.NEW_NAME:
                recording.names.add(bytes(text[first:last]))
            elif status in {k.OUTPUT_FULL, k.THREADS_FULL}:
                recording.take(output.taken(n_calls))
                n_calls = 0
                if status == k.THREADS_FULL:
                    yield from recording.make_room_for_threads()
            elif status == k.REMARK:
                self._remark(bytes(text[first:last]))
                recording.line += 1
            elif status == k.BROKEN:
                recording.broken(_complaint(bytes(text[first:last])))
                recording.line += 1
        recording.take(output.taken(n_calls))
        if recording.full:
            yield from recording.flush()

    def _remark(self, line: bytes) -> None:
        width = _WIDTH.search(line)
        note = "remarks of strace" if width is None else f"marks of {width[1].decode()}-bit mode"
        self._report.notes[note] += 1


def _is_call(token: bytes) -> bool:
    """Whether a name is a call's that some machine has, or the number of one."""
    return _NUMBERED.fullmatch(token) is not None or family_of(token.decode("latin-1")) != "unknown"


def _call_name(token: bytes, abi: str) -> str:
    """The canonical name of a call; strace writes calls it does not know by their number."""
    numbered = _NUMBERED.fullmatch(token)
    if numbered is None:
        return token.decode()
    return name_of(abi, int(numbered[1], 16 if numbered[1].startswith(b"0x") else 10))


def _recording_of(name: str) -> str:
    """The recording that a file of ``strace -ff`` is a process of (``run.412``), or nothing."""
    numbered = re.fullmatch(r"(.+)\.(\d{1,7})", name, re.DOTALL)
    return numbered[1] if numbered and int(numbered[2]) <= MAX_PID else ""


def _complaint(line: bytes) -> str:
    """What is wrong with a line that is no line of strace."""
    shown = lines.shown(line)
    if line.lstrip().startswith((b"% time", b"------ ---")):
        return f"{shown} is of a summary (strace -c), which tells no order of calls"
    if re.match(rb"\s*(\[pid\s+\d+\]\s*|\d+\s+)?([\d:.]+\s+)?[a-z_]\w*\(", line):
        return f"a call cut off before its result: {shown}"
    return f"not a line of strace: {shown}"


FORMAT = StraceFormat()
