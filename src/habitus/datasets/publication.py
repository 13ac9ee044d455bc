"""What is known of a public data set: where it is given out, its terms and whom to cite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class KnownFile:
    """A file as its authors or mirrors give it out.

    Attributes:
        name: what it is called, in the home and below a mirror.
        addresses: where it is given out, the first to be tried first.
        sha256: its digest, where it was verified; None is trusted on first use.
        n_bytes: its size; None where nobody has told.
    """

    name: str
    addresses: tuple[str, ...]
    sha256: str | None = None
    n_bytes: int | None = None


@dataclass(frozen=True)
class KnownData:
    """A public data set.

    Attributes:
        files: what it consists of.
        page: of a data set without ``files``: the page that links to them.
        terms: its licence, or what stands for one.
        citation: what to cite.
        purpose: whether it holds ``traces`` of system calls or ``captures`` of packets.
        protocols: names of protocols made for it.
        family: what the names of sets that are told of together begin with; empty if it is alone.
    """

    name: str
    title: str
    terms: str
    citation: str
    files: tuple[KnownFile, ...] = ()
    page: KnownFile | None = None
    purpose: Literal["traces", "captures"] = "traces"
    protocols: tuple[str, ...] = ()
    family: str = ""

    @property
    def sha256(self) -> str | None:
        """The digest of the one file that it is, if that was published; others have none."""
        return self.files[0].sha256 if len(self.files) == 1 else None

    @property
    def n_bytes(self) -> int | None:
        """How much is to be fetched, if that is known of every file."""
        sizes = [file.n_bytes for file in self.files]
        return None if None in sizes or not sizes else sum(size or 0 for size in sizes)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where its files, or the page that links to them, are given out."""
        files = (self.page,) if self.page else self.files
        return tuple(address for file in files for address in file.addresses)
