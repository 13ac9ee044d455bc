"""What a reader of files left out, and why. Nothing is dropped in silence."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from habitus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_EXAMPLES = 5
MAX_KINDS = 100
"""Of notes: kinds are perhaps named by whoever wrote a file. More of them are counted together."""


class StrictError(InputError):
    """What ends a strict reading at once, and would otherwise be counted and passed over."""


@dataclass
class LeftOut:
    """Files that nobody read.

    Attributes:
        n_skipped: how many.
        skipped: the first of them, as ``file: why``.
    """

    n_skipped: int = 0
    skipped: list[str] = field(default_factory=list)

    def add_skipped(self, source: str, why: str) -> None:
        """Count a file that is left out."""
        self.n_skipped += 1
        keep(self.skipped, f"{source}: {why}")

    def told_skipped(self) -> list[str]:
        """What a user should hear of them, a line each."""
        return told_of(self.n_skipped, "left out", self.skipped)


@dataclass
class FileReport(LeftOut):
    """Counts of one reading, and the first few examples of everything that was left out.

    A file that is damaged in its middle is counted with those left out.

    Attributes:
        n_files: how many were read.
        n_broken: what could not be understood in them: lines, rows, whole traces.
        broken: the first of it, as ``file:place: why``.
        notes: what else there is to know of the files, by kind.
        formats: how many files each format read.
    """

    strict: bool = False
    n_files: int = 0
    n_broken: int = 0
    broken: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)

    @property
    def only_counts(self) -> bool:
        """Whether another broken line is counted and no more: examples enough, and not strict."""
        return len(self.broken) >= MAX_EXAMPLES and not self.strict

    def add_broken(self, place: str, why: str, count: int = 1) -> None:
        """Count what could not be understood, and keep it as an example while there are few.

        Raises:
            StrictError: if reading is strict.
        """
        if self.strict:
            raise StrictError(
                f"{place}: {why} (without --strict it would be counted and passed over)"
            )
        self.n_broken += count
        keep(self.broken, f"{place}: {why}")

    def add_note(self, kind: str, count: int = 1) -> None:
        """Count what else there is to know of the files."""
        if kind not in self.notes and len(self.notes) >= MAX_KINDS:
            kind = "of other kinds"
        self.notes[kind] += count

    def add(self, other: FileReport) -> None:
        """Count another's, of what was read after this one's, with this one's."""
        self.n_files += other.n_files
        self.n_broken += other.n_broken
        self.n_skipped += other.n_skipped
        for example in other.broken:
            keep(self.broken, example)
        for example in other.skipped:
            keep(self.skipped, example)
        for kind, count in other.notes.items():
            self.add_note(kind, count)
        self.formats.update(other.formats)

    def warnings(self) -> list[str]:
        """What a user should hear, a line each; empty if everything was read."""
        return [
            *told_of(self.n_broken, "broken and passed over", self.broken),
            *self.told_skipped(),
        ]


def keep(examples: list[str], example: str) -> None:
    """One more example, while there are few."""
    if len(examples) < MAX_EXAMPLES:
        examples.append(example)


def nothing_read(where: str, what: str, part: str, report: FileReport) -> list[str]:
    """Why nothing could be read, in lines for an error.

    Args:
        what: of what there is none; ``part`` is what it is made of.
    """
    lines = [f"{where}: no {what} could be read", *report.warnings()]
    if len(lines) > 1:
        return lines
    noted = ", ".join(f"{kind} ({count:,})" for kind, count in report.notes.items())
    if noted:
        return [*lines, f"nothing in it is a {part}: {noted}"]
    return [*lines, f"there is no {part if report.n_files else 'file'} in it"]


def told_of(count: int, what: str, examples: Sequence[str]) -> list[str]:
    """A count and its first examples, a line each; nothing of none."""
    shown = examples[:MAX_EXAMPLES]
    if count == 1:
        return [f"1 {what}: {example}" for example in shown]
    if not count:
        return []
    lines = [f"{count:,} {what}:", *(f"  {example}" for example in shown)]
    return [*lines, f"  ... and {count - len(shown):,} more"] if count > len(shown) else lines
