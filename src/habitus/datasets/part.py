"""The part of a file that has come so far, kept so that a later fetch goes on where this ends."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from habitus.storage import atomic_write

if TYPE_CHECKING:
    from pathlib import Path


class Version(BaseModel):
    """Which version of a file a part is of.

    Attributes:
        validator: what ``If-Range`` asks by: a strong ETag or a date; empty if the server has none.
        total: the whole file's bytes, if the server has told.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str
    validator: str = Field(default="", pattern=r"^[\x20-\x7e]*$", max_length=1024)
    total: int | None = None


class Part:
    """The part of what an address gives out; its files are named after the address."""

    def __init__(self, folder: Path, address: str) -> None:
        key = hashlib.sha256(address.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        self.address = address
        self.path = folder / f"{key}.part"
        self._notes = folder / f"{key}.json"

    @property
    def size(self) -> int:
        """How many bytes are there."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def version(self) -> Version:
        """What the server said when the part was begun; nothing, if that is lost."""
        try:
            found = Version.model_validate_json(self._notes.read_bytes())
        except (OSError, ValidationError):
            return Version(address=self.address)
        return found if found.address == self.address else Version(address=self.address)

    def begin(self, version: Version) -> None:
        """Begin anew, with a file of this version."""
        self.drop()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(self._notes) as file:
            file.write(version.model_dump_json().encode())

    def drop(self) -> None:
        """Forget what has come."""
        for path in (self.path, self._notes):
            path.unlink(missing_ok=True)

    def hand_over(self, target: Path) -> None:
        """Give the whole file, as it now is, its place."""
        self.path.touch()  # a file of no bytes has no part
        self.path.replace(target)
        with suppress(OSError):
            self._notes.unlink()
