"""Terms and citations, shown the first time that public data are used."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from habitus.datasets.home import DataHome, home_folder
from habitus.datasets.known import KNOWN
from habitus.datasets.trust import TrustBook
from habitus.errors import DataHomeError
from habitus.storage import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.datasets.publication import KnownData


def first_use_notice(sha256: str) -> list[str]:
    """What to say when data are used: of known ones, once a home, whose they are.

    They are known by their content, whatever name or path they have. A home that cannot be
    written to forgets, and the notice comes again.
    """
    known = known_content(sha256)
    if known is None or known.name in _shown():
        return []
    mark_shown(known.name)
    return notice_of(known)


def notice_of(known: KnownData) -> list[str]:
    """Title, terms and citation of a known data set, a line each."""
    return [known.title, f"terms: {known.terms}", f"cite: {known.citation}"]


def known_content(sha256: str) -> KnownData | None:
    """The known data set that has this digest, as published or as fetched into this home."""
    for known in KNOWN.values():
        if known.sha256 == sha256:
            return known
    # A damaged manifest or entry is told by the commands that need it.
    with suppress(DataHomeError):
        for fetched in TrustBook(home_folder()).entries().values():
            if fetched.sha256 == sha256:
                return KNOWN.get(fetched.data_set)
    with suppress(DataHomeError, OSError):
        for entry in DataHome().entries():
            if entry.sha256 == sha256 and entry.addresses:
                return KNOWN.get(entry.name)
    return None


def mark_shown(name: str) -> None:
    """Remember that a known data set's terms were shown, if the home can be written to."""
    names = sorted(_shown() | {name})
    with suppress(OSError), atomic_write(_path()) as file:
        file.write(json.dumps(names, indent=1).encode() + b"\n")


def _path() -> Path:
    return home_folder() / "terms-shown.json"


def _shown() -> set[str]:
    """The names marked; none if the file is missing or no list of them: terms are shown again."""
    try:
        names = json.loads(_path().read_bytes())
    except (OSError, ValueError, RecursionError):
        return set()
    return {n for n in names if isinstance(n, str)} if isinstance(names, list) else set()
