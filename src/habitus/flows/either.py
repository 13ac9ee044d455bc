"""Flows of whatever is named: of captures, or of records that other programs have written."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from habitus.files.named import refuse_missing
from habitus.flows.captures import holds_captures
from habitus.flows.extracting import extract_flows
from habitus.flows.formats import get_flow_format
from habitus.flows.reading import flow_record_tables
from habitus.flows.record_report import FlowReport
from habitus.flows.report import CaptureReport
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterator, Sequence

    import polars as pl

    from habitus.flows.tracker import TrackSettings

Kind = Literal["captures", "records"]


@dataclass
class EitherReport:
    """What reading came to.

    Attributes:
        captures, records: of either kind, whichever there was.
    """

    captures: CaptureReport = field(default_factory=CaptureReport)
    records: FlowReport = field(default_factory=FlowReport)

    def warnings(self) -> list[str]:
        """What a user should hear, a line each."""
        return [*self.captures.warnings(), *self.records.warnings()]


def flows_of_either(
    paths: Sequence[str | os.PathLike[str]],
    settings: TrackSettings | None = None,
    *,
    format: str | None = None,  # noqa: A002 - the word users know from --format
    strict: bool = False,
    outer: bool = False,
    columns: Collection[str] | None = None,
    merge_twins: bool = True,
    progress: Progress = SILENT,
    report: EitherReport | None = None,
) -> Iterator[tuple[Kind, pl.DataFrame]]:
    """Tables of flows, in the order of what is named, and of which kind each is; bounded memory.

    A folder or an archive that holds a capture is one of captures; whatever else lies in it is left
    out, and told.

    Args:
        settings: how packets become flows; ``outer``: those that carry tunnels, not those inside.
        format: of records; where it is given, nothing is taken for a capture.
        strict: make the first broken row of records, or a file that is none, an error.
        columns: of captures, the features that are wanted; by default all.
        merge_twins: join rows of FlowMeter that are the two directions of one flow.

    Raises:
        UsageError: if there is no such format.
        InputError: at once if something named is not there; while reading if nothing in it is a
            flow, or, where reading is strict, at the first thing that is wrong.
    """
    refuse_missing(paths)
    if format is not None:
        get_flow_format(format)
    found = report if report is not None else EitherReport()

    def tables() -> Iterator[tuple[Kind, pl.DataFrame]]:
        for is_packets, group in groupby(
            paths, lambda path: format is None and holds_captures(path)
        ):
            named = list(group)
            if is_packets:
                for table in extract_flows(
                    named, settings, outer=outer, columns=columns, progress=progress,
                    report=found.captures,
                ):  # fmt: skip
                    yield "captures", table
            else:
                for table in flow_record_tables(
                    named, format=format, strict=strict, merge_twins=merge_twins,
                    progress=progress, report=found.records,
                ):  # fmt: skip
                    yield "records", table

    return tables()
