"""Trust on first use: what came for a file, to compare with whatever comes for it later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, RootModel, ValidationError

from habitus.datasets.locks import exclusive
from habitus.errors import DataHomeError
from habitus.storage import atomic_write

if TYPE_CHECKING:
    from pathlib import Path


class Fetched(BaseModel):
    """What an address gave.

    Attributes:
        data_set: the known data set that it belongs to.
        file: what it is called there; empty in books of versions that did not say.
        first_seen: UTC, ISO 8601.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str
    n_bytes: int
    data_set: str
    file: str = ""
    first_seen: str


class _Book(RootModel[dict[str, Fetched]]):
    """The manifest on disk: what each address gave."""


class TrustBook:
    """The manifest of fetched files below a data home; it outlives the data themselves."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "fetched.json"

    def entries(self) -> dict[str, Fetched]:
        """What each address has given.

        Raises:
            DataHomeError: if the manifest is damaged.
        """
        try:
            return _Book.model_validate_json(self.path.read_bytes()).root
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError) as error:
            raise DataHomeError(
                f"{self.path}: damaged or unreadable: it should say which digest each address "
                "gave; set the file aside, and digests are trusted anew"
            ) from error

    def before(self, address: str, data_set: str, file: str) -> tuple[str, Fetched] | None:
        """What is trusted for a file, and the address that gave it; None before its first use.

        What this address gave, or else any other: a mirror must not replace what the authors gave.

        Raises:
            DataHomeError: if the manifest is damaged.
        """
        entries = self.entries()
        if address in entries:
            return address, entries[address]
        return next(
            ((a, f) for a, f in entries.items() if (f.data_set, f.file) == (data_set, file)), None
        )

    def remember(self, address: str, fetched: Fetched) -> None:
        """Write down what an address gave, instead of what was trusted for the file before.

        Raises:
            DataHomeError: if the manifest is damaged.
        """
        with exclusive(self.path.with_suffix(".lock")):
            kept = {
                a: f
                for a, f in self.entries().items()
                if (f.data_set, f.file) != (fetched.data_set, fetched.file)
                or f.sha256 == fetched.sha256
            }
            book = _Book(kept | {address: fetched})
            with atomic_write(self.path) as file:
                file.write(book.model_dump_json(indent=1).encode() + b"\n")
