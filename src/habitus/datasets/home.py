"""The data home: data sets by name, each a copy of what was added, known by its SHA-256."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from habitus.datasets.entry import FIRST_USE, GIVEN, PUBLISHED, DataEntry, LeftOut
from habitus.datasets.intake import files_to_add, left_out_of
from habitus.datasets.known import KNOWN
from habitus.errors import DataHomeError, UsageError
from habitus.storage import atomic_folder, files_below, readable, sha256_of_path

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
DEMO = "demo"
RESERVED = {DEMO}
_ENTRY, _CONTENT = "entry.json", "content"


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

    def add(
        self, name: str, source: str | os.PathLike[str], *, sha256: str | None = None
    ) -> tuple[DataEntry, bool]:
        """Copy a file or folder into the home; adding the same content again changes nothing.

        Args:
            sha256: the digest that it must have, if the user was told of one.

        Returns:
            The entry, and whether it is new.

        Raises:
            UsageError: if the name or digest cannot be one, or the source is no file or folder.
            DataHomeError: if the name stands for other content already, the digest is another, the
                source holds nothing, or it changes meanwhile.
        """
        refuse_unusable_name(name)
        if sha256 is not None:
            refuse_bad_digest(sha256)
        given = Path(source)
        files = files_to_add(given)
        path = given.resolve()
        digest = sha256_of_path(path)
        if sha256 is not None and digest != sha256.lower():
            raise DataHomeError(
                f"{path}: its SHA-256 is {digest}, where {sha256!r} was asked for; it is not what "
                "you were told of, and was not added"
            )
        left_out = left_out_of(path) if path.is_dir() else LeftOut()
        if (old := self._same(name, digest)) is not None:
            return old.model_copy(update={"left_out": left_out}), False
        entry = _described(
            DataEntry(
                name=name,
                file=readable(path.name) or "root",
                source=readable(str(path)),
                sha256=digest,
                n_bytes=sum(file.stat().st_size for file in files),
                added=now(),
                trust=GIVEN if sha256 else FIRST_USE,
                left_out=left_out,
            )
        )
        with self._place_of(entry) as copy:
            if path.is_dir():
                copy.mkdir()
            # The very files of the digest, listed before copying: a pipe would block, a link to a
            # folder may lead anywhere, and the home itself may lie below the folder.
            for file in files:
                target = copy / file.relative_to(given)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
            if sha256_of_path(copy) != digest:
                raise DataHomeError(f"{path}: changed while it was copied; add it again")
        return entry, True

    def take(self, entry: DataEntry, staged: Path) -> DataEntry:
        """Bring a file or folder that was fetched for the home into it.

        The fetched files are linked, which costs no space, and stay for the caller to remove:
        whatever fails here, what took hours to fetch is still there.

        Args:
            entry: describes it, its digest included.

        Raises:
            DataHomeError: if the name stands for other content already.
        """
        refuse_unusable_name(entry.name)
        if (old := self._same(entry.name, entry.sha256)) is not None:
            return old
        entry = _described(entry)
        with self._place_of(entry) as copy:
            for file in files_below(staged) if staged.is_dir() else [staged]:
                target = copy / file.relative_to(staged)
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    target.hardlink_to(file)
                except OSError:  # a file system without links, or another one
                    shutil.copyfile(file, target)
        return entry

    def _same(self, name: str, digest: str) -> DataEntry | None:
        """The entry, if the name stands for this content already; None if for nothing."""
        if name not in self:
            return None
        old = self.entry(name)
        if old.sha256 == digest:
            self.path(name)
            return old
        raise DataHomeError(
            f"{name!r} already stands for other content ({old.file}, added {old.added}, sha256 "
            f"{old.sha256}); choose another name, or `habitus data remove {name}` first"
        )

    @contextmanager
    def _place_of(self, entry: DataEntry) -> Iterator[Path]:
        """Where an entry's content is to be put; all of it appears at once, or nothing."""
        with atomic_folder(self.folder / entry.name, may_replace=lambda _: False) as folder:
            (folder / _CONTENT).mkdir()
            (folder / _ENTRY).write_text(entry.model_dump_json(indent=1) + "\n", "utf-8")
            yield folder / _CONTENT / entry.file

    def remove(self, name: str) -> DataEntry:
        """Delete a data set's copy; what it was copied from stays.

        Raises:
            DataHomeError: if there is none of this name, or it cannot be deleted.
        """
        if name in RESERVED:
            raise DataHomeError(
                f"{name!r} is the recordings that Habitus ships: they are a part of the program, "
                "and cannot be removed"
            )
        if name not in self:
            raise DataHomeError(f"no data set is called {name!r}; `habitus data list` shows them")
        try:
            entry = self.entry(name)
        except DataHomeError:  # a damaged one must be removable, too
            entry = DataEntry(name=name, file="", source="", sha256="", n_bytes=0, added="")
        try:
            shutil.rmtree(self.folder / name)
        except OSError as error:  # which names a file alone, or by a name within its folder
            raise DataHomeError(
                f"{self.folder / name}: cannot be removed: {error.strerror or error}"
            ) from error
        return entry


def refuse_unusable_name(name: str) -> None:
    """Check that a data set can be called so.

    Raises:
        UsageError: if it cannot.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a data set: at most 64 small letters, digits, dots, dashes "
            "and underscores, a letter or digit first"
        )
    if name in RESERVED:
        raise UsageError(f"{name!r} is the recordings that Habitus ships; choose another name")


def refuse_bad_digest(text: str) -> None:
    """Check that a user's digest can be one.

    Raises:
        UsageError: if it cannot.
    """
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise UsageError(f"--sha256: 64 hexadecimal digits are wanted, not {text!r}")


def is_another_packing(entry: DataEntry) -> bool:
    """Whether a known data set's content is not the file its authors or mirrors give out."""
    published = KNOWN[entry.name].sha256 if entry.name in KNOWN else None
    return published is not None and entry.sha256 != published


def now() -> str:
    """The time, as entries tell it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _described(entry: DataEntry) -> DataEntry:
    """An entry with what is known of its content: by its digest, or else by its name."""
    published = [known for known in KNOWN.values() if known.sha256 == entry.sha256]
    known = published[0] if published else KNOWN.get(entry.name)
    if known is None:
        return entry
    told = {"terms": known.terms, "citation": known.citation}
    return entry.model_copy(update=told | ({"trust": PUBLISHED} if published else {}))
