"""A folder's files as they were listed once, so that parts of the folder can be read apart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from habitus.files.inputs import files_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from habitus.files.inputfile import OnSkip

Entry = str | tuple[str, str]
"""A file's path; or of what is passed over, how to tell the user which it is, and why."""


def listed(folder: Path) -> list[Entry]:
    """What there is in a folder, in the order in which `open_inputs` comes to it.

    Raises:
        InputError: if the folder cannot be read.
    """
    entries: list[Entry] = []
    for path in files_in(folder, lambda source, reason: entries.append((source, reason))):
        entries.append(str(path))  # noqa: PERF401 - what is passed over comes in between
    return entries


def files_of(entries: Sequence[Entry], on_skip: OnSkip) -> Iterator[Path]:
    """The files among entries; of the others is told in their turn."""
    for entry in entries:
        if isinstance(entry, str):
            yield Path(entry)
        else:
            on_skip(*entry)
