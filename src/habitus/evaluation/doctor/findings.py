"""`Finding`: one thing that is wrong with data, and `Kind`: what all findings of a sort share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from habitus.models.model import FileText  # noqa: TC001 - pydantic needs it at run time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from habitus.evaluation.doctor.examined import Part

Severity = Literal["serious", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("serious", "warning", "note")
"""From the gravest on: *serious* can turn a conclusion round, *warning* moves numbers, *note* is
to be known."""

MAX_EXAMPLES = 5
MAX_EXAMPLE_CHARACTERS = 300
"""Names are whatever a file holds; one may be as long as it likes."""


class Finding(BaseModel):
    """One thing that was found.

    Attributes:
        id: its `Kind`'s.
        title: one line with the numbers in it.
        count, out_of: how many things are concerned, and of how many.
        examples: up to five.
        effect: what it does to a result; ``remedy`` is what to do.
        parts: names of the parts concerned.
        numbers: what was measured, by name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    id: str
    severity: Severity
    title: FileText
    count: int
    out_of: int
    examples: tuple[FileText, ...]
    effect: str
    remedy: str
    parts: tuple[FileText, ...]
    numbers: dict[str, float]


@dataclass(frozen=True)
class Kind:
    """A sort of finding.

    Attributes:
        id: kebab-case, stable: programs may rely on it.
        meaning: what is found, one sentence.
        effect, remedy: as in `Finding`.
        warning, serious: the share (count out of all) from which it is one; None for never.
        reason: why these thresholds.
    """

    id: str
    meaning: str
    effect: str
    remedy: str
    warning: float | None
    serious: float | None
    reason: str

    def severity_of(self, share: float) -> Severity:
        """How grave it is that this share is concerned.

        >>> Kind("x", "", "", "", warning=0.01, serious=None, reason="").severity_of(0.02)
        'warning'
        """
        if self.serious is not None and share >= self.serious:
            return "serious"
        return "warning" if self.warning is not None and share >= self.warning else "note"

    def finding(
        self,
        title: str,
        count: int,
        out_of: int,
        *,
        parts: Iterable[Part] = (),
        examples: Iterable[str] = (),
        numbers: Mapping[str, float] | None = None,
        graded_by: float | None = None,
    ) -> Finding:
        """A finding of this kind.

        Args:
            graded_by: what the thresholds apply to, where it is not ``count / out_of``.
        """
        share = count / max(out_of, 1) if graded_by is None else graded_by
        return Finding(
            id=self.id,
            severity=self.severity_of(share),
            title=title,
            count=int(count),
            out_of=int(out_of),
            examples=tuple(shortened(example) for example in list(examples)[:MAX_EXAMPLES]),
            effect=self.effect,
            remedy=self.remedy,
            parts=tuple(part.name for part in parts),
            numbers={name: float(value) for name, value in (numbers or {}).items()},
        )


def shortened(text: str) -> str:
    """A text that fits an example, without its middle if need be: ends tell paths apart."""
    if len(text) <= MAX_EXAMPLE_CHARACTERS:
        return text
    half = (MAX_EXAMPLE_CHARACTERS - 3) // 2
    return f"{text[:half]}...{text[-half:]}"
