"""`sysdig`: sysdig's text output, in whatever layout it was printed, a trace a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from habitus.errors import InputError
from habitus.files import lines
from habitus.syscalls import family_of
from habitus.traces.formats import sysdig_kernels as k
from habitus.traces.formats.sysdig_layout import EVENTS, Layout, infer_layout
from habitus.traces.formats.sysdig_stamp_kernels import NO_STAMP
from habitus.traces.interning import NameTable
from habitus.traces.merging import together
from habitus.traces.recording import Output, Recording
from habitus.traces.traceset import MAX_ALPHABET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from habitus.files.inputfile import InputFile
    from habitus.traces.formats.base import ReadOptions
    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceInfo, TraceSet

WITHOUT_IDS = "files without thread ids, read as one trace each"
_NOTES = (
    "exits of calls",
    "calls that began before the recording",
    "first returns of new threads",
)
_NOTES_OF_EVENTS = {"drop": "marks of lost events"}
_ROLES = {
    b"exit": k.ENDS,
    b"exit_group": k.ENDS,
    **dict.fromkeys((b"clone", b"clone3", b"fork", b"vfork"), k.BEGINS),
}
_KERNELS_NAMES = {  # sysdig drops the kernel's decorations
    b"llseek": "_llseek",
    b"pread": "pread64",
    b"prlimit": "prlimit64",
    b"pwrite": "pwrite64",
}


class SysdigFormat:
    """Lines of sysdig, in any layout that prints the direction (``%evt.dir``).

    Enter events are the calls, and exits answer them; where no enter events were recorded, exits
    are the calls. A thread ends with ``exit``, ``exit_group`` or the event ``procexit``.
    """

    name: ClassVar[str] = "sysdig"
    title: ClassVar[str] = "sysdig text, a trace a thread"
    sample: ClassVar[str] = (
        "1 01:40:19.601363716 0 httpd (7513) > accept flags=0\n"
        "2 01:40:19.601374197 0 httpd (7513) < accept fd=14(<4t>10.0.0.2:4130->10.0.0.1:80)\n"
        "3 01:40:19.601506564 0 httpd (7513) > read fd=14(<4t>10.0.0.2:4130->10.0.0.1:80) size=80\n"
        "4 01:40:19.601512497 0 httpd (7513) < read res=85 data=GET /textfile.txt HTTP/1.1..\n"
        "5 01:40:19.601516976 1 httpd (3750) > switch next=0 pgft_maj=0 pgft_min=522\n"
        "6 01:40:19.601661779 1 httpd (3750) > close fd=15(<f>/srv/textfile.txt)\n"
    )

    def sniff(self, head: bytes, name: str, options: ReadOptions) -> int:  # noqa: ARG002
        layout = infer_layout(head)
        if layout is None or (layout.thread == 0 and layout.stamp == NO_STAMP):
            return 0  # a lone > before a call's name may also be a quotation
        return 80

    def read(
        self,
        files: Iterator[InputFile],
        options: ReadOptions,  # noqa: ARG002 - sysdig writes names, never numbers
        report: ReadReport,
    ) -> Iterator[TraceSet]:
        reader = SysdigReader(report)
        yield from together(
            (reader.names, batch) for file in files for batch in reader.batches(file)
        )


class SysdigReader:
    """Reads sysdig's text, file after file; what the files share stands here.

    Attributes:
        names: the calls met so far.
        events: the events that are no calls, all of them from the start.
        event_counts: (n_events,) int64, of the file that is read.
    """

    def __init__(self, report: ReadReport) -> None:
        self.report = report
        self.names = NameTable(lambda token: _KERNELS_NAMES.get(token) or token.decode())
        self.events = NameTable(bytes.decode)
        numbers = {event: self.events.number(event) for event in sorted(EVENTS)}
        self.ending_event = numbers[b"procexit"]
        self.event_counts = np.zeros(len(EVENTS), dtype=np.int64)
        self.roles = np.zeros(2 * MAX_ALPHABET, dtype=np.uint8)
        self.starts = np.zeros(k.MAX_TOKENS, dtype=np.int64)
        self.stops = np.zeros(k.MAX_TOKENS, dtype=np.int64)
        self.output = Output(lines.BLOCK_BYTES // 8)

    def add(self, name: bytes) -> None:
        """Take in the name of a call that was not met before."""
        self.roles[self.names.number(name)] = _ROLES.get(name, 0)

    def batches(self, file: InputFile, info: TraceInfo | None = None) -> Iterator[TraceSet]:
        """The traces of one file; ``info`` is what is known of them all.

        Raises:
            InputError: if its first lines show no layout.
        """
        layout = infer_layout(file.head())
        if layout is None:
            raise InputError(
                f"{file.source}: in the first lines of sysdig's text no direction, a lone > or <, "
                "was found with a call's name at a fixed distance from it; "
                "print it: sysdig -p '... %thread.tid %evt.dir %evt.type %evt.args'"
            )
        yield from _SysdigFile(file, layout, self, info).batches()


class _SysdigFile:
    """One file: the loop over its lines, and what the loop leaves to Python."""

    def __init__(
        self, file: InputFile, layout: Layout, reader: SysdigReader, info: TraceInfo | None
    ) -> None:
        self._recording = Recording(file, reader.names, reader.report, info)
        self._layout = layout
        self._reader = reader
        self._counts = np.zeros(k.N_COUNTS, dtype=np.int64)
        reader.event_counts[:] = 0

    def batches(self) -> Iterator[TraceSet]:
        recording = self._recording
        blocks = lines.line_blocks(recording.file, lambda: recording.overlong(lines.OVERLONG))
        for block in blocks:
            yield from self._parse(lines.as_text(block))
        self._tell()
        yield from recording.finish()

    def _parse(self, text: NDArray[np.uint8]) -> Iterator[TraceSet]:
        recording, threads, reader = self._recording, self._recording.threads, self._reader
        place, n_calls, status = 0, 0, k.OUTPUT_FULL
        while status != k.DONE:
            status, place, first, last, recording.line, threads.n, n_calls = k.parse_sysdig(
                text, place, len(text), recording.line, *self._layout.arguments,
                reader.starts, reader.stops, reader.roles, *recording.names.arguments,
                *reader.events.arguments, reader.event_counts, reader.ending_event,
                threads.pids, threads.slots, threads.pid_of, threads.pending, threads.ended,
                threads.n, *reader.output.columns, n_calls, self._counts,
            )  # fmt: skip
            if status == k.NEW_NAME:
                place = self._new_name(text, place, first, last)
            elif status in {k.OUTPUT_FULL, k.THREADS_FULL}:
                recording.take(reader.output.taken(n_calls))
                n_calls = 0
                if status == k.THREADS_FULL:
                    yield from recording.make_room_for_threads()
            elif status == k.BROKEN:
                self._broken(bytes(text[first:last]))
        recording.take(reader.output.taken(n_calls))
        if recording.full:
            yield from recording.flush()

    def _new_name(self, text: NDArray[np.uint8], place: int, first: int, last: int) -> int:
        """Take in a name, unless its line was cut off within it; where reading goes on."""
        name = bytes(text[first:last])
        cut = text[last] in b"\r\n" and not self._layout.ends_lines
        if not cut or family_of(name.decode()) != "unknown":
            self._reader.add(name)
            return place
        self._counts[k.N_BROKEN] += 1
        if self._counts[k.N_BROKEN] <= k.MAX_BROKEN_SHOWN:
            self._recording.broken(f"cut off within the name of a call: {name.decode()!r}")
        self._recording.line += 1
        return last + 1 + int(text[last] == ord("\r"))

    def _broken(self, line: bytes) -> None:
        shown = lines.shown(line)
        self._recording.broken(f"no event of sysdig, by the layout of the first lines: {shown}")
        self._recording.line += 1

    def _tell(self) -> None:
        notes, reader = self._reader.report.notes, self._reader
        for count, note in zip(self._counts, _NOTES, strict=False):
            if count:
                notes[note] += int(count)
        for count, event in zip(reader.event_counts, reader.events.alphabet, strict=True):
            if count:
                notes[_NOTES_OF_EVENTS.get(event, f"{event} events")] += int(count)
        reader.report.n_broken += max(0, int(self._counts[k.N_BROKEN]) - k.MAX_BROKEN_SHOWN)
        if self._layout.thread == 0:
            notes[WITHOUT_IDS] += 1


FORMAT = SysdigFormat()
