"""Reading: choose a format for each file and run it; traces are labelled by where they lie."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from habitus.errors import InputError, UsageError
from habitus.files.damage import files_until_damage, until_damage
from habitus.files.inputs import input_bytes, open_inputs
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

    from habitus.files.inputfile import InputFile


class TraceReader(Iterator[TraceSet]):
    """Batches of traces from a path, with a report of what was read and what was not.

    Args:
        path: a file, a folder, an archive, or ``-`` for standard input.
        format: the name of a format; by default each file is recognised by its content.
        abi: whose numbers call numbers are, where a format does not tell.
        strict: make the first broken line or unrecognised file an error.
        progress: hears how many bytes have been read.
        report: filled while reading; by default a new one, found at ``reader.report``.

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
    ) -> None:
        if abi is not None and abi not in ABIS:
            raise UsageError(f"no ABI is called {abi!r}; there are: {', '.join(ABIS)}")
        self.path = path
        self._progress = progress
        self.report = ReadReport() if report is None else report
        self.report.strict = strict
        self._options = ReadOptions(abi=abi)
        self._format = None if format is None else get_format(format).name
        self._above = folders_above(Path(path))
        self._is_folder = Path(path).is_dir()
        self._damage: list[InputError] = []
        self._n_damaged = 0
        self._batches = self._read()

    def __next__(self) -> TraceSet:
        return next(self._batches)

    def close(self) -> None:
        """Stop reading and close the files."""
        self._batches.close()  # type: ignore[attr-defined]

    def _read(self) -> Iterator[TraceSet]:
        self._progress.stage(f"reading {self.path}", input_bytes(self.path))
        files = open_inputs(
            self.path, on_skip=self.report.add_skipped, on_bytes=self._progress.advance
        )
        sound = (self._sound(file) for file in files_until_damage(files, self._damage.append))
        recognised = ((file, name) for file in sound if (name := self._choose(file)) is not None)
        for name, run in itertools.groupby(recognised, key=lambda pair: pair[1]):
            for batch in self._batches_of(name, (file for file, _ in run)):
                self.report.n_calls += batch.n_calls
                self.report.n_traces += sum(info.first_call == 0 for info in batch.infos)
                yield replace(batch, infos=tuple(self._labelled(info) for info in batch.infos))
        if self._damage:  # told last, so that what stood before it has been delivered
            raise self._damage[0]
        if self.report.n_traces == 0:
            raise InputError(*self._nothing_read())

    def _sound(self, file: InputFile) -> InputFile:
        """A file that ends where it is damaged: one of many in a folder, or the reading's end."""

        def on_damage(error: InputError) -> None:
            self._n_damaged += 1
            self._tell(file, error, "read only as far as it is sound: ")

        return until_damage(file, on_damage)

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
                self._tell(current or first, error, "given up: ")

    def _tell(self, file: InputFile, error: InputError, how: str) -> None:
        """Count a file of a folder that is not read to its end; elsewhere the reading ends so."""
        if self._is_folder and not self.report.strict:
            self.report.add_skipped(file.source, how + str(error).removeprefix(f"{file.source}: "))
        elif not self._damage:  # one is raised, and an archive may hold millions of such files
            self._damage.append(error)

    def _choose(self, file: InputFile) -> str | None:
        """The format of one file; None if it is left out."""
        n_damaged = self._n_damaged
        head = file.head()
        if not head:
            if n_damaged == self._n_damaged:
                self.report.add_skipped(file.source, "empty")
            return None
        try:
            name = self._format or recognise(head, file, self._options)
        except InputError as error:  # of many files, one that could be two things stops no other
            if not self._is_folder or self.report.strict:
                raise
            self.report.add_skipped(file.source, str(error).removeprefix(f"{file.source}: "))
            return None
        if name is not None and foreign.known_kind(head, name) is None:
            self.report.n_files += 1
            self.report.formats[name] += 1
            return name
        is_all = file.source in {readable(str(self.path)), "standard input"} and not self._damage
        if is_all or self.report.strict:
            raise InputError(f"{file.source}: {foreign.refusal(head)}")
        self.report.add_skipped(file.source, foreign.reason(head))
        return None

    def _labelled(self, info: TraceInfo) -> TraceInfo:
        """Label by path; a recording is known by where it lies below the path, on any machine."""
        # `Path` first: sources are written the way it writes paths, without `./` and `//`.
        below = info.source.removeprefix(readable(str(Path(self.path)))).lstrip("/:")
        recording = below or PurePosixPath(info.source).name
        return labelled(replace(info, group=info.group or recording), self._above)

    def _nothing_read(self) -> list[str]:
        lines = [f"{self.path}: no trace could be read"]
        lines += self.report.warnings()
        if len(lines) == 1:
            noted = ", ".join(f"{kind} ({count:,})" for kind, count in self.report.notes.items())
            lines.append(f"nothing in it is a call: {noted}" if noted else "there is no file in it")
        return [*lines, foreign.known_formats()]


def recognise(head: bytes, file: InputFile, options: ReadOptions) -> str | None:
    """The name of the one format that is surest of a file, or None if none knows it.

    Raises:
        InputError: if two are equally sure.
    """
    sure = {name: get_format(name).sniff(head, file.name, options) for name in format_names()}
    best = max(sure.values(), default=0)
    if best <= 0:
        return None
    names = [name for name, sureness in sure.items() if sureness == best]
    if len(names) > 1:
        choices = " or ".join(f"--format {name} ({get_format(name).title})" for name in names)
        raise InputError(f"{file.source}: this could be more than one format; say {choices}")
    return names[0]


def read_traces(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002
    abi: str | None = None,
    strict: bool = False,
) -> TraceSet:
    """Read everything in ``path`` into one `TraceSet`; for arguments see `TraceReader`."""
    return join(TraceReader(path, format=format, abi=abi, strict=strict))
