"""What a reader of traces did."""

from __future__ import annotations

from dataclasses import dataclass

from habitus.files.report import FileReport


@dataclass
class ReadReport(FileReport):
    """Counts of one reading of traces.

    Attributes:
        n_traces, n_calls: what was read.
    """

    n_traces: int = 0
    n_calls: int = 0

    def add(self, other: FileReport) -> None:
        """Count another's, of what was read after this one's, with this one's."""
        super().add(other)
        if isinstance(other, ReadReport):
            self.n_traces += other.n_traces
            self.n_calls += other.n_calls
