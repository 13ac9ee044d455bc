"""What the data home remembers of a data set."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

PUBLISHED: Final = "published"
FIRST_USE: Final = "first use"
GIVEN: Final = "given"
Trust = Literal["published", "first use", "given"]


class LeftOut(BaseModel):
    """What lay in a folder that was added, and is not in the copy.

    Attributes:
        count: how many things.
        examples: the first of them, as ``path: why``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int = 0
    examples: tuple[str, ...] = ()


class DataEntry(BaseModel):
    """A data set in the home.

    Attributes:
        file: the name of the file or folder that was added.
        source: where it came from: a path, or an address.
        added: UTC, ISO 8601.
        addresses: where each of its files was fetched from.
        trust: why its digest is believed: it is the ``published`` one; the user has ``given`` it;
            or it is what came at ``first use``, to which every later one is compared. None in
            entries of versions that did not say, as are the two below.
        terms: its licence, or what stands for one, if known.
        citation: whom to cite, if known.
        left_out: what of the folder is no file, and was not copied.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    file: str
    source: str
    sha256: str
    n_bytes: int
    added: str
    addresses: tuple[str, ...] = ()
    trust: Trust | None = None
    terms: str | None = None
    citation: str | None = None
    left_out: LeftOut = LeftOut()
