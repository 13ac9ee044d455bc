"""What reading flows of other programs came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from habitus.files.report import FileReport
from habitus.flows.features.declared import features

if TYPE_CHECKING:
    import polars as pl


@dataclass
class FlowReport(FileReport):
    """Counts of one reading of flows; ``notes`` count values that were set to null, too.

    Attributes:
        n_flows: what was read.
        n_twins: rows that were joined, as the two directions of half as many flows.
        n_one_way: the rows of FlowMeter among which these were looked for.
        told: the features that are not null in all flows.
    """

    n_flows: int = 0
    n_twins: int = 0
    n_one_way: int = 0
    told: set[str] = field(default_factory=set)

    def see(self, table: pl.DataFrame) -> None:
        """Some of the flows that were read."""
        known = (name for name in table.columns if name not in self.told)
        self.told.update(name for name in known if table[name].null_count() < len(table))

    def add(self, other: FileReport) -> None:
        """Count another's, of what was read after this one's, with this one's."""
        super().add(other)
        if isinstance(other, FlowReport):
            self.n_flows += other.n_flows
            self.n_twins += other.n_twins
            self.n_one_way += other.n_one_way
            self.told |= other.told

    @property
    def lacking(self) -> list[str]:
        """The features that are null in every flow."""
        return [feature.name for feature in features() if feature.name not in self.told]

    def record(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "n_files": self.n_files, "formats": dict(self.formats), "n_flows": self.n_flows,
            "n_twins": self.n_twins, "n_broken": self.n_broken, "broken": self.broken,
            "n_skipped": self.n_skipped, "skipped": self.skipped, "notes": dict(self.notes),
            "lacking": self.lacking,
        }  # fmt: skip

    def remarks(self) -> list[str]:
        """What a user should know of what was read, a line each."""
        lines = [f"{kind}: {count:,}" for kind, count in self.notes.most_common()]
        if self.n_twins:
            lines.append(
                f"{self.n_twins:,} of {self.n_one_way:,} rows of FlowMeter were the two directions "
                f"of {self.n_twins // 2:,} flows, and were joined (--keep-twins leaves them apart)"
            )
        if lacking := self.lacking:
            lines.append(
                f"{len(lacking)} of {len(features())} features are null in every flow, as nothing "
                f"that was read tells them: {_by_group(lacking)} (by name: --json)"
            )
        return lines


def _by_group(names: list[str]) -> str:
    """How many features of each group."""
    n_of = Counter(feature.group for feature in features())
    lacking = Counter(feature.group for feature in features() if feature.name in set(names))
    whole = ", ".join(group for group, n in lacking.items() if n == n_of[group])
    parts = [f"{n} of {n_of[group]} in {group}" for group, n in lacking.items() if n < n_of[group]]
    return "; ".join(filter(None, (f"all of {whole}" if whole else "", ", ".join(parts))))
