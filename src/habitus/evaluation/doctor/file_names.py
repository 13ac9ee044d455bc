"""Names of files: what could steer a terminal, climb out of a folder, or fall together."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from habitus.evaluation.doctor.findings import Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.evaluation.doctor.examined import Examined

MAX_COMPONENT_BYTES = 255
MAX_PATH_BYTES = 1024
_PLACE = re.compile(r"[#:]\d+$")

UNSAFE_NAMES = Kind(
    id="unsafe-names",
    meaning="Files whose names hold control characters or escapes, begin with a dash, climb with "
    f"'..', or are longer than {MAX_COMPONENT_BYTES} bytes (a path: {MAX_PATH_BYTES}).",
    effect="None on results. Shown or handed to a shell by another program, such a name can steer "
    "a terminal, forge lines, or be taken for an option.",
    remedy="Ask where the data come from; rename the files before other tools see them.",
    warning=0.0,
    serious=None,
    reason="no recorder makes such names; one is enough to ask",
)
CASE_ALIKE = Kind(
    id="names-differ-in-case",
    meaning="Files whose names differ only in capital and small letters.",
    effect="Unpacked on a system that does not tell them apart, one replaces the other: the data "
    "there are others than here.",
    remedy="Rename one of them, or read the data from the archive, as Habitus does.",
    warning=0.0,
    serious=None,
    reason="one is enough for data that differ between machines",
)


def unsafe_names(examined: Examined) -> Iterator[Finding]:
    """Names that could do harm."""
    names = _file_names(examined)
    bad = [(name, why) for name in names if (why := what_is_unsafe(name))]
    if bad:
        yield UNSAFE_NAMES.finding(
            f"{len(bad):,} of {len(names):,} files have names that could do harm elsewhere",
            len(bad),
            len(names),
            parts=examined.parts,
            examples=[f"{why}: {name}" for name, why in bad[:5]],
        )


def names_differ_in_case(examined: Examined) -> Iterator[Finding]:
    """Names that some file systems do not tell apart."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    names = _file_names(examined)
    for name in names:
        alike[name.casefold()].append(name)
    clashes = [found for found in alike.values() if len(found) > 1]
    if clashes:
        yield CASE_ALIKE.finding(
            f"{sum(map(len, clashes)):,} of {len(names):,} files have names that differ from "
            "another's only in case",
            sum(map(len, clashes)),
            len(names),
            parts=examined.parts,
            examples=[" and ".join(found[:3]) for found in clashes[:5]],
        )


def what_is_unsafe(name: str) -> str:
    r"""What is wrong with a path, in a word or two; empty if nothing is.

    >>> what_is_unsafe("normal/run-1.strace"), what_is_unsafe("a/-rf"), what_is_unsafe("a\x1b[2J")
    ('', 'leading dash', 'control character')
    """
    steps = name.split("/")
    if not name.isprintable():
        return "control character"
    if "\\x" in name or "\\u" in name:  # how `habitus.storage.readable` writes what is no text
        return "bytes that are no text"
    if any(step.startswith("-") for step in steps):
        return "leading dash"
    if ".." in steps:
        return "climbs out of its folder"
    sizes = [len(step.encode("utf-8", "surrogateescape")) for step in steps]
    if max(sizes) > MAX_COMPONENT_BYTES or sum(sizes) + len(sizes) - 1 > MAX_PATH_BYTES:
        return "over-long"
    return ""


def _file_names(examined: Examined) -> list[str]:
    """The names of the files that hold the data's traces, below what the user named."""
    own = examined.traces.infos[: examined.n_own]
    return sorted({_PLACE.sub("", info.name) for info in own})
