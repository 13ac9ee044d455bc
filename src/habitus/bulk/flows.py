"""Judging the flows of many files by jobs: the same records in the same order as by one process.

A job reads a capture, or some of the files that other programs wrote, as the reader of all of them
would. A strict reading of records ends with the first thing that is wrong: then a folder stays one
job.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from habitus.alerts.flow_judging import (
    FlowJudge,
    FlowTally,
    columns_for,
    merges_twins,
    refuse_nothing_scored,
)
from habitus.alerts.flow_record import flow_records
from habitus.bulk import captures
from habitus.bulk.failures import error_of, given_up, told_defect, told_error
from habitus.bulk.models import share_model, shared_model
from habitus.bulk.pieces import Piece, entries_of, pieces_of, refuse_streams, standing_in
from habitus.bulk.running import SideBySide
from habitus.datasets.source import input_path
from habitus.engines.base import Ended, Engine, Job
from habitus.errors import HabitusError
from habitus.files.inputs import input_bytes
from habitus.files.named import refuse_missing
from habitus.flows.captures import files_named, holds_captures, refuse_none
from habitus.flows.extracting import flows_of_file
from habitus.flows.formats import get_flow_format
from habitus.flows.reading import refuse_no_flows, tables_of_one
from habitus.flows.record_report import FlowReport
from habitus.flows.report import CaptureReport
from habitus.flows.tracker import TrackSettings
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    import polars as pl

    from habitus.alerts.record import Record
    from habitus.engines.base import Context
    from habitus.flows.either import EitherReport
    from habitus.models.flow_model import FlowModel

TASK = "habitus.bulk.flows:judge_piece"
CHUNK = 200
"""Records of which a job tells at a time."""


@dataclass(frozen=True)
class HowToJudgeFlows:
    """What all jobs do alike; as of `habitus.api.flows.detect_flows`."""

    all_flows: bool
    format: str | None
    strict: bool


def judge_flows_in_bulk(
    engine: Engine,
    model: FlowModel,
    folder: str | os.PathLike[str],
    paths: Sequence[str],
    how: HowToJudgeFlows,
    *,
    judge: FlowJudge,
    report: EitherReport,
    progress: Progress = SILENT,
) -> Iterator[Record]:
    """The records of all flows, or of the alerts among them, in the order of ``paths``.

    A file whose job dies is counted with those that were left out.

    Args:
        engine: new; runs the jobs.
        folder: of the model.
        judge: its tally counts what jobs have judged.
        report: filled with what was read and what was left out.

    Raises:
        UsageError: if a path is a stream, or there is no such format.
        HabitusError: as by one process: what comes before it has been yielded.
    """
    refuse_streams(paths)
    named = [input_path(path) for path in paths]
    refuse_missing(named)
    if how.format is not None:
        get_flow_format(how.format)
    share_model(engine, folder)
    bulk = _Bulk(engine, model, how, judge, progress)
    for is_packets, group in groupby(
        named, lambda path: how.format is None and holds_captures(path)
    ):
        if is_packets:
            yield from bulk.of_captures(list(group), report.captures)
        else:
            yield from bulk.of_records(list(group), report.records)
    refuse_nothing_scored(judge)


class _Bulk:
    """The jobs, and what they say."""

    def __init__(
        self, engine: Engine, model: FlowModel, how: HowToJudgeFlows, judge: FlowJudge,
        progress: Progress,
    ) -> None:  # fmt: skip
        self._engine, self._model, self._how = engine, model, how
        self._judge, self._progress = judge, progress

    def of_captures(self, paths: list[str], report: CaptureReport) -> Iterator[Record]:
        """The records of captures; of each file by a job of its own."""
        files = files_named(paths, report)
        pieces = [Piece(file, i, None, input_bytes(file) or 0) for i, file in enumerate(files)]
        for piece, word in self._told(pieces, is_packets=True):
            if not isinstance(word, Ended):
                yield from self._records(word)
            elif word.failure:
                report.add_skipped(piece.path, given_up(word))
            else:
                report.add(captures.report_of(word.result["report"]))
                _raise(word)
        refuse_none(report)

    def of_records(self, paths: list[str], report: FlowReport) -> Iterator[Record]:
        """The records of flows that other programs wrote."""
        report.strict = self._how.strict
        pieces: list[Piece] = []
        missing = None
        for i, path in enumerate(paths):
            try:
                pieces += pieces_of(path, i, self._engine.slots, divides=not report.strict)
            except HabitusError as error:  # told in its turn: what comes before it is judged
                missing = error
                break
        for piece, word in self._told(pieces, is_packets=False):
            if not isinstance(word, Ended):
                yield from self._records(word)
            elif word.failure:
                report.add_skipped((piece.files or [piece.path])[0], given_up(word))
            else:
                report.add(report_of(word.result["report"]))
                _raise(word)
        if missing is not None:
            raise missing
        refuse_no_flows(paths, report)

    def _told(
        self, pieces: Sequence[Piece], *, is_packets: bool
    ) -> Iterator[tuple[Piece, Any | Ended]]:
        def job_of(piece: Piece) -> Job:
            arguments = {
                **asdict(self._how), "digest": self._model.digest, "cwd": str(Path.cwd()),
                "path": piece.path, "entries": piece.entries, "is_packets": is_packets,
            }  # fmt: skip
            return Job(piece.path, TASK, arguments)

        return SideBySide(self._engine, job_of, self._progress, "judging").run(pieces)

    def _records(self, word: Mapping[str, Any]) -> list[Record]:
        told = word["tally"]
        self._judge.tally.include(FlowTally(**{**told, "silent": Counter(told["silent"])}))
        found: list[Record] = word["records"]
        return found


def _raise(ended: Ended) -> None:
    if ended.result["error"] is not None:
        raise error_of(ended.result["error"])


def told_report(report: FlowReport) -> dict[str, Any]:
    """A report in JSON's terms."""
    counters = {"notes": dict(report.notes), "formats": dict(report.formats)}
    return {**vars(report), **counters, "told": sorted(report.told)}


