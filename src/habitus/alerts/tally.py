"""What judging traces came to, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from habitus.alerts.judgement import TraceScore


@dataclass
class TraceTally:
    """Counts of what has been judged so far.

    Attributes:
        n_traces, n_alerts: traces, and alerts in them.
        n_unscoreable: traces that are too short.
        n_strangers: traces that make no call that the model knows.
    """

    n_traces: int = 0
    n_alerts: int = 0
    n_unscoreable: int = 0
    n_strangers: int = 0

    def add(self, judged: TraceScore) -> None:
        """Count one judgement."""
        self.n_alerts += judged.is_alert
        if judged.is_first_of_trace:
            self.n_traces += 1
            self.n_unscoreable += not judged.scoreable
            self.n_strangers += 0 < judged.n_calls == judged.n_novel

    def include(self, other: TraceTally) -> None:
        """Count another's with these."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))
