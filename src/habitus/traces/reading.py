"""Reading: choose a format for each file and run it; traces are labelled by where they lie."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from habitus.errors import InputError, UsageError
from habitus.files.reading import GIVEN_UP, Reading, surest
from habitus.files.report import nothing_read
from habitus.progress import SILENT, Progress
from habitus.storage import readable
from habitus.syscalls import ABIS
from habitus.traces import foreign
from habitus.traces.formats import format_names, get_format
from habitus.traces.formats.base import ReadOptions
from habitus.traces.labelling import folders_above, labelled
from habitus.traces.report import ReadReport
from habitus.traces.traceset import TraceInfo, TraceSet, join

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from habitus.files.inputfile import InputFile
    from habitus.files.listing import Entry


class TraceReader(Iterator[TraceSet]):
    """Batches of traces from a path, with a report of what was read and what was not.

    Args:
        path: a file, a folder, an archive, or ``-`` for standard input.
        format: the name of a format; by default each file is recognised by its content.
        abi: whose numbers call numbers are, where a format does not tell.
        strict: make the first broken line or unrecognised file an error.
        progress: hears how many bytes have been read.
        report: filled while reading; by default a new one, found at ``reader.report``.
        entries: of a folder, what is read of it (`habitus.files.listing`), which may hold no trace;
            by default all, which may not (`refuse_no_traces`).

    Raises:
        UsageError: if there is no such format or ABI.
        InputError: while reading, if the path cannot be read, if no format or more than one
            recognises it, or if nothing in it is a trace. Damage within a file or an archive is
            told last, when what stood before it has been delivered; of a folder's files it is
            counted, and reading goes on.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        format: str | None = None,  # noqa: A002 - the word users know from --format
        abi: str | None = None,
        strict: bool = False,
        progress: Progress = SILENT,
        report: ReadReport | None = None,
        entries: Sequence[Entry] | None = None,
    ) -> None:
        if abi is not None and abi not in ABIS:
            raise UsageError(f"no ABI is called {abi!r}; there are: {', '.join(ABIS)}")
        self.path = path
        self.report = ReadReport() if report is None else report
        self.report.strict = strict
        self._options = ReadOptions(abi=abi)
        self._format = None if format is None else get_format(format).name
        self._above = folders_above(Path(path))
        self._is_part = entries is not None
        self._reading = Reading(path, self.report, progress, entries=entries)
        self._batches = self._read()

    def __next__(self) -> TraceSet:
        return next(self._batches)

    def close(self) -> None:
        """Stop reading and close the files."""
        self._batches.close()  # type: ignore[attr-defined]

    def _read(self) -> Iterator[TraceSet]:
        files = self._reading.files()
        recognised = ((file, name) for file in files if (name := self._choose(file)) is not None)
        for name, run in itertools.groupby(recognised, key=lambda pair: pair[1]):
            for batch in self._batches_of(name, (file for file, _ in run)):
                self.report.n_calls += batch.n_calls
                self.report.n_traces += sum(info.first_call == 0 for info in batch.infos)
                yield replace(batch, infos=tuple(self._labelled(info) for info in batch.infos))
        self._reading.finish()
        if not self._is_part:
            refuse_no_traces(self.path, self.report)

    def _batches_of(self, name: str, files: Iterator[InputFile]) -> Iterator[TraceSet]:
        """What a format makes of a run of files; one that it gives up costs no other."""
        current: InputFile | None = None

        def noted(files: Iterator[InputFile]) -> Iterator[InputFile]:
            nonlocal current
            for file in files:
                current = file
                yield file

        for first in files:  # comes round once more behind each file that is given up
            run = noted(itertools.chain([first], files))
            try:
                yield from get_format(name).read(run, self._options, self.report)
            except InputError as error:
                if self.report.strict:
                    raise
                self._reading.tell((current or first).source, error, GIVEN_UP)

    def _choose(self, file: InputFile) -> str | None:
        """The format of one file; None if it is left out."""
        head = self._reading.head_of(file)
        if not head:
            return None
        try:
            name = self._format or recognise(head, file, self._options)
        except InputError as error:
            if self.report.strict:
                raise
            self._reading.tell(file.source, error)
            return None
        if name is not None and foreign.known_kind(head, name) is None:
            self.report.n_files += 1
            self.report.formats[name] += 1
            return name
        self._reading.leave_out(file, foreign.reason(head), lambda: [foreign.refusal(head)])
        return None

    def _labelled(self, info: TraceInfo) -> TraceInfo:
        """Label by path; a recording is known by where it lies below the path, on any machine."""
        # `Path` first: sources are written the way it writes paths, without `./` and `//`.
        below = info.source.removeprefix(readable(str(Path(self.path)))).lstrip("/:")
        recording = below or PurePosixPath(info.source).name
        return labelled(replace(info, group=info.group or recording), self._above)


def refuse_no_traces(path: str | os.PathLike[str], report: ReadReport) -> None:
    """Refuse what was read to its end if nothing in it is a trace.

    Raises:
        InputError: if so; it says what there is.
    """
    if report.n_traces == 0:
        lines = nothing_read(str(path), "trace", "call", report)
        raise InputError(*lines, foreign.known_formats())


def recognise(head: bytes, file: InputFile, options: ReadOptions) -> str | None:
    """The name of the one format that is surest of a file, or None if none knows it.

    Raises:
        InputError: if two are equally sure.
    """
    sure = {name: get_format(name).sniff(head, file.name, options) for name in format_names()}
    return surest(file.source, sure, lambda name: get_format(name).title)


def read_traces(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002
    abi: str | None = None,
    strict: bool = False,
) -> TraceSet:
    """Read everything in ``path`` into one `TraceSet`; for arguments see `TraceReader`."""
    return join(TraceReader(path, format=format, abi=abi, strict=strict))
