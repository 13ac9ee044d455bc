"""`unm`: traces of UNM, MIT and CERT, a process id and a call number a line.

Sources: S. Forrest, S. Hofmeyr, A. Somayaji, T. Longstaff, "A sense of self for Unix processes",
IEEE S&P 1996; C. Warrender, S. Forrest, B. Pearlmutter, "Detecting intrusions using system calls:
alternative data models", IEEE S&P 1999. A call's number means something else for each program, so
a call is named by both.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from habitus.errors import InputError
from habitus.files import lines
from habitus.files.inputfile import HEAD_BYTES
from habitus.traces.formats import unm_kernels as k
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

PROGRAMS = ("ftp", "inetd", "login", "lpr", "named", "ps", "sendmail", "stide", "xlock")
MAX_CALL_NUMBER = 65_534
LIST_NOTE = "lists of call names, not used"

_TAKEN_CALLS = 1 << 18
_ALSO_CALLED = {"lprcp": "lpr"}
# Possessive, as other repeats would try again and again; but not groups: before Python 3.11.5 one
# that fails half-way keeps what it had read.
_LINES = re.compile(rb"(?:[ \t]*+(?:\d{1,7}+[ \t]++\d{1,5}+[ \t]*+)?\r?+\n)+")
_LAST_LINE = re.compile(rb"[ \t]*+\d{1,7}+[ \t]++\d{1,5}+[ \t]*+\r?+")
_LAST_LINE_CUT = re.compile(rb"[ \t]*+(?:\d{1,7}+(?:[ \t]++\d{0,5}+)?)?[ \t]*+\r?+")
_LIST_FILE = re.compile(r"(?:^|/)(?:calls\.txt|syscallmap)(?:\.[^/]*)?$", re.IGNORECASE)
_LIST = re.compile(rb"(?:(?:\d{1,5}+[ \t]++)?[A-Za-z_]\w{0,63}+[ \t]*+\r?+\n)+")


class UnmFormat:
    """Files of ``process-id call-number`` lines; a trace is a process id in a file."""

    name: ClassVar[str] = "unm"
    title: ClassVar[str] = "UNM, MIT and CERT traces: a process id and a call number a line"
    sample: ClassVar[str] = "8840 4\n8840 2\n8840 66\n8843 5\n8840 6\n"

    def sniff(self, head: bytes, name: str, options: ReadOptions) -> int:  # noqa: ARG002
        if is_list_of_names(head, name):
            return 90
        if name.lower().endswith(".int"):  # what UNM calls its files: a single call will do
            return 88 if are_pairs(head, at_least=1) else 0
        return 85 if are_pairs(head) else 0

    def read(
        self,
        files: Iterator[InputFile],
        options: ReadOptions,
        report: ReadReport,
    ) -> Iterator[TraceSet]:
        if options.abi is not None:  # read as plain, each line would be a trace of two calls
            raise InputError(
                f"{next(files).source}: lines of two numbers, as UNM's traces have them: a process "
                "id and a call number of that program's own, which --abi cannot name; leave --abi "
                "out, or say --format plain if each line is a trace"
            )
        programs: dict[str, _Names] = {}
        output = Output(_TAKEN_CALLS)

        def batches() -> Iterator[tuple[NameTable, TraceSet]]:
            for file in files:
                if is_list_of_names(file.head(), file.name):
                    report.notes[LIST_NOTE] += 1
                    continue
                program = program_of(file.name, file.source)
                names = programs.setdefault(program, _Names(program))
                for batch in _UnmFile(file, names, report, output).batches():
                    yield names.table, batch

        yield from together(batches())


class _Names:
    """The calls of one program, by number."""

    def __init__(self, program: str) -> None:
        prefix = prefix_of(program)
        self.table = NameTable(lambda token: prefix + token.decode())
        self.numbers = np.full(MAX_CALL_NUMBER + 1, -1, dtype=np.int32)

    def add(self, call: int) -> None:
        """Take in a call that was not met before."""
        self.numbers[call] = self.table.number(b"%d" % call)


class _UnmFile:
    """One file: the loop over its lines, and what the loop leaves to Python."""

    def __init__(self, file: InputFile, names: _Names, report: ReadReport, output: Output) -> None:
        self._recording = Recording(file, names.table, report)
        self._names = names
        self._report = report
        self._output = output
        self._state = np.zeros(k.N_STATE, dtype=np.int64)
        self._state[k.LINE] = 1

    def batches(self) -> Iterator[TraceSet]:
        recording = self._recording
        for block in lines.line_blocks(recording.file, self._overlong):
            yield from self._parse(lines.as_text(block))
        self._report.n_broken += max(0, int(self._state[k.N_BROKEN]) - k.MAX_BROKEN_SHOWN)
        yield from recording.finish()

    def _overlong(self) -> None:
        self._recording.line = int(self._state[k.LINE])
        self._recording.overlong(lines.OVERLONG)
        self._state[k.LINE] += 1

    def _parse(self, text: NDArray[np.uint8]) -> Iterator[TraceSet]:
        recording, threads, state = self._recording, self._recording.threads, self._state
        multiplier = recording.names.arguments[0]
        place, n_calls, status = 0, 0, k.OUTPUT_FULL
        while status != k.DONE:
            status, place, stop, call, n_calls = k.parse_unm(
                text, place, len(text), multiplier,
                threads.pids, threads.slots, threads.pid_of, threads.ended, self._names.numbers,
                *self._output.columns, n_calls, state,
            )  # fmt: skip
            threads.n, recording.line = int(state[k.N_THREADS]), int(state[k.LINE])
            if status == k.NEW_CALL:
                self._names.add(call)
            elif status in {k.OUTPUT_FULL, k.THREADS_FULL}:
                recording.take(self._output.taken(n_calls))
                n_calls = 0
                if status == k.THREADS_FULL:
                    yield from recording.make_room_for_threads()
            elif status == k.BROKEN:
                recording.broken(_complaint(bytes(text[place:stop])))
                state[k.LINE] += 1
                place = stop + 1
        recording.take(self._output.taken(n_calls))
        if recording.full:
            yield from recording.flush()


def are_pairs(head: bytes, at_least: int = 2) -> bool:
    """Whether a file's first bytes are lines of two decimal numbers each, and blank lines."""
    cut = head.rfind(b"\n") + 1
    rest = head[cut:]
    if cut and not _LINES.fullmatch(head, 0, cut):
        return False
    ends_within_a_line = len(head) >= HEAD_BYTES
    if rest.strip() and not (_LAST_LINE_CUT if ends_within_a_line else _LAST_LINE).fullmatch(rest):
        return False
    return len(head[: 1 << 10].split()) >= 2 * at_least


