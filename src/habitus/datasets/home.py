"""The data home: data sets by name, each a copy of what was added, known by its SHA-256."""

from __future__ import annotations

import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from habitus.datasets.known import KNOWN
from habitus.errors import DataHomeError, UsageError
from habitus.storage import atomic_folder, files_below, readable, sha256_of_path

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
DEMO = "demo"
RESERVED = {DEMO}
_ENTRY, _CONTENT = "entry.json", "content"


class DataEntry(BaseModel):
    """A data set in the home.

    Attributes:
        file: the name of the file or folder that was added.
        source: where it came from.
        added: UTC, ISO 8601.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    file: str
    source: str
    sha256: str
    n_bytes: int
    added: str


def home_folder() -> Path:
    """Where Habitus keeps data: ``HABITUS_HOME``, or the user's data folder."""
    import platformdirs

    named = os.environ.get("HABITUS_HOME")
    return Path(named) if named else Path(platformdirs.user_data_dir("habitus", appauthor=False))


class DataHome:
    """The data sets below a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (folder or home_folder()) / "data"

    def entries(self) -> list[DataEntry]:
        """All data sets, by name.

        Raises:
            DataHomeError: if an entry is damaged.
        """
        if not self.folder.is_dir():
            return []
        names = sorted(p.name for p in self.folder.iterdir() if _NAME.fullmatch(p.name))
        return [self.entry(name) for name in names]

    def __contains__(self, name: str) -> bool:
        return _NAME.fullmatch(name) is not None and (self.folder / name).is_dir()

    def entry(self, name: str) -> DataEntry:
        """One data set.

        Raises:
            DataHomeError: if there is none of this name, or its entry is damaged.
        """
        if name not in self:
            raise DataHomeError(f"no data set is called {name!r}; `habitus data list` shows them")
        path = self.folder / name / _ENTRY
        try:
            return DataEntry.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise DataHomeError(
                f"{path}: damaged; `habitus data remove {name}` and add the data again"
            ) from error

    def path(self, name: str) -> Path:
        """The data set's file or folder, whose content is what was added.

        Raises:
            DataHomeError: if it is missing or has changed since.
        """
        entry = self.entry(name)
        path = self.folder / name / _CONTENT / entry.file
        if not path.exists() or sha256_of_path(path) != entry.sha256:
            raise DataHomeError(
                f"{path}: missing, or changed since it was added; `habitus data remove {name}` and "
                "add it again"
            )
        return path

    def add(self, name: str, source: str | os.PathLike[str]) -> tuple[DataEntry, bool]:
        """Copy a file or folder into the home; adding the same content again changes nothing.

        Returns:
            The entry, and whether it is new.

        Raises:
            UsageError: if the name cannot be one, or the source does not exist.
            DataHomeError: if the name stands for other content already, or the source changes
                meanwhile.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot name a data set: at most 64 small letters, digits, dots, dashes "
                "and underscores, a letter or digit first"
            )
        if name in RESERVED:
            raise UsageError(f"{name!r} is the recordings that Habitus ships; choose another name")
        path = Path(source)
        if not path.exists():
            raise UsageError(f"{path}: there is no such file or folder")
        path = path.resolve()
        digest = sha256_of_path(path)
        if name in self:
            old = self.entry(name)
            if old.sha256 == digest:
                self.path(name)
                return old, False
            raise DataHomeError(
                f"{name!r} already stands for other content ({old.file}, added {old.added}, sha256 "
                f"{old.sha256}); choose another name, or `habitus data remove {name}` first"
            )
        files = files_below(path) if path.is_dir() else [path]
        entry = DataEntry(
            name=name,
            file=readable(path.name) or "root",
            source=readable(str(path)),
            sha256=digest,
            n_bytes=sum(file.stat().st_size for file in files),
            added=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        with atomic_folder(self.folder / name, may_replace=lambda _: False) as folder:
            copy = folder / _CONTENT / entry.file
            (copy if path.is_dir() else copy.parent).mkdir(parents=True)
            # The very files of the digest, listed before copying: a pipe would block, a link to a
            # folder may lead anywhere, and the home itself may lie below the folder.
            for file in files:
                target = copy / file.relative_to(path)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
            if sha256_of_path(copy) != digest:
                raise DataHomeError(f"{path}: changed while it was copied; add it again")
            (folder / _ENTRY).write_text(entry.model_dump_json(indent=1) + "\n")
        return entry, True

    def remove(self, name: str) -> DataEntry:
        """Delete a data set's copy; what it was copied from stays.

        Raises:
            DataHomeError: if there is none of this name.
        """
        if name not in self:
            raise DataHomeError(f"no data set is called {name!r}; `habitus data list` shows them")
        try:
            entry = self.entry(name)
        except DataHomeError:  # a damaged one must be removable, too
            entry = DataEntry(name=name, file="", source="", sha256="", n_bytes=0, added="")
        shutil.rmtree(self.folder / name)
        return entry


def is_another_packing(entry: DataEntry) -> bool:
    """Whether a known data set's content is not the file its authors or mirrors give out."""
    return entry.name in KNOWN and entry.sha256 != KNOWN[entry.name].sha256
