"""`Reading`: the files of a path for a reader of any kind, of which none takes another with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from habitus.errors import InputError
from habitus.files.damage import sound_files
from habitus.files.inputs import input_bytes, open_inputs
from habitus.files.listing import files_of
from habitus.storage import readable

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from habitus.files.inputfile import InputFile
    from habitus.files.listing import Entry
    from habitus.files.report import FileReport
    from habitus.progress import Progress

SOUND = "read only as far as it is sound: "
GIVEN_UP = "given up: "


class Reading:
    """One reading of a path.

    A file that is one of many is counted if it is damaged, given up or unknown, and reading goes
    on. What is all that was asked for ends the reading so; what stands before the damage is
    delivered first, and the error raised last (`finish`). Where reading is strict, there are no
    many.

    Args:
        report: hears of files that are left out.
        is_of_many: whether the path is one of many; by default those of a folder are.
        entries: of a folder, what is read of it; by default all.
    """

    def __init__(
        self, path: str | os.PathLike[str], report: FileReport, progress: Progress, *,
        is_of_many: bool | None = None, entries: Sequence[Entry] | None = None,
    ) -> None:  # fmt: skip
        self.path = path
        self._report = report
        self._entries = entries
        self._progress = progress
        self._is_folder = Path(path).is_dir()
        is_of_many = self._is_folder if is_of_many is None else is_of_many
        self._goes_on = is_of_many and not report.strict
        self._damage: list[InputError] = []
        self._n_damaged = 0

    def files(self) -> Iterator[InputFile]:
        """The files, each of which ends where it is damaged."""
        among = None
        if self._entries is None:
            self._progress.stage(f"reading {self.path}", input_bytes(self.path))
        else:
            among = files_of(self._entries, self._report.add_skipped)
        opened = open_inputs(
            self.path,
            on_skip=self._report.add_skipped,
            on_bytes=self._progress.advance,
            among=among,
        )
        return sound_files(opened, self._hear)

    def _hear(self, file: InputFile | None, error: InputError) -> None:
        self._n_damaged += 1
        if file is None and self._is_folder:  # which itself cannot be read
            self._damage.append(error)
        else:
            self.tell(readable(str(self.path)) if file is None else file.source, error, SOUND)

    def tell(self, source: str, error: InputError, how: str = "") -> None:
        """A file is not read, or not to its end."""
        if self._goes_on:
            why = str(error.args[0]).removeprefix(f"{source}: ")
            self._report.add_skipped(source, how + why)
        elif not self._damage:  # one is raised, and an archive may hold millions of such files
            self._damage.append(error)

    def head_of(self, file: InputFile) -> bytes:
        """A file's first bytes. If there are none, that is told."""
        n_damaged = self._n_damaged
        head = file.head()
        if not head and n_damaged == self._n_damaged:
            self._report.add_skipped(file.source, "empty")
        return head

    def leave_out(self, file: InputFile, why: str, refusal: Callable[[], list[str]]) -> None:
        """Leave out a file that is none of what is read.

        Raises:
            InputError: with ``refusal`` if it is all that was asked for, or reading is strict.
        """
        is_all = file.source in {readable(str(self.path)), "standard input"}
        if self._report.strict or (is_all and not self._goes_on and not self._damage):
            first, *rest = refusal()
            raise InputError(f"{file.source}: {first}", *rest)
        self._report.add_skipped(file.source, why)

    def finish(self) -> None:
        """The end: everything that is sound has been delivered.

        Raises:
            InputError: the first that could not be told earlier.
        """
        if self._damage:
            raise self._damage[0]


def surest(source: str, sure: Mapping[str, int], title_of: Callable[[str], str]) -> str | None:
    """The name of the format that is surest of a file; None if none knows it.

    Args:
        source: how to tell the user which file it is.
        sure: how sure each format is, by name.
        title_of: what a format is, by name.

    Raises:
        InputError: if two are equally sure.
    """
    best = max(sure.values(), default=0)
    if best <= 0:
        return None
    names = [name for name, sureness in sure.items() if sureness == best]
    if len(names) > 1:
        choices = " or ".join(f"--format {name} ({title_of(name)})" for name in names)
        raise InputError(f"{source}: this could be more than one format; say {choices}")
    return names[0]
