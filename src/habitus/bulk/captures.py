"""Flows of many captures by jobs, one for each capture: the same tables in the same order."""

from __future__ import annotations

import io
from base64 import b64decode, b64encode
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from habitus.bulk.failures import error_of, given_up, told_defect, told_error
from habitus.bulk.pieces import Piece, refuse_streams, standing_in
from habitus.bulk.running import SideBySide
from habitus.engines.base import Ended, Engine, Job
from habitus.errors import HabitusError
from habitus.files.inputs import input_bytes
from habitus.flows.captures import files_named, refuse_none
from habitus.flows.extracting import flows_of_file
from habitus.flows.report import CaptureReport
from habitus.flows.tracker import TrackCounts, TrackSettings
from habitus.packets.packets import PacketCounts
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from habitus.engines.base import Context

TASK = "habitus.bulk.captures:extract_piece"


def extract_in_bulk(
    engine: Engine,
    paths: Sequence[str],
    settings: TrackSettings | None = None,
    *,
    outer: bool = False,
    progress: Progress = SILENT,
    report: CaptureReport | None = None,
) -> Iterator[pl.DataFrame]:
    """Tables of flows, as of `habitus.flows.extracting.extract_flows`, which tells of arguments.

    A capture whose job dies is counted with those that were left out.

    Raises:
        UsageError: if a path is a stream.
        InputError: if something named is not there; in the end if no capture could be read.
    """
    found = report if report is not None else CaptureReport()
    refuse_streams(paths)
    files = files_named(paths, found)
    pieces = [Piece(file, i, None, input_bytes(file) or 0) for i, file in enumerate(files)]
    told = (settings or TrackSettings()).model_dump()

    def job_of(piece: Piece) -> Job:
        arguments = {
            "path": piece.path, "cwd": str(Path.cwd()), "settings": told, "outer": outer,
        }  # fmt: skip
        return Job(piece.path, TASK, arguments)

    return _tables(SideBySide(engine, job_of, progress, "reading packets").run(pieces), found)


def _tables(told: Iterator[tuple[Piece, Any]], report: CaptureReport) -> Iterator[pl.DataFrame]:
    for piece, word in told:
        if not isinstance(word, Ended):
            yield pl.read_ipc_stream(io.BytesIO(b64decode(word)))
        elif word.failure:
            report.add_skipped(piece.path, given_up(word))
        elif word.result["error"] is not None:
            raise error_of(word.result["error"])
        else:
            report.add(report_of(word.result["report"]))
    refuse_none(report)


def extract_piece(arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Make flows of a file's captures, and say each table as it is made.

    Args:
        arguments: ``path``, ``settings`` (`TrackSettings`), ``outer``, and ``cwd``, in which the
            path is what it is to the user.

    Returns:
        ``report``, a `CaptureReport`; and ``error``, by which reading ended, or None.
    """
    settings = TrackSettings(**arguments["settings"])
    report, error = CaptureReport(), None
    try:
        with standing_in(arguments["cwd"], arguments["path"]):
            for part in flows_of_file(arguments["path"], settings, outer=arguments["outer"]):
                if isinstance(part, CaptureReport):
                    report = part
                else:
                    context.ask(_told_table(part))
    except HabitusError as caught:
        error = told_error(caught)
    except Exception as caught:  # noqa: BLE001 - a defect is told
        error = told_defect(caught)
    return {"report": told_report(report), "error": error}


def _told_table(table: pl.DataFrame) -> str:
    """A table as letters: a few megabytes for some thousand flows."""
    stream = io.BytesIO()
    table.write_ipc_stream(stream, compression="lz4")
    return b64encode(stream.getvalue()).decode("ascii")


def told_report(report: CaptureReport) -> dict[str, Any]:
    """A report in JSON's terms."""
    packets = report.packets
    counters = {"reasons": list(packets.reasons.items()), "links": list(packets.links.items())}
    return {
        **vars(report), "packets": {**vars(packets), **counters}, "flows": vars(report.flows),
    }  # fmt: skip


def report_of(told: Mapping[str, Any]) -> CaptureReport:
    """A report that was told as JSON."""
    packets = told["packets"]
    counters = {name: Counter(dict(packets[name])) for name in ("reasons", "links")}
    return CaptureReport(
        **{
            **told, "packets": PacketCounts(**{**packets, **counters}),
            "flows": TrackCounts(**told["flows"]),
        }
    )  # fmt: skip
