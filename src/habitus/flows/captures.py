"""The captures among what a user names, and their records as far as these are sound.

Whatever is wrong with one of them is counted, and costs no other.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from habitus.errors import InputError, UsageError
from habitus.files.archives import Unpacking, contents
from habitus.files.damage import sound_files
from habitus.files.decompress import beginning_of
from habitus.files.inputfile import HEAD_BYTES
from habitus.files.inputs import STDIN_BYTES, files_in, open_inputs
from habitus.files.named import all_named, refuse_missing
from habitus.flows.formats.parquet import is_parquet
from habitus.flows.reading import EMPTY_ARCHIVE, EMPTY_FOLDER, recognise
from habitus.packets.capture import is_capture, read_records
from habitus.storage import readable

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from habitus.files.inputfile import InputFile, OnBytes
    from habitus.files.named import Named
    from habitus.flows.report import CaptureReport
    from habitus.packets.capture import RecordBatch

OURS = "habitus"
"""The format of the tables that are written here."""
MAX_SHOWN = 40
"""Letters of a text that is no capture."""


def files_named(paths: Named, report: CaptureReport) -> list[str]:
    """What is named, of folders each file: each of them is a piece of work of its own.

    Raises:
        InputError: if something named is not there or cannot be opened.
    """
    named = all_named(paths)
    refuse_missing(named)
    files: list[str] = []
    for path in named:
        if str(path) != "-" and Path(path).is_dir():
            n_known = len(files) + report.n_skipped
            files += map(str, files_in(Path(path), report.add_skipped))
            if len(files) + report.n_skipped == n_known:
                report.add_skipped(readable(str(path)), EMPTY_FOLDER)
        else:
            files.append(str(path))
    return files


def refuse_capture_as_output(paths: Iterable[str], output: str) -> None:
    """Refuse to write over a capture in one of the folders that are read.

    What stands there and is no capture is left out of reading, and told.

    Raises:
        UsageError: if it is one, or holds one.
    """
    written = Path(output)
    folders = [Path(path).resolve() for path in paths if Path(path).is_dir()]
    if not written.is_file() or set(folders).isdisjoint(written.resolve().parents):
        return
    opened = open_inputs(written, on_skip=lambda *_: None)
    if any(is_capture(file.head()) for file in sound_files(opened, lambda *_: None)):
        raise UsageError(f"{output}: is a capture that is to be read; name another file")


def captures_in(path: str, report: CaptureReport, on_bytes: OnBytes) -> Iterator[InputFile]:
    """The captures that a file is or holds, each with an end where it is damaged."""
    n_files, n_wrong = 0, report.n_skipped + report.n_damaged

    def on_damage(file: InputFile | None, error: InputError) -> None:
        if file is None and not n_files:  # nothing of it can be read
            source = readable(path)
            report.add_skipped(source, str(error).removeprefix(f"{source}: "))
        else:
            report.add_damaged(error)

    opened = open_inputs(path, on_skip=report.add_skipped, on_bytes=on_bytes)
    for file in sound_files(opened, on_damage):
        n_files += 1
        n_damaged = report.n_damaged
        head = file.head()
        if is_capture(head):
            yield file
        elif report.n_damaged == n_damaged:
            report.add_skipped(file.source, _what_else(file, head))
    if not n_files and report.n_skipped + report.n_damaged == n_wrong:
        report.add_skipped(readable(path), EMPTY_ARCHIVE)


def _what_else(file: InputFile, head: bytes) -> str:
    """What a file is that is no capture."""
    if not head:
        return "empty"
    try:
        format_ = recognise(head, file)
    except InputError:  # two of them: flows all the same
        format_ = "one of several programs"
    if format_ == OURS:
        # Of Parquet, what is in it stands at its end.
        table = "a Parquet table, perhaps " if is_parquet(head) else ""
        return f"no capture, but {table}flows that Habitus wrote; name what they are made of"
    if format_ is not None:
        return f"no capture, but flows as {format_} writes them: habitus flows convert"
    if (line := _first_line(head)) is not None:
        return f"no capture, but a text, which begins with {line!r}"
    return f"no capture: it begins with {head[:4].hex(' ')}, not as pcap or pcapng does"


def _first_line(head: bytes) -> str | None:
    """The beginning of a text, if it is one."""
    text = head.decode("utf-8", "replace").rstrip("\ufffd")  # the last letter may be cut
    if not all(c.isprintable() or c in "\t\r\n\f\ufeff" for c in text) or "\ufffd" in text:
        return None
    lines = text.strip("\ufeff \t\r\n\f").splitlines()
    return lines[0][:MAX_SHOWN] if lines else ""


def records_of(file: InputFile, report: CaptureReport) -> Iterator[RecordBatch]:
    """The records of a capture, which is counted once something of it could be read."""
    n_damaged, is_counted = report.n_damaged, False
    try:
        for batch in read_records(file.stream, file.source):
            report.n_captures += not is_counted
            is_counted = True
            yield batch
    except InputError as error:
        if report.n_damaged == n_damaged:  # otherwise its end is that of what is told already
            report.add_damaged(error)
    report.n_captures += not is_counted and report.n_damaged == n_damaged


def holds_captures(path: str | os.PathLike[str]) -> bool:
    """Whether there are captures in a file, an archive or a folder, or on standard input.

    Nothing of standard input is consumed. Where that cannot be told without, as of another pipe, it
    is taken for a capture.
    """
    if str(path) == "-":
        return _stdin_holds_captures()
    if not (Path(path).is_file() or Path(path).is_dir()):
        return True
    files = open_inputs(path, on_skip=_ignored)
    # Whatever is damaged is told when it is read.
    return any(is_capture(file.head()) for file in sound_files(files, lambda *_: None))


def _stdin_holds_captures() -> bool:
    """By its beginning: of an archive only the first member can be looked at, if that."""
    head = beginning_of(_first_of_stdin())
    unpacking = Unpacking(STDIN_BYTES, _ignored)
    opened = contents(io.BytesIO(head), "stdin", "standard input", unpacking)
    first = next(sound_files(opened, lambda *_: None), None)
    if first is None:
        return True
    beginning = first.head()
    if is_capture(beginning):
        return True
    try:
        is_records = recognise(beginning, first) is not None
    except InputError:  # two formats of them
        is_records = True
    is_archive = first.source != "standard input"
    return not is_records and (is_archive or not head)


def _first_of_stdin() -> bytes:
    """What stands first on standard input, as far as it has come, without consuming it."""
    stream = sys.stdin.buffer
    if isinstance(stream, io.BufferedReader):
        return stream.peek(HEAD_BYTES)
    head = stream.read(HEAD_BYTES)  # a program's own stream in its place
    stream.seek(-len(head), io.SEEK_CUR)
    return head


def _ignored(source: str, why: str) -> None:
    """Whoever reads the file tells it."""


def refuse_none(report: CaptureReport) -> None:
    """Refuse inputs of which nothing could be read.

    Raises:
        InputError: if there was no capture.
    """
    if report.n_captures:
        return
    told = [*report.damaged, *report.skipped]
    if report.n_damaged + report.n_skipped == 1:
        raise InputError(told[0])
    raise InputError("no capture is among what was named", *report.warnings())
