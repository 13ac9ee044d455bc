"""What reading flows of other programs came to."""

from __future__ import annotations

from dataclasses import dataclass

from habitus.files.report import FileReport


@dataclass
class FlowReport(FileReport):
    """Counts of one reading of flows; ``notes`` count values that were set to null, too.

    Attributes:
        n_flows: what was read.
    """

    n_flows: int = 0
