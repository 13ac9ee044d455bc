"""`Checkup`: what the doctor found in a data set, as an object and as JSON.

The JSON Schema is ``habitus/schemas/checkup.schema.json``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from habitus.evaluation.doctor.examined import Role  # noqa: TC001 - pydantic needs it at run time
from habitus.evaluation.doctor.findings import SEVERITIES, Finding
from habitus.evaluation.doctor.registry import CHECKS
from habitus.evaluation.results import Reading
from habitus.models.model import FileText  # noqa: TC001 - likewise
from habitus.progress import SILENT, Progress
from habitus.version import __version__

if TYPE_CHECKING:
    from habitus.evaluation.doctor.examined import Examined, Part


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PartSummary(_Frozen):
    """One part in numbers.

    Attributes:
        distinct: different sequences.
        alphabet: different calls made.
        shortest, median, longest: lengths of its traces, in calls.
        recordings: groups of traces that were recorded together.
        threads: traces that have a thread id.
    """

    name: FileText
    role: Role
    traces: int
    calls: int
    distinct: int
    alphabet: int
    shortest: int
    median: float
    longest: int
    recordings: int
    threads: int


class Against(_Frozen):
    """Other data that were taken as the learned part."""

    name: FileText
    sha256: str


class Checkup(_Frozen):
    """Everything that was found in a data set.

    Attributes:
        sha256: of the data's content.
        protocol: whose parts these are; None if split and labels gave them.
        in_no_part: traces that the protocol leaves out.
        findings: gravest first.
        reading: what reading the data left out.
    """

    schema_version: Literal[1] = 1
    habitus_version: str
    name: FileText
    sha256: str
    protocol: str | None
    against: Against | None
    parts: tuple[PartSummary, ...]
    in_no_part: int
    findings: tuple[Finding, ...]
    reading: Reading | None

    def to_json(self) -> str:
        """Indented JSON with a newline at its end."""
        return json.dumps(self.model_dump(mode="json"), indent=1, allow_nan=False) + "\n"


def checkup_of(
    examined: Examined,
    *,
    name: str,
    sha256: str,
    protocol: str | None = None,
    against: Against | None = None,
    progress: Progress = SILENT,
) -> Checkup:
    """Run every check."""
    return Checkup(
        habitus_version=__version__,
        name=name,
        sha256=sha256,
        protocol=protocol,
        against=against,
        parts=tuple(summary(examined, part) for part in examined.parts),
        in_no_part=examined.in_no_part,
        findings=findings_of(examined, progress=progress),
        reading=None if examined.report is None else Reading.of(examined.report),
    )


def findings_of(examined: Examined, *, progress: Progress = SILENT) -> tuple[Finding, ...]:
    """What all checks find, gravest first."""
    progress.stage("checking the data", len(CHECKS))
    found: list[Finding] = []
    for _, check in CHECKS:
        found += check(examined)
        progress.advance(1)
    return tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity)))


def summary(examined: Examined, part: Part) -> PartSummary:
    """One part in numbers."""
    lengths = examined.lengths[part.indices]
    return PartSummary(
        name=part.name,
        role=part.role,
        traces=len(part),
        calls=int(lengths.sum()),
        distinct=len(np.unique(examined.sequences[part.indices])),
        alphabet=int(np.sum(examined.calls_by_name(part.indices) > 0)),
        shortest=int(lengths.min()),
        median=float(np.median(lengths)),
        longest=int(lengths.max()),
        recordings=len(np.unique(examined.groups[part.indices])),
        threads=sum(examined.traces.infos[i].thread >= 0 for i in part.indices),
    )