def report_of(told: Mapping[str, Any]) -> FlowReport:
    """A report that was told as JSON."""
    counters = {name: Counter(told[name]) for name in ("notes", "formats")}
    return FlowReport(**{**told, **counters, "told": set(told["told"])})


def judge_piece(arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Judge a piece's flows, and say what was found as it is found.

    Args:
        arguments: `HowToJudgeFlows`, and ``path``, ``entries``, ``is_packets``, ``digest`` of the
            model, and ``cwd``, in which paths are what they are to the user.

    Returns:
        ``report``, a `CaptureReport` or a `FlowReport`; and ``error``, by which reading ended, or
        None.
    """
    reading = _OfCaptures() if arguments["is_packets"] else _OfRecords(arguments)
    error = None
    try:
        with standing_in(arguments["cwd"], arguments["path"]):
            model = shared_model(context, arguments["digest"])
            for table in reading.tables(model, arguments):
                _judge(model, table, context, all_flows=arguments["all_flows"])
    except HabitusError as caught:
        error = told_error(caught)
    except Exception as caught:  # noqa: BLE001 - a defect is told once, not tried with each file
        error = told_defect(caught)
    return {"report": reading.told_report(), "error": error}


def _judge(model: FlowModel, table: pl.DataFrame, context: Context, *, all_flows: bool) -> None:
    """Judge a table, and say what came of it."""
    judge = FlowJudge(model)
    judged = judge.judge(table)
    records = list(flow_records(model, judged if all_flows else judged.select(judged.alerts)))
    for begin in range(0, max(1, len(records)), CHUNK):
        # `dataclasses.asdict` takes a counter for a list of pairs.
        tally = {**vars(judge.tally), "silent": dict(judge.tally.silent)}
        context.ask({"records": records[begin : begin + CHUNK], "tally": tally})
        judge.tally = FlowTally()  # it is told once


class _OfCaptures:
    """Reading a capture, or an archive of them."""

    def __init__(self) -> None:
        self._report = CaptureReport()

    def tables(self, model: FlowModel, arguments: Mapping[str, Any]) -> Iterator[pl.DataFrame]:
        """Tables of flows as the model has learned them."""
        settings = model.provenance.extraction or TrackSettings()
        for part in flows_of_file(arguments["path"], settings, columns=columns_for(model)):
            if isinstance(part, CaptureReport):
                self._report = part
            else:
                yield part

    def told_report(self) -> dict[str, Any]:
        """What came of it."""
        return captures.told_report(self._report)


class _OfRecords:
    """Reading flows that other programs wrote."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._report = FlowReport(strict=arguments["strict"])

    def tables(self, model: FlowModel, arguments: Mapping[str, Any]) -> Iterator[pl.DataFrame]:
        """Tables of flows."""
        return tables_of_one(
            arguments["path"], self._report, format=arguments["format"],
            merge_twins=merges_twins(model), entries=entries_of(arguments["entries"]),
        )  # fmt: skip

    def told_report(self) -> dict[str, Any]:
        """What came of it."""
        return told_report(self._report)