def is_list_of_names(head: bytes, name: str) -> bool:
    """Whether this is a list of call names such as some copies bring, and no trace.

    The lists belong to one program's numbering at most, and nothing says whose.
    """
    if _LIST_FILE.search(name) is None:
        return False
    cut = head.rfind(b"\n") + 1
    return _LIST.fullmatch(head, 0, cut) is not None


def program_of(name: str, source: str) -> str:
    """The program whose traces a file holds, by the deepest folder that names one; or nothing.

    >>> program_of("login-ps/intrusion/login-homegrown.int", "")
    'login'
    """
    for path in (name, source):
        for part in reversed(re.split(r"[/:]", path)):
            words = {_ALSO_CALLED.get(w, w) for w in re.split(r"[^a-z]+", part.lower())}
            found = words.intersection(PROGRAMS)
            if len(found) == 1:  # `login-ps` holds two programs and tells of neither
                return found.pop()
    return ""


def prefix_of(program: str) -> str:
    """What the names of a program's calls begin with.

    >>> prefix_of("lpr"), prefix_of("")
    ('unm-lpr:', 'unm:')
    """
    return f"unm-{program}:" if program else "unm:"


def _complaint(line: bytes) -> str:
    return (
        f"{lines.shown(line, 40)} is not two numbers, a process id (at most {MAX_PID:,}) and a "
        f"call (at most {MAX_CALL_NUMBER:,})"
    )


FORMAT = UnmFormat()
