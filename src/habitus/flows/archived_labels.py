"""A table of labels that lies in an archive, beside what it labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import polars as pl

from habitus.errors import InputError
from habitus.files.damage import sound_files
from habitus.files.inputs import open_inputs
from habitus.flows.flowtable import SOURCE
from habitus.flows.labels_file import MAX_BYTES, NAME, LabelledPath, is_labels_file, read_labels
from habitus.storage import readable


@dataclass(frozen=True)
class ArchivedLabels:
    """What a table in an archive labels.

    Attributes:
        archive: the archive; ``table`` names the table in it, as errors tell it.
        named: what it names, in its order.
        members: (n,) the sources of all other files in the archive.
    """

    archive: Path
    table: str
    named: list[LabelledPath]
    members: tuple[str, ...]

    def member_of(self, one: LabelledPath) -> list[str]:
        """The sources of the files that a row names: of an archive in the archive, all of its."""
        source = f"{readable(str(self.archive))}:{readable(one.path.as_posix())}"
        return [m for m in self.members if m == source or m.startswith(f"{source}:")]

    def refuse_absent(self) -> None:
        """Raise InputError if a row names what is not in the archive."""
        for one in self.named:
            if not self.member_of(one):
                raise InputError(
                    f"{self.table}:{one.line}: {one.file.name} is not in the archive",
                    "paths are from the folder of the table",
                )

    def parts(self, flows: pl.DataFrame) -> list[tuple[LabelledPath | None, str, pl.DataFrame]]:
        """The flows of each row's files, and then of each file that no row names, and its name."""
        found: list[tuple[LabelledPath | None, str, pl.DataFrame]] = []
        is_named: set[str] = set()
        for one in self.named:
            own = self.member_of(one)
            is_named.update(own)
            found.append((one, one.file.name, flows.filter(pl.col(SOURCE).is_in(own))))
        prefix = f"{readable(str(self.archive))}:"
        for member in self.members:
            rest = flows.filter(pl.col(SOURCE) == member)
            if member not in is_named and len(rest):
                found.append((None, member.removeprefix(prefix), rest))
        return found


def archived_labels(path: Path) -> ArchivedLabels | None:
    """The table of labels (``labels.csv``) in an archive; None if the path is none, or has none.

    Raises:
        InputError: if there are several, or the table cannot be read.
    """
    if not path.is_file():
        return None
    members: list[str] = []
    tables: list[tuple[str, str, bytes]] = []
    # What is damaged is told when it is read.
    for file in sound_files(open_inputs(path, on_skip=lambda *_: None), lambda *_: None):
        if file.source == readable(str(path)):  # a single file
            return None
        if PurePosixPath(file.name).name.lower() == NAME and is_labels_file(file.head()):
            tables.append((file.name, file.source, file.stream.read(MAX_BYTES + 1)))
        else:
            members.append(file.source)
    if not tables:
        return None
    if len(tables) > 1:
        raise InputError(
            f"{path}: holds several tables of labels: {', '.join(name for name, *_ in tables[:4])}",
            "unpack it and name the one that is meant",
        )
    name, source, content = tables[0]
    named = read_labels(Path(name), content, source)
    return ArchivedLabels(path, source, named, tuple(members))
