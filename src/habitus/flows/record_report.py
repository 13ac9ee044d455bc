"""What reading flows of other programs came to: nothing is dropped in silence."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from habitus.errors import InputError

MAX_EXAMPLES = 5


class StrictRecordError(InputError):
    """What ends a strict reading at once, and would otherwise be counted and passed over."""


@dataclass
class FlowReport:
    """Counts of one reading, and the first few examples of everything that was left out.

    Attributes:
        n_files, n_flows: what was read.
        n_broken: rows that could not be understood.
        broken: the first of them, as ``file:line: why``.
        n_skipped: files left out.
        skipped: the first of them, as ``file: why``.
        notes: what else stood in the files, and values that were set to null, by kind.
        formats: how many files each format read.
    """

    strict: bool = False
    n_files: int = 0
    n_flows: int = 0
    n_broken: int = 0
    broken: list[str] = field(default_factory=list)
    n_skipped: int = 0
    skipped: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)

    def add_broken(self, place: str, why: str) -> None:
        """Count a row that could not be understood; keep it as an example while there are few.

        Raises:
            StrictRecordError: if reading is strict.
        """
        if self.strict:
            raise StrictRecordError(
                f"{place}: {why} (without --strict it would be counted and passed over)"
            )
        self.n_broken += 1
        if len(self.broken) < MAX_EXAMPLES:
            self.broken.append(f"{place}: {why}")

    def add_skipped(self, source: str, why: str) -> None:
        """Count a file that is left out."""
        self.n_skipped += 1
        if len(self.skipped) < MAX_EXAMPLES:
            self.skipped.append(f"{source}: {why}")

    def warnings(self) -> list[str]:
        """What a user should hear, a line each; empty if everything was read."""
        lines = []
        for count, examples, what in (
            (self.n_broken, self.broken, "broken rows were passed over"),
            (self.n_skipped, self.skipped, "files were left out"),
        ):
            if not count:
                continue
            lines.append(f"{count:,} {what}:")
            lines += [f"  {example}" for example in examples]
            if count > len(examples):
                lines.append(f"  ... and {count - len(examples):,} more")
        return lines
