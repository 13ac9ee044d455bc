"""`FlowCheckup`: what the doctor found in labelled flows, as an object and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from habitus.evaluation.doctor.findings import SEVERITIES, Finding, Kind
from habitus.evaluation.flows.doctor import captures, labels, rows, values
from habitus.models.model import FileText  # noqa: TC001 - pydantic needs it at run time
from habitus.progress import SILENT, Progress
from habitus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from habitus.flows.labelled import LabelledFlows

    Check = Callable[[LabelledFlows, int], Iterator[Finding]]

KINDS: tuple[Kind, ...] = (
    labels.ONE_COLUMN, captures.CAPTURES, rows.TWINS, rows.TWICE, rows.BOTH, rows.ALIKE,
    labels.ONE_HOST, labels.ONE_CLASS_SOURCES, labels.ONE_CLASS_FILES, labels.FEW_FILES,
    labels.LOPSIDED, values.CLOCK, values.PIECES, values.AT_ONCE, values.CONSTANT,
)  # fmt: skip
"""In the order in which findings of one severity are told."""
CHECKS: tuple[Check, ...] = (
    labels.one_column_tells, captures.capture_test, rows.reverse_twins, rows.recorded_twice,
    rows.alike_flows, labels.single_host, labels.class_counts, values.clock_nonsense,
    values.constant_features,
)  # fmt: skip


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SourceSummary(_Frozen):
    """One source in numbers: files and flows of either class."""

    name: FileText
    n_benign_files: int
    n_malicious_files: int
    n_benign: int
    n_malicious: int
    hours: float


class FlowCheckup(_Frozen):
    """Everything that was found in labelled flows.

    Attributes:
        name, sha256: what was checked.
        benign_labels, malicious_labels: what counts as either.
        sources: who recorded how much of either class.
        findings: gravest first.
        notes: how the labels were read.
    """

    schema_version: Literal[1] = 1
    habitus_version: str
    name: FileText
    sha256: str
    n_benign: int
    n_malicious: int
    n_unlabelled: int
    n_files: int
    benign_labels: tuple[FileText, ...]
    malicious_labels: tuple[FileText, ...]
    sources: tuple[SourceSummary, ...]
    findings: tuple[Finding, ...]
    notes: tuple[FileText, ...]

    @property
    def is_serious(self) -> bool:
        """Whether something can turn a conclusion round."""
        return any(finding.severity == "serious" for finding in self.findings)

    def to_json(self) -> str:
        """Indented JSON with a newline at its end."""
        return json.dumps(self.model_dump(mode="json"), indent=1, allow_nan=False) + "\n"


def check_flows(
    flows: LabelledFlows, *, n_twins: int = 0, seed: int = 1, progress: Progress = SILENT
) -> FlowCheckup:
    """Run every check.

    Args:
        n_twins: rows that reading joined, as the two directions of half as many flows.
        seed: draws the flows of the capture test.
    """
    progress.stage("checking the flows", len(CHECKS))
    found: list[Finding] = []
    if n_twins:
        found.append(rows.joined_twins(flows, n_twins))
    for check in CHECKS:
        found += check(flows, seed)
        progress.advance(1)
    order = [kind.id for kind in KINDS]
    found.sort(key=lambda one: (SEVERITIES.index(one.severity), order.index(one.id)))
    return FlowCheckup(
        habitus_version=__version__, name=flows.name, sha256=flows.sha256,
        n_benign=flows.n_benign, n_malicious=flows.n_malicious, n_unlabelled=flows.n_unlabelled,
        n_files=flows.n_files(), benign_labels=flows.benign_labels,
        malicious_labels=flows.malicious_labels, sources=tuple(_sources(flows)),
        findings=tuple(found), notes=flows.notes,
    )  # fmt: skip


def _sources(flows: LabelledFlows) -> Iterator[SourceSummary]:
    sources = flows.sources.astype(str)
    for name in sorted(set(sources.tolist())):
        good, bad = ((sources == name) & side for side in (~flows.malicious, flows.malicious))
        yield SourceSummary(
            name=name, n_benign_files=flows.n_files(good), n_malicious_files=flows.n_files(bad),
            n_benign=int(np.sum(good)), n_malicious=int(np.sum(bad)),
            hours=flows.hours(good | bad),
        )  # fmt: skip
